// Attention of a few query rows, for decoding: keys and values are read once, in the type they are stored in. Of codes
// scale and bias are applied to sums where a group of elements allows it:
//   Σ q · (scale · code + bias) = scale · Σ q · code + bias · Σ q,   Σ p · (scale · code + bias) = Σ (p · scale) · code
//   + Σ p · bias.

#include "mica/cpu/kernels/attention_kernels.h"
#include "mica/cpu/kernels/kv_elements.h"
#include "mica/cpu/kernels/simd_sums.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kBlock = kAttentionBlock;
/// Keys whose scores are added up together.
constexpr int kKeys = 4;
constexpr int64_t kCacheLine = 64;
constexpr float kInfinity = __builtin_inff();

template <typename Elements, int R>
class RowsKernel {
 public:
  RowsKernel(const Elements& keys, const Elements& values, const AttentionRows& rows)
      : keys_(keys), values_(values), rows_(rows) {
    if constexpr (kHasScales) {
      one_group_ = rows.k.dim <= keys.group_size();
      for (int r = 0; one_group_ && r < R; ++r) query_sums_[r] = sum(rows.q[r], rows.k.dim);
    }
  }

  void run() {
    for (int r = 0; r < R; ++r) {
      rows_.largest[r] = -kInfinity;
      rows_.sum[r] = 0.0f;
      for (int64_t d = 0; d < rows_.v.dim; ++d) rows_.out[r * rows_.out_stride + d] = 0.0f;
    }
    for (int64_t key = rows_.begin; key < rows_.end; key += kBlock) {
      const int count = static_cast<int>(rows_.end - key < kBlock ? rows_.end - key : kBlock);
      const bool is_next = key + kBlock >= rows_.part && rows_.next_k != nullptr;
      ahead_k_ = is_next ? rows_.next_k : rows_.k.data + (key + kBlock) * rows_.k.stride;
      ahead_v_ = is_next ? rows_.next_v : rows_.v.data + (key + kBlock) * rows_.v.stride;
      if constexpr (kHasScales) {
        one_group_ ? score_block<true>(key, count) : score_block<false>(key, count);
      } else {
        score_block<false>(key, count);
      }
      float corrections[R];
      for (int r = 0; r < R; ++r) corrections[r] = softmax(r, key, count);
      add_values(key, count, corrections);
    }
  }

 private:
  static constexpr int kLanes = F32::kLanes;
  static constexpr bool kHasScales = Elements::kHasScales;

