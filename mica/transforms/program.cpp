#include "mica/transforms/program.h"

namespace mica {

std::vector<OutputSpec> Program::infer(const std::vector<array>&) const {
  std::vector<OutputSpec> out;
  out.reserve(graph.outputs.size());
  for (const int output : graph.outputs) out.push_back(graph.values[static_cast<size_t>(output)]);
  return out;
}

std::vector<array> Program::expand(const std::vector<array>& inputs) const {
  return replay(graph, inputs);
}

}  // namespace mica
