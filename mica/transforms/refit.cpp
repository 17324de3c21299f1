#include "mica/transforms/refit.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/hadamard.h"
#include "mica/ops/index.h"
#include "mica/ops/shape.h"
#include "mica/ops/sort.h"

namespace mica {
namespace {

int64_t product(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

[[noreturn]] void fail_to_follow(std::string_view op, ShapeElem traced, ShapeElem given) {
  fail_as<std::invalid_argument>("[{}] was traced for an axis of {} and cannot follow one of {}", op, traced, given);
}

/// The lengths of slices: those of whole axes follow, those along `indexed` ones stay.
Shape slice_lengths(const Shape& part, const Shape& traced, const Shape& given, const std::vector<int>& indexed,
                    std::string_view op) {
  Shape out = part;
  for (size_t i = 0; i < part.size(); ++i) {
    if (traced[i] == given[i]) continue;
    const bool chosen = std::find(indexed.begin(), indexed.end(), static_cast<int>(i)) != indexed.end();
    if (chosen) continue;
    if (part[i] != traced[i]) fail_to_follow(op, traced[i], given[i]);
    out[i] = given[i];
  }
  return out;
}

std::shared_ptr<Primitive> slice(const Slice& primitive, const Shape& traced, const Shape& given) {
  Shape start = primitive.start;
  Shape shape = primitive.shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (traced[i] == given[i]) continue;
    const bool backwards = primitive.strides[i] == -1 && start[i] == traced[i] - 1;
    const bool forwards = primitive.strides[i] == 1 && start[i] == 0;
    if (shape[i] != traced[i] || (!forwards && !backwards)) fail_to_follow("slice", traced[i], given[i]);
    shape[i] = given[i];
    if (backwards) start[i] = given[i] - 1;
  }
  return std::make_shared<Slice>(primitive.stream(), std::move(start), std::move(shape), primitive.strides);
}

void check_update(const SliceUpdate& primitive, const std::vector<Shape>& traced, const std::vector<array>& given) {
  for (size_t i = 0; i < primitive.start.size(); ++i) {
    const bool whole = primitive.start[i] == 0 && traced[0][i] == traced[1][i];
    const bool changed = traced[0][i] != given[0].shape()[i] || traced[1][i] != given[1].shape()[i];
    if (changed && !(whole && given[0].shape()[i] == given[1].shape()[i])) {
      fail_to_follow("slice_update", traced[0][i], given[0].shape()[i]);
    }
  }
}

/// Lengths that were the traced operand's own follow it.
Shape followed_broadcast(const Shape& target, const Shape& traced, const Shape& given) {
  Shape out = target;
  const size_t skip = target.size() - traced.size();
  for (size_t i = 0; i < traced.size(); ++i) {
    if (traced[i] != given[i] && target[skip + i] == traced[i]) out[skip + i] = given[i];
  }
  return out;
}

}  // namespace

Refit::Refit(const FlatGraph& graph, const std::vector<array>& inputs) : graph_(graph) {
  for (const array& input : inputs) inputs_.push_back(input.shape());
}

std::shared_ptr<Primitive> Refit::primitive(const FlatGraph::Node& node, const std::vector<array>& operands) const {
  const Primitive& p = *node.primitive;
  std::vector<Shape> traced;
  bool same = true;
  for (size_t i = 0; i < operands.size(); ++i) {
    traced.push_back(graph_.values[static_cast<size_t>(node.inputs[i])].shape);
    same = same && traced.back() == operands[i].shape();
    if (traced.back().size() != operands[i].ndim()) return node.primitive;
  }
  if (p.id() == Broadcast::static_id()) {
    const Shape& target = static_cast<const Broadcast&>(p).shape;
    return std::make_shared<Broadcast>(p.stream(), broadcast(target, traced[0], operands[0].shape()));
  }
  if (same) return node.primitive;
  const Shape& given = operands[0].shape();
  if (p.id() == Reshape::static_id()) {
    const Shape& target = static_cast<const Reshape&>(p).shape;
    return std::make_shared<Reshape>(p.stream(), reshaped(traced[0], target, given));
  }
  if (p.id() == Slice::static_id()) return slice(static_cast<const Slice&>(p), traced[0], given);
  if (p.id() == SliceUpdate::static_id()) check_update(static_cast<const SliceUpdate&>(p), traced, operands);
  if (p.id() == DynamicSlice::static_id()) {
    const auto& at = static_cast<const DynamicSlice&>(p);
    return std::make_shared<DynamicSlice>(p.stream(), at.axes,
                                          slice_lengths(at.shape, traced[0], given, at.axes, p.name()));
  }
  if (p.id() == Gather::static_id()) {
    const auto& at = static_cast<const Gather&>(p);
    return std::make_shared<Gather>(p.stream(), at.axes,
                                    slice_lengths(at.slice_sizes, traced[0], given, at.axes, p.name()));
  }
  if (p.id() == AsStrided::static_id()) fail_as<std::invalid_argument>("[as_strided] cannot follow other lengths");
  const bool by_last = p.id() == Partition::static_id() || p.id() == Hadamard::static_id();
  if (by_last && traced[0].back() != given.back()) fail_to_follow(p.name(), traced[0].back(), given.back());
  return node.primitive;
}

/// An operand that was repeated to an argument's shape, as gradients of sums are, is so again.
Shape Refit::broadcast(const Shape& target, const Shape& traced, const Shape& given) const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (graph_.values[i].shape == target && broadcast_shapes(given, inputs_[i]) == inputs_[i]) return inputs_[i];
  }
  return followed_broadcast(target, traced, given);
}

