#pragma once

#include <functional>
#include <string>

#include "mica/array/array.h"

namespace mica::nn::init {

// Each function makes an initializer: called with an array, it gives a new array of that shape. Fan-in and fan-out are
// the last and the first length times those between; they need 2 axes (std::invalid_argument).

/// Makes new values of an array's shape.
using Initializer = std::function<array(const array&)>;

/// All the same; normally, uniformly distributed.
Initializer constant(float value, Dtype dtype = float32);
Initializer normal(float mean = 0.0f, float std = 1.0f, Dtype dtype = float32);
Initializer uniform(float low = 0.0f, float high = 1.0f, Dtype dtype = float32);
/// Square matrices only (std::invalid_argument).
Initializer identity(Dtype dtype = float32);
/// Normal, with ⌈sparsity · columns⌉ random zeros in each row of a matrix.
Initializer sparse(double sparsity, float mean = 0.0f, float std = 1.0f, Dtype dtype = float32);

/// Glorot's initializers (https://proceedings.mlr.press/v9/glorot10a.html), called with an array and a gain.
struct Glorot {
  array operator()(const array& a, float gain = 1.0f) const;
  bool is_normal;
  Dtype dtype;
};
/// Standard deviation gain · √(2 / (fan_in + fan_out)).
Glorot glorot_normal(Dtype dtype = float32);
/// Within ± gain · √(6 / (fan_in + fan_out)).
Glorot glorot_uniform(Dtype dtype = float32);

/// He's initializers (https://arxiv.org/abs/1502.01852), called with an array, "fan_in" or "fan_out" (anything else
/// throws std::invalid_argument), and a gain.
struct He {
  array operator()(const array& a, const std::string& mode = "fan_in", float gain = 1.0f) const;
  bool is_normal;
  Dtype dtype;
};
/// Standard deviation gain / √fan.
He he_normal(Dtype dtype = float32);
/// Within ± gain · √(3 / fan).
He he_uniform(Dtype dtype = float32);

/// A random matrix with orthonormal rows or columns (whichever are fewer), times the gain.
Initializer orthogonal(float gain = 1.0f, Dtype dtype = float32);

}  // namespace mica::nn::init
