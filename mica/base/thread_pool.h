#pragma once

#include <cstdint>
#include <memory>

#include "mica/base/function_ref.h"

namespace mica {

/// Threads that share out the iterations of a loop. The calling thread works too, so a pool of size n starts n − 1
/// threads. Idle workers spin for a moment (a decode step has a new loop every few microseconds) and then park, so a
/// busy or throttled machine loses little.
///
/// Iterations are cut into chunks with a home thread: thread t gets the same chunks of a loop of the same count every
/// time, so that the weights it reads stay in its cache and on its NUMA node. A thread that has finished its own
/// chunks takes over those of others, so a worker held up by the system delays a loop by one chunk at most.
///
/// Loops may be started from several threads at once: one gets the workers, the others run on their own thread
/// alone rather than wait. A loop inside a loop runs on its own thread alone too.
class ThreadPool {
 public:
  /// size ≤ 0 means usable_cores().
  explicit ThreadPool(int size = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The pool that evaluation uses. Its size is MICA_THREADS when that is set, else usable_cores().
  static ThreadPool& global();

  /// Sets the size that global() has: before its first use any size, later at most the one that it was made with.
  static void set_global_size(int size);

  int size() const;

  /// Uses at most `threads` threads (1 … the size the pool was made with; 0 means all again).
  void limit(int threads);

  /// Calls body(begin, end) for disjoint ranges that cover [0, count); every range but the last is a multiple of
  /// `grain` long. Returns when all have ended. The first exception that a body throws is thrown here.
  void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Another limit of a pool for the time of a scope: prompts and decoding may be fastest with different numbers of
/// threads. 0 leaves things as they are.
class ThreadLimit {
 public:
  ThreadLimit(ThreadPool& pool, int threads) : pool_(pool), before_(pool.size()) {
    if (threads > 0) pool_.limit(threads);
  }
  ~ThreadLimit() { pool_.limit(before_); }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  ThreadPool& pool_;
  int before_;
};

}  // namespace mica
