// jvp: a function is traced on aliases of its arguments; then tangents are carried from them to its outputs, node by
// node.
#include <stdexcept>

#include "mica/array/primitive.h"
#include "mica/array/tracing.h"
#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/transforms/tape.h"
#include "mica/transforms/transforms.h"

namespace mica {
namespace {

using TangentMap = std::unordered_map<std::uintptr_t, array>;

void push_through(const array& node, const Tape& tape, TangentMap& tangents) {
  const std::vector<int> argnums = tape.dependent_inputs(node);
  std::vector<array> incoming;
  incoming.reserve(argnums.size());
  for (const int argnum : argnums) incoming.push_back(tangents.at(node.inputs()[static_cast<size_t>(argnum)].id()));
  const std::vector<array> outgoing = node.primitive().jvp(node.inputs(), incoming, argnums);
  const std::vector<array> outputs = node.outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (tape.depends(outputs[i])) tangents.insert_or_assign(outputs[i].id(), astype(outgoing[i], outputs[i].dtype()));
  }
}

}  // namespace

std::pair<std::vector<array>, std::vector<array>> jvp(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun, const std::vector<array>& primals,
    const std::vector<array>& tangents) {
  if (primals.size() != tangents.size()) {
    fail_as<std::invalid_argument>("[jvp] {} tangents for {} primals", tangents.size(), primals.size());
  }
  for (size_t i = 0; i < primals.size(); ++i) {
    if (primals[i].shape() != tangents[i].shape()) {
      fail_as<std::invalid_argument>("[jvp] a tangent of shape {} for a primal of shape {}",
                                     to_string(tangents[i].shape()), to_string(primals[i].shape()));
    }
  }
  const Tracing tracing;
  const std::vector<array> arguments = traced(primals);
  std::vector<array> outputs = fun(arguments);
  const Tape tape(arguments, outputs, Flow::derivatives);
  TangentMap map;
  for (size_t i = 0; i < arguments.size(); ++i) {
    map.insert_or_assign(arguments[i].id(), astype(tangents[i], arguments[i].dtype()));
  }
  for (const array& node : tape.nodes()) push_through(node, tape, map);
  std::vector<array> results;
  results.reserve(outputs.size());
  for (const array& output : outputs) {
    results.push_back(tape.depends(output) ? map.at(output.id()) : zeros_like(output));
  }
  return {std::move(outputs), std::move(results)};
}

std::pair<array, array> jvp(const std::function<array(const array&)>& fun, const array& primal, const array& tangent) {
  const auto [outputs, tangents] =
      jvp([&fun](const std::vector<array>& inputs) { return std::vector<array>{fun(inputs[0])}; },
          std::vector<array>{primal}, std::vector<array>{tangent});
  return {outputs[0], tangents[0]};
}

}  // namespace mica
