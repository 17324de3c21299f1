#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/evaluate.h"

namespace mica {

// Functions of functions. The function given is called on arrays that stand for its arguments and must compute its
// results from them by ops alone. Only floating point and complex arrays have derivatives: those of others are zeros.
// Transforms nest: the derivative of a derivative, and so on.

/// The outputs of `fun` at `primals`, and for each primal the sum over the outputs of cotangentᵀ · ∂output/∂primal (for
/// complex numbers the conjugate of the derivative). One cotangent of the output's shape for each output that is not
/// a stop_gradient; else throws std::invalid_argument.
std::pair<std::vector<array>, std::vector<array>> vjp(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun, const std::vector<array>& primals,
    const std::vector<array>& cotangents);
std::pair<array, array> vjp(const std::function<array(const array&)>& fun, const array& primal, const array& cotangent);

/// The outputs of `fun` at `primals`, and for each output the sum over the primals of ∂output/∂primal · tangent. One
/// tangent of the primal's shape for each primal; else throws std::invalid_argument.
std::pair<std::vector<array>, std::vector<array>> jvp(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun, const std::vector<array>& primals,
    const std::vector<array>& tangents);
std::pair<array, array> jvp(const std::function<array(const array&)>& fun, const array& primal, const array& tangent);

/// A function that returns all outputs of the transformed one, and the gradients of the first output.
using ValueAndGradFn = std::function<std::pair<std::vector<array>, std::vector<array>>(const std::vector<array>&)>;
using SimpleValueAndGradFn = std::function<std::pair<array, std::vector<array>>(const std::vector<array>&)>;

/// The function's outputs, and the gradients of the first one, a scalar, by the arguments `argnums` (negative ones
/// count from the end). The function that is returned throws std::invalid_argument when the first output is no scalar
/// or an argument is named twice or not there.
ValueAndGradFn value_and_grad(const std::function<std::vector<array>(const std::vector<array>&)>& fun,
                              const std::vector<int>& argnums);
inline ValueAndGradFn value_and_grad(const std::function<std::vector<array>(const std::vector<array>&)>& fun,
                                     int argnum = 0) {
  return value_and_grad(fun, std::vector<int>{argnum});
}
std::function<std::pair<array, array>(const array&)> value_and_grad(const std::function<array(const array&)>& fun);
SimpleValueAndGradFn value_and_grad(const std::function<array(const std::vector<array>&)>& fun,
                                    const std::vector<int>& argnums);
inline SimpleValueAndGradFn value_and_grad(const std::function<array(const std::vector<array>&)>& fun, int argnum = 0) {
  return value_and_grad(fun, std::vector<int>{argnum});
}

/// value_and_grad without the value.
std::function<std::vector<array>(const std::vector<array>&)> grad(
    const std::function<array(const std::vector<array>&)>& fun, const std::vector<int>& argnums);
inline std::function<std::vector<array>(const std::vector<array>&)> grad(
    const std::function<array(const std::vector<array>&)>& fun, int argnum = 0) {
  return grad(fun, std::vector<int>{argnum});
}
std::function<array(const array&)> grad(const std::function<array(const array&)>& fun);

/// A function that applies `fun` to every slice of its inputs along their mapped axes (0 by default; −1: the input goes
/// to every call as it is) and puts the results side by side along the output axes (0 by default; −1: the output must
/// not depend on mapped inputs, and is given once). `fun` may not compute anything on the way (eval, item). The
/// function that is returned throws std::invalid_argument when axes are out of range or their lengths differ.
std::function<array(const array&)> vmap(const std::function<array(const array&)>& fun, int in_axis = 0,
                                        int out_axis = 0);
std::function<array(const array&, const array&)> vmap(const std::function<array(const array&, const array&)>& fun,
                                                      int in_axis_a = 0, int in_axis_b = 0, int out_axis = 0);
std::function<std::vector<array>(const std::vector<array>&)> vmap(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun, const std::vector<int>& in_axes = {},
    const std::vector<int>& out_axes = {});

/// From primals, cotangents and outputs the cotangents of all primals.
using CustomVjp =
    std::function<std::vector<array>(const std::vector<array>&, const std::vector<array>&, const std::vector<array>&)>;
/// From primals, the tangents of those named by the numbers, and the numbers, the tangents of all outputs.
using CustomJvp =
    std::function<std::vector<array>(const std::vector<array>&, const std::vector<array>&, const std::vector<int>&)>;
/// From inputs and their batch axes (−1: none) outputs and their batch axes.
using CustomVmap =
    std::function<std::pair<std::vector<array>, std::vector<int>>(const std::vector<array>&, const std::vector<int>&)>;

/// `fun` with rules of its own for the transforms; a rule that is not given follows from the function's operations.
std::function<std::vector<array>(const std::vector<array>&)> custom_function(
    std::function<std::vector<array>(const std::vector<array>&)> fun, std::optional<CustomVjp> fun_vjp = std::nullopt,
    std::optional<CustomJvp> fun_jvp = std::nullopt, std::optional<CustomVmap> fun_vmap = std::nullopt);
std::function<std::vector<array>(const std::vector<array>&)> custom_vjp(
    std::function<std::vector<array>(const std::vector<array>&)> fun, CustomVjp fun_vjp);

/// `fun`, of which the gradient keeps no intermediate results: it computes them again when it needs them.
std::function<std::vector<array>(const std::vector<array>&)> checkpoint(
    std::function<std::vector<array>(const std::vector<array>&)> fun);

}  // namespace mica
