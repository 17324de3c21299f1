#include "mica/transforms/tape.h"

#include <algorithm>

#include "mica/array/evaluate.h"
#include "mica/array/primitive.h"
#include "mica/ops/graph.h"

namespace mica {
namespace {

bool carries_derivatives(const array& a) {
  return issubdtype(a.dtype(), inexact) && !(a.has_primitive() && a.primitive().id() == StopGradient::static_id());
}

bool passes(const array& a, Flow flow) {
  return flow == Flow::values || carries_derivatives(a);
}

}  // namespace

Tape::Tape(const std::vector<array>& arguments, const std::vector<array>& results, Flow flow) {
  for (const array& argument : arguments) {
    seen_.insert(argument.id());
    if (passes(argument, flow)) dependent_.insert(argument.id());
  }
  for (const array& result : results) visit(result, flow);
}

std::vector<int> Tape::dependent_inputs(const array& node) const {
  std::vector<int> out;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    if (depends(node.inputs()[i])) out.push_back(static_cast<int>(i));
  }
  return out;
}

void Tape::visit(const array& result, Flow flow) {
  // Depth first with a stack of its own: a chain of a million nodes is no problem.
  struct Frame {
    array node;
    size_t next_input;
  };
  std::vector<Frame> stack;
  const auto enter = [&](const array& a) {
    if (!seen_.insert(a.id()).second) return;
    if (a.is_tracer() && a.has_primitive() && passes(a, flow)) stack.push_back({a, 0});
  };
  enter(result);
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (top.next_input < top.node.inputs().size()) {
      const array input = top.node.inputs()[top.next_input++];
      enter(input);
      continue;
    }
    const array node = std::move(top.node);
    stack.pop_back();
    leave(node, flow);
  }
}

void Tape::leave(const array& node, Flow flow) {
  // A sibling may have entered the node already.
  if (depends(node)) return;
  const auto& inputs = node.inputs();
  const bool comes_anew = inputs.empty() && flow == Flow::values;  // what is received
  if (!comes_anew && std::none_of(inputs.begin(), inputs.end(), [&](const array& input) { return depends(input); }))
    return;
  nodes_.push_back(node);
  for (const array& output : node.outputs()) {
    if (passes(output, flow)) dependent_.insert(output.id());
  }
}

std::vector<array> traced(const std::vector<array>& inputs) {
  std::vector<array> out;
  out.reserve(inputs.size());
  for (const array& input : inputs) {
    out.push_back(alias(input, stream_of(input)));
    out.back().set_tracer(true);
  }
  return out;
}

std::vector<array> complete_outputs(const array& node) {
  std::vector<array> out = node.outputs();
  const bool complete = std::all_of(out.begin(), out.end(), [](const array& a) { return a.has_primitive(); });
  return complete ? out : make_arrays(node.primitive_ptr(), node.inputs());
}

}  // namespace mica
