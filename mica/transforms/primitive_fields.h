#pragma once

#include <bit>
#include <limits>
#include <memory>
#include <tuple>
#include <type_traits>
#include <vector>

#include "mica/array/array.h"
#include "mica/distributed/distributed.h"
#include "mica/distributed/group.h"
#include "mica/ops/conv.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fast.h"
#include "mica/ops/fft.h"
#include "mica/ops/index.h"
#include "mica/ops/linalg_primitives.h"
#include "mica/ops/linear.h"
#include "mica/ops/quant_format.h"
#include "mica/ops/reduce.h"
#include "mica/ops/sort.h"
#include "mica/transforms/byte_stream.h"

namespace mica {

// How the fields of primitives, of whatever type, are written as bytes and read back.

/// How many values an enumeration has.
template <typename E>
inline constexpr int kEnumValues = 0;
template <>
inline constexpr int kEnumValues<UnaryOp> = kUnaryOps;
template <>
inline constexpr int kEnumValues<BinaryOp> = kBinaryOps;
template <>
inline constexpr int kEnumValues<ReduceOp> = static_cast<int>(ReduceOp::logsumexp) + 1;
template <>
inline constexpr int kEnumValues<ScanOp> = static_cast<int>(ScanOp::logaddexp) + 1;
template <>
inline constexpr int kEnumValues<UpdateMode> = static_cast<int>(UpdateMode::min) + 1;
template <>
inline constexpr int kEnumValues<FourierKind> = static_cast<int>(FourierKind::to_real) + 1;
template <>
inline constexpr int kEnumValues<Triangle> = static_cast<int>(Triangle::upper) + 1;
template <>
inline constexpr int kEnumValues<Activation> = static_cast<int>(Activation::int8) + 1;
template <>
inline constexpr int kEnumValues<QuantKind> = static_cast<int>(QuantKind::ggml_mxfp4) + 1;
template <>
inline constexpr int kEnumValues<ScaleType> = static_cast<int>(ScaleType::e4m3) + 1;
template <>
inline constexpr int kEnumValues<distributed::Reduction> = static_cast<int>(distributed::Reduction::min) + 1;

/// A group of processes is no part of a file: the importing program's own takes its place.
template <typename T>
inline constexpr bool kIsGroup = std::is_same_v<T, std::shared_ptr<distributed::GroupImpl>>;

/// The members of a field that is a structure.
template <typename T>
auto members(T& value) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Plain, ConvAxis>) {
    return std::tie(value.stride, value.padding_lo, value.padding_hi, value.kernel_dilation, value.input_dilation);
  } else if constexpr (std::is_same_v<Plain, AttentionOptions>) {
    return std::tie(value.scale, value.causal, value.window, value.softcap);
  } else if constexpr (std::is_same_v<Plain, CachedAttentionOptions>) {
    return std::tie(value.attention, value.num_heads, value.num_kv_heads, value.traditional, value.kv.bits,
                    value.kv.group_size);
  } else if constexpr (std::is_same_v<Plain, LinearOptions>) {
    return std::tie(value.has_norm, value.eps, value.gate, value.has_residual, value.scale);
  } else {
    static_assert(std::is_same_v<Plain, MatrixPrimitive>, "a field of a type that is not described here");
    return std::tie(value.format, value.weight_shape, value.activation, value.has_bias);
  }
}

template <typename T>
concept ListField = requires(T list) {
  list.begin();
  list.push_back(*list.begin());
};

template <typename T>
concept OptionalField = requires(T optional) {
  optional.has_value();
  *optional;
};

/// The field as bytes.
template <typename T>
void write_field(ByteWriter& out, const T& value) {
  if constexpr (kIsGroup<T>) {
    return;
  } else if constexpr (std::is_same_v<T, bool> || std::is_enum_v<T>) {
    out.u8(static_cast<uint64_t>(value));
  } else if constexpr (std::is_integral_v<T>) {
    out.u64(static_cast<uint64_t>(value));
  } else if constexpr (std::is_same_v<T, float>) {
    out.u32(std::bit_cast<uint32_t>(value));
  } else if constexpr (std::is_same_v<T, double>) {
    out.u64(std::bit_cast<uint64_t>(value));
  } else if constexpr (std::is_same_v<T, Dtype>) {
    out.u8(static_cast<uint64_t>(value.val()));
  } else if constexpr (std::is_same_v<T, QuantFormat>) {
    write_field(out, value.kind);
    write_field(out, value.bits);
    write_field(out, value.group_size);
    write_field(out, value.scale_type);
  } else if constexpr (OptionalField<T>) {
    write_field(out, value.has_value());
    if (value) write_field(out, *value);
  } else if constexpr (ListField<T>) {
    out.u32(value.size());
    for (const auto& element : value) write_field(out, element);
  } else {
    std::apply([&](const auto&... each) { (write_field(out, each), ...); }, members(value));
  }
}

/// The dtype of that number; fails for others.
Dtype read_dtype(ByteReader& in);

/// One of the formats that there are.
QuantFormat read_quant_format(ByteReader& in);

/// A field from bytes; fails for what no field of the type can be.
template <typename T>
T read_field(ByteReader& in) {
  if constexpr (kIsGroup<T>) {
    return distributed::init().raw_group();
  } else if constexpr (std::is_same_v<T, bool> || std::is_enum_v<T>) {
    const int values = std::is_same_v<T, bool> ? 2 : kEnumValues<T>;
    const int value = in.u8();
    if (value >= values) in.fail("{} is none of {} values", value, values);
    return static_cast<T>(value);
  } else if constexpr (std::is_integral_v<T>) {
    const auto value = static_cast<int64_t>(in.u64());
    if (std::is_same_v<T, int> &&
        (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max())) {
      in.fail("{} is too large", value);
    }
    return static_cast<T>(value);
  } else if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<float>(in.u32());
  } else if constexpr (std::is_same_v<T, double>) {
    return std::bit_cast<double>(in.u64());
  } else if constexpr (std::is_same_v<T, Dtype>) {
    return read_dtype(in);
  } else if constexpr (std::is_same_v<T, QuantFormat>) {
    return read_quant_format(in);
  } else if constexpr (OptionalField<T>) {
    T value;
    if (read_field<bool>(in)) value = read_field<typename T::value_type>(in);
    return value;
  } else if constexpr (ListField<T>) {
    using Element = std::decay_t<decltype(*std::declval<T>().begin())>;
    T value;
    const size_t count = in.count(1);
    // Grows with what is really there: a hostile count must not take memory.
    // NOLINTNEXTLINE(performance-inefficient-vector-operation)
    for (size_t i = 0; i < count; ++i) value.push_back(read_field<Element>(in));
    return value;
  } else {
    T value;
    std::apply([&](auto&... each) { ((each = read_field<std::decay_t<decltype(each)>>(in)), ...); }, members(value));
    return value;
  }
}

}  // namespace mica
