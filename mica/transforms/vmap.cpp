// vmap: a function is traced on placeholders without the mapped axes; then its nodes are applied to the whole inputs,
// each by its batching rule.
#include <algorithm>
#include <stdexcept>

#include "mica/array/primitive.h"
#include "mica/array/tracing.h"
#include "mica/base/error.h"
#include "mica/ops/shape.h"
#include "mica/transforms/tape.h"
#include "mica/transforms/transforms.h"

namespace mica {
namespace {

using Function = std::function<std::vector<array>(const std::vector<array>&)>;

/// The length of the mapped axes, which must be the same for all.
ShapeElem mapped_size(const std::vector<array>& inputs, const std::vector<int>& axes) {
  ShapeElem size = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (axes[i] < 0) continue;
    const ShapeElem length = inputs[i].shape(axes[i]);
    if (size >= 0 && length != size) {
      fail_as<std::invalid_argument>("[vmap] mapped axes of {} and {}", size, length);
    }
    size = length;
  }
  if (size < 0) fail_as<std::invalid_argument>("[vmap] no input has a mapped axis");
  return size;
}

/// One axis for each input, default 0; −1 for none.
std::vector<int> resolve_in_axes(const std::vector<array>& inputs, const std::vector<int>& axes) {
  if (axes.empty()) {
    for (const array& input : inputs) {
      if (input.ndim() == 0) fail_as<std::invalid_argument>("[vmap] a scalar has no axis to map over");
    }
    return std::vector<int>(inputs.size(), 0);
  }
  if (axes.size() != inputs.size()) {
    fail_as<std::invalid_argument>("[vmap] {} input axes for {} inputs", axes.size(), inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (axes[i] < -1 || axes[i] >= static_cast<int>(inputs[i].ndim())) {
      fail_as<std::invalid_argument>("[vmap] input axis {} is out of range for an array of {} axes", axes[i],
                                     inputs[i].ndim());
    }
  }
  return axes;
}

array placeholder(const array& input, int axis) {
  Shape shape = input.shape();
  shape.erase(shape.begin() + axis);
  array out(std::move(shape), input.dtype(), nullptr, {});
  out.set_tracer(true);
  return out;
}

/// A value of the traced function for all batches: the array and its batch axis, −1 if it is the same for all.
using Value = std::pair<array, int>;

class Batches {
 public:
  void set(const array& traced, const array& value, int axis) {
    values_.insert_or_assign(traced.id(), Value(value, axis));
  }

  Value get(const array& traced) const {
    const auto found = values_.find(traced.id());
    return found == values_.end() ? Value(traced, -1) : found->second;
  }

  void apply(const array& node) {
    std::vector<array> inputs;
    std::vector<int> axes;
    for (const array& input : node.inputs()) {
      const auto [value, axis] = get(input);
      inputs.push_back(value);
      axes.push_back(axis);
    }
    const bool mapped = std::any_of(axes.begin(), axes.end(), [](int axis) { return axis >= 0; });
    const std::vector<array> traced = node.outputs();
    const auto [results, result_axes] =
        mapped ? node.primitive().vmap(inputs, axes)
               : std::pair(make_arrays(node.primitive_ptr(), inputs), std::vector<int>(traced.size(), -1));
    for (size_t i = 0; i < traced.size(); ++i) set(traced[i], results[i], result_axes[i]);
  }

 private:
  std::unordered_map<std::uintptr_t, Value> values_;
};

/// The value with its batch axis at `wanted`, repeated if it has none.
array with_axis(const Value& value, int wanted, ShapeElem size) {
  const auto& [a, axis] = value;
  if (wanted < 0) {
    if (axis >= 0) fail_as<std::invalid_argument>("[vmap] an output that depends on mapped inputs needs an axis");
    return a;
  }
  const int ndim = static_cast<int>(a.ndim()) + (axis < 0 ? 1 : 0);
  if (wanted >= ndim) {
    fail_as<std::invalid_argument>("[vmap] output axis {} is out of range for an array of {} axes", wanted, ndim);
  }
  if (axis >= 0) return moveaxis(a, axis, wanted);
  Shape shape = a.shape();
  shape.insert(shape.begin() + wanted, size);
  return broadcast_to(expand_dims(a, wanted), shape);
}

}  // namespace

std::function<std::vector<array>(const std::vector<array>&)> vmap(const Function& fun, const std::vector<int>& in_axes,
                                                                  const std::vector<int>& out_axes) {
  return [fun, in_axes, out_axes](const std::vector<array>& inputs) {
    const std::vector<int> axes = resolve_in_axes(inputs, in_axes);
    const ShapeElem size = mapped_size(inputs, axes);
    const Tracing tracing;
    Batches batches;
    std::vector<array> arguments = inputs;
    std::vector<array> placeholders;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (axes[i] < 0) continue;
      arguments[i] = placeholder(inputs[i], axes[i]);
      placeholders.push_back(arguments[i]);
      batches.set(arguments[i], inputs[i], axes[i]);
    }
    const std::vector<array> traced = fun(arguments);
    if (!out_axes.empty() && out_axes.size() != traced.size()) {
      fail_as<std::invalid_argument>("[vmap] {} output axes for {} outputs", out_axes.size(), traced.size());
    }
    const Tape tape(placeholders, traced, Flow::values);
    for (const array& node : tape.nodes()) batches.apply(node);
    std::vector<array> outputs;
    outputs.reserve(traced.size());
    for (size_t i = 0; i < traced.size(); ++i) {
      outputs.push_back(with_axis(batches.get(traced[i]), out_axes.empty() ? 0 : out_axes[i], size));
    }
    return outputs;
  };
}

std::function<array(const array&)> vmap(const std::function<array(const array&)>& fun, int in_axis, int out_axis) {
  const auto mapped = vmap([fun](const std::vector<array>& x) { return std::vector<array>{fun(x[0])}; },
                           std::vector<int>{in_axis}, std::vector<int>{out_axis});
  return [mapped](const array& a) { return mapped({a})[0]; };
}

std::function<array(const array&, const array&)> vmap(const std::function<array(const array&, const array&)>& fun,
                                                      int in_axis_a, int in_axis_b, int out_axis) {
  const auto mapped = vmap([fun](const std::vector<array>& x) { return std::vector<array>{fun(x[0], x[1])}; },
                           std::vector<int>{in_axis_a, in_axis_b}, std::vector<int>{out_axis});
  return [mapped](const array& a, const array& b) { return mapped({a, b})[0]; };
}

}  // namespace mica
