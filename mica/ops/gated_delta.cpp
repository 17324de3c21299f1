#include "mica/ops/gated_delta.h"

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

constexpr std::string_view kName = "gated_delta_update";

void check_shapes(const std::vector<array>& inputs) {
  const array& q = inputs[0];
  const array& v = inputs[2];
  if (q.ndim() != 4 || v.ndim() != 4 || q.shape(2) < 1 || v.shape(2) % q.shape(2) != 0 || v.shape(0) != q.shape(0) ||
      v.shape(1) != q.shape(1)) {
    fail_as<std::invalid_argument>("[{}] queries of shape {} and values of shape {} do not fit together", kName,
                                   to_string(q.shape()), to_string(v.shape()));
  }
  const Shape steps = {v.shape(0), v.shape(1), v.shape(2)};
  check_shape(inputs[1], q.shape(), kName);
  check_shape(inputs[4], steps, kName);
  check_shape(inputs[5], {v.shape(0), v.shape(2), v.shape(3), q.shape(3)}, kName);
  const array& gates = inputs[3];
  const bool gated = gates.ndim() == 4 && Shape(gates.shape().begin(), gates.shape().end() - 1) == steps &&
                     (gates.shape(3) == 1 || gates.shape(3) == q.shape(3));
  if (!gated) {
    fail_as<std::invalid_argument>("[{}] gates of shape {} do not fit values of shape {}", kName,
                                   to_string(gates.shape()), to_string(v.shape()));
  }
  if (inputs.size() > 6) check_shape(inputs[6], {v.shape(0), v.shape(1)}, kName);
}

/// One step's part of an array [B, T, …], without the axis of steps.
array at_step(const array& a, int step, StreamOrDevice s) {
  return take(a, step, 1, s);
}

}  // namespace

std::vector<OutputSpec> GatedDelta::infer(const std::vector<array>& inputs) const {
  check_count(inputs, has_mask ? 7 : 6, name());
  for (size_t i = 0; i < 6; ++i) check_dtype(inputs[i], float32, name());
  if (has_mask) check_dtype(inputs[6], bool_, name());
  check_shapes(inputs);
  return {{inputs[2].shape(), float32}, {inputs[5].shape(), float32}};
}

std::vector<array> GatedDelta::expand(const std::vector<array>& inputs) const {
  const Stream s = stream();
  const array& v = inputs[2];
  const auto steps = static_cast<int>(v.shape(1));
  const int repeats = static_cast<int>(v.shape(2) / inputs[0].shape(2));
  const array q = repeat(inputs[0], repeats, 2, s);
  const array k = repeat(inputs[1], repeats, 2, s);
  array state = inputs[5];
  std::vector<array> read;
  for (int t = 0; t < steps; ++t) {
    const array key = expand_dims(at_step(k, t, s), -2, s);
    const array decayed = multiply(state, expand_dims(at_step(inputs[3], t, s), -2, s), s);
    const array known = sum(multiply(decayed, key, s), -1, false, s);
    const array beta = expand_dims(at_step(inputs[4], t, s), -1, s);
    const array correction = multiply(subtract(at_step(v, t, s), known, s), beta, s);
    array next = add(decayed, multiply(expand_dims(correction, -1, s), key, s), s);
    array y = sum(multiply(next, expand_dims(at_step(q, t, s), -2, s), s), -1, false, s);
    if (has_mask) {
      const array kept = expand_dims(at_step(inputs[6], t, s), {1, 2, 3}, s);
      next = where(kept, next, state, s);
      y = where(squeeze(kept, -1, s), y, zeros_like(y, s), s);
    }
    read.push_back(expand_dims(y, 1, s));
    state = next;
  }
  const array y = read.empty() ? zeros_like(v, s) : concatenate(std::move(read), 1, s);
  return {y, state};
}

namespace fast {

std::vector<array> gated_delta_update(const array& queries, const array& keys, const array& values, const array& gates,
                                      const array& beta, const std::optional<array>& initial_state,
                                      const std::optional<array>& mask, StreamOrDevice s) {
  const Dtype promoted = result_type(queries, keys, values);
  const Dtype dtype = issubdtype(promoted, floating) ? promoted : float32;
  const Dtype compute = dtype == float64 ? float64 : float32;
  if (queries.ndim() != 4 || values.ndim() != 4) {
    fail_as<std::invalid_argument>("[{}] queries of shape {} and values of shape {} need four axes", kName,
                                   to_string(queries.shape()), to_string(values.shape()));
  }
  const Shape state_shape = {values.shape(0), values.shape(2), values.shape(3), queries.shape(3)};
  std::vector<array> inputs = {queries, keys,
                               values,  gates.ndim() == 3 ? expand_dims(gates, -1, s) : gates,
                               beta,    initial_state ? *initial_state : zeros(state_shape, compute, s)};
  for (array& input : inputs) input = astype(input, compute, s);
  if (mask) inputs.push_back(astype(*mask, bool_, s));
  check_shapes(inputs);
  const auto primitive = std::make_shared<GatedDelta>(to_stream(s), mask.has_value());
  std::vector<array> out = compute == float64 ? primitive->expand(inputs) : make_arrays(primitive, inputs);
  out[0] = astype(out[0], dtype, s);
  return out;
}

}  // namespace fast
}  // namespace mica
