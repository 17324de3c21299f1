#pragma once

#include "mica/cpu/kernels/tile_config.h"

namespace mica::cpu::MICA_ISA_NS {

/// The processor's matrix unit (AMX): eight tiles, what a thread has configured them to be from the constructor to the
/// destructor. Kernels are templates over it; tests give them an emulation of the same interface.
///
/// Loading a configuration and giving the tiles back is some hundred cycles, little against a block of panels, and
/// keeps threads free of state: idle tiles would have to be saved at every switch to another thread.
///
/// Assembly, since GCC's intrinsics paste the tile's number into their text (it cannot be a template's argument) and do
/// not say that they read and write memory.
class TileUnit {
 public:
  explicit TileUnit(const TileConfig& config) { asm volatile("ldtilecfg %0" : : "m"(config)); }
  ~TileUnit() { asm volatile("tilerelease"); }
  TileUnit(const TileUnit&) = delete;
  TileUnit& operator=(const TileUnit&) = delete;

  /// Rows `stride` bytes apart, from and to memory.
  template <int tile>
  void load(const void* rows, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(rows), "r"(stride), "i"(tile) : "memory");
  }
  template <int tile>
  void store(void* rows, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(rows), "r"(stride), "i"(tile) : "memory");
  }

  template <int tile>
  void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(tile));
  }

  /// sums[m][n] += Σ a[m][4 k + i] · b[k][4 n + i], signed bytes times unsigned ones, in 32 bits.
  template <int sums, int a, int b>
  void add_signed_unsigned() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(a), "i"(b));
  }

  /// sums[m][n] += Σ a[m][2 k + i] · b[k][2 n + i], bfloat16 in float32.
  template <int sums, int a, int b>
  void add_bf16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(a), "i"(b));
  }
};

}  // namespace mica::cpu::MICA_ISA_NS
