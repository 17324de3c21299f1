#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "mica/array/stream.h"

namespace mica {

/// The work of one stream, in order: on a thread of its own, which starts with the first task, or on the thread of a
/// caller who waits for the result anyway and finds the stream idle.
class StreamQueue {
 public:
  /// The queue of a stream; throws std::invalid_argument for a stream that does not exist.
  static StreamQueue& of(const Stream& stream);

  void push(std::function<void()> task);

  /// Takes the stream for the calling thread if it is idle; release() then gives it back.
  bool try_claim();
  void release();

  /// Waits until the queue is empty and nothing runs.
  void drain();

  /// drain(), and the thread ends; the next task starts another.
  void end_thread();

 private:
  void work(const std::stop_token& end);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool running_ = false;
  std::jthread thread_;
};

}  // namespace mica
