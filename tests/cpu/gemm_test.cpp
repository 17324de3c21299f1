#include "mica/cpu/gemm.h"

#include <cmath>
#include <cstring>
#include <random>
#include <stdexcept>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "mica/base/half.h"
#include "mica/cpu/kernels/elementwise.h"
#include "tests/cpu/helpers/tile_levels.h"

namespace mica::cpu {
namespace {

/// A stored matrix of any type, with the values that it holds.
struct Matrix {
  Matrix(GemmType type, int64_t rows, int64_t cols, bool transposed, uint32_t seed)
      : ld((transposed ? rows : cols) + 3), is_transposed(transposed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    const int64_t lines = transposed ? cols : rows;
    values.resize(static_cast<size_t>(lines * ld));
    const size_t width = type == GemmType::f64 ? 8 : type == GemmType::f32 ? 4 : 2;
    bytes.resize(values.size() * width);
    for (size_t i = 0; i < values.size(); ++i) {
      const double value = normal(random);
      const auto single = static_cast<float>(value);
      const uint16_t half = type == GemmType::f16 ? float_to_half(single) : float_to_bfloat(single);
      switch (type) {
        case GemmType::f64:
          values[i] = value;
          std::memcpy(&bytes[8 * i], &value, 8);
          break;
        case GemmType::f32:
          values[i] = static_cast<double>(single);
          std::memcpy(&bytes[4 * i], &single, 4);
          break;
        case GemmType::f16:
          values[i] = static_cast<double>(half_to_float(half));
          std::memcpy(&bytes[2 * i], &half, 2);
          break;
        case GemmType::bf16:
          values[i] = static_cast<double>(bfloat_to_float(half));
          std::memcpy(&bytes[2 * i], &half, 2);
          break;
      }
    }
  }

  double at(int64_t i, int64_t j) const { return values[static_cast<size_t>(is_transposed ? j * ld + i : i * ld + j)]; }
  GemmInput input() const { return {bytes.data(), ld, is_transposed}; }

  int64_t ld;
  bool is_transposed;
  std::vector<double> values;
  std::vector<char> bytes;
};

std::vector<TileLevel> kernel_levels() {
  std::vector<TileLevel> levels = tile_levels();
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512, Isa::avx512bf16}) {
    if (isa <= detected_isa()) levels.push_back({std::string(isa_name(isa)), isa});
  }
  return levels;
}

/// Compares with f64 sums. Inputs are exact, products are added in f32 (f64): the error is below k · ε · Σ|a·b|.
void check(GemmType type, int64_t m, int64_t n, int64_t k, bool a_transposed, bool b_transposed, ThreadPool& pool) {
  const Matrix a(type, m, k, a_transposed, 1);
  const Matrix b(type, k, n, b_transposed, 2);
  const int64_t ldc = n + 2;
  const bool f64 = type == GemmType::f64;
  const TrappedTiles trapped;
  for (const auto& [name, level] : kernel_levels()) {
    SCOPED_TRACE(testing::Message() << name << " type " << static_cast<int>(type) << " m " << m << " n " << n << " k "
                                    << k << " transposed " << a_transposed << b_transposed);
    std::vector<double> memory(static_cast<size_t>(m * ldc), -7.0);
    std::vector<float> singles(memory.size(), -7.0f);
    void* c = f64 ? static_cast<void*>(memory.data()) : singles.data();
    gemm(type, m, n, k, a.input(), b.input(), c, ldc, pool, level);
    if (type == GemmType::f16 || type == GemmType::bf16) {
      // The rounded product is the rounding of that one.
      std::vector<uint16_t> rounded(singles.size(), 7);
      std::vector<uint16_t> expected(singles.size(), 7);
      gemm_rounded(type, m, n, k, a.input(), b.input(), rounded.data(), ldc, pool, level);
      const auto& kernels = elementwise_kernels();
      const auto store = type == GemmType::f16 ? kernels.store_f16 : kernels.store_bf16;
      for (int64_t i = 0; i < m; ++i) store(singles.data() + i * ldc, expected.data() + i * ldc, n);
      ASSERT_EQ(rounded, expected);
    }
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < ldc; ++j) {
        const auto at = static_cast<size_t>(i * ldc + j);
        const double got = f64 ? memory[at] : static_cast<double>(singles[at]);
        if (j >= n) {
          ASSERT_EQ(got, -7.0) << "written behind the row";
          continue;
        }
        double expected = 0, magnitude = 0;
        for (int64_t x = 0; x < k; ++x) {
          expected += a.at(i, x) * b.at(x, j);
          magnitude += std::fabs(a.at(i, x) * b.at(x, j));
        }
        const double bound = static_cast<double>(k + 1) * magnitude * (f64 ? 0x1p-52 : 0x1p-24);
        ASSERT_NEAR(got, expected, bound) << i << " " << j;
      }
    }
  }
}

