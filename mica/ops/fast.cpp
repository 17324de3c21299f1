#include "mica/ops/fast.h"

#include <cmath>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

void check_vector(const std::optional<array>& vector, const array& x, std::string_view op, std::string_view what) {
  if (vector && (vector->ndim() != 1 || vector->shape(0) != x.shape(-1))) {
    fail_as<std::invalid_argument>("[{}] a {} of shape {} does not fit an input of shape {}", op, what,
                                   to_string(vector->shape()), to_string(x.shape()));
  }
}

array checked_floating(const array& x, std::string_view op) {
  if (x.ndim() == 0 || !issubdtype(x.dtype(), floating)) {
    fail_as<std::invalid_argument>("[{}] needs floating point numbers with at least one axis", op);
  }
  return x;
}

/// What the kernels compute in: float32, but float64 is computed by the operations that specify the primitive.
Dtype compute_dtype(const array& x) {
  return x.dtype() == float64 ? float64 : float32;
}

/// One place for each entry of the batch.
array places(const array& given, ShapeElem batch, std::string_view op, StreamOrDevice s) {
  if (!issubdtype(given.dtype(), integer) || given.shape() != Shape{batch}) {
    fail_as<std::invalid_argument>("[{}] places of shape {} and dtype {}, where integers of shape [{}] are needed", op,
                                   to_string(given.shape()), dtype_name(given.dtype()), batch);
  }
  return astype(given, int32, s);
}

template <typename P, typename... Args>
array apply_fused(std::vector<array> inputs, StreamOrDevice s, Args&&... args) {
  if (inputs[0].dtype() == float64) return P(to_stream(s), std::forward<Args>(args)...).expand(inputs)[0];
  return apply<P>(std::move(inputs), to_stream(s), std::forward<Args>(args)...);
}

}  // namespace

namespace {

/// What the kernels of rows take: an operand that they widen to float32, and float32 vectors along its last axis.
void check_rows(const std::vector<array>& inputs, std::string_view op) {
  const array& x = inputs[0];
  check_ndim(x, 1, op);
  if (x.dtype() != float32 && x.dtype() != float16 && x.dtype() != bfloat16) {
    fail_as<std::invalid_argument>("[{}] not for {}", op, dtype_name(x.dtype()));
  }
  for (size_t i = 1; i < inputs.size(); ++i) check_dtype(inputs[i], float32, op);
}

void check_vectors(const std::vector<array>& inputs, std::string_view op) {
  check_rows(inputs, op);
  for (size_t i = 1; i < inputs.size(); ++i) check_shape(inputs[i], {inputs[0].shape(-1)}, op);
}

}  // namespace

std::vector<OutputSpec> RmsNorm::infer(const std::vector<array>& inputs) const {
  check_count(inputs, inputs.size() > 1 ? 2 : 1, name());
  check_vectors(inputs, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> LayerNorm::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1u + (has_weight ? 1 : 0) + (has_bias ? 1 : 0), name());
  check_vectors(inputs, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

namespace {

Shape rotated_shape(const std::vector<array>& inputs) {
  const array& x = inputs[0];
  const array& cosine = inputs[1];
  const bool fits = x.ndim() >= 2 && (cosine.ndim() == 2 || cosine.ndim() == 3) && cosine.shape(-2) == x.shape(-2) &&
                    cosine.shape(-1) * 2 <= x.shape(-1) && cosine.shape() == inputs[2].shape() &&
                    (cosine.ndim() == 2 || (x.ndim() >= 3 && cosine.shape(0) == x.shape(0)));
  if (!fits) {
    fail_as<std::invalid_argument>("[rotate] angles of shape {} do not fit an input of shape {}",
                                   to_string(cosine.shape()), to_string(x.shape()));
  }
  return x.shape();
}

Shape attended_shape(const std::vector<array>& inputs) {
  const array& q = inputs[0];
  const array& k = inputs[1];
  const array& v = inputs[2];
  const bool four = q.ndim() == 4 && k.ndim() == 4 && v.ndim() == 4;
  const bool fits = four && q.shape(0) == k.shape(0) && q.shape(0) == v.shape(0) && k.shape(1) == v.shape(1) &&
                    k.shape(1) > 0 && q.shape(1) % k.shape(1) == 0 && k.shape(2) == v.shape(2) &&
                    q.shape(3) == k.shape(3);
  if (!fits) {
    fail_as<std::invalid_argument>("[attention] queries {}, keys {} and values {} do not fit together",
                                   to_string(q.shape()), to_string(k.shape()), to_string(v.shape()));
  }
  Shape shape = q.shape();
  shape.back() = v.shape(3);
  return shape;
}

}  // namespace

std::vector<OutputSpec> Rotate::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3, name());
  check_rows(inputs, name());
  return {{rotated_shape(inputs), inputs[0].dtype()}};
}

