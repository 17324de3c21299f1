#pragma once

#include <mutex>
#include <vector>

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

/// Computes the arrays (and all they depend on) and waits for them. Throws what a kernel threw. Safe to call from
/// several threads, also on graphs that share nodes.
void eval(const std::vector<array>& outputs);

/// Queues the computation and returns; reading an array waits for it, and throws what its computation threw.
void async_eval(const std::vector<array>& outputs);

/// The same of arrays one by one.
template <typename... Arrays>
  requires(std::is_same_v<std::remove_cvref_t<Arrays>, array> && ...)
void eval(Arrays&&... outputs) {
  eval(std::vector<array>{std::forward<Arrays>(outputs)...});
}

/// The same without waiting.
template <typename... Arrays>
  requires(std::is_same_v<std::remove_cvref_t<Arrays>, array> && ...)
void async_eval(Arrays&&... outputs) {
  async_eval(std::vector<array>{std::forward<Arrays>(outputs)...});
}

/// While one lives, no array loses its primitive and inputs because it is evaluated: for reading those of arrays that
/// other threads may be evaluating. Nothing may be evaluated meanwhile.
class GraphLock {
 public:
  GraphLock();

 private:
  std::lock_guard<std::mutex> lock_;
};

/// The stream that is to compute the array; the default one for what is computed.
StreamOrDevice stream_of(const array& a);

}  // namespace mica
