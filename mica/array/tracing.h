#pragma once

#include <cstdint>
#include <vector>

namespace mica {

/// While one lives, this thread is tracing a function: nodes made from arrays marked as arguments (array::set_tracer)
/// keep their primitive and inputs when they are computed, so that a transform can walk from results to arguments.
/// Scopes nest; all of a thread's nested scopes form one trace, and when the last one ends, its arrays are ordinary.
class Tracing {
 public:
  Tracing();
  ~Tracing();
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

  /// The number of this thread's trace, different from those of all other traces; 0 when it traces nothing.
  static uint64_t current();
};

/// While one lives, what any thread is tracing counts as traced by this one (array::is_tracer): an array of another
/// thread's trace may come to be evaluated here, and that trace still needs its graph.
class TracingOfAll {
 public:
  TracingOfAll();
  ~TracingOfAll();
  TracingOfAll(const TracingOfAll&) = delete;
  TracingOfAll& operator=(const TracingOfAll&) = delete;

  /// Whether the trace of that number is this thread's or, while a TracingOfAll lives, another's.
  static bool includes(uint64_t number);

 private:
  /// The traces that were running when it was made. Those that begin later have no arrays that are known here.
  std::vector<uint64_t> traces_;
};

/// While one lives, this thread traces a function that is to serve arguments of any lengths: operations compute numbers
/// that follow from lengths, such as a mean's divisor, in the graph.
class ShapelessTracing {
 public:
  explicit ShapelessTracing(bool shapeless);
  ~ShapelessTracing();
  ShapelessTracing(const ShapelessTracing&) = delete;
  ShapelessTracing& operator=(const ShapelessTracing&) = delete;

  static bool current();

 private:
  bool outer_;
};

}  // namespace mica
