// Innermost kernel of dense products: a tile of C in registers, plus the packing of its inputs.

#include "mica/cpu/kernels/gemm_elements.h"
#include "mica/cpu/kernels/gemm_kernels.h"
#include "mica/cpu/kernels/transpose.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

/// Two vectors wide, and as many rows as leave registers for a row of B and an element of A.
constexpr int kTileVectors = 2;
constexpr int kTileRows = F32::kLanes == 16 ? 12 : F32::kLanes == 8 ? 6 : 4;

/// Of a tile at the lower edge only the first kRows rows are computed.
template <typename Element, int kRows>
void multiply_rows(const GemmTile& tile) {
  using Vector = typename Element::Vector;
  using Sum = typename Element::Sum;
  constexpr int kLanes = Vector::kLanes;
  constexpr int kWidth = kTileVectors * kLanes;
  const auto* a = static_cast<const Sum*>(tile.a);
  const auto* b = static_cast<const Sum*>(tile.b);
  Vector sums[kRows][kTileVectors];
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kTileVectors; ++j) sums[i][j] = Vector(Sum(0));
  }
  for (int64_t k = 0; k < tile.depth; ++k) {
    Vector row[kTileVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kTileVectors; ++j) row[j] = Vector::load(b + j * kLanes);
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i) {
      const Vector element(a[i]);
#pragma GCC unroll 2
      for (int j = 0; j < kTileVectors; ++j) sums[i][j] = fma(element, row[j], sums[i][j]);
    }
    a += kTileRows;
    b += kWidth;
  }
  auto* c = static_cast<Sum*>(tile.c);
  if (tile.rows == kRows && tile.cols == kWidth) {
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < kTileVectors; ++j) {
        Sum* at = c + i * tile.ldc + j * kLanes;
        (tile.accumulate ? sums[i][j] + Vector::load(at) : sums[i][j]).store(at);
      }
    }
    return;
  }
  alignas(64) Sum whole[kRows][kWidth];
#pragma GCC unroll 12
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kTileVectors; ++j) sums[i][j].store(&whole[i][j * kLanes]);
  }
  for (int64_t i = 0; i < tile.rows; ++i) {
    for (int64_t j = 0; j < tile.cols; ++j) {
      Sum& at = c[i * tile.ldc + j];
      at = tile.accumulate ? at + whole[i][j] : whole[i][j];
    }
  }
}

template <typename Element>
void multiply_tile(const GemmTile& tile) {
  constexpr int kFew = kTileRows / 3;
  if (tile.rows <= kFew) return multiply_rows<Element, kFew>(tile);
  if (tile.rows <= 2 * kFew) return multiply_rows<Element, 2 * kFew>(tile);
  multiply_rows<Element, kTileRows>(tile);
}

/// Vectors side by side in memory: every depth is a contiguous run.
template <typename Element>
void pack_across(const GemmPack& pack) {
  using Vector = typename Element::Vector;
  const auto* in = static_cast<const typename Element::Stored*>(pack.data);
  auto* out = static_cast<typename Element::Sum*>(pack.out);
  for (int64_t k = 0; k < pack.depth; ++k) {
    const auto* row = in + k * pack.depth_stride;
    alignas(64) typename Element::Sum last[Vector::kLanes];
    for (int i = 0; i < pack.width; i += Vector::kLanes) {
      const int64_t valid = pack.count - i < 0 ? 0 : pack.count - i;
      const Vector values = valid >= Vector::kLanes ? Element::load(row + i) : Element::load(row + i, valid);
      if (i + Vector::kLanes <= pack.width) {
        values.store(out + i);
        continue;
      }
      values.store(last);
      for (int lane = 0; i + lane < pack.width; ++lane) out[i + lane] = last[lane];
    }
    out += pack.width;
  }
}

/// Vectors that are contiguous themselves: short stretches of each are read and interleaved.
template <typename Element>
void pack_along(const GemmPack& pack) {
  using Vector = typename Element::Vector;
  const auto* in = static_cast<const typename Element::Stored*>(pack.data);
  auto* out = static_cast<typename Element::Sum*>(pack.out);
  for (int64_t k = 0; k < pack.depth; k += Vector::kLanes) {
    const int64_t depth = pack.depth - k < Vector::kLanes ? pack.depth - k : Vector::kLanes;
    for (int i = 0; i < pack.width; ++i) {
      alignas(64) typename Element::Sum stretch[Vector::kLanes] = {};
      if (i < pack.count) {
        const auto* at = in + i * pack.vector_stride + k;
        (depth == Vector::kLanes ? Element::load(at) : Element::load(at, depth)).store(stretch);
      }
      for (int64_t j = 0; j < depth; ++j) out[(k + j) * pack.width + i] = stretch[j];
    }
  }
}

/// The same by transposed blocks.
template <typename Element>
  requires(sizeof(typename Element::Sum) == sizeof(float))
void pack_along(const GemmPack& pack) {
  constexpr int kLanes = F32::kLanes;
  const auto* in = static_cast<const typename Element::Stored*>(pack.data);
  auto* out = static_cast<float*>(pack.out);
  const float* end = out + pack.depth * pack.width;
  for (int64_t k = 0; k < pack.depth; k += kLanes) {
    const int64_t depth = pack.depth - k < kLanes ? pack.depth - k : kLanes;
    for (int first = 0; first < pack.width; first += kLanes) {
      F32 block[kLanes];
      for (int i = 0; i < kLanes; ++i) {
        const auto* at = in + (first + i) * pack.vector_stride + k;
        block[i] = first + i >= pack.count ? F32(0.0f) : depth == kLanes ? Element::load(at) : Element::load(at, depth);
      }
      transpose(block);
      for (int64_t j = 0; j < depth; ++j) {
        float* to = out + (k + j) * pack.width + first;
        // What a whole vector writes behind a narrow panel's row is written over by the next one.
        const bool whole = first + kLanes <= pack.width || (first == 0 && to + kLanes <= end);
        whole ? block[j].store(to) : block[j].store(to, pack.width - first);
      }
    }
  }
}

template <typename Element>
void pack_vectors(const GemmPack& pack) {
  if (pack.depth_stride == 1) return pack_along<Element>(pack);
  pack_across<Element>(pack);
}

}  // namespace

GemmTileShape gemm_tile_shape(bool f64) {
  return {kTileRows, kTileVectors * (f64 ? F64::kLanes : F32::kLanes)};
}

void gemm_tile(const GemmTile& tile) {
  tile.f64 ? multiply_tile<ElementF64>(tile) : multiply_tile<ElementF32>(tile);
}

void gemm_pack(const GemmPack& pack) {
  switch (pack.type) {
    case GemmType::f32:
      return pack_vectors<ElementF32>(pack);
    case GemmType::f64:
      return pack_vectors<ElementF64>(pack);
    case GemmType::f16:
      return pack_vectors<ElementF16>(pack);
    case GemmType::bf16:
      return pack_vectors<ElementBf16>(pack);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
