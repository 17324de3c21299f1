#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mica/array/array.h"

namespace mica {

/// The axes of an operand by name: a letter, or 256 + its distance from the right for one that an ellipsis stands for.
using EinsumAxes = std::vector<int>;

/// Subscripts checked against the operands.
struct EinsumTerms {
  std::vector<EinsumAxes> inputs;
  EinsumAxes output;
  std::map<int, ShapeElem> lengths;

  /// Throws std::invalid_argument.
  EinsumTerms(const std::string& subscripts, const std::vector<array>& operands);

  /// The axes of `a` and `b` (none twice) that the output or one of `others` has.
  EinsumAxes result_of(const EinsumAxes& a, const EinsumAxes& b, const std::vector<EinsumAxes>& others) const;
  double size(const EinsumAxes& axes) const;
  /// Operations of a contraction: for every combination of the axes of its terms a product for each term but the first,
  /// and an addition when axes vanish.
  double operations(const std::vector<EinsumAxes>& terms, const EinsumAxes& result) const;
};

/// The order of contractions, see einsum_path().
std::vector<std::vector<int>> contraction_path(const EinsumTerms& terms);

/// The axes of all terms, ascending, none twice.
EinsumAxes united(const std::vector<EinsumAxes>& terms);

}  // namespace mica
