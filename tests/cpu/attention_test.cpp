#include "mica/cpu/attention.h"

#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mica/array/evaluate.h"
#include "mica/base/half.h"
#include "mica/ops/kv_format.h"
#include "mica/ops/shape.h"

namespace mica::cpu {
namespace {

/// A case with its data; memory is [batch, length, heads, dim] so that strides are not the obvious ones.
struct Case {
  int64_t batch = 1, heads = 1, kv_heads = 1, queries = 1, keys = 1, dim = 8, value_dim = 8;
  KvType type = KvType::f32;
  bool causal = false;
  int64_t window = 0;
  float softcap = 0;
  bool sinks = false;
  int mask = 0;  // 1 additive, 2 bool
  std::vector<int32_t> offsets = {};
  int group = 64;  // for codes
};

std::string describe(const Case& c) {
  std::string out;
  for (const int64_t value :
       {c.batch, c.heads, c.kv_heads, c.queries, c.keys, c.dim, c.value_dim, static_cast<int64_t>(c.type),
        static_cast<int64_t>(c.causal), c.window, static_cast<int64_t>(c.mask)}) {
    out += std::to_string(value) + " ";
  }
  return out;
}

class Problem {
 public:
  explicit Problem(const Case& c) : c_(c), random_(5) {
    q_ = normal(c.batch * c.queries * c.heads * c.dim);
    k_ = normal(c.batch * c.keys * c.kv_heads * c.dim);
    v_ = normal(c.batch * c.keys * c.kv_heads * c.value_dim);
    store(k_, k_bits_, c.dim);
    store(v_, v_bits_, c.value_dim);
    sinks_ = normal(c.heads);
    mask_ = normal(c.queries * c.keys);
    allowed_ = std::make_unique<bool[]>(mask_.size());
    for (size_t i = 0; i < mask_.size(); ++i) allowed_[i] = mask_[i] > -0.5f;
    out_.resize(static_cast<size_t>(c.batch * c.queries * c.heads * c.value_dim));
  }

  void run(ThreadPool& pool, Isa isa) {
    std::fill(out_.begin(), out_.end(), std::nanf(""));
    attention(args(), pool, isa);
  }

  /// The definition, in f64: all values of a query.
  std::vector<double> expected(int64_t b, int64_t h, int64_t i) const {
    std::vector<double> out(static_cast<size_t>(c_.value_dim));
    std::vector<double> scores;
    const int64_t kv = h / (c_.heads / c_.kv_heads);
    double top = c_.sinks ? static_cast<double>(sinks_[static_cast<size_t>(h)]) : -INFINITY;
    for (int64_t j = 0; j < c_.keys; ++j) {
      double score = 0;
      for (int64_t x = 0; x < c_.dim; ++x) {
        score += static_cast<double>(q_[at(b, c_.queries, i, c_.heads, h, c_.dim, x)]) *
                 static_cast<double>(k_[at(b, c_.keys, j, c_.kv_heads, kv, c_.dim, x)]);
      }
      score *= static_cast<double>(kScale);
      if (c_.softcap > 0) score = static_cast<double>(c_.softcap) * std::tanh(score / static_cast<double>(c_.softcap));
      if (c_.mask == 1) score += static_cast<double>(mask_[static_cast<size_t>(i * c_.keys + j)]);
      const int64_t first = c_.offsets.empty() ? c_.keys - c_.queries : c_.offsets[static_cast<size_t>(b)];
      const int64_t position = i + first;
      const bool hidden = (c_.causal && j > position) || j >= first + c_.queries ||
                          (c_.window > 0 && j <= position - c_.window) ||
                          (c_.mask == 2 && !allowed_[static_cast<size_t>(i * c_.keys + j)]);
      scores.push_back(hidden ? -INFINITY : score);
      top = std::max(top, scores.back());
    }
    if (top == -INFINITY) return out;
    double sum = c_.sinks ? std::exp(static_cast<double>(sinks_[static_cast<size_t>(h)]) - top) : 0;
    for (int64_t j = 0; j < c_.keys; ++j) {
      const double p = std::exp(scores[static_cast<size_t>(j)] - top);
      sum += p;
      const float* value = &v_[at(b, c_.keys, j, c_.kv_heads, kv, c_.value_dim, 0)];
      for (size_t d = 0; d < out.size(); ++d) out[d] += p * static_cast<double>(value[d]);
    }
    for (double& sum_of_values : out) sum_of_values /= sum;
    return out;
  }

