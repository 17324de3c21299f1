#include "mica/array/event.h"

#include <utility>

namespace mica {

void Event::signal(std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex_);
    signaled_ = true;
    error_ = std::move(error);
  }
  changed_.notify_all();
}

void Event::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return signaled_; });
  if (error_) std::rethrow_exception(error_);
}

bool Event::is_signaled() const {
  const std::lock_guard lock(mutex_);
  return signaled_;
}

}  // namespace mica
