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
  check_count(inputs, 3u + (has_mask ? 1 : 0) + (has_sinks ? 1 : 0), name());
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
  if (has_sinks) {
    check_shape(inputs.back(), {q.shape(1)}, name());
    check_dtype(inputs.back(), float32, name());
  }
  if (options.window > 0 && !options.causal) {
    fail_as<std::invalid_argument>("[attention] a window needs the causal mask");
  }
  return {{shape, float32}};
}

array rotate(const array& x, const array& cosine, const array& sine, bool traditional, StreamOrDevice s) {
  const Dtype dtype = compute_dtype(checked_floating(x, "rotate"));
  std::vector<array> inputs = {x, astype(cosine, dtype, s), astype(sine, dtype, s)};
  rotated_shape(inputs);
  return apply_fused<Rotate>(std::move(inputs), s, traditional);
}

array attend(const array& queries, const array& keys, const array& values, const AttentionOptions& options,
             const std::optional<array>& mask, const std::optional<array>& sinks, StreamOrDevice s) {
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
  if (sinks) {
    if (sinks->shape() != Shape{queries.shape(1)}) {
      fail_as<std::invalid_argument>("[attention] sinks of shape {} for {} heads", to_string(sinks->shape()),
                                     queries.shape(1));
    }
    inputs.push_back(astype(*sinks, dtype, s));
  }
  attended_shape(inputs);
  return apply_fused<Attention>(std::move(inputs), s, options, mask.has_value(), sinks.has_value());
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
                                   const std::string& mask_mode, std::optional<array> mask_arr,
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
  return astype(attend(queries, keys, values, options, mask_arr, sinks, s), dtype, s);
}

}  // namespace fast
}  // namespace mica
