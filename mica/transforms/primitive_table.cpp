#include "mica/transforms/primitive_table.h"

#include <stdexcept>

#include "mica/distributed/ops.h"
#include "mica/ops/block_matmul.h"
#include "mica/ops/create.h"
#include "mica/ops/gated_delta.h"
#include "mica/ops/graph.h"
#include "mica/ops/hadamard.h"
#include "mica/ops/matmul.h"
#include "mica/ops/quantized.h"
#include "mica/ops/random.h"
#include "mica/ops/search.h"
#include "mica/ops/shape.h"
#include "mica/ops/size.h"
#include "mica/transforms/primitive_fields.h"

namespace mica {
namespace {

template <typename Tuple>
struct FieldValues;
template <typename... Fields>
struct FieldValues<std::tuple<Fields...>> {
  using type = std::tuple<std::decay_t<Fields>...>;
  static type read(ByteReader& in) {
    // Braces: the fields are read in order.
    return type{read_field<std::decay_t<Fields>>(in)...};
  }
};

template <typename T>
void append_state(std::vector<StateT>& out, const T& value) {
  if constexpr (kIsGroup<T>) {
    return;
  } else if constexpr (std::is_enum_v<T>) {
    out.emplace_back(static_cast<int>(value));
  } else if constexpr (requires { StateT(std::in_place_type<T>, value); }) {
    out.emplace_back(std::in_place_type<T>, value);
  } else if constexpr (OptionalField<T>) {
    append_state(out, value.has_value());
    if (value) append_state(out, *value);
  } else if constexpr (ListField<T>) {
    for (const auto& element : value) append_state(out, element);
  } else if constexpr (std::is_same_v<T, QuantFormat>) {
    out.emplace_back(value.name());
  } else {
    std::apply([&](const auto&... each) { (append_state(out, each), ...); }, members(value));
  }
}

template <typename P>
PrimitiveKind kind(std::string_view name) {
  using Values = FieldValues<decltype(std::declval<const P&>().fields())>;
  return {name, P::static_id(),
          [](const Primitive& primitive, ByteWriter& out) {
            std::apply([&](const auto&... field) { (write_field(out, field), ...); },
                       static_cast<const P&>(primitive).fields());
          },
          [](ByteReader& in, Stream stream) -> std::shared_ptr<Primitive> {
            return std::apply(
                [&](auto&&... field) { return std::make_shared<P>(stream, std::forward<decltype(field)>(field)...); },
                Values::read(in));
          },
          [](const Primitive& primitive) {
            std::vector<StateT> out;
            std::apply([&](const auto&... field) { (append_state(out, field), ...); },
                       static_cast<const P&>(primitive).fields());
            return out;
          }};
}

const std::vector<PrimitiveKind>& all_kinds() {
#define MICA_KIND(name) kind<name>(#name)
  static const std::vector<PrimitiveKind> kinds = {
      // Element by element
      MICA_KIND(Unary), MICA_KIND(Binary), MICA_KIND(Select), MICA_KIND(AsType), MICA_KIND(ComplexPart),
      MICA_KIND(Arange), MICA_KIND(RandomBits),
      // Shapes
      MICA_KIND(Reshape), MICA_KIND(Transpose), MICA_KIND(Broadcast), MICA_KIND(AsStrided), MICA_KIND(View),
      MICA_KIND(Copy), MICA_KIND(Concatenate), MICA_KIND(NumberOfElements),
      // Places
      MICA_KIND(Slice), MICA_KIND(SliceUpdate), MICA_KIND(DynamicSlice), MICA_KIND(DynamicSliceUpdate),
      MICA_KIND(Gather), MICA_KIND(Scatter), MICA_KIND(GatherAxis), MICA_KIND(ScatterAxis), MICA_KIND(SearchSorted),
      // Along axes
      MICA_KIND(Reduce), MICA_KIND(ArgReduce), MICA_KIND(Softmax), MICA_KIND(Sort), MICA_KIND(Partition),
      MICA_KIND(Scan), MICA_KIND(Fourier), MICA_KIND(Hadamard),
      // Products
      MICA_KIND(Matmul), MICA_KIND(GatherMatmul), MICA_KIND(SegmentedMatmul), MICA_KIND(Convolution), MICA_KIND(Linear),
      MICA_KIND(LinearArgmax), MICA_KIND(ExpertLinear), MICA_KIND(TakeRows),
      // Quantization
      MICA_KIND(Quantize), MICA_KIND(Dequantize), MICA_KIND(RoundToFormat), MICA_KIND(ToFp8), MICA_KIND(FromFp8),
      // Fused
      MICA_KIND(RmsNorm), MICA_KIND(LayerNorm), MICA_KIND(Rotate), MICA_KIND(Attention), MICA_KIND(GatedDelta),
      MICA_KIND(PutRows), MICA_KIND(CachedAttention),
      // Linear algebra
      MICA_KIND(QRFactor), MICA_KIND(SVD), MICA_KIND(Inverse), MICA_KIND(Cholesky), MICA_KIND(LUFactor),
      MICA_KIND(Solve), MICA_KIND(Eig), MICA_KIND(Eigh), MICA_KIND(Determinant),
      // Among processes
      kind<distributed::AllReduce>("AllReduce"), kind<distributed::AllGather>("AllGather"),
      kind<distributed::SumScatter>("SumScatter"), kind<distributed::Send>("Send"), kind<distributed::Recv>("Recv"),
      // The graph itself
      MICA_KIND(Alias), MICA_KIND(StopGradient), MICA_KIND(Depends)};
#undef MICA_KIND
  return kinds;
}

}  // namespace

const PrimitiveKind& kind_of(const Primitive& primitive) {
  for (const PrimitiveKind& kind : all_kinds()) {
    if (kind.id == primitive.id()) return kind;
  }
  fail_as<std::invalid_argument>("[export_function] {} cannot be exported", primitive.name());
}

const PrimitiveKind* kind_named(std::string_view name) {
  for (const PrimitiveKind& kind : all_kinds()) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

Dtype read_dtype(ByteReader& in) {
  constexpr Dtype kDtypes[] = {bool_, uint8, uint16,  uint32,  uint64,  int8,     int16,
                               int32, int64, float16, float32, float64, bfloat16, complex64};
  const int number = in.u8();
  for (const Dtype dtype : kDtypes) {
    if (static_cast<int>(dtype.val()) == number) return dtype;
  }
  in.fail("there is no dtype {}", number);
}

QuantFormat read_quant_format(ByteReader& in) {
  const auto kind = read_field<QuantKind>(in);
  const int bits = read_field<int>(in);
  const int group_size = read_field<int>(in);
  const auto scale_type = read_field<ScaleType>(in);
  const QuantFormat format = kind <= QuantKind::bf16     ? dense_format(kind)
                             : kind == QuantKind::affine ? affine_format(bits, group_size, scale_type)
                             : kind == QuantKind::mxfp4  ? mxfp4_format()
                             : kind == QuantKind::mxfp8  ? mxfp8_format()
                             : kind == QuantKind::nvfp4  ? nvfp4_format()
                                                         : ggml_format(kind);
  if (format.bits != bits || format.group_size != group_size || format.scale_type != scale_type) {
    in.fail("{} has other groups", format.name());
  }
  return format;
}

}  // namespace mica