TEST(Gemm, OddSizesInEveryTypeAndOrientation) {
  ThreadPool pool(2);
  for (const GemmType type : {GemmType::f32, GemmType::f64, GemmType::f16, GemmType::bf16}) {
    for (const bool a_transposed : {false, true}) {
      for (const bool b_transposed : {false, true}) {
        for (const auto& [m, n, k] :
             {std::tuple(1, 1, 1), {2, 3, 5}, {13, 35, 21}, {1, 131, 77}, {131, 1, 77}, {37, 70, 401}, {25, 33, 1}}) {
          check(type, m, n, k, a_transposed, b_transposed, pool);
        }
      }
    }
  }
}

TEST(Gemm, SeveralBlocksInEveryDimension) {
  ThreadPool pool(2);
  check(GemmType::f32, 3100, 40, 3, false, true, pool);
  check(GemmType::f32, 14, 4200, 5, true, false, pool);
  check(GemmType::f32, 200, 530, 400, false, false, pool);
  check(GemmType::bf16, 61, 70, 1541, true, false, pool);
  check(GemmType::bf16, 61, 70, 1541, false, true, pool);
  check(GemmType::f16, 61, 530, 1541, false, true, pool);
  check(GemmType::bf16, 230, 530, 30, false, false, pool);
  check(GemmType::bf16, 14, 4200, 1100, false, false, pool);
  // Panels of 32 vectors and depths (tiles of a matrix unit): whole ones, a part, one half, and just one more.
  for (const int rows : {16, 32, 33, 49, 64}) check(GemmType::bf16, rows, 80 - rows, rows, rows < 40, rows > 32, pool);
  check(GemmType::bf16, 230, 64, 512, false, true, pool);
  for (int rows = 2; rows < 14; ++rows) check(GemmType::bf16, rows, 33, 7, false, false, pool);
  for (int rows = 2; rows < 14; ++rows) check(GemmType::f32, rows, 33, 7, false, false, pool);
}

TEST(Gemm, SpecialBfloat16Values) {
  ThreadPool pool(1);
  const uint16_t one = 0x3f80, infinity = 0x7f80, nan = 0x7fc0, minus_zero = 0x8000, subnormal = 0x0001;
  for (const auto& [name, level] : kernel_levels()) {
    SCOPED_TRACE(name);
    // Rows of A against columns of ones and −0.
    const std::vector<uint16_t> a = {one,        infinity,   one,        nan,       one, one,
                                     minus_zero, minus_zero, minus_zero, subnormal, 0,   0};
    const std::vector<uint16_t> b = {one, minus_zero, one, minus_zero, one, minus_zero};
    std::vector<float> c(8, -7.0f);
    gemm(GemmType::bf16, 4, 2, 3, {a.data(), 3, false}, {b.data(), 2, false}, c.data(), 2, pool, level);
    EXPECT_EQ(c[0], INFINITY);
    EXPECT_TRUE(std::isnan(c[1])) << "infinity · −0";
    EXPECT_TRUE(std::isnan(c[2]));
    EXPECT_TRUE(std::isnan(c[3]));
    EXPECT_EQ(c[4], 0.0f);
    EXPECT_EQ(c[5], 0.0f);
    // The instructions may take subnormal numbers for 0.
    EXPECT_NEAR(c[6], 0.0f, 1e-38f);
    EXPECT_EQ(c[7], 0.0f);
  }
}

TEST(Gemm, NoDepthGivesZerosAndNoSizeNothing) {
  ThreadPool pool(1);
  uint16_t halves[2] = {7, 7};
  gemm_rounded(GemmType::bf16, 1, 1, 0, {nullptr, 0}, {nullptr, 1}, halves, 2, pool);
  EXPECT_EQ(halves[0], 0);
  EXPECT_EQ(halves[1], 7);
  float c[4] = {7, 7, 7, 7};
  gemm(GemmType::f32, 2, 1, 0, {nullptr, 0}, {nullptr, 1}, c, 2, pool);
  EXPECT_EQ(c[0], 0.0f);
  EXPECT_EQ(c[1], 7.0f);
  EXPECT_EQ(c[2], 0.0f);
  gemm(GemmType::f32, 0, 3, 5, {nullptr, 5}, {nullptr, 3}, nullptr, 3, pool);
  EXPECT_THROW(gemm(GemmType::f32, -1, 3, 5, {nullptr, 5}, {nullptr, 3}, nullptr, 3, pool), std::invalid_argument);
}

}  // namespace
}  // namespace mica::cpu