  /// Writes a number into all of a value (f16, one key head).
  void spoil_value(int64_t key, float number) {
    const uint16_t half = float_to_half(number);
    for (int64_t d = 0; d < c_.value_dim; ++d) {
      const auto at = static_cast<size_t>(2 * (key * c_.value_dim + d));
      v_bits_[at] = static_cast<uint8_t>(half & 0xff);
      v_bits_[at + 1] = static_cast<uint8_t>(half >> 8);
    }
  }

  float got(int64_t b, int64_t h, int64_t i, int64_t d) const {
    return out_[at(b, c_.queries, i, c_.heads, h, c_.value_dim, d)];
  }

 private:
  static constexpr float kScale = 0.3f;

  static size_t at(int64_t b, int64_t length, int64_t i, int64_t heads, int64_t h, int64_t dim, int64_t d) {
    return static_cast<size_t>(((b * length + i) * heads + h) * dim + d);
  }

  std::vector<float> normal(int64_t count) {
    std::normal_distribution<float> values;
    std::vector<float> out(static_cast<size_t>(count));
    for (float& value : out) value = values(random_);
    return out;
  }

  bool has_codes() const { return c_.type == KvType::q8 || c_.type == KvType::q4; }
  KvFormat format() const { return {c_.type == KvType::q4 ? 4 : 8, c_.group}; }

  /// Rounds values to the stored type and keeps their bits.
  void store(std::vector<float>& values, std::vector<uint8_t>& bits, int64_t dim) const {
    if (c_.type == KvType::f32) return;
    if (has_codes()) return store_codes(values, bits, dim);
    for (float& value : values) {
      const uint16_t half = c_.type == KvType::f16 ? float_to_half(value) : float_to_bfloat(value);
      value = c_.type == KvType::f16 ? half_to_float(half) : bfloat_to_float(half);
      bits.push_back(static_cast<uint8_t>(half & 0xff));
      bits.push_back(static_cast<uint8_t>(half >> 8));
    }
  }

  /// The same with codes, by plain operations.
  void store_codes(std::vector<float>& values, std::vector<uint8_t>& bits, int64_t dim) const {
    const Shape shape = {static_cast<ShapeElem>(values.size()) / dim, dim};
    array codes = quantize_kv(array(values.data(), shape, float32), format());
    array numbers = dequantize_kv(codes, dim, format());
    eval(codes, numbers);
    bits.assign(codes.data<uint8_t>(), codes.data<uint8_t>() + codes.size());
    values.assign(numbers.data<float>(), numbers.data<float>() + numbers.size());
  }

  AttentionArgs args() {
    AttentionArgs out;
    out.batch = c_.batch;
    out.heads = c_.heads;
    out.kv_heads = c_.kv_heads;
    out.queries = c_.queries;
    out.keys = c_.keys;
    out.dim = c_.dim;
    out.value_dim = c_.value_dim;
    out.q = {q_.data(), c_.queries * c_.heads * c_.dim, c_.dim, c_.heads * c_.dim};
    const auto view = [&](const std::vector<float>& values, const std::vector<uint8_t>& bits, int64_t dim) {
      const void* data = c_.type == KvType::f32 ? static_cast<const void*>(values.data()) : bits.data();
      const int64_t row = has_codes() ? kv_row_bytes(format(), dim) : dim;
      return AttentionView<const void>{data, c_.keys * c_.kv_heads * row, row, c_.kv_heads * row};
    };
    out.k = view(k_, k_bits_, c_.dim);
    out.v = view(v_, v_bits_, c_.value_dim);
    out.out = {out_.data(), c_.queries * c_.heads * c_.value_dim, c_.value_dim, c_.heads * c_.value_dim};
    out.kv_type = c_.type;
    out.kv_group = c_.group;
    out.scale = kScale;
    out.softcap = c_.softcap;
    out.causal = c_.causal;
    out.window = c_.window;
    out.offsets = c_.offsets.empty() ? nullptr : c_.offsets.data();
    out.sinks = c_.sinks ? sinks_.data() : nullptr;
    out.additive_mask = c_.mask == 1 ? mask_.data() : nullptr;
    out.bool_mask = c_.mask == 2 ? allowed_.get() : nullptr;
    out.mask_strides[2] = c_.keys;  // broadcast over batch and heads
    out.mask_strides[3] = 1;
    return out;
  }

