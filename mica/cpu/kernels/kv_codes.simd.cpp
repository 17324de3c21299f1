// Keys and values as codes of 8 or 4 bits (ops/kv_format.h), and rows of any type as f32.

#include "mica/cpu/kernels/attention_kernels.h"
#include "mica/cpu/kernels/kv_elements.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr int kLanes = F32::kLanes;
/// Elements whose codes of 4 bits lie together.
constexpr int64_t kHalf = 16;

/// The elements of a group and what makes codes of them.
class Group {
 public:
  Group(const float* x, int64_t count, int bits)
      : x_(x), count_(count), levels_(static_cast<float>((1 << bits) - 1)), bias_(x[0]) {
    F32 least(x[0]);
    F32 most(x[0]);
    for (int64_t d = 0; d < count; d += kLanes) {
      const F32 values = load(d);
      least = min(values, least);
      most = max(values, most);
    }
    bias_ = reduce_min(least);
    const float step = (reduce_max(most) - bias_) / levels_;
    // A group of equal elements has no steps, and one below f32's normal numbers no reciprocal.
    scale_ = step < 1e-30f ? 0.0f : step;
    up_ = scale_ == 0.0f ? 0.0f : 1.0f / scale_;
  }

  float scale() const { return scale_; }
  float bias() const { return bias_; }

  /// Codes of elements d … d + kLanes − 1.
  I32 codes(int64_t d) const {
    if (d >= count_) return I32(0);
    return to_i32(min((load(d) - F32(bias_)) * F32(up_), F32(levels_)));
  }

 private:
  /// Behind the end of the group stands the bias (first any element of it), whose code is 0.
  F32 load(int64_t d) const {
    if (d + kLanes <= count_) return F32::load(x_ + d);
    alignas(64) float lanes[kLanes];
    for (int i = 0; i < kLanes; ++i) lanes[i] = d + i < count_ ? x_[d + i] : bias_;
    return F32::load(lanes);
  }

  const float* x_;
  int64_t count_;
  float levels_;
  float bias_;
  float scale_ = 0.0f;
  float up_ = 0.0f;
};

template <typename Elements>
void widen(const Elements& elements, const KvRows& rows, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i, out += rows.dim) {
    const std::byte* row = rows.data + i * rows.stride;
    int64_t d = 0;
    for (; d + kLanes <= rows.dim; d += kLanes) elements.load(row, d).store(out + d);
    if (d < rows.dim) elements.load(row, d, rows.dim - d).store(out + d, rows.dim - d);
  }
}

}  // namespace

void kv_quantize(const KvCodeRow& row) {
  auto* scales = reinterpret_cast<float*>(row.out + (row.dim + 31) / 32 * 32 * row.bits / 8);
  for (int64_t first = 0; first < row.dim; first += row.group) {
    const int64_t count = row.dim - first < row.group ? row.dim - first : row.group;
    const Group group(row.x + first, count, row.bits);
    for (int64_t d = 0; d < count; d += 2 * kHalf) {
      for (int64_t j = 0; j < kHalf; j += kLanes) {
        const I32 lower = group.codes(d + j);
        const I32 upper = group.codes(d + kHalf + j);
        if (row.bits == 8) {
          lower.store_low_bytes(row.out + first + d + j);
          upper.store_low_bytes(row.out + first + d + kHalf + j);
        } else {
          (lower | shift_left<4>(upper)).store_low_bytes(row.out + (first + d) / 2 + j);
        }
      }
    }
    *scales++ = group.scale();
    *scales++ = group.bias();
  }
}

void kv_widen(const KvRows& rows, int64_t count, float* out) {
  with_kv_elements(rows, [&](const auto& elements) { widen(elements, rows, count, out); });
}

}  // namespace mica::cpu::MICA_ISA_NS
