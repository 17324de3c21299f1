// Queries, keys and values as 16-bit fixed point, and the way back of the results.

#define MICA_ISA_NS avx512vnni

#include "mica/cpu/kernels/attention_int16.h"
#include "mica/cpu/kernels/kv_elements.h"
#include "mica/cpu/kernels/transpose_avx512.h"

namespace mica::cpu::avx512vnni {
namespace {

constexpr int kLanes = F32::kLanes;
/// Length of a row of queries or keys; a little below 2^15, since rounding can make it longer.
constexpr float kLength = 32700.0f;
/// The largest value.
constexpr float kFull = 32767.0f;

/// What a row or a block is multiplied with to become integers, and what gives it back.
struct Scaling {
  float up;
  float down;
};

Scaling scaling(float size, float target) {
  // Sizes near 0 have no quotient.
  if (size < 1e-30f) return {0.0f, 0.0f};
  return {target / size, size / target};
}

/// Elements of a row from d on, zeros behind its end.
template <typename Elements>
F32 load_some(const Elements& elements, const std::byte* row, int64_t d, int64_t dim) {
  if (d + kLanes <= dim) return elements.load(row, d);
  return d < dim ? elements.load(row, d, dim - d) : F32(0.0f);
}

template <typename Elements>
Scaling row_scaling(const Elements& elements, const std::byte* row, int64_t dim) {
  F32 squares(0.0f);
  for (int64_t d = 0; d < dim; d += kLanes) {
    const F32 x = load_some(elements, row, d, dim);
    squares = fma(x, x, squares);
  }
  return scaling(__builtin_sqrtf(reduce_add(squares)), kLength);
}

/// Elements d … d + 31 of a row as pairs.
template <typename Elements>
__m512i load_pairs(const Elements& elements, const std::byte* row, int64_t d, int64_t dim, F32 up) {
  const __m512i low = _mm512_cvtps_epi32((load_some(elements, row, d, dim) * up).v);
  const __m512i high = _mm512_cvtps_epi32((load_some(elements, row, d + kLanes, dim) * up).v);
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(low)), _mm512_cvtepi32_epi16(high), 1);
}

template <typename Elements>
void pack_keys(const Elements& elements, const KvRows& rows, int64_t count, int32_t* out, float* scales) {
  const int64_t pairs = (rows.dim + 1) / 2;
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* row = rows.data + i * rows.stride;
    const Scaling scale = row_scaling(elements, row, rows.dim);
    scales[i] = scale.down;
    for (int64_t pair = 0; pair < pairs; pair += kLanes) {
      const __mmask16 there = F32::first(pairs - pair < kLanes ? pairs - pair : kLanes);
      _mm512_mask_storeu_epi32(out + i * pairs + pair, there,
                               load_pairs(elements, row, 2 * pair, rows.dim, F32(scale.up)));
    }
  }
  for (int64_t i = count; i % kInt16Rows != 0; ++i) {
    scales[i] = 0.0f;
    for (int64_t pair = 0; pair < pairs; ++pair) out[i * pairs + pair] = 0;
  }
}

/// The largest magnitude of a block; not a number if one of its elements is none, or infinite.
template <typename Elements>
float largest_magnitude(const Elements& elements, const KvRows& rows, int64_t count) {
  F32 most(0.0f);
  F32 zeros(0.0f);
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* row = rows.data + i * rows.stride;
    for (int64_t d = 0; d < rows.dim; d += kLanes) {
      const F32 x = load_some(elements, row, d, rows.dim);
      most = max(abs(x), most);
      zeros = fma(x, F32(0.0f), zeros);
    }
  }
  return reduce_max(most) + reduce_add(zeros);
}

template <typename Elements>
float pack_values(const Elements& elements, const KvRows& rows, int64_t count, int32_t* out) {
  const Scaling scale = scaling(largest_magnitude(elements, rows, count), kFull);
  const F32 up(scale.up);
  const int64_t pairs = (count + 1) / 2;
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const std::byte* first = rows.data + 2 * pair * rows.stride;
    for (int64_t d = 0; d < rows.dim; d += kLanes) {
      const __m512i low = _mm512_cvtps_epi32((load_some(elements, first, d, rows.dim) * up).v);
      __m512i high = _mm512_setzero_si512();
      if (2 * pair + 1 < count) {
        high = _mm512_cvtps_epi32((load_some(elements, first + rows.stride, d, rows.dim) * up).v);
      }
      const __m512i both = join(low, high);
      int32_t* panel = out + d * pairs + pair * kInt16Rows;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(panel), _mm512_castsi512_si256(both));
      if (d + kInt16Rows >= rows.dim) continue;
      panel += kInt16Rows * pairs;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(panel), _mm512_extracti64x4_epi64(both, 1));
    }
  }
  return scale.down;
}

}  // namespace

void attention_int16_queries(const Int16Queries& queries) {
  const KvF32 elements{KvRows{}};
  const int64_t pairs = (queries.dim + 1) / 2;
  for (int i = 0; i < kInt16Queries; i += kLanes) {
    float up[kLanes] = {};
    for (int j = 0; j < kLanes; ++j) {
      queries.scales[i + j] = 0.0f;
      if (i + j >= queries.count) continue;
      const auto* row = reinterpret_cast<const std::byte*>(queries.rows[i + j]);
      const Scaling scale = row_scaling(elements, row, queries.dim);
      up[j] = scale.up;
      queries.scales[i + j] = scale.down * queries.scale;
    }
    for (int64_t pair = 0; pair < pairs; pair += kLanes) {
      __m512i block[kLanes];
      for (int j = 0; j < kLanes; ++j) {
        block[j] = _mm512_setzero_si512();
        if (i + j >= queries.count) continue;
        const auto* row = reinterpret_cast<const std::byte*>(queries.rows[i + j]);
        block[j] = load_pairs(elements, row, 2 * pair, queries.dim, F32(up[j]));
      }
      transpose(block);
      for (int64_t j = 0; j < kLanes && pair + j < pairs; ++j) {
        _mm512_storeu_si512(queries.out + (pair + j) * kInt16Queries + i, block[j]);
      }
    }
  }
}

void attention_int16_keys(const KvRows& rows, int64_t count, int32_t* out, float* scales) {
  with_kv_elements(rows, [&](const auto& elements) { pack_keys(elements, rows, count, out, scales); });
}

float attention_int16_values(const KvRows& rows, int64_t count, int32_t* out) {
  float scale = 0.0f;
  with_kv_elements(rows, [&](const auto& elements) { scale = pack_values(elements, rows, count, out); });
  return scale;
}

void attention_int16_store(const float* out, const float* factors, int count, int64_t dim, float* const* rows) {
  for (int i = 0; i < count; i += kLanes) {
    const F32 factor = F32::load(factors + i);
    for (int64_t d = 0; d < dim; d += kLanes) {
      __m512i block[kLanes];
      for (int64_t j = 0; j < kLanes; ++j) {
        block[j] = _mm512_setzero_si512();
        if (d + j >= dim) continue;
        block[j] = _mm512_castps_si512((F32::load(out + (d + j) * kInt16Queries + i) * factor).v);
      }
      transpose(block);
      const int64_t there = dim - d < kLanes ? dim - d : kLanes;
      for (int j = 0; j < kLanes && i + j < count; ++j)
        F32(_mm512_castsi512_ps(block[j])).store(rows[i + j] + d, there);
    }
  }
}

}  // namespace mica::cpu::avx512vnni