  Case c_;
  std::mt19937 random_;
  std::vector<float> q_, k_, v_, sinks_, mask_, out_;
  std::vector<uint8_t> k_bits_, v_bits_;
  std::unique_ptr<bool[]> allowed_;
};

std::vector<Isa> kernel_levels() {
  std::vector<Isa> levels;
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512, Isa::avx512vnni}) {
    if (isa <= detected_isa()) levels.push_back(isa);
  }
  return levels;
}

/// In f32 scores are sums of up to 256 products of size 1 (error below 1e-5), which is what weights and so outputs,
/// averages of values of size 1 to 4, are off by. In 16-bit fixed point the elements of a row of length √D are off by
/// up to half of a step of √D / 32700 (√D steps in √12 of them at random), so scores by 0.3 · D · √(2 / 12) / 32700 =
/// 4e-6 · D; outputs of unlucky weights by six times that, and by the rounding of values and weights: 2^-16 of the
/// largest value.
double tolerance(const Case& c, Isa isa) {
  const bool fixed = isa >= Isa::avx512vnni && c.type != KvType::f32 && c.queries > 8;
  return fixed ? 1e-4 + 2.4e-5 * static_cast<double>(c.dim) : 2e-5;
}

void check(const Case& c, ThreadPool& pool) {
  Problem problem(c);
  std::vector<std::vector<double>> all;
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t h = 0; h < c.heads; ++h) {
      for (int64_t i = 0; i < c.queries; ++i) all.push_back(problem.expected(b, h, i));
    }
  }
  for (const Isa isa : kernel_levels()) {
    SCOPED_TRACE(std::string(isa_name(isa)) + " " + describe(c));
    problem.run(pool, isa);
    for (int64_t b = 0; b < c.batch; ++b) {
      for (int64_t h = 0; h < c.heads; ++h) {
        for (int64_t i = 0; i < c.queries; ++i) {
          const std::vector<double>& expected = all[static_cast<size_t>((b * c.heads + h) * c.queries + i)];
          for (int64_t d = 0; d < c.value_dim; ++d) {
            ASSERT_NEAR(static_cast<double>(problem.got(b, h, i, d)), expected[static_cast<size_t>(d)],
                        tolerance(c, isa))
                << b << " " << h << " " << i << " " << d;
          }
        }
      }
    }
  }
}

TEST(Attention, DecodingOddSizes) {
  ThreadPool pool(2);
  for (const KvType type : {KvType::f32, KvType::f16, KvType::bf16}) {
    check({.batch = 2, .heads = 6, .kv_heads = 2, .keys = 77, .dim = 24, .value_dim = 24, .type = type}, pool);
    check({.heads = 5, .kv_heads = 1, .keys = 65, .dim = 33, .value_dim = 71, .type = type}, pool);
    check({.heads = 3, .kv_heads = 3, .queries = 3, .keys = 10, .dim = 1, .value_dim = 1, .type = type, .causal = true},
          pool);
  }
}

// The head sizes and groupings that models have, lengths around the blocks of all kernels.
TEST(Attention, SizesOfModels) {
  ThreadPool pool(2);
  const int64_t lengths[] = {1, 7, 63, 65, 300};
  size_t next = 0;
  for (const KvType type : {KvType::f32, KvType::f16, KvType::bf16, KvType::q8, KvType::q4}) {
    for (const int64_t dim : {64, 80, 96, 128, 256}) {
      for (const int64_t group : {1, 3, 8}) {
        Case c{.heads = group, .kv_heads = 1, .dim = dim, .value_dim = dim, .type = type, .causal = true};
        c.keys = lengths[next++ % 5];
        check(c, pool);
        c.keys = lengths[next++ % 5];
        c.queries = std::min<int64_t>(c.keys, 40);
        c.group = next % 2 == 0 ? 32 : 128;
        check(c, pool);
      }
    }
  }
}

TEST(Attention, CodesWithEveryOption) {
  ThreadPool pool(3);
  for (const KvType type : {KvType::q8, KvType::q4}) {
    for (const int64_t queries : {2, 40}) {
      Case c{.batch = 2, .heads = 6, .kv_heads = 2, .queries = queries, .keys = 290, .dim = 50, .value_dim = 33};
      c.type = type;
      c.causal = c.sinks = true;
      c.window = 70;
      c.softcap = 2.0f;
      c.group = 32;
      check(c, pool);
      c.mask = 2;
      c.offsets = {3, 200};
      check(c, pool);
    }
  }
}