/// Axes of both shapes are matched in groups of equal size, and each group is followed by itself.
Shape Refit::reshaped(const Shape& traced, const Shape& target, const Shape& given) const {
  if (std::find(target.begin(), target.end(), -1) != target.end()) return target;
  if (product(traced) == 0) fail_as<std::invalid_argument>("[reshape] an empty array cannot follow other lengths");
  Shape out;
  size_t from = 0;
  size_t to = 0;
  while (from < traced.size() || to < target.size()) {
    const size_t first = from;
    const size_t first_to = to;
    int64_t from_size = from < traced.size() ? traced[from++] : 1;
    int64_t to_size = to < target.size() ? target[to++] : 1;
    while (from_size != to_size) {
      if (from_size < to_size) {
        from_size *= traced[from++];
      } else {
        to_size *= target[to++];
      }
    }
    const auto part = [](const Shape& shape, size_t begin, size_t end) {
      return Shape(shape.begin() + static_cast<int64_t>(begin), shape.begin() + static_cast<int64_t>(end));
    };
    const Shape parts = divided(part(traced, first, from), part(target, first_to, to), part(given, first, from));
    out.insert(out.end(), parts.begin(), parts.end());
  }
  return out;
}

/// What the axes `given` become where the axes `traced` became `parts`.
Shape Refit::divided(const Shape& traced, const Shape& parts, const Shape& given) const {
  if (traced == given) return parts;
  const int64_t size = product(given);
  // The axes of an argument, joined before, come back.
  std::optional<Shape> found;
  for (size_t i = 0; i < inputs_.size() && parts.size() > 1; ++i) {
    const Shape& lengths = graph_.values[i].shape;
    for (size_t at = 0; at + parts.size() <= lengths.size(); ++at) {
      const auto begin = static_cast<int64_t>(at);
      const auto end = static_cast<int64_t>(at + parts.size());
      if (!std::equal(parts.begin(), parts.end(), lengths.begin() + begin)) continue;
      const Shape now(inputs_[i].begin() + begin, inputs_[i].begin() + end);
      if (product(now) != size) continue;
      if (found && *found != now) fail_as<std::invalid_argument>("[reshape] which axes an axis becomes is not clear");
      found = now;
    }
  }
  if (found) return *found;
  // One axis takes all elements, beside axes of one.
  Shape out = parts;
  const auto longer = [](ShapeElem length) { return length != 1; };
  if (std::count_if(out.begin(), out.end(), longer) > 1 || (out.empty() && size != 1)) {
    fail_as<std::invalid_argument>("[reshape] {} was traced for {} and cannot follow {}", to_string(parts),
                                   to_string(traced), to_string(given));
  }
  const auto place = std::find_if(out.begin(), out.end(), longer);
  if (place != out.end()) {
    *place = size;
  } else if (!out.empty()) {
    out.back() = size;
  }
  return out;
}

}  // namespace mica
