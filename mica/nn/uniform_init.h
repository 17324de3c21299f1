#pragma once

#include <cmath>

#include "mica/array/array.h"
#include "mica/ops/random.h"

namespace mica::nn::detail {

/// The usual first value of a weight: uniform in ±√(1 / fan_in).
inline array uniform_weight(double fan_in, const Shape& shape) {
  const auto scale = static_cast<float>(std::sqrt(1.0 / fan_in));
  return random::uniform(-scale, scale, shape);
}

}  // namespace mica::nn::detail
