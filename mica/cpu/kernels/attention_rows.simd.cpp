// Attention of a few query rows, for decoding: keys and values are read once, in the type they are stored in.

#include "mica/cpu/kernels/attention_kernels.h"
#include "mica/cpu/kernels/gemm_elements.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kBlock = kAttentionBlock;
constexpr float kInfinity = __builtin_inff();

template <typename Element, int R>
class RowsKernel {
 public:
  explicit RowsKernel(const AttentionRows& rows)
      : rows_(rows),
        k_(static_cast<const typename Element::Stored*>(rows.k)),
        v_(static_cast<const typename Element::Stored*>(rows.v)) {}

  void run() {
    for (int r = 0; r < R; ++r) {
      rows_.largest[r] = -kInfinity;
      rows_.sum[r] = 0.0f;
      for (int64_t d = 0; d < rows_.value_dim; ++d) rows_.out[r * rows_.out_stride + d] = 0.0f;
    }
    for (int64_t key = rows_.begin; key < rows_.end; key += kBlock) {
      const int count = static_cast<int>(rows_.end - key < kBlock ? rows_.end - key : kBlock);
      for (int i = 0; i < count; ++i) score(key + i, i);
      float corrections[R];
      for (int r = 0; r < R; ++r) corrections[r] = softmax(r, key, count);
      add_values(key, count, corrections);
    }
  }

 private:
  static constexpr int kLanes = F32::kLanes;

  /// scores_[r][slot] = q[r] · k[key].
  void score(int64_t key, int slot) {
    const auto* k = k_ + key * rows_.k_stride;
    F32 sums[R];
    for (int r = 0; r < R; ++r) sums[r] = F32(0.0f);
    int64_t d = 0;
    for (; d + kLanes <= rows_.dim; d += kLanes) {
      const F32 values = Element::load(k + d);
      for (int r = 0; r < R; ++r) sums[r] = fma(F32::load(rows_.q[r] + d), values, sums[r]);
    }
    if (d < rows_.dim) {
      const int64_t left = rows_.dim - d;
      const F32 values = Element::load(k + d, left);
      for (int r = 0; r < R; ++r) sums[r] = fma(F32::load(rows_.q[r] + d, left), values, sums[r]);
    }
    for (int r = 0; r < R; ++r) scores_[r][slot] = reduce_add(sums[r]);
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
    for (; d + 4 * kLanes <= rows_.value_dim; d += 4 * kLanes) add_vectors<4>(key, count, corrections, d);
    for (; d + kLanes <= rows_.value_dim; d += kLanes) add_vectors<1>(key, count, corrections, d);
    if (d < rows_.value_dim) add_tail(key, count, corrections, d);
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
    const auto* v = v_ + key * rows_.v_stride + d;
    for (int i = 0; i < count; ++i, v += rows_.v_stride) {
      for (int j = 0; j < Vectors; ++j) {
        const F32 values = Element::load(v + j * kLanes);
        for (int r = 0; r < R; ++r) sums[r][j] = fma(F32(scores_[r][i]), values, sums[r][j]);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int j = 0; j < Vectors; ++j) sums[r][j].store(rows_.out + r * rows_.out_stride + d + j * kLanes);
    }
  }

  void add_tail(int64_t key, int count, const float (&corrections)[R], int64_t d) {
    const int64_t left = rows_.value_dim - d;
    for (int r = 0; r < R; ++r) {
      float* out = rows_.out + r * rows_.out_stride + d;
      F32 sum = F32::load(out, left) * F32(corrections[r]);
      const auto* v = v_ + key * rows_.v_stride + d;
      for (int i = 0; i < count; ++i, v += rows_.v_stride) sum = fma(F32(scores_[r][i]), Element::load(v, left), sum);
      sum.store(out, left);
    }
  }

  const AttentionRows& rows_;
  const typename Element::Stored* k_;
  const typename Element::Stored* v_;
  alignas(64) float scores_[R][kBlock];
};

template <typename Element>
void run_rows(const AttentionRows& rows) {
  switch (rows.rows) {
    case 1:
      return RowsKernel<Element, 1>(rows).run();
    case 2:
      return RowsKernel<Element, 2>(rows).run();
    case 3:
      return RowsKernel<Element, 3>(rows).run();
    case 4:
      return RowsKernel<Element, 4>(rows).run();
    default:
      return;
  }
}

}  // namespace

void attention_rows(const AttentionRows& rows) {
  switch (rows.kv_type) {
    case GemmType::f32:
      return run_rows<ElementF32>(rows);
    case GemmType::f16:
      return run_rows<ElementF16>(rows);
    case GemmType::bf16:
      return run_rows<ElementBf16>(rows);
    default:
      return;
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
