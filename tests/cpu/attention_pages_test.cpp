// Attention over pages gives what it gives over a cache in one piece, bit for bit.

#include <algorithm>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/cpu/attention.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/index.h"
#include "mica/ops/kv_format.h"
#include "mica/ops/shape.h"

namespace mica::cpu {
namespace {

constexpr int64_t kHeads = 6;
constexpr int64_t kKvHeads = 2;

struct Case {
  KvType type = KvType::f16;
  int64_t queries = 1;
  int64_t page = 128;  ///< tokens
  int64_t dim = 40;
  int64_t value_dim = 24;
  bool causal = true;
  int64_t window = 0;
  float softcap = 0;
  bool sinks = false;
  std::vector<int32_t> offsets = {300};
};

array normal(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> values;
  std::vector<float> out;
  for (ShapeElem left = std::accumulate(shape.begin(), shape.end(), ShapeElem{1}, std::multiplies<>()); left > 0;
       --left)
    out.push_back(values(random));
  return array(out.begin(), shape, float32);
}

/// As a cache stores them.
array stored(const array& rows, KvType type) {
  if (type == KvType::q8) return quantize_kv(rows, {8, 32});
  if (type == KvType::q4) return quantize_kv(rows, {4, 32});
  return type == KvType::f32 ? rows : astype(rows, type == KvType::f16 ? float16 : bfloat16);
}

/// The same keys and values in pages, and behind each other.
class Problem {
 public:
  /// All sequences have the pages of the table's columns, in any order and any of them twice.
  Problem(const Case& c, std::vector<int32_t> table, int64_t pages)
      : c_(c),
        batch_(static_cast<int64_t>(c.offsets.size())),
        columns_(static_cast<int64_t>(table.size()) / batch_),
        table_(std::move(table)),
        q_(normal({batch_, kHeads, c.queries, c.dim}, 1)),
        sinks_(normal({kHeads}, 2)),
        keys_(stored(normal({pages, kKvHeads, c.page, c.dim}, 3), c.type)),
        values_(stored(normal({pages, kKvHeads, c.page, c.value_dim}, 4), c.type)),
        joined_keys_(joined(keys_)),
        joined_values_(joined(values_)) {
    eval(q_, sinks_, keys_, values_, joined_keys_, joined_values_);
  }

  /// Numbers that no page has where no query sees the page.
  void forget_unseen() {
    for (int64_t b = 0; b < batch_; ++b) {
      const int64_t first = c_.offsets[static_cast<size_t>(b)];
      const int64_t seen = c_.window > 0 ? std::max<int64_t>(0, first - c_.window + 1) : 0;
      for (int64_t column = 0; column < columns_; ++column) {
        const bool is_seen = (column + 1) * c_.page > seen && column * c_.page < first + c_.queries;
        if (!is_seen) table_[static_cast<size_t>(b * columns_ + column)] = -1;
      }
    }
  }

  std::vector<float> in_one_piece(Isa isa, ThreadPool& pool) const {
    return run(args(joined_keys_, joined_values_), isa, pool);
  }
  std::vector<float> in_pages(Isa isa, ThreadPool& pool) const {
    AttentionArgs out = args(keys_, values_);
    out.pages = {table_.data(), columns_, c_.page};
    return run(out, isa, pool);
  }

 private:
  array joined(const array& pages) const {
    const array table(table_.begin(), {batch_, columns_}, int32);
    return contiguous(flatten(transpose(take(pages, table, 0), {0, 2, 1, 3, 4}), 2, 3));
  }

