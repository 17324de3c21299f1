#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mica::cpu {

/// Memory for packed weights, 64-byte aligned and zero, that nobody has touched: each page comes to lie on the memory
/// node of the thread that does so first. `node` is the one that they are for, whose pages no other node's weights
/// share then. Matrices lie side by side on pages of 2 MiB where the system gives them: streaming a small model's
/// weights is a tenth to a sixth faster from those than from pages of 4 KiB, and most of its matrices are smaller than
/// one large page. The page is given back when nothing on it is left. Throws Error when there is no memory.
std::shared_ptr<uint8_t> allocate_weights(size_t bytes, int node = 0);

}  // namespace mica::cpu
