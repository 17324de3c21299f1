#pragma once

#include <cstdint>

namespace mica::cpu {

/// One run of Threefry-2x32 with 20 rounds: counters (first + i, second + i) for i < count are encrypted with the key;
/// their two halves go to low[i] and high[i].
struct ThreefryRun {
  uint32_t key[2];
  uint32_t first;
  uint32_t second;
  int64_t count;
  uint32_t* low;
  uint32_t* high;
};

namespace reference {
void threefry(const ThreefryRun& run);
}
namespace avx2 {
void threefry(const ThreefryRun& run);
}
namespace avx512 {
void threefry(const ThreefryRun& run);
}

}  // namespace mica::cpu
