#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "mica/array/array.h"

namespace mica::testing {

using Arrays = std::vector<array>;
using Function = std::function<Arrays(const Arrays&)>;

/// An op with inputs at which it is smooth: float64 ones can be varied, others are indices or masks.
struct OpCase {
  std::string name;
  Arrays inputs;
  Function fun;

  friend void PrintTo(const OpCase& op, std::ostream* os) { *os << op.name; }
};

/// All ops with derivatives.
const std::vector<OpCase>& differentiable_ops();

/// Ops that have none but can be batched and compiled.
const std::vector<OpCase>& other_ops();

/// `count` different numbers between low and high in a fixed scattered order, as float64 of the shape.
array scattered(const Shape& shape, double low = -0.9, double high = 0.9);

/// The elements as float64 in order.
std::vector<double> values_of(const array& a);

}  // namespace mica::testing
