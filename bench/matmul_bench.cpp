// Products of quantized weights: GB/s of weights for one row (decode), GOP/s for many (prompts), beside the machine's
// read bandwidth. Everything runs on ThreadPool::global() (MICA_THREADS) at the active instruction set (MICA_ISA).
//
//   matmul_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
// On a busy machine the largest rate of several repetitions counts.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bench/register.h"
#include "mica/cpu/gemm.h"
#include "mica/cpu/packed_matrix.h"

namespace {

using namespace mica;
using namespace mica::cpu;

struct Shape {
  int64_t n, k;
};

// SmolLM2-135M, and the shape of Llama-3.2-1B.
constexpr Shape kShapes[] = {{576, 576},   {192, 576},   {1536, 576},  {576, 1536},   {49152, 576},
                             {2048, 2048}, {8192, 2048}, {2048, 8192}, {128256, 2048}};

const QuantFormat kFormats[] = {
    affine_format(4, 64, ScaleType::bf16), ggml_format(QuantKind::q4_0), ggml_format(QuantKind::q8_0),
    ggml_format(QuantKind::q4_k),          ggml_format(QuantKind::q6_k), dense_format(QuantKind::bf16),
};

/// As many matrices of a shape as exceed the caches, so that decode reads from memory as it does in a model.
std::vector<PackedMatrix> make_weights(const QuantFormat& format, Shape shape, double bytes) {
  const auto code_bytes = static_cast<size_t>(shape.n * format.row_bytes(shape.k));
  const auto scale_size =
      static_cast<size_t>(shape.n * format.scales_per_row(shape.k) * scale_bytes(format.scale_type));
  std::vector<uint8_t> codes(code_bytes), scales(scale_size, 0x3c);
  std::mt19937 random(1);
  for (uint8_t& byte : codes) byte = static_cast<uint8_t>(random() & 0x3f);  // also keeps scales in blocks finite
  const QuantizedMatrix source{format, shape.n, shape.k, codes.data(), scales.data(), scales.data()};
  std::vector<PackedMatrix> out;
  double total = 0;
  while (total < bytes || out.empty()) {
    out.emplace_back(source, ThreadPool::global());
    total += static_cast<double>(out.back().bytes());
  }
  return out;
}

void product(benchmark::State& state, const QuantFormat& format, Shape shape, int64_t rows, Activation activation) {
  const std::vector<PackedMatrix> weights = make_weights(format, shape, rows <= 32 ? 300e6 : 0);
  const std::vector<float> x(static_cast<size_t>(rows * shape.k), 0.5f);
  std::vector<float> y(static_cast<size_t>(rows * shape.n));
  Activations activations;
  size_t next = 0;
  for ([[maybe_unused]] const auto _ : state) {
    activations.assign(x.data(), rows, shape.k, shape.k);
    matmul(weights[next], activations, y.data(), shape.n, ThreadPool::global(), {activation});
    next = (next + 1) % weights.size();
  }
  const auto count = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["GB/s"] = {static_cast<double>(weights[0].bytes()) * 1e-9, count};
  state.counters["GOP/s"] = {2e-9 * static_cast<double>(rows * shape.n * shape.k), count};
}

void read_bandwidth(benchmark::State& state) {
  const std::vector<uint64_t> memory(size_t{64} << 20, 1);
  for ([[maybe_unused]] const auto _ : state) {
    ThreadPool::global().parallel_for(static_cast<int64_t>(memory.size()), 1 << 16, [&](int64_t begin, int64_t end) {
      uint64_t sums[32] = {};
      for (int64_t i = begin; i < end; i += 32) {
        for (int64_t j = 0; j < 32; ++j) sums[j] += memory[static_cast<size_t>(i + j)];
      }
      benchmark::DoNotOptimize(sums);
    });
  }
  state.counters["GB/s"] = {static_cast<double>(memory.size()) * 8e-9, benchmark::Counter::kIsIterationInvariantRate};
}

void dense(benchmark::State& state, GemmType type, int64_t size) {
  const size_t width = type == GemmType::f64 ? 8 : type == GemmType::f32 ? 4 : 2;
  const std::vector<uint8_t> a(static_cast<size_t>(size * size) * width), b(a.size());
  std::vector<double> c(static_cast<size_t>(size * size));
  for ([[maybe_unused]] const auto _ : state) {
    gemm(type, size, size, size, {a.data(), size}, {b.data(), size}, c.data(), size, ThreadPool::global());
  }
  state.counters["GFLOP/s"] = {2e-9 * static_cast<double>(size * size * size),
                               benchmark::Counter::kIsIterationInvariantRate};
}

void register_products() {
  for (const QuantFormat& format : kFormats) {
    for (const Shape shape : kShapes) {
      std::string name = fmt::format("{}/{}x{}", format.name(), shape.n, shape.k);
      std::replace(name.begin(), name.end(), ' ', '_');
      for (const int64_t rows : {1, 2, 4, 8, 12, 24, 32, 512}) {
        if (rows > 32 && shape.n > 10000) continue;
        const auto add = [&](const char* kind, Activation activation) {
          add_benchmark(fmt::format("{}{}/rows:{}", name, kind, rows),
                        [=](benchmark::State& state) { product(state, format, shape, rows, activation); });
        };
        add("", Activation::int8);
        if (rows == 1 || rows == 512) add("/exact", Activation::exact);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  add_benchmark("read_bandwidth", read_bandwidth);
  register_products();
  for (const auto& [name, type] : {std::pair("f32", GemmType::f32), {"f64", GemmType::f64}, {"bf16", GemmType::bf16}}) {
    for (const int64_t size : {256, 1024, 2048}) {
      add_benchmark(fmt::format("gemm/{}/{}", name, size), [=](benchmark::State& state) { dense(state, type, size); });
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
