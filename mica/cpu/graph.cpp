#include "mica/ops/graph.h"

#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

void alias(const Primitive&, std::span<array> inputs, std::span<array> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i].share_buffer(inputs[i]);
}

}  // namespace

void register_graph(Backend& backend) {
  backend.add<Alias, alias>();
  backend.add<StopGradient, alias>();
  backend.add<Depends, alias>();
}

}  // namespace mica::cpu
