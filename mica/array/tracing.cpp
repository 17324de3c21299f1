#include "mica/array/tracing.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace mica {
namespace {

struct ThreadTrace {
  uint64_t number = 0;
  int depth = 0;
};

/// The numbers of the traces of all threads.
class RunningTraces {
 public:
  uint64_t begin() {
    const std::lock_guard lock(mutex_);
    numbers_.push_back(++last_);
    return last_;
  }
  void end(uint64_t number) {
    const std::lock_guard lock(mutex_);
    std::erase(numbers_, number);
  }
  std::vector<uint64_t> all() {
    const std::lock_guard lock(mutex_);
    return numbers_;
  }

 private:
  std::mutex mutex_;
  std::vector<uint64_t> numbers_;
  uint64_t last_ = 0;
};

RunningTraces& running_traces() {
  static RunningTraces traces;
  return traces;
}

thread_local ThreadTrace thread_trace;
thread_local const std::vector<uint64_t>* thread_others = nullptr;
thread_local bool thread_shapeless = false;

}  // namespace

Tracing::Tracing() {
  if (thread_trace.depth == 0) thread_trace.number = running_traces().begin();
  ++thread_trace.depth;
}

Tracing::~Tracing() {
  if (--thread_trace.depth == 0) running_traces().end(std::exchange(thread_trace.number, 0));
}

uint64_t Tracing::current() {
  return thread_trace.number;
}

TracingOfAll::TracingOfAll() : traces_(running_traces().all()) {
  thread_others = &traces_;
}

TracingOfAll::~TracingOfAll() {
  thread_others = nullptr;
}

bool TracingOfAll::includes(uint64_t number) {
  if (number == 0) return false;
  if (number == Tracing::current()) return true;
  return thread_others != nullptr && std::ranges::find(*thread_others, number) != thread_others->end();
}

ShapelessTracing::ShapelessTracing(bool shapeless) : outer_(thread_shapeless) {
  thread_shapeless = shapeless;
}

ShapelessTracing::~ShapelessTracing() {
  thread_shapeless = outer_;
}

bool ShapelessTracing::current() {
  return thread_shapeless;
}

}  // namespace mica
