// Attention of a few query rows, for decoding: keys and values are read once, in the type they are stored in.

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
      : keys_(keys), values_(values), rows_(rows) {}

  void run() {
    for (int r = 0; r < R; ++r) {
      rows_.largest[r] = -kInfinity;
      rows_.sum[r] = 0.0f;
      for (int64_t d = 0; d < rows_.v.dim; ++d) rows_.out[r * rows_.out_stride + d] = 0.0f;
    }
    for (int64_t key = rows_.begin; key < rows_.end; key += kBlock) {
      const int count = static_cast<int>(rows_.end - key < kBlock ? rows_.end - key : kBlock);
      int i = 0;
      for (; i + kKeys <= count; i += kKeys) score<kKeys>(key + i, i);
      for (; i < count; ++i) score<1>(key + i, i);
      float corrections[R];
      for (int r = 0; r < R; ++r) corrections[r] = softmax(r, key, count);
      add_values(key, count, corrections);
    }
  }

 private:
  static constexpr int kLanes = F32::kLanes;

  /// Asks for a row of a block to come.
  static void prefetch(const KvRows& rows, int64_t key) {
    const std::byte* row = rows.data + key * rows.stride;
    for (int64_t at = 0; at < rows.bytes; at += kCacheLine) __builtin_prefetch(row + at);
  }

  /// scores_[r][slot + n] = q[r] · k[key + n] for N keys.
  template <int N>
  void score(int64_t key, int slot) {
    const std::byte* k = rows_.k.data + key * rows_.k.stride;
    F32 sums[R][N];
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) sums[r][n] = F32(0.0f);
    }
    int64_t d = 0;
    for (; d + kLanes <= rows_.k.dim; d += kLanes) {
      F32 values[N];
      for (int n = 0; n < N; ++n) values[n] = keys_.load(k + n * rows_.k.stride, d);
      for (int r = 0; r < R; ++r) {
        const F32 q = F32::load(rows_.q[r] + d);
        for (int n = 0; n < N; ++n) sums[r][n] = fma(q, values[n], sums[r][n]);
      }
    }
    if (const int64_t left = rows_.k.dim - d; left > 0) {
      for (int n = 0; n < N; ++n) {
        const F32 value = keys_.load(k + n * rows_.k.stride, d, left);
        for (int r = 0; r < R; ++r) sums[r][n] = fma(F32::load(rows_.q[r] + d, left), value, sums[r][n]);
      }
    }
    for (int r = 0; r < R; ++r) {
      // A key's sum must not depend on how many are added up with it.
      float scores[kKeys];
      reduce_add(sums[r][0], sums[r][1 % N], sums[r][2 % N], sums[r][3 % N], scores);
      for (int n = 0; n < N; ++n) scores_[r][slot + n] = scores[n];
    }
    for (int n = 0; n < N; ++n) prefetch(rows_.k, key + n + kBlock);
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
      F32 value = F32::load(scores + i) * F32(rows_.scale);
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
    for (; d + 4 * kLanes <= rows_.v.dim; d += 4 * kLanes) add_vectors<4>(key, count, corrections, d);
    for (; d + kLanes <= rows_.v.dim; d += kLanes) add_vectors<1>(key, count, corrections, d);
    if (d < rows_.v.dim) add_tail(key, count, corrections, d);
  }

  /// out[r][d …] = out · correction + Σ p · v over Vectors vectors of values.
  template <int Vectors>
  void add_vectors(int64_t key, int count, const float (&corrections)[R], int64_t d) {
    F32 sums[R][Vectors];
    for (int r = 0; r < R; ++r) {
      for (int j = 0; j < Vectors; ++j) {
        sums[r][j] = F32::load(rows_.out + r * rows_.out_stride + d + j * kLanes) * F32(corrections[r]);
      }
    }
    const std::byte* v = rows_.v.data + key * rows_.v.stride;
    for (int i = 0; i < count; ++i, v += rows_.v.stride) {
      if (d == 0) prefetch(rows_.v, key + i + kBlock);
      for (int j = 0; j < Vectors; ++j) {
        const F32 values = values_.load(v, d + j * kLanes);
        for (int r = 0; r < R; ++r) sums[r][j] = fma(F32(scores_[r][i]), values, sums[r][j]);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int j = 0; j < Vectors; ++j) sums[r][j].store(rows_.out + r * rows_.out_stride + d + j * kLanes);
    }
  }

  void add_tail(int64_t key, int count, const float (&corrections)[R], int64_t d) {
    const int64_t left = rows_.v.dim - d;
    for (int r = 0; r < R; ++r) {
      float* out = rows_.out + r * rows_.out_stride + d;
      F32 sum = F32::load(out, left) * F32(corrections[r]);
      const std::byte* v = rows_.v.data + key * rows_.v.stride;
      for (int i = 0; i < count; ++i, v += rows_.v.stride) sum = fma(F32(scores_[r][i]), values_.load(v, d, left), sum);
      sum.store(out, left);
    }
  }

  const Elements& keys_;
  const Elements& values_;
  const AttentionRows& rows_;
  alignas(64) float scores_[R][kBlock];
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
