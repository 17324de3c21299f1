#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "mica/base/function_ref.h"
#include "mica/base/read_ahead.h"
#include "mica/base/topology.h"

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
///
/// On several memory nodes each has threads in proportion to its processors, whatever the limit, and the parts of a
/// node's threads lie side by side. Workers run on their node's processors only, any of them. The calling thread is the
/// program's: it stays as it is, and counts as a thread of the node that it was on when it made the pool. There the
/// system keeps it as well, being left one processor without a worker.
class ThreadPool {
 public:
  /// size ≤ 0 means usable_cores(). `nodes`: where the workers are to run; of a single node nothing is asked.
  explicit ThreadPool(int size = 0, std::vector<MemoryNode> nodes = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The pool that evaluation uses. Its size is MICA_THREADS when that is set, else usable_cores(); its nodes are the
  /// machine's unless MICA_NUMA is "off".
  static ThreadPool& global();

  /// Sets the size that global() has: before its first use any size, later at most the one that it was made with.
  static void set_global_size(int size);

  int size() const;

  /// Uses at most `threads` threads (1 … the size the pool was made with; 0 means all again).
  void limit(int threads);

  /// Calls body(begin, end) for disjoint ranges that cover [0, count); every range but the last is a multiple of
  /// `grain` long. Returns when all have ended. The first exception that a body throws is thrown here.
  void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

  /// The nodes in the order of their threads' parts: at least one.
  std::span<const MemoryNode> nodes() const;

  /// Where the parts of the nodes end in a loop of `count` iterations when all threads work.
  std::vector<int64_t> node_ends(int64_t count) const;

  /// Who may run an iteration that belongs to a node.
  enum class Home {
    preferred,  ///< its threads first, whoever has nothing else to do then
    required,   ///< its threads only, all of them whatever the limit: what they touch first comes to lie on their node
  };

  /// As above for node_ends.back() iterations of which those of each node are given. They count for nothing where there
  /// are not as many nodes, a node has iterations and none of the threads, or a loop runs on its own thread alone.
  /// `next`, where it is given, is what a later loop reads: threads fetch what they will have of it while they wait.
  void parallel_for(std::span<const int64_t> node_ends, Home home, FunctionRef<void(int64_t begin, int64_t end)> body,
                    const LoopReads* next = nullptr);

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
