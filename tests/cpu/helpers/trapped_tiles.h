#pragma once

#include <csignal>

namespace mica::cpu {

/// While it lives, tile instructions that the processor does not have are emulated when they trap (SIGILL): what tests
/// the machine code of amx::tile_kernels on a CPU without a matrix unit. Where there is one nothing traps.
class TrappedTiles {
 public:
  TrappedTiles();
  ~TrappedTiles();
  TrappedTiles(const TrappedTiles&) = delete;
  TrappedTiles& operator=(const TrappedTiles&) = delete;

 private:
  struct sigaction before_ = {};
};

}  // namespace mica::cpu