std::vector<OutputSpec> Attention::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3u + (has_mask ? 1 : 0) + (has_offsets ? 1 : 0) + (has_sinks ? 1 : 0), name());
  const Shape shape = attended_shape(inputs);
  const array& q = inputs[0];
  const array& k = inputs[1];
  check_dtype(q, float32, name());
  if (k.dtype() != float16 && k.dtype() != bfloat16) check_dtype(k, float32, name());
  check_dtype(inputs[2], k.dtype(), name());
  if (has_mask) {
    check_shape(inputs[3], {q.shape(0), q.shape(1), q.shape(2), k.shape(2)}, name());
    if (inputs[3].dtype() != bool_) check_dtype(inputs[3], float32, name());
  }
  if (has_offsets) {
    check_shape(inputs[has_mask ? 4 : 3], {q.shape(0)}, name());
    check_dtype(inputs[has_mask ? 4 : 3], int32, name());
  }
  if (has_sinks) {
    check_shape(inputs.back(), {q.shape(1)}, name());
    check_dtype(inputs.back(), float32, name());
  }
  if (options.window > 0 && !options.causal) {
    fail_as<std::invalid_argument>("[attention] a window needs the causal mask");
  }
  return {{shape, float32}};
}

std::vector<OutputSpec> PutRows::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3, name());
  const array& buffer = inputs[0];
  const array& rows = inputs[1];
  if (buffer.ndim() != 4 || rows.ndim() != 4) fail_as<std::invalid_argument>("[put_rows] needs four axes");
  check_shape(rows, {buffer.shape(0), buffer.shape(1), rows.shape(2), buffer.shape(3)}, name());
  check_shape(inputs[2], {buffer.shape(0)}, name());
  check_dtype(inputs[2], int32, name());
  return {{buffer.shape(), buffer.dtype()}};
}

std::vector<OutputSpec> CachedAttention::infer(const std::vector<array>& inputs) const {
  const bool turns = inputs.size() > 6;
  check_count(inputs, turns ? 8 : 6, name());
  for (const size_t i : {0, 1, 2}) check_dtype(inputs[i], float32, name());
  const array& q = inputs[0];
  const array& keys = inputs[3];
  const array& values = inputs[4];
  if (q.ndim() != 3 || keys.ndim() != 4 || values.ndim() != 4) {
    fail_as<std::invalid_argument>("[cached_attention] queries have three axes, caches four");
  }
  const ShapeElem heads = options.num_heads;
  const ShapeElem kv_heads = options.num_kv_heads;
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0) {
    fail_as<std::invalid_argument>("[cached_attention] {} heads with {} key heads", heads, kv_heads);
  }
  const bool codes = options.kv.bits != 0;
  if (codes) {
    check_kv_format(options.kv, name());
    check_dtype(keys, uint8, name());
  } else if (keys.dtype() != float16 && keys.dtype() != bfloat16) {
    check_dtype(keys, float32, name());
  }
  check_dtype(values, keys.dtype(), name());
  // Numbers of a file could overflow in products: widths are divided instead.
  const ShapeElem dim = q.shape(2) / heads;
  const ShapeElem value_dim = inputs[2].ndim() == 3 ? inputs[2].shape(2) / kv_heads : -1;
  check_shape(q, {q.shape(0), q.shape(1), dim * heads}, name());
  check_shape(inputs[1], {q.shape(0), q.shape(1), dim * kv_heads}, name());
  check_shape(inputs[2], {q.shape(0), q.shape(1), value_dim * kv_heads}, name());
  if (codes && std::max(dim, value_dim) > (ShapeElem{1} << 40)) {
    fail_as<std::invalid_argument>("[cached_attention] codes of {} elements a row", std::max(dim, value_dim));
  }
  const auto width = [&](ShapeElem row) { return codes ? kv_row_bytes(options.kv, row) : row; };
  check_shape(keys, {q.shape(0), kv_heads, keys.shape(2), width(dim)}, name());
  check_shape(values, {q.shape(0), kv_heads, keys.shape(2), width(value_dim)}, name());
  check_shape(inputs[5], {q.shape(0)}, name());
  check_dtype(inputs[5], int32, name());
  if (options.attention.window > 0 && !options.attention.causal) {
    fail_as<std::invalid_argument>("[cached_attention] a window needs the causal mask");
  }
  if (turns) {
    const array turned(Shape{q.shape(0), heads, q.shape(1), dim}, float32, nullptr, {});
    Rotate(stream(), options.traditional).infer({turned, inputs[6], inputs[7]});
  }
  const Shape mixed = {q.shape(0), q.shape(1), heads * value_dim};
  return {{mixed, float32}, {keys.shape(), keys.dtype()}, {values.shape(), values.dtype()}};
}

