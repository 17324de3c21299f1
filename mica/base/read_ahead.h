#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <immintrin.h>

#include "mica/base/small_vector.h"

namespace mica {

/// What the iterations of a loop read, for threads that have time before it begins.
struct LoopReads {
  /// Iterations first … first + count − 1 read `bytes` each, from `data` on.
  struct Range {
    int64_t first = 0;
    int64_t count = 0;
    const std::byte* data = nullptr;
    int64_t bytes = 0;
  };
  SmallVector<Range, 3> ranges;
  /// Where the iterations of each memory node end; the last one is their number.
  SmallVector<int64_t, 1> node_ends;

  bool empty() const { return ranges.empty(); }
};

/// Brings what one thread will read into its second-level cache, a little at a time. The memory may be gone by then:
/// nothing is loaded from it, only asked for.
class ReadAhead {
 public:
  /// A quarter of the smallest second-level cache of the processors with AVX-512. A thread that waits gets some tens of
  /// kilobytes from memory until it has work again.
  static constexpr int64_t kMostBytes = 256 << 10;

  ReadAhead() = default;
  /// Of the iterations begin … end − 1.
  ReadAhead(const LoopReads& reads, int64_t begin, int64_t end) {
    int64_t room = kMostBytes;
    for (const LoopReads::Range& range : reads.ranges) {
      const int64_t first = std::max(begin, range.first);
      const int64_t last = std::min(end, range.first + range.count);
      const int64_t bytes = std::min(room, (last - first) * range.bytes);
      if (bytes <= 0) continue;
      pieces_.push_back({range.data + (first - range.first) * range.bytes, static_cast<size_t>(bytes)});
      room -= bytes;
    }
  }

  /// Asks for the next kilobyte at most, and returns it; nothing when all has been asked for. A pause has to follow, as
  /// a look at something that is waited for ends with one: processors drop what is asked for faster than it comes (Zen
  /// 4 three quarters of it; with a pause nothing, and 33 GB/s come).
  std::span<const std::byte> step() {
    constexpr size_t kStep = 1024;
    constexpr size_t kLine = 64;
    if (piece_ == pieces_.size()) return {};
    std::span<const std::byte>& piece = pieces_[piece_];
    const auto out = piece.first(std::min(kStep, piece.size()));
    for (size_t i = 0; i < out.size(); i += kLine) {
      _mm_prefetch(reinterpret_cast<const char*>(out.data() + i), _MM_HINT_T1);
    }
    piece = piece.subspan(out.size());
    if (piece.empty()) ++piece_;
    return out;
  }

 private:
  SmallVector<std::span<const std::byte>, 3> pieces_;
  size_t piece_ = 0;
};

}  // namespace mica
