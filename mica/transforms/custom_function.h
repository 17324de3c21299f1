#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "mica/array/primitive.h"

namespace mica {

/// A function and the rules that its caller gave for it; those of its operations take the place of missing (empty)
/// ones.
struct CustomRules {
  std::function<std::vector<array>(const std::vector<array>&)> fun;
  std::function<std::vector<array>(const std::vector<array>&, const std::vector<array>&, const std::vector<array>&)>
      vjp;
  std::function<std::vector<array>(const std::vector<array>&, const std::vector<array>&, const std::vector<int>&)> jvp;
  std::function<std::pair<std::vector<array>, std::vector<int>>(const std::vector<array>&, const std::vector<int>&)>
      vmap;
};

/// Inputs: the arguments, then what the function made of them, which are the outputs.
struct CustomFunction final : PrimitiveOf<CustomFunction> {
  CustomFunction(Stream stream, size_t argument_count, std::shared_ptr<const CustomRules> custom_rules)
      : PrimitiveOf(stream), arguments(argument_count), rules(std::move(custom_rules)) {}
  std::string_view name() const override { return "custom_function"; }
  std::vector<OutputSpec> infer(const std::vector<array>& inputs) const override;
  MICA_VJP
  MICA_JVP
  MICA_VMAP
  size_t arguments;
  std::shared_ptr<const CustomRules> rules;
};

}  // namespace mica
