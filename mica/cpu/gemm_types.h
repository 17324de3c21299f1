#pragma once

#include <cstdint>

namespace mica::cpu {

/// Element type of the inputs of a dense product.
enum class GemmType : uint8_t { f32, f64, f16, bf16 };

}  // namespace mica::cpu
