#include "mica/ops/graph.h"

#include "mica/cpu/register.h"
#include "mica/transforms/custom_function.h"

namespace mica::cpu {
namespace {

void alias(const Primitive&, std::span<array> inputs, std::span<array> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i].share_buffer(inputs[i]);
}

void custom_function(const CustomFunction& primitive, std::span<array> inputs, std::span<array> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i].share_buffer(inputs[primitive.arguments + i]);
}

}  // namespace

void register_graph(Backend& backend) {
  backend.add<Alias, alias>();
  backend.add<StopGradient, alias>();
  backend.add<Depends, alias>();
  backend.add<CustomFunction, custom_function>();
}

}  // namespace mica::cpu
