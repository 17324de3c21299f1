// Matrix times vector at memory bandwidth, for matrices stored by rows and by columns.

#include "mica/cpu/kernels/gemm_elements.h"
#include "mica/cpu/kernels/gemm_kernels.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

/// Rows (by rows) or columns of depth (by columns) that are read side by side.
constexpr int kStreams = 4;

template <typename Element, int Rows>
void dot_rows(const GemmVector& product, int64_t first) {
  using Vector = typename Element::Vector;
  using Sum = typename Element::Sum;
  constexpr int kLanes = Vector::kLanes;
  const auto* rows = static_cast<const typename Element::Stored*>(product.data) + first * product.stride;
  const auto* x = static_cast<const Sum*>(product.x);
  const int64_t depth = product.depth;
  // Two sums a row hide the latency of additions.
  Vector sums[Rows][2];
  for (int i = 0; i < Rows; ++i) sums[i][0] = sums[i][1] = Vector(Sum(0));
  int64_t k = 0;
  for (; k + 2 * kLanes <= depth; k += 2 * kLanes) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const Vector values = Vector::load(x + k + j * kLanes);
#pragma GCC unroll 4
      for (int i = 0; i < Rows; ++i) {
        sums[i][j] = fma(Element::load(rows + i * product.stride + k + j * kLanes), values, sums[i][j]);
      }
    }
  }
  for (; k < depth; k += kLanes) {
    const int64_t n = depth - k < kLanes ? depth - k : kLanes;
    alignas(64) Sum tail[kLanes] = {};
    for (int64_t j = 0; j < n; ++j) tail[j] = x[k + j];
    const Vector values = Vector::load(tail);
    for (int i = 0; i < Rows; ++i) {
      sums[i][0] = fma(Element::load(rows + i * product.stride + k, n), values, sums[i][0]);
    }
  }
  auto* y = static_cast<Sum*>(product.y);
  for (int i = 0; i < Rows; ++i) y[first + i] = reduce_add(sums[i][0] + sums[i][1]);
}

template <typename Element>
void by_rows(const GemmVector& product) {
  int64_t row = 0;
  for (; row + kStreams <= product.count; row += kStreams) dot_rows<Element, kStreams>(product, row);
  for (; row < product.count; ++row) dot_rows<Element, 1>(product, row);
}

/// y += W[:, k … k + Streams) · x[k …], over all rows of W.
template <typename Element, int Streams>
void add_columns(const GemmVector& product, int64_t k) {
  using Vector = typename Element::Vector;
  using Sum = typename Element::Sum;
  constexpr int kLanes = Vector::kLanes;
  const auto* columns = static_cast<const typename Element::Stored*>(product.data) + k * product.stride;
  const auto* x = static_cast<const Sum*>(product.x) + k;
  auto* y = static_cast<Sum*>(product.y);
  int64_t i = 0;
  for (; i + kLanes <= product.count; i += kLanes) {
    Vector sum = Vector::load(y + i);
#pragma GCC unroll 4
    for (int j = 0; j < Streams; ++j) sum = fma(Element::load(columns + j * product.stride + i), Vector(x[j]), sum);
    sum.store(y + i);
  }
  if (i == product.count) return;
  const int64_t n = product.count - i;
  Vector sum = Vector(Sum(0));
  for (int j = 0; j < Streams; ++j) sum = fma(Element::load(columns + j * product.stride + i, n), Vector(x[j]), sum);
  alignas(64) Sum tail[kLanes];
  sum.store(tail);
  for (int64_t j = 0; j < n; ++j) y[i + j] += tail[j];
}

template <typename Element>
void by_columns(const GemmVector& product) {
  auto* y = static_cast<typename Element::Sum*>(product.y);
  for (int64_t i = 0; i < product.count; ++i) y[i] = 0;
  int64_t k = 0;
  for (; k + kStreams <= product.depth; k += kStreams) add_columns<Element, kStreams>(product, k);
  for (; k < product.depth; ++k) add_columns<Element, 1>(product, k);
}

}  // namespace

void gemv_by_rows(const GemmVector& product) {
  switch (product.type) {
    case GemmType::f32:
      return by_rows<ElementF32>(product);
    case GemmType::f64:
      return by_rows<ElementF64>(product);
    case GemmType::f16:
      return by_rows<ElementF16>(product);
    case GemmType::bf16:
      return by_rows<ElementBf16>(product);
  }
}

void gemv_by_columns(const GemmVector& product) {
  switch (product.type) {
    case GemmType::f32:
      return by_columns<ElementF32>(product);
    case GemmType::f64:
      return by_columns<ElementF64>(product);
    case GemmType::f16:
      return by_columns<ElementF16>(product);
    case GemmType::bf16:
      return by_columns<ElementBf16>(product);
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
