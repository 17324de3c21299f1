#include "mica/ops/fast.h"

#include <cmath>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/fused.h"
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

}  // namespace

std::vector<OutputSpec> Rotate::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 3, name());
  check_rows(inputs, name());
  return {{rotated_shape(inputs), inputs[0].dtype()}};
}

array rotate(const array& x, const array& cosine, const array& sine, bool traditional, StreamOrDevice s) {
  const Dtype dtype = compute_dtype(checked_floating(x, "rotate"));
  std::vector<array> inputs = {x, astype(cosine, dtype, s), astype(sine, dtype, s)};
  rotated_shape(inputs);
  return apply_fused<Rotate>(std::move(inputs), s, traditional);
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

}  // namespace fast
}  // namespace mica
