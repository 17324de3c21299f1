#pragma once

#include <cstdint>
#include <vector>

#include "mica/base/aligned_vector.h"
#include "mica/cpu/broadcast_loop.h"
#include "mica/cpu/strip_plan.h"

namespace mica::cpu {

/// Runs a program over strips for a part of an output's elements: one thread's memory.
class StripRun {
 public:
  StripRun(const StripPlan& plan, const BroadcastLoop& loop, array& out, bool is_streamed);

  /// Computes elements [begin, end).
  void run(int64_t begin, int64_t end);

 private:
  /// Where the elements of an input that can't be read in place go.
  struct Loader {
    size_t input;
    Block loaded;
    Block floats;
  };

  float* load(Loader& loader, int64_t at, int64_t count);
  void run_piece(int64_t at, int64_t count);

  const StripPlan& plan_;
  const BroadcastLoop& loop_;
  array& out_;
  bool is_streamed_;
  std::vector<Loader> loaders_;
  /// A strip for each input that is a scalar, for each result that is kept, and for padding.
  AlignedVector<float> strips_;
  std::vector<float*> values_;
  std::vector<uint8_t> moves_;
  Block result_;
};

}  // namespace mica::cpu
