// Functions with rules of their own, and checkpoints, which are such functions.
#include <algorithm>
#include <stdexcept>

#include "mica/array/primitive.h"
#include "mica/base/error.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/graph.h"
#include "mica/transforms/custom_function.h"
#include "mica/transforms/transforms.h"

namespace mica {
namespace {

using Function = std::function<std::vector<array>(const std::vector<array>&)>;

std::vector<array> head(const std::vector<array>& list, size_t count) {
  return {list.begin(), list.begin() + static_cast<std::ptrdiff_t>(count)};
}

void check_count(size_t given, size_t wanted, std::string_view what) {
  if (given != wanted) fail_as<std::invalid_argument>("[custom_function] {} {}, {} wanted", given, what, wanted);
}

}  // namespace

std::vector<OutputSpec> CustomFunction::infer(const std::vector<array>& inputs) const {
  std::vector<OutputSpec> out;
  for (size_t i = arguments; i < inputs.size(); ++i) out.push_back({inputs[i].shape(), inputs[i].dtype()});
  return out;
}

std::vector<array> CustomFunction::vjp(const std::vector<array>& primals, const std::vector<array>& cotangents,
                                       const std::vector<int>& argnums, const std::vector<array>& outputs) const {
  const std::vector<array> given = head(primals, arguments);
  const std::vector<array> all =
      rules->vjp ? rules->vjp(given, cotangents, outputs) : mica::vjp(rules->fun, given, cotangents).second;
  check_count(all.size(), arguments, "cotangents");
  std::vector<array> out;
  out.reserve(argnums.size());
  for (const int argnum : argnums) out.push_back(all[static_cast<size_t>(argnum)]);
  return out;
}

std::vector<array> CustomFunction::jvp(const std::vector<array>& primals, const std::vector<array>& tangents,
                                       const std::vector<int>& argnums) const {
  const std::vector<array> given = head(primals, arguments);
  if (rules->jvp) {
    const std::vector<array> out = rules->jvp(given, tangents, argnums);
    check_count(out.size(), primals.size() - arguments, "tangents");
    return out;
  }
  const auto by_chosen = [&](const std::vector<array>& chosen) {
    std::vector<array> all = given;
    for (size_t i = 0; i < argnums.size(); ++i) all[static_cast<size_t>(argnums[i])] = chosen[i];
    return rules->fun(all);
  };
  std::vector<array> chosen;
  chosen.reserve(argnums.size());
  for (const int argnum : argnums) chosen.push_back(given[static_cast<size_t>(argnum)]);
  return mica::jvp(by_chosen, chosen, tangents).second;
}

std::pair<std::vector<array>, std::vector<int>> CustomFunction::vmap(const std::vector<array>& inputs,
                                                                     const std::vector<int>& axes) const {
  const std::vector<array> given = head(inputs, arguments);
  const std::vector<int> given_axes(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(arguments));
  if (std::none_of(given_axes.begin(), given_axes.end(), [](int axis) { return axis >= 0; })) {
    // What is mapped came in through the function's captures: the outputs that it made have it.
    const auto first = static_cast<std::ptrdiff_t>(arguments);
    return {{inputs.begin() + first, inputs.end()}, {axes.begin() + first, axes.end()}};
  }
  if (rules->vmap) {
    auto out = rules->vmap(given, given_axes);
    check_count(out.first.size(), inputs.size() - arguments, "outputs");
    check_count(out.second.size(), inputs.size() - arguments, "output axes");
    return out;
  }
  std::vector<array> out = mica::vmap(rules->fun, given_axes)(given);
  std::vector<int> out_axes(out.size(), 0);
  return {std::move(out), std::move(out_axes)};
}

Function custom_function(Function fun, std::optional<CustomVjp> fun_vjp, std::optional<CustomJvp> fun_jvp,
                         std::optional<CustomVmap> fun_vmap) {
  const auto rules = std::make_shared<const CustomRules>(
      CustomRules{std::move(fun), std::move(fun_vjp).value_or(nullptr), std::move(fun_jvp).value_or(nullptr),
                  std::move(fun_vmap).value_or(nullptr)});
  return [rules](const std::vector<array>& args) -> std::vector<array> {
    std::vector<array> inputs = args;
    for (const array& output : rules->fun(args)) inputs.push_back(stop_gradient(output));
    if (inputs.size() == args.size()) return {};
    const Stream stream = inputs.back().primitive().stream();
    return make_arrays(std::make_shared<CustomFunction>(stream, args.size(), rules), std::move(inputs));
  };
}

Function custom_vjp(Function fun, CustomVjp fun_vjp) {
  return custom_function(std::move(fun), std::move(fun_vjp));
}

Function checkpoint(Function fun) {
  // What the gradient needs is computed again, and not before the gradient has come here.
  CustomVjp again = [fun](const std::vector<array>& primals, const std::vector<array>& cotangents,
                          const std::vector<array>&) {
    return vjp(fun, depends(primals, cotangents), cotangents).second;
  };
  return custom_vjp(std::move(fun), std::move(again));
}

}  // namespace mica
