#include "mica/ops/graph.h"

#include "mica/array/evaluate.h"
#include "mica/ops/check.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"

namespace mica {

std::vector<OutputSpec> Alias::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<array> Alias::vjp(const std::vector<array>&, const std::vector<array>& cotangents, const std::vector<int>&,
                              const std::vector<array>&) const {
  return cotangents;
}

std::vector<array> Alias::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                              const std::vector<int>&) const {
  return tangents;
}

std::vector<OutputSpec> StopGradient::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  return {{inputs[0].shape(), inputs[0].dtype()}};
}

std::vector<array> StopGradient::vjp(const std::vector<array>& primals, const std::vector<array>&,
                                     const std::vector<int>&, const std::vector<array>&) const {
  return {zeros_like(primals[0], stream())};
}

std::vector<array> StopGradient::jvp(const std::vector<array>& primals, const std::vector<array>&,
                                     const std::vector<int>&) const {
  return {zeros_like(primals[0], stream())};
}

std::vector<OutputSpec> Depends::infer(const std::vector<array>& inputs) const {
  if (outputs < 1 || outputs > inputs.size()) {
    fail_as<std::invalid_argument>("[depends] {} outputs of {} inputs", outputs, inputs.size());
  }
  std::vector<OutputSpec> out;
  out.reserve(outputs);
  for (size_t i = 0; i < outputs; ++i) out.push_back({inputs[i].shape(), inputs[i].dtype()});
  return out;
}

std::vector<array> Depends::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                const std::vector<int>& argnums, const std::vector<array>&) const {
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int which : argnums) {
    const auto i = static_cast<size_t>(which);
    out.push_back(i < outputs ? cotangents[i] : zeros_like(primals[i], stream()));
  }
  return out;
}

std::vector<array> Depends::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                const std::vector<int>& argnums) const {
  std::vector<array> out;
  out.reserve(outputs);
  for (size_t i = 0; i < outputs; ++i) out.push_back(zeros_like(primals[i], stream()));
  for (size_t i = 0; i < argnums.size(); ++i) {
    const auto which = static_cast<size_t>(argnums[i]);
    if (which < outputs) out[which] = tangents[i];
  }
  return out;
}

std::pair<std::vector<array>, std::vector<int>> Alias::vmap(const std::vector<array>& inputs,
                                                            const std::vector<int>& axes) const {
  return {{alias(inputs[0], stream())}, axes};
}

std::pair<std::vector<array>, std::vector<int>> StopGradient::vmap(const std::vector<array>& inputs,
                                                                   const std::vector<int>& axes) const {
  return {{stop_gradient(inputs[0], stream())}, axes};
}

std::pair<std::vector<array>, std::vector<int>> Depends::vmap(const std::vector<array>& inputs,
                                                              const std::vector<int>& axes) const {
  return {make_arrays(std::make_shared<Depends>(stream(), outputs), inputs),
          std::vector<int>(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(outputs))};
}

array alias(const array& a, StreamOrDevice s) {
  return apply<Alias>({a}, to_stream(s));
}

array stop_gradient(const array& a, StreamOrDevice s) {
  return apply<StopGradient>({a}, to_stream(s));
}

std::vector<array> depends(const std::vector<array>& inputs, const std::vector<array>& dependencies) {
  if (inputs.empty()) return {};
  std::vector<array> all = inputs;
  all.insert(all.end(), dependencies.begin(), dependencies.end());
  const Stream stream = to_stream(stream_of(inputs[0]));
  return make_arrays(std::make_shared<Depends>(stream, inputs.size()), std::move(all));
}

}  // namespace mica
