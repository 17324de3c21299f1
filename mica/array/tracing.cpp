#include "mica/array/tracing.h"

#include <atomic>

namespace mica {
namespace {

struct ThreadTrace {
  uint64_t number = 0;
  int depth = 0;
};

thread_local ThreadTrace thread_trace;
thread_local bool thread_shapeless = false;

}  // namespace

Tracing::Tracing() {
  static std::atomic<uint64_t> traces = 0;
  if (thread_trace.depth++ == 0) thread_trace.number = ++traces;
}

Tracing::~Tracing() {
  if (--thread_trace.depth == 0) thread_trace.number = 0;
}

uint64_t Tracing::current() {
  return thread_trace.number;
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