  static float sum(const float* x, int64_t count) {
    F32 total(0.0f);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) total = total + F32::load(x + i);
    if (i < count) total = total + F32::load(x + i, count - i);
    return reduce_add(total);
  }

  /// Asks for row `i` of the block to come.
  static void prefetch(const KvRows& rows, const std::byte* block, int i) {
    const std::byte* row = block + i * rows.stride;
    for (int64_t at = 0; at < rows.bytes; at += kCacheLine) __builtin_prefetch(row + at);
  }

  /// Scores of a block, or with Codes what they are but for scales and biases.
  template <bool Codes>
  void score_block(int64_t key, int count) {
    int i = 0;
    for (; i + kKeys <= count; i += kKeys) score<kKeys, Codes>(key + i, i);
    for (; i < count; ++i) score<1, Codes>(key + i, i);
  }

  template <bool Codes>
  F32 load_key(const std::byte* row, int64_t d) const {
    if constexpr (Codes) return keys_.load_codes(row, d);
    return keys_.load(row, d);
  }
  /// The last ones of a row. Codes behind them are multiplied with zeros.
  template <bool Codes>
  F32 load_key(const std::byte* row, int64_t d, int64_t left) const {
    if constexpr (Codes) return keys_.load_codes(row, d);
    return keys_.load(row, d, left);
  }

  /// scores_[r][slot + n] = q[r] · k[key + n] for N keys.
  template <int N, bool Codes>
  void score(int64_t key, int slot) {
    const std::byte* k = rows_.k.data + key * rows_.k.stride;
    F32 sums[R][N];
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) sums[r][n] = F32(0.0f);
    }
    int64_t d = 0;
    for (; d + kLanes <= rows_.k.dim; d += kLanes) {
      F32 values[N];
      for (int n = 0; n < N; ++n) values[n] = load_key<Codes>(k + n * rows_.k.stride, d);
      for (int r = 0; r < R; ++r) {
        const F32 q = F32::load(rows_.q[r] + d);
        for (int n = 0; n < N; ++n) sums[r][n] = fma(q, values[n], sums[r][n]);
      }
    }
    if (const int64_t left = rows_.k.dim - d; left > 0) {
      for (int n = 0; n < N; ++n) {
        const F32 value = load_key<Codes>(k + n * rows_.k.stride, d, left);
        for (int r = 0; r < R; ++r) sums[r][n] = fma(F32::load(rows_.q[r] + d, left), value, sums[r][n]);
      }
    }
    for (int r = 0; r < R; ++r) {
      // A key's sum must not depend on how many are added up with it.
      float scores[kKeys];
      reduce_add(sums[r][0], sums[r][1 % N], sums[r][2 % N], sums[r][3 % N], scores);
      for (int n = 0; n < N; ++n) scores_[r][slot + n] = scores[n];
    }
    if constexpr (Codes) {
      for (int n = 0; n < N; ++n) {
        const float* group = keys_.group(k + n * rows_.k.stride, 0);
        scales_[slot + n] = group[0];
        biases_[slot + n] = group[1];
      }
    }
    for (int n = 0; n < N; ++n) prefetch(rows_.k, ahead_k_, slot + n);
  }

  void hide(int r, int64_t key, int count) {
    float* scores = scores_[r];
    const AttentionMask& mask = rows_.mask[r];
    for (int i = 0; i < count; ++i) {
      const int64_t at = key + i;
      if (mask.additive) scores[i] += mask.additive[at * rows_.mask_stride];
      const bool hidden = at < rows_.first[r] || at >= rows_.last[r];
      if (hidden || (mask.allowed && !mask.allowed[at * rows_.mask_stride])) scores[i] = -kInfinity;
    }
  }

  /// Turns the scores of a block into exp(score − largest); returns what earlier sums are to be multiplied with.
  float softmax(int r, int64_t key, int count) {
    float* scores = scores_[r];
    for (int i = count; i < (count + kLanes - 1) / kLanes * kLanes; ++i) scores[i] = -kInfinity;
    for (int i = 0; i < count; i += kLanes) {
      F32 value = F32::load(scores + i);
      if constexpr (kHasScales) {
        if (one_group_) value = fma(value, F32::load(scales_ + i), F32::load(biases_ + i) * F32(query_sums_[r]));
      }
      value = value * F32(rows_.scale);
      if (rows_.softcap > 0) value = F32(rows_.softcap) * tanh(value * F32(1.0f / rows_.softcap));
      value.store(scores + i);
    }
    for (int i = count; i < (count + kLanes - 1) / kLanes * kLanes; ++i) scores[i] = -kInfinity;
    const AttentionMask& mask = rows_.mask[r];
    if (mask.additive || mask.allowed != nullptr || key < rows_.first[r] || key + count > rows_.last[r])
      hide(r, key, count);

    F32 most(rows_.largest[r]);
    for (int i = 0; i < count; i += kLanes) most = max(most, F32::load(scores + i));
    const float largest = reduce_max(most);
    // A row that has seen nothing yet has −∞ here; 0 keeps the differences below defined.
    const F32 base(largest == -kInfinity ? 0.0f : largest);
    F32 total(0.0f);
    for (int i = 0; i < count; i += kLanes) {
      const F32 p = exp(F32::load(scores + i) - base);
      p.store(scores + i);
      total = total + p;
    }
    alignas(64) float lanes[kLanes];
    exp(F32(rows_.largest[r]) - base).store(lanes);
    rows_.sum[r] = rows_.sum[r] * lanes[0] + reduce_add(total);
    rows_.largest[r] = largest;
    return lanes[0];
  }

  void add_values(int64_t key, int count, const float (&corrections)[R]) {
    int64_t d = 0;
    if constexpr (kHasScales) {
      // Vectors that are added up together lie in one group.
      const int64_t wide = values_.group_size() < 4 * kLanes ? 0 : rows_.v.dim;
      for (; d + 4 * kLanes <= wide; d += 4 * kLanes) add_code_vectors<4>(key, count, corrections, d);
      for (; d + 2 * kLanes <= rows_.v.dim; d += 2 * kLanes) add_code_vectors<2>(key, count, corrections, d);
    } else {
      for (; d + 4 * kLanes <= rows_.v.dim; d += 4 * kLanes) add_vectors<4>(key, count, corrections, d);
    }
    for (; d + kLanes <= rows_.v.dim; d += kLanes) {
      if constexpr (kHasScales) weigh(key, count, d);
      add_vectors<1>(key, count, corrections, d);
    }
    if (d < rows_.v.dim) add_tail(key, count, corrections, d);
  }

  /// weights_ = p · scale and weighted_biases_ = Σ p · bias of the group that begins at element d, if one does.
  void weigh(int64_t key, int count, int64_t d) {
    if ((d & (values_.group_size() - 1)) != 0) return;
    const std::byte* v = rows_.v.data + key * rows_.v.stride;
    for (int i = 0; i < count; ++i, v += rows_.v.stride) {
      const float* group = values_.group(v, d);
      scales_[i] = group[0];
      biases_[i] = group[1];
    }
    for (int i = count; i % kLanes != 0; ++i) scales_[i] = biases_[i] = 0.0f;
    for (int r = 0; r < R; ++r) {
      F32 total(0.0f);
      for (int i = 0; i < count; i += kLanes) {
        const F32 p = F32::load(scores_[r] + i);
        (p * F32::load(scales_ + i)).store(weights_[r] + i);
        total = fma(p, F32::load(biases_ + i), total);
      }
      weighted_biases_[r] = reduce_add(total);
    }
  }

  F32 load_value(const std::byte* row, int64_t d) const {
    if constexpr (kHasScales) return values_.load_codes(row, d);
    return values_.load(row, d);
  }
  /// The last ones of a row; what comes behind them is not stored.
  F32 load_value(const std::byte* row, int64_t d, int64_t left) const {
    if constexpr (kHasScales) return values_.load_codes(row, d);
    return values_.load(row, d, left);
  }
  /// What the values of key i of the block are multiplied with.
  F32 weight(int r, int i) const {
    if constexpr (kHasScales) return F32(weights_[r][i]);
    return F32(scores_[r][i]);
  }
  F32 opened(F32 sum, int r, float correction) const {
    if constexpr (kHasScales) return fma(sum, F32(correction), F32(weighted_biases_[r]));
    return sum * F32(correction);
  }

  /// add_vectors in a function of its own: beside the constants of exp the compiler has too few registers.
  template <int Vectors>
  [[gnu::noinline]] void add_code_vectors(int64_t key, int count, const float (&corrections)[R], int64_t d) {
    weigh(key, count, d);
    add_vectors<Vectors>(key, count, corrections, d);
  }

  /// out[r][d …] = out · correction + Σ p · v over Vectors vectors of values.
  template <int Vectors>
  void add_vectors(int64_t key, int count, const float (&corrections)[R], int64_t d) {
    F32 sums[R][Vectors];
    for (int r = 0; r < R; ++r) {
      for (int j = 0; j < Vectors; ++j) {
        sums[r][j] = opened(F32::load(rows_.out + r * rows_.out_stride + d + j * kLanes), r, corrections[r]);
      }
    }
    const std::byte* v = rows_.v.data + key * rows_.v.stride;
    for (int i = 0; i < count; ++i, v += rows_.v.stride) {
      if (d == 0) prefetch(rows_.v, ahead_v_, i);
      for (int j = 0; j < Vectors; ++j) {
        const F32 values = load_value(v, d + j * kLanes);
        for (int r = 0; r < R; ++r) sums[r][j] = fma(weight(r, i), values, sums[r][j]);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int j = 0; j < Vectors; ++j) sums[r][j].store(rows_.out + r * rows_.out_stride + d + j * kLanes);
    }
  }

  void add_tail(int64_t key, int count, const float (&corrections)[R], int64_t d) {
    if constexpr (kHasScales) weigh(key, count, d);
    const int64_t left = rows_.v.dim - d;
    for (int r = 0; r < R; ++r) {
      float* out = rows_.out + r * rows_.out_stride + d;
      F32 sum = opened(F32::load(out, left), r, corrections[r]);
      const std::byte* v = rows_.v.data + key * rows_.v.stride;
      for (int i = 0; i < count; ++i, v += rows_.v.stride) sum = fma(weight(r, i), load_value(v, d, left), sum);
      sum.store(out, left);
    }
  }

  const Elements& keys_;
  const Elements& values_;
  const AttentionRows& rows_;
  const std::byte* ahead_k_ = nullptr;  // the block to come
  const std::byte* ahead_v_ = nullptr;
  alignas(64) float scores_[R][kBlock];
  // Of codes, for a block: the scales and biases of its keys (of one group each) or values, and the weights of the
  // codes.
  static constexpr int kScales = kHasScales ? kBlock : 1;
  bool one_group_ = false;
  float query_sums_[R] = {};
  float weighted_biases_[R] = {};
  alignas(64) float scales_[kScales] = {};
  alignas(64) float biases_[kScales] = {};
  alignas(64) float weights_[R][kScales];
};

template <int R, typename Elements>
void run_rows(const Elements& keys, const AttentionRows& rows) {
  const Elements values(rows.v);
  RowsKernel<Elements, R>(keys, values, rows).run();
}

}  // namespace

void attention_rows(const AttentionRows& rows) {
  with_kv_elements(rows.k, [&](const auto& keys) {
    switch (rows.rows) {
      case 1:
        return run_rows<1>(keys, rows);
      case 2:
        return run_rows<2>(keys, rows);
      case 3:
        return run_rows<3>(keys, rows);
      case 4:
        return run_rows<4>(keys, rows);
      default:
        return;
    }
  });
}

}  // namespace mica::cpu::MICA_ISA_NS
