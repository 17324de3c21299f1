#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

/// Sums of products by Einstein's convention: "ij,jk->ik". Letters name axes; an axis that is not behind the arrow is
/// summed; without an arrow the result has the letters that occur once, in alphabetical order. A letter twice in one
/// operand takes the diagonal; "..." stands for any leading axes, which are broadcast, as are lengths of 1. Operands
/// are contracted two at a time in the order of einsum_path. Throws std::invalid_argument for subscripts that do not
/// fit.
array einsum(const std::string& subscripts, const std::vector<array>& operands, StreamOrDevice s = {});

/// In which order einsum contracts: each step names the places of the operands that it takes out of the list; their
/// result goes to its end. Up to ten operands the order has the least number of operations, beyond that each step
/// shrinks the memory most. The text counts operations (multiplications and additions) with and without it.
std::pair<std::vector<std::vector<int>>, std::string> einsum_path(const std::string& subscripts,
                                                                  const std::vector<array>& operands);

}  // namespace mica