array rotate(const array& x, const array& cosine, const array& sine, bool traditional, StreamOrDevice s) {
  const Dtype dtype = compute_dtype(checked_floating(x, "rotate"));
  std::vector<array> inputs = {x, astype(cosine, dtype, s), astype(sine, dtype, s)};
  rotated_shape(inputs);
  return apply_fused<Rotate>(std::move(inputs), s, traditional);
}

array attend(const array& queries, const array& keys, const array& values, const AttentionOptions& options,
             const std::optional<array>& mask, const std::optional<array>& sinks, const std::optional<array>& offsets,
             StreamOrDevice s) {
  const Dtype dtype =
      promote_types(queries.dtype(), promote_types(keys.dtype(), values.dtype())) == float64 ? float64 : float32;
  // Keys and values stay as the cache holds them; anything else becomes float32.
  const auto kept = [&](const array& a) {
    const bool native = a.dtype() == float16 || a.dtype() == bfloat16;
    return native && dtype == float32 && keys.dtype() == values.dtype() ? a : astype(a, dtype, s);
  };
  std::vector<array> inputs = {astype(queries, dtype, s), kept(keys), kept(values)};
  if (mask) {
    const Shape wanted = {queries.shape(0), queries.shape(1), queries.shape(2), keys.shape(2)};
    inputs.push_back(broadcast_to(mask->dtype() == bool_ ? *mask : astype(*mask, dtype, s), wanted, s));
  }
  if (offsets) inputs.push_back(places(*offsets, queries.shape(0), "attention", s));
  if (sinks) {
    if (sinks->shape() != Shape{queries.shape(1)}) {
      fail_as<std::invalid_argument>("[attention] sinks of shape {} for {} heads", to_string(sinks->shape()),
                                     queries.shape(1));
    }
    inputs.push_back(astype(*sinks, dtype, s));
  }
  attended_shape(inputs);
  return apply_fused<Attention>(std::move(inputs), s, options, mask.has_value(), offsets.has_value(),
                                sinks.has_value());
}

array put_rows(const array& buffer, const array& rows, const array& starts, StreamOrDevice s) {
  if (buffer.ndim() != 4) fail_as<std::invalid_argument>("[put_rows] a buffer has four axes");
  return apply<PutRows>({buffer, rows, places(starts, buffer.shape(0), "put_rows", s)}, to_stream(s));
}

CachedAttentionResult attend_cached(const array& q, const array& k, const array& v, array keys, array values,
                                    const array& places_of, const std::optional<array>& cosine,
                                    const std::optional<array>& sine, const CachedAttentionOptions& options,
                                    StreamOrDevice s) {
  if (cosine.has_value() != sine.has_value()) {
    fail_as<std::invalid_argument>("[cached_attention] cosine and sine come together");
  }
  std::vector<array> inputs = {astype(q, float32, s), astype(k, float32, s), astype(v, float32, s)};
  inputs.push_back(std::move(keys));
  inputs.push_back(std::move(values));
  inputs.push_back(places(places_of, q.ndim() > 0 ? q.shape(0) : 0, "cached_attention", s));
  if (cosine) inputs.push_back(astype(*cosine, float32, s));
  if (sine) inputs.push_back(astype(*sine, float32, s));
  auto out = make_arrays(std::make_shared<CachedAttention>(to_stream(s), options), std::move(inputs));
  return {std::move(out[0]), std::move(out[1]), std::move(out[2])};
}

