#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>

namespace mica {

/// Set once, when a piece of work on a stream has ended; waiting rethrows what the work threw.
class Event {
 public:
  void signal(std::exception_ptr error = nullptr);
  void wait();
  bool is_signaled() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool signaled_ = false;
  std::exception_ptr error_;
};

}  // namespace mica
