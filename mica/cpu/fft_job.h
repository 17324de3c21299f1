#pragma once

#include <cstdint>

#include "mica/base/thread_pool.h"
#include "mica/ops/fft.h"

namespace mica::cpu {

/// A piece of work for a thread has about this many numbers.
constexpr int64_t kFourierGrain = 16384;

/// Calls body(begin, end) for ranges of places; where there are more than `grain` they are shared out over the threads.
template <typename Body>
void for_places(int64_t count, int64_t grain, Body body) {
  if (count <= grain) return body(int64_t{0}, count);
  ThreadPool::global().parallel_for(count, grain, body);
}

/// A row or a tile while it is transformed: the real parts and the imaginary ones.
struct FourierParts {
  float* re;
  float* im;
};

/// Transforms of `count` rows from one memory to another. Real numbers of an even length n are n / 2 complex ones,
/// neighbours being real and imaginary parts: half the work.
struct FourierJob {
  FourierKind kind;
  int64_t n;
  bool inverse;
  float scale;
  const float* from;
  float* to;
  int64_t count;

  bool of_pairs() const { return kind != FourierKind::complex && n % 2 == 0; }
  /// Complex numbers of a row that are transformed.
  int64_t length() const { return of_pairs() ? n / 2 : n; }
  /// Complex numbers that the transform of a row of real numbers is kept as.
  int64_t stored() const { return n / 2 + 1; }
  /// Numbers of a row in memory.
  int64_t from_step() const {
    return kind == FourierKind::of_real ? n : kind == FourierKind::to_real ? 2 * stored() : 2 * n;
  }
  int64_t to_step() const {
    return kind == FourierKind::to_real ? n : kind == FourierKind::of_real ? 2 * stored() : 2 * n;
  }
  /// Whether real and imaginary parts are exchanged before and after, which makes the transform its inverse.
  bool exchanged() const { return of_pairs() ? kind == FourierKind::to_real : inverse; }
};

}  // namespace mica::cpu