// What is not a number in a key or a value reaches the queries that see it.
TEST(Attention, NotANumberStays) {
  ThreadPool pool(1);
  for (const Isa isa : kernel_levels()) {
    for (const float value : {std::nanf(""), INFINITY}) {
      for (const int64_t queries : {1, 64}) {
        Problem problem({.queries = queries, .keys = 64, .dim = 64, .value_dim = 64, .type = KvType::f16});
        problem.spoil_value(7, value);
        problem.run(pool, isa);
        EXPECT_FALSE(std::isfinite(problem.got(0, 0, queries - 1, 5))) << isa_name(isa) << " " << queries;
      }
    }
  }
}

TEST(Attention, DecodingSplitsLongKeys) {
  ThreadPool pool(3);
  check({.heads = 2, .kv_heads = 1, .keys = 1500, .dim = 16, .value_dim = 16}, pool);
  check({.heads = 2, .kv_heads = 1, .keys = 1500, .dim = 16, .value_dim = 16, .sinks = true}, pool);
  check({.heads = 2, .kv_heads = 1, .keys = 1500, .dim = 16, .value_dim = 16, .causal = true, .window = 300}, pool);
}

// A cache that is longer than what it holds, and holds different numbers of keys for each sequence.
TEST(Attention, OffsetsSayHowManyKeysThereAre) {
  ThreadPool pool(3);
  for (const int64_t queries : {1, 3, 40}) {
    for (const bool causal : {true, false}) {
      Case c{.batch = 3, .heads = 4, .kv_heads = 2, .queries = queries, .keys = 900, .dim = 16, .value_dim = 16};
      c.type = KvType::f16;
      c.causal = causal;
      c.offsets = {0, 3, 600};
      check(c, pool);
      if (causal) c.window = 20;
      check(c, pool);
      // Places outside of the cache are no keys.
      c.offsets = {-5, 899, 2000};
      check(c, pool);
    }
  }
}

TEST(Attention, PromptsOddSizes) {
  ThreadPool pool(2);
  for (const KvType type : {KvType::f32, KvType::f16, KvType::bf16}) {
    check({.batch = 2,
           .heads = 6,
           .kv_heads = 2,
           .queries = 37,
           .keys = 37,
           .dim = 24,
           .value_dim = 40,
           .type = type,
           .causal = true},
          pool);
    check({.heads = 2, .kv_heads = 2, .queries = 19, .keys = 205, .dim = 33, .value_dim = 7, .type = type}, pool);
  }
  check({.heads = 3, .kv_heads = 1, .queries = 301, .keys = 401, .dim = 5, .value_dim = 3, .causal = true}, pool);
}

TEST(Attention, EveryOptionInBothWays) {
  ThreadPool pool(2);
  for (const int64_t queries : {2, 40}) {
    const Case base{.heads = 4, .kv_heads = 2, .queries = queries, .keys = 130, .dim = 16, .value_dim = 16};
    Case c = base;
    c.causal = true;
    c.window = 9;
    check(c, pool);
    c = base;
    c.softcap = 1.5f;
    check(c, pool);
    c = base;
    c.sinks = true;
    c.causal = true;
    check(c, pool);
    for (const int mask : {1, 2}) {
      c = base;
      c.mask = mask;
      check(c, pool);
      c.causal = true;
      c.softcap = 3.0f;
      c.sinks = true;
      check(c, pool);
    }
  }
}

// More queries than keys: the first ones see nothing.
TEST(Attention, RowsThatSeeNothingAreZero) {
  ThreadPool pool(2);
  check({.queries = 5, .keys = 3, .causal = true}, pool);
  check({.queries = 50, .keys = 20, .causal = true}, pool);
  check({.queries = 3, .keys = 0}, pool);
  check({.queries = 30, .keys = 0}, pool);
  check({.queries = 5, .keys = 3, .causal = true, .sinks = true}, pool);
}

TEST(Attention, RefusesHeadsThatDoNotDivide) {
  ThreadPool pool(1);
  AttentionArgs args;
  args.heads = 3;
  args.kv_heads = 2;
  EXPECT_THROW(attention(args, pool), std::invalid_argument);
  args.kv_heads = 0;
  EXPECT_THROW(attention(args, pool), std::invalid_argument);
  args.kv_heads = 1;
  args.queries = -1;
  EXPECT_THROW(attention(args, pool), std::invalid_argument);
}

}  // namespace
}  // namespace mica::cpu
