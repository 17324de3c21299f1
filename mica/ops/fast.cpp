#include "mica/ops/fast.h"

#include <cmath>
#include <stdexcept>

#include "mica/base/error.h"
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

std::vector<OutputSpec> RmsNorm::infer(const std::vector<array>& inputs) const {
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> LayerNorm::infer(const std::vector<array>& inputs) const {
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<OutputSpec> Rotate::infer(const std::vector<array>& inputs) const {
  const array& x = inputs[0];
  const array& cosine = inputs[1];
  const bool fits = x.ndim() >= 2 && (cosine.ndim() == 2 || cosine.ndim() == 3) && cosine.shape(-2) == x.shape(-2) &&
                    cosine.shape(-1) * 2 <= x.shape(-1) && cosine.shape() == inputs[2].shape() &&
                    (cosine.ndim() == 2 || (x.ndim() >= 3 && cosine.shape(0) == x.shape(0)));
  if (!fits) {
    fail_as<std::invalid_argument>("[rotate] angles of shape {} do not fit an input of shape {}",
                                   to_string(cosine.shape()), to_string(x.shape()));
  }
  return {{x.shape(), x.dtype()}};
}

std::vector<OutputSpec> Attention::infer(const std::vector<array>& inputs) const {
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
  return {{std::move(shape), q.dtype()}};
}

std::vector<OutputSpec> PutRows::infer(const std::vector<array>& inputs) const {
  const array& buffer = inputs[0];
  const array& rows = inputs[1];
  const bool fits = buffer.ndim() == 4 && rows.ndim() == 4 && rows.shape(0) == buffer.shape(0) &&
                    rows.shape(1) == buffer.shape(1) && rows.shape(3) == buffer.shape(3) &&
                    inputs[2].shape() == Shape{buffer.shape(0)};
  if (!fits) {
    fail_as<std::invalid_argument>("[put_rows] rows {} at places {} do not fit a buffer {}", to_string(rows.shape()),
                                   to_string(inputs[2].shape()), to_string(buffer.shape()));
  }
  return {{buffer.shape(), buffer.dtype()}};
}

std::vector<OutputSpec> CachedAttention::infer(const std::vector<array>& inputs) const {
  const array& q = inputs[0];
  const array& k = inputs[1];
  const array& v = inputs[2];
  const array& keys = inputs[3];
  const array& values = inputs[4];
  bool fits = q.ndim() == 3 && k.ndim() == 3 && v.ndim() == 3 && keys.ndim() == 4 && values.ndim() == 4 &&
              options.num_heads > 0 && options.num_kv_heads > 0 && options.num_heads % options.num_kv_heads == 0;
  if (fits) {
    const ShapeElem batch = q.shape(0);
    const ShapeElem length = q.shape(1);
    const ShapeElem heads = options.num_kv_heads;
    fits = q.shape(2) == options.num_heads * keys.shape(3) &&
           k.shape() == Shape{batch, length, heads * keys.shape(3)} &&
           v.shape() == Shape{batch, length, heads * values.shape(3)} && values.shape(2) == keys.shape(2) &&
           keys.shape(0) == batch && values.shape(0) == batch && keys.shape(1) == heads && values.shape(1) == heads &&
           keys.dtype() == values.dtype() && inputs[5].shape() == Shape{batch};
  }
  if (!fits) {
    fail_as<std::invalid_argument>("[cached_attention] projections {}, {}, {} and caches {}, {} do not fit together",
                                   to_string(q.shape()), to_string(k.shape()), to_string(v.shape()),
                                   to_string(keys.shape()), to_string(values.shape()));
  }
  if (inputs.size() > 6) {
    const array heads(Shape{q.shape(0), options.num_heads, q.shape(1), keys.shape(3)}, float32, nullptr, {});
    Rotate(stream(), options.traditional).infer({heads, inputs[6], inputs[7]});
  }
  const Shape mixed = {q.shape(0), q.shape(1), options.num_heads * values.shape(3)};
  return {{mixed, float32}, {keys.shape(), keys.dtype()}, {values.shape(), values.dtype()}};
}

array rotate(const array& x, const array& cosine, const array& sine, bool traditional, StreamOrDevice s) {
  const Dtype dtype = compute_dtype(checked_floating(x, "rotate"));
  std::vector<array> inputs = {x, astype(cosine, dtype, s), astype(sine, dtype, s)};
  Rotate(to_stream(s), traditional).infer(inputs);
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
  Attention(to_stream(s), options, mask.has_value(), offsets.has_value(), sinks.has_value()).infer(inputs);
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
                                   const std::optional<array>& sinks, StreamOrDevice s) {
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
