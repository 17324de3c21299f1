#pragma once

#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mica/nn/module.h"
#include "mica/nn/tree_functions.h"
#include "mica/ops/random.h"
#include "mica/transforms/transforms.h"

namespace mica::nn {

namespace detail {

/// A module's state under another handle.
class ModuleHandle final : public Module {
 public:
  explicit ModuleHandle(const Module& module) : Module(module) {}
};

/// Gives a module other parameters as long as it lives; then the former ones are back.
class ParameterScope {
 public:
  ParameterScope(Module& module, const Tree& parameters) : module_(module), former_(module.trainable_parameters()) {
    module_.update(parameters);
  }
  ~ParameterScope() { module_.update(former_, false); }
  ParameterScope(const ParameterScope&) = delete;
  ParameterScope& operator=(const ParameterScope&) = delete;

 private:
  Module& module_;
  Tree former_;
};

std::vector<array> leaves_of(const Tree& tree);
/// The tree with those leaves (the first ones, if there are more).
Tree with_leaves(const Tree& tree, const std::vector<array>& leaves);

inline void collect(std::vector<array>& out, const array& a) {
  out.push_back(a);
}
inline void collect(std::vector<array>& out, const std::optional<array>& a) {
  if (a) out.push_back(*a);
}
inline array replaced(const array& /*a*/, const array*& next) {
  return *next++;
}
inline std::optional<array> replaced(const std::optional<array>& a, const array*& next) {
  return a ? std::optional<array>(*next++) : std::nullopt;
}

}  // namespace detail

/// A function that calls `fn` and also gives the gradients of its result by the model's trainable parameters, as a tree
/// of their names. `fn` gets the arguments given, uses the model, and returns a scalar, or a vector of arrays whose
/// first is the scalar. The model has its own parameters again when the call returns.
///
///     auto loss_and_grad = nn::value_and_grad(model, [&](const array& x, const array& y) {
///       return nn::losses::cross_entropy(model(x), y, {.reduction = "mean"});
///     });
///     auto [loss, gradients] = loss_and_grad(x, y);
template <typename Fn>
auto value_and_grad(const Module& model, Fn fn) {
  return [handle = detail::ModuleHandle(model), fn = std::move(fn)](const auto&... args) mutable {
    using Result = std::decay_t<decltype(fn(args...))>;
    const Tree trainable = handle.trainable_parameters();
    const std::vector<array> values = detail::leaves_of(trainable);
    if (values.empty()) fail_as<std::invalid_argument>("[nn::value_and_grad] the model has no trainable parameters");
    std::vector<int> argnums(values.size());
    std::iota(argnums.begin(), argnums.end(), 0);
    const std::function<std::vector<array>(const std::vector<array>&)> of_values =
        [&](const std::vector<array>& leaves) {
          const detail::ParameterScope scope(handle, detail::with_leaves(trainable, leaves));
          if constexpr (std::is_same_v<Result, array>) {
            return std::vector<array>{fn(args...)};
          } else {
            return std::vector<array>(fn(args...));
          }
        };
    auto [results, gradients] = mica::value_and_grad(of_values, argnums)(values);
    Tree gradient_tree = detail::with_leaves(trainable, gradients);
    if constexpr (std::is_same_v<Result, array>) {
      return std::pair<array, Tree>(results[0], std::move(gradient_tree));
    } else {
      return std::pair<std::vector<array>, Tree>(std::move(results), std::move(gradient_tree));
    }
  };
}

/// A function that does what `fn` does with the module, but keeps none of what it computes for the backward pass: that
/// computes it anew, with the same random numbers. Arguments are arrays or optional arrays, the result is an array.
template <typename Fn>
auto checkpoint(const Module& module, Fn fn) {
  return [handle = detail::ModuleHandle(module), fn = std::move(fn)](const auto&... args) {
    const Tree trainable = handle.trainable_parameters();
    std::vector<array> inputs = detail::leaves_of(trainable);
    const size_t parameter_count = inputs.size();
    (detail::collect(inputs, args), ...);
    // The function may run after this call has returned, in the backward pass: it has copies of everything.
    auto run = [=, stream = random::KeySequence::default_(), first = true](const std::vector<array>& values) mutable {
      detail::ModuleHandle own(handle);
      const detail::ParameterScope scope(own, detail::with_leaves(trainable, values));
      const random::KeySequence now = random::KeySequence::default_();
      random::KeySequence::default_() = stream;
      const array* next = values.data() + parameter_count;
      // Braces: the arguments are replaced from left to right.
      std::tuple replaced_args{detail::replaced(args, next)...};
      std::vector<array> out{std::apply(fn, replaced_args)};
      if (!std::exchange(first, false)) random::KeySequence::default_() = now;
      return out;
    };
    return mica::checkpoint(run)(inputs)[0];
  };
}

/// checkpoint() of calling the module itself, which must live as long as the function is used.
template <typename M>
auto checkpoint(const M& module) {
  return checkpoint(module, [&module](const auto&... args) { return module(args...); });
}

}  // namespace mica::nn
