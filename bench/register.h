#pragma once

#include <string>
#include <utility>

#include <benchmark/benchmark.h>

/// A benchmark that is timed by the clock, as work of several threads must be; run(state).
template <typename F>
void add_benchmark([[maybe_unused]] const std::string& name, [[maybe_unused]] F run) {
  // The analyzer takes what the library keeps for leaked, because it does not see the library's code.
#ifndef __clang_analyzer__
  benchmark::RegisterBenchmark(name.c_str(), std::move(run))->UseRealTime();
#endif
}
