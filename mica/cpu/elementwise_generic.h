#pragma once

#include <cstdint>

#include "mica/cpu/block_types.h"
#include "mica/ops/elementwise_ops.h"

namespace mica::cpu {

/// Loops over contiguous elements of a compute type in plain C++; null where the operation makes no sense for the type.
/// Predicates write bool.
using UnaryLoop = void (*)(const void* x, void* out, int64_t count);
using BinaryLoop = void (*)(const void* x, const void* y, void* out, int64_t count);

UnaryLoop generic_unary(UnaryOp op, ComputeType type);
BinaryLoop generic_binary(BinaryOp op, ComputeType type);

}  // namespace mica::cpu
