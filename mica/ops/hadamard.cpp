#include "mica/ops/hadamard.h"

#include <array>
#include <bit>
#include <cmath>
#include <span>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/ops/check.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/matmul.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

// Hadamard matrices of the orders that are no powers of two, one number a row: bit j is set where element j is −1.
constexpr std::array<uint32_t, 12> kOrder12 = {0x2,   0xaab, 0x3c8, 0x96e, 0xf20, 0x5ba,
                                               0xc8c, 0x6e6, 0x23c, 0xb96, 0x8f0, 0xe5a};
constexpr std::array<uint32_t, 20> kOrder20 = {0x933de, 0x2e3bd, 0x5477b, 0xa0ef7, 0x499ef, 0x637c1, 0xc6ba2,
                                               0x8d764, 0x1aee8, 0x359f0, 0xfa53,  0x174a7, 0x26d4e, 0x45e9c,
                                               0x83d39, 0xf7a6d, 0xef4fa, 0xdedd5, 0xbdf8b, 0x7bf36};
constexpr std::array<uint32_t, 28> kOrder28 = {
    0xcd69e7e, 0x9ad7c7d, 0x37ab8fb, 0x6d571f7, 0xd8ae3ef, 0xb3587df, 0x66b4f3f, 0xb467f43, 0x6acbe87, 0xd593d8e,
    0xab27b9c, 0x564f7b8, 0xac9aff0, 0x5b31fe1, 0x87fb325, 0xff66ca,  0x1decd95, 0x39ddb2a, 0x71bf654, 0xe17eca9,
    0xc2fd9d2, 0xfcf1299, 0xfbe2532, 0xf7c4ae4, 0xef8d549, 0xdf1ea13, 0xbe3d4a6, 0x7e7a94c};

std::span<const uint32_t> rows_of_order(int64_t order) {
  switch (order) {
    case 12:
      return kOrder12;
    case 20:
      return kOrder20;
    case 28:
      return kOrder28;
    default:
      return {};
  }
}

array matrix_of_order(int64_t order, Dtype dtype) {
  std::vector<float> values;
  for (const uint32_t row : rows_of_order(order)) {
    for (int64_t j = 0; j < order; ++j) values.push_back((row >> j & 1) != 0 ? -1.0f : 1.0f);
  }
  return array(values.begin(), {order, order}, dtype);
}

}  // namespace

std::vector<OutputSpec> Hadamard::infer(const std::vector<array>& inputs) const {
  check_count(inputs, 1, name());
  const array& a = inputs[0];
  if (a.ndim() == 0 || !std::has_single_bit(static_cast<uint64_t>(a.shape(-1)))) {
    fail_as<std::invalid_argument>("[hadamard_transform] the last axis of shape {} is no power of two",
                                   to_string(a.shape()));
  }
  if (!issubdtype(a.dtype(), floating)) {
    fail_as<std::invalid_argument>("[hadamard_transform] not defined for {}", dtype_name(a.dtype()));
  }
  return {{a.shape(), a.dtype()}};
}

// The matrix is symmetric: the transform is its own transpose.
std::vector<array> Hadamard::vjp(const std::vector<array>&, const std::vector<array>& cotangents,
                                 const std::vector<int>&, const std::vector<array>&) const {
  return {apply<Hadamard>({cotangents[0]}, stream(), scale)};
}

std::vector<array> Hadamard::jvp(const std::vector<array>&, const std::vector<array>& tangents,
                                 const std::vector<int>&) const {
  return {apply<Hadamard>({tangents[0]}, stream(), scale)};
}

std::pair<std::vector<array>, std::vector<int>> Hadamard::vmap(const std::vector<array>& inputs,
                                                               const std::vector<int>& axes) const {
  return {{apply<Hadamard>({moveaxis(inputs[0], axes[0], 0, stream())}, stream(), scale)}, {0}};
}

array hadamard_transform(const array& a, std::optional<float> scale, StreamOrDevice s) {
  if (a.ndim() == 0 || a.dtype() == complex64) {
    fail_as<std::invalid_argument>("[hadamard_transform] needs a real array of at least one axis");
  }
  const ShapeElem n = a.shape(-1);
  ShapeElem order = 0;
  for (const ShapeElem m : {1, 12, 20, 28}) {
    if (n > 0 && n % m == 0 && std::has_single_bit(static_cast<uint64_t>(n / m))) order = m;
  }
  if (order == 0) {
    fail_as<std::invalid_argument>("[hadamard_transform] length {} is not m * 2^k with m one of 1, 12, 20, 28", n);
  }
  const array x = issubdtype(a.dtype(), floating) ? a : astype(a, float32, s);
  const float factor = scale.value_or(1.0f / std::sqrt(static_cast<float>(n)));
  if (order == 1) return apply<Hadamard>({x}, to_stream(s), factor);
  // H_n = H_m ⊗ H_2^k: each factor along an axis of its own.
  const array split = unflatten(x, -1, {order, n / order}, s);
  const array inner = apply<Hadamard>({split}, to_stream(s), factor);
  return flatten(matmul(matrix_of_order(order, x.dtype()), inner, s), -2, -1, s);
}

}  // namespace mica
