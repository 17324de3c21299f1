#pragma once

#include <vector>

#include "mica/array/array.h"
#include "mica/array/primitive.h"
#include "mica/transforms/flat_graph.h"

namespace mica {

/// Lets a traced function follow other lengths: where element-by-element operations and products repeat an operand,
/// they get the operand itself, to be repeated for the lengths that are met.
void loosen(FlatGraph& graph);

/// The operands as the primitive takes them: repeated to one shape where loosen() left them as they were.
std::vector<array> repeated_operands(const Primitive& primitive, std::vector<array> operands);

/// replay() for inputs with as many axes as those traced, of any lengths. Fields of primitives that hold lengths are
/// found anew where the trace tells how; else throws std::invalid_argument starting with "[name]".
std::vector<array> replay_shapeless(const FlatGraph& graph, const std::vector<array>& inputs);

}  // namespace mica