  AttentionArgs args(const array& keys, const array& values) const {
    AttentionArgs out;
    out.batch = batch_;
    out.heads = kHeads;
    out.kv_heads = kKvHeads;
    out.queries = c_.queries;
    out.keys = columns_ * c_.page;
    out.dim = c_.dim;
    out.value_dim = c_.value_dim;
    out.q = {q_.data<float>(), q_.strides(0), q_.strides(1), q_.strides(2)};
    out.k = {keys.data<std::byte>(), keys.strides(0), keys.strides(1), keys.strides(2)};
    out.v = {values.data<std::byte>(), values.strides(0), values.strides(1), values.strides(2)};
    out.kv_type = c_.type;
    out.kv_group = 32;
    out.scale = 0.2f;
    out.causal = c_.causal;
    out.window = c_.window;
    out.softcap = c_.softcap;
    out.offsets = c_.offsets.data();
    out.sinks = c_.sinks ? sinks_.data<float>() : nullptr;
    return out;
  }

  std::vector<float> run(AttentionArgs args, Isa isa, ThreadPool& pool) const {
    const int64_t row = kHeads * c_.value_dim;
    std::vector<float> out(static_cast<size_t>(batch_ * c_.queries * row));
    args.out = {out.data(), c_.queries * row, c_.value_dim, row};
    attention(args, pool, isa);
    return out;
  }

  Case c_;
  int64_t batch_;
  int64_t columns_;
  std::vector<int32_t> table_;
  array q_, sinks_, keys_, values_, joined_keys_, joined_values_;
};

void check(const Case& c, const std::vector<int32_t>& table, int64_t pages) {
  ThreadPool pool(2);
  Problem problem(c, table, pages);
  problem.forget_unseen();
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512, Isa::avx512vnni}) {
    if (isa > detected_isa()) continue;
    EXPECT_EQ(problem.in_pages(isa, pool), problem.in_one_piece(isa, pool))
        << isa_name(isa) << " type " << static_cast<int>(c.type) << " queries " << c.queries << " page " << c.page
        << " window " << c.window;
  }
}

/// A permutation of pages.
std::vector<int32_t> shuffled(int32_t pages) {
  std::vector<int32_t> out(static_cast<size_t>(pages));
  std::iota(out.begin(), out.end(), 0);
  std::shuffle(out.begin(), out.end(), std::mt19937(7));
  return out;
}

class AttentionPages : public testing::TestWithParam<KvType> {};

// Steps of one and of a few tokens, and prompts, of sequences of different lengths.
TEST_P(AttentionPages, InAnyOrderGiveTheSame) {
  for (const int64_t queries : {1, 5, 30}) {
    for (const int64_t page : {128, 384}) {
      const auto columns = static_cast<int32_t>(1024 / page + 1);
      Case c{.type = GetParam(), .queries = queries, .page = page, .offsets = {0, 127, 500, 900}};
      check(c, shuffled(4 * columns), 4 * columns);
      c.causal = false;
      c.softcap = 1.5f;
      c.sinks = true;
      check(c, shuffled(4 * columns), 4 * columns);
    }
  }
}

TEST_P(AttentionPages, BeforeAWindowAreNotLookedUp) {
  for (const int64_t queries : {1, 5, 140}) {
    for (const int64_t window : {1, 100, 300}) {
      check({.type = GetParam(), .queries = queries, .window = window, .offsets = {30, 383, 700}}, shuffled(24), 24);
    }
  }
}

TEST_P(AttentionPages, OfACommonPrefixAreShared) {
  for (const int64_t queries : {1, 20}) {
    Case c{.type = GetParam(), .queries = queries, .dim = 64, .value_dim = 64, .offsets = {260, 300}};
    check(c, {4, 1, 0, 4, 1, 3}, 5);
  }
}
INSTANTIATE_TEST_SUITE_P(Formats, AttentionPages,
                         testing::Values(KvType::f32, KvType::f16, KvType::bf16, KvType::q8, KvType::q4));

TEST(AttentionOverPages, MustBeWholeParts) {
  ThreadPool pool(1);
  const std::vector<int32_t> table = {0, 1};
  AttentionArgs args;
  args.keys = 200;
  args.pages = {table.data(), 2, 100};
  EXPECT_THROW(attention(args, pool), std::invalid_argument);
  args.pages.tokens = 128;
  EXPECT_THROW(attention(args, pool), std::invalid_argument);
}

}  // namespace
}  // namespace mica::cpu
