// Attention of SmolLM2-135M (9 heads, 3 key heads of 64) and of the 1B Llama shape (32, 8): GB/s of keys and values for
// one query, GFLOP/s for a prompt; over caches in one piece and in shuffled pages. Runs on ThreadPool::global()
// (MICA_THREADS) at the active instruction set (MICA_ISA).

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/register.h"
#include "mica/cpu/attention.h"
#include "mica/ops/kv_format.h"

namespace {

using namespace mica;
using namespace mica::cpu;

/// Pages 0 … count − 1 in an order without neighbours.
std::vector<int32_t> shuffled(int64_t count) {
  std::vector<int32_t> out(static_cast<size_t>(count));
  std::iota(out.begin(), out.end(), 0);
  std::shuffle(out.begin(), out.end(), std::mt19937(1));
  return out;
}

/// Pages of `page` tokens; 0: one piece.
void attend(benchmark::State& state, int64_t heads, int64_t kv_heads, int64_t queries, int64_t keys, int64_t page,
            KvType type) {
  constexpr int64_t kDim = 64;
  const std::vector<float> q(static_cast<size_t>(heads * queries * kDim), 0.1f);
  std::vector<float> out(q.size());
  const bool codes = type == KvType::q8 || type == KvType::q4;
  const int64_t width = type == KvType::f32 ? 4 : codes ? 1 : 2;  // bytes of what strides count
  const int64_t row = codes ? kv_row_bytes({type == KvType::q8 ? 8 : 4, 64}, kDim) : kDim;
  const std::vector<uint8_t> k(static_cast<size_t>(kv_heads * keys * row * width)), v(k.size());
  AttentionArgs args;
  args.heads = heads;
  args.kv_heads = kv_heads;
  args.queries = queries;
  args.keys = keys;
  args.dim = args.value_dim = kDim;
  args.q = {q.data(), 0, queries * kDim, kDim};
  args.k = {k.data(), 0, keys * row, row};
  args.v = {v.data(), 0, keys * row, row};
  args.out = {out.data(), 0, queries * kDim, kDim};
  args.kv_type = type;
  args.causal = true;
  const std::vector<int32_t> table = shuffled(page > 0 ? keys / page : 0);
  const auto place = static_cast<int32_t>(keys - queries);
  if (page > 0) {
    args.k = {k.data(), kv_heads * page * row, page * row, row};
    args.v = {v.data(), kv_heads * page * row, page * row, row};
    args.offsets = &place;
    args.pages = {table.data(), keys / page, page};
  }
  for ([[maybe_unused]] const auto _ : state) attention(args, ThreadPool::global());
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  const double pairs =
      static_cast<double>(queries) * (static_cast<double>(keys) - 0.5 * static_cast<double>(queries - 1));
  state.counters["GB/s"] = {static_cast<double>(k.size() + v.size()) * 1e-9, rate};
  state.counters["GFLOP/s"] = {4e-9 * static_cast<double>(heads * kDim) * pairs, rate};
}

}  // namespace

int main(int argc, char** argv) {
  const std::pair<const char*, KvType> types[] = {
      {"f32", KvType::f32}, {"f16", KvType::f16}, {"bf16", KvType::bf16}, {"q8", KvType::q8}, {"q4", KvType::q4}};
  for (const auto& [name, type] : types) {
    for (const auto& [heads, kv_heads] : {std::pair(9, 3), {32, 8}}) {
      for (const auto& [queries, keys] : {std::pair(1, 512), {1, 4096}, {512, 512}, {512, 4096}}) {
        for (const int64_t page : {0, 128, 256}) {
          const std::string label = std::string(name) + "/heads:" + std::to_string(heads) +
                                    "/queries:" + std::to_string(queries) + "/keys:" + std::to_string(keys) +
                                    "/page:" + std::to_string(page);
          add_benchmark(label,
                        [=](benchmark::State& state) { attend(state, heads, kv_heads, queries, keys, page, type); });
        }
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
