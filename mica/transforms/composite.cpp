// The rules of primitives that are specified by plain operations: those of the operations.
#include "mica/ops/composite.h"

#include "mica/transforms/transforms.h"

namespace mica {
namespace {

/// The expansion as a function of the inputs named by `argnums`.
std::function<std::vector<array>(const std::vector<array>&)> expansion_by(const Composite& primitive,
                                                                          const std::vector<array>& inputs,
                                                                          const std::vector<int>& argnums) {
  return [&primitive, &inputs, &argnums](const std::vector<array>& chosen) {
    std::vector<array> all = inputs;
    for (size_t i = 0; i < argnums.size(); ++i) all[static_cast<size_t>(argnums[i])] = chosen[i];
    return primitive.expand(all);
  };
}

std::vector<array> chosen_of(const std::vector<array>& inputs, const std::vector<int>& argnums) {
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int argnum : argnums) out.push_back(inputs[static_cast<size_t>(argnum)]);
  return out;
}

}  // namespace

std::vector<array> Composite::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                  const std::vector<int>& argnums, const std::vector<array>&) const {
  return mica::vjp(expansion_by(*this, primals, argnums), chosen_of(primals, argnums), cotangents).second;
}

std::vector<array> Composite::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                  const std::vector<int>& argnums) const {
  return mica::jvp(expansion_by(*this, primals, argnums), chosen_of(primals, argnums), tangents).second;
}

std::pair<std::vector<array>, std::vector<int>> Composite::vmap(const std::vector<array>& inputs,
                                                                const std::vector<int>& axes) const {
  const auto batched = mica::vmap([this](const std::vector<array>& x) { return expand(x); }, axes);
  std::vector<array> outputs = batched(inputs);
  std::vector<int> output_axes(outputs.size(), 0);
  return {std::move(outputs), std::move(output_axes)};
}

}  // namespace mica