namespace fast {

array rms_norm(const array& x, const std::optional<array>& weight, float eps, StreamOrDevice s) {
  check_vector(weight, checked_floating(x, "rms_norm"), "rms_norm", "weight");
  std::vector<array> inputs = {x};
  if (weight) inputs.push_back(astype(*weight, compute_dtype(x), s));
  return apply_fused<RmsNorm>(std::move(inputs), s, eps);
}

array layer_norm(const array& x, const std::optional<array>& weight, const std::optional<array>& bias, float eps,
                 StreamOrDevice s) {
  check_vector(weight, checked_floating(x, "layer_norm"), "layer_norm", "weight");
  check_vector(bias, x, "layer_norm", "bias");
  std::vector<array> inputs = {x};
  if (weight) inputs.push_back(astype(*weight, compute_dtype(x), s));
  if (bias) inputs.push_back(astype(*bias, compute_dtype(x), s));
  return apply_fused<LayerNorm>(std::move(inputs), s, eps, weight.has_value(), bias.has_value());
}

array cross_entropy(const array& logits, const array& targets, StreamOrDevice s) {
  if (!issubdtype(targets.dtype(), integer)) {
    fail_as<std::invalid_argument>("[cross_entropy] targets are class indices, not {}", dtype_name(targets.dtype()));
  }
  Shape expected = logits.shape();
  if (!expected.empty()) expected.pop_back();
  if (logits.ndim() == 0 || targets.shape() != expected) {
    fail_as<std::invalid_argument>("[cross_entropy] targets of shape {} do not fit logits of shape {}",
                                   to_string(targets.shape()), to_string(logits.shape()));
  }
  const array x = logits.dtype() == float64 ? logits : astype(logits, float32, s);
  const array chosen = take_along_axis(x, expand_dims(targets, -1, s), -1, s);
  return subtract(logsumexp(x, -1, false, s), squeeze(chosen, -1, s), s);
}

array rope(const array& x, int dims, bool traditional, std::optional<float> base, float scale,
           const std::variant<int, array>& offset, const std::optional<array>& freqs, StreamOrDevice s) {
  if (x.ndim() < 2) fail_as<std::invalid_argument>("[rope] needs at least two axes");
  if (base.has_value() == freqs.has_value()) {
    fail_as<std::invalid_argument>("[rope] needs exactly one of base and freqs");
  }
  if (dims <= 0 || dims % 2 != 0 || dims > x.shape(-1)) {
    fail_as<std::invalid_argument>("[rope] cannot rotate {} of {} features", dims, x.shape(-1));
  }
  const array exponents = divide(arange(0.0, dims, 2.0, float32, s), array(static_cast<float>(dims)), s);
  const array periods = freqs ? astype(*freqs, float32, s) : power(array(base.value_or(1.0f)), exponents, s);
  array positions = astype(arange(static_cast<int>(x.shape(-2)), s), float32, s);
  if (const int* start = std::get_if<int>(&offset)) {
    positions = add(positions, array(static_cast<float>(*start)), s);
  } else {
    const array& starts = std::get<array>(offset);
    const array column = starts.size() == 1 ? reshape(starts, {1}, s) : expand_dims(starts, -1, s);
    positions = add(positions, astype(column, float32, s), s);
  }
  const array angles = multiply(expand_dims(multiply(positions, array(scale), s), -1, s), reciprocal(periods, s), s);
  return rotate(x, cos(angles, s), sin(angles, s), traditional, s);
}

array scaled_dot_product_attention(const array& queries, const array& keys, const array& values, float scale,
                                   const std::string& mask_mode, const std::optional<array>& mask_arr,
                                   const std::optional<array>& sinks, bool, StreamOrDevice s) {
  const bool causal = mask_mode == "causal";
  if (!causal && !mask_mode.empty() && mask_mode != "array") {
    fail_as<std::invalid_argument>("[scaled_dot_product_attention] mask mode {} is none of \"\", causal, array",
                                   mica::quoted(mask_mode));
  }
  if ((mask_mode == "array" && !mask_arr) || (causal && mask_arr)) {
    fail_as<std::invalid_argument>("[scaled_dot_product_attention] mask mode and mask array do not go together");
  }
  const Dtype dtype = promote_types(queries.dtype(), promote_types(keys.dtype(), values.dtype()));
  AttentionOptions options;
  options.scale = scale;
  options.causal = causal;
  return astype(attend(queries, keys, values, options, mask_arr, sinks, std::nullopt, s), dtype, s);
}

}  // namespace fast
}  // namespace mica
