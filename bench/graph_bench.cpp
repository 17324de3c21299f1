// Overhead of an operation: graphs of 1,000 operations on arrays of one element, where the arithmetic takes no time.
// Each operation is one that cannot be fused with its neighbours, except where said.
//
//   graph_bench --benchmark_counters_tabular=true
//
// "op" is the time per operation.

#include <chrono>

#include <benchmark/benchmark.h>

#include "mica/mica.h"

namespace mica {
namespace {

constexpr int kOps = 1000;

using Arrays = std::vector<array>;

/// Element-by-element operations that depend on each other.
Arrays elementwise(const Arrays& v) {
  array x = v[0];
  for (int i = 0; i < kOps / 2; ++i) x = negative(add(x, v[0]));
  return {x};
}

/// Copies of reductions: nothing to fuse.
Arrays reductions(const Arrays& v) {
  array x = v[0];
  for (int i = 0; i < kOps; ++i) x = sum(x, 0, true);
  return {x};
}

void run(benchmark::State& state, const std::function<Arrays(const Arrays&)>& fun) {
  const Arrays inputs = {ones({1})};
  eval(inputs);
  const auto start = std::chrono::steady_clock::now();
  for ([[maybe_unused]] const auto _ : state) eval(fun(inputs));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  state.counters["op"] = seconds.count() / (static_cast<double>(state.iterations()) * kOps);
}

void graph_elementwise(benchmark::State& state) {
  run(state, elementwise);
}
void graph_reductions(benchmark::State& state) {
  run(state, reductions);
}
void program_elementwise(benchmark::State& state) {
  set_compile_mode(CompileMode::no_fuse);
  run(state, compile(elementwise));
  set_compile_mode(CompileMode::enabled);
}
void program_reductions(benchmark::State& state) {
  run(state, compile(reductions));
}
void program_fused(benchmark::State& state) {
  run(state, compile(elementwise));
}

/// A chain over four million numbers: what fusion saves in memory traffic.
Arrays gelu(const Arrays& v) {
  const array& x = v[0];
  const array inner = multiply(array(0.7978845f), add(x, multiply(array(0.044715f), multiply(x, multiply(x, x)))));
  return {multiply(multiply(array(0.5f), x), add(array(1.0f), tanh(inner)))};
}

void run_gelu(benchmark::State& state, const std::function<Arrays(const Arrays&)>& fun) {
  const Arrays inputs = {sin(arange(0, 1 << 22))};
  eval(inputs);
  for ([[maybe_unused]] const auto _ : state) eval(fun(inputs));
}
void graph_gelu(benchmark::State& state) {
  run_gelu(state, gelu);
}
void program_gelu(benchmark::State& state) {
  run_gelu(state, compile(gelu));
}

BENCHMARK(graph_elementwise);
BENCHMARK(graph_reductions);
BENCHMARK(program_elementwise);
BENCHMARK(program_reductions);
BENCHMARK(program_fused);
BENCHMARK(graph_gelu)->UseRealTime();
BENCHMARK(program_gelu)->UseRealTime();

}  // namespace
}  // namespace mica

BENCHMARK_MAIN();
