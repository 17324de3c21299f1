// vmap of the ops whose primitives have batching rules of their own is a loop.

#include "mica/ops/block_matmul.h"
#include "mica/ops/create.h"
#include "mica/ops/fft.h"
#include "mica/ops/hadamard.h"
#include "mica/ops/index.h"
#include "mica/ops/linalg.h"
#include "mica/ops/matmul.h"
#include "mica/ops/quantized.h"
#include "mica/ops/random.h"
#include "mica/ops/search.h"
#include "mica/ops/size.h"
#include "mica/ops/statistics.h"
#include "mica/transforms/transforms.h"
#include "tests/ops/cases.h"

namespace mica {
namespace {

using Arrays = std::vector<array>;
using Function = std::function<Arrays(const Arrays&)>;

/// Compares vmap(f, axes) with f of every slice, for a batch of three.
void expect_loop(const std::string& name, const Function& f, const Arrays& inputs, const std::vector<int>& axes) {
  SCOPED_TRACE(name);
  const Arrays batched = vmap(f, axes)(inputs);
  for (int i = 0; i < 3; ++i) {
    Arrays slices;
    for (size_t j = 0; j < inputs.size(); ++j) {
      slices.push_back(axes[j] < 0 ? inputs[j] : take(inputs[j], i, axes[j]));
    }
    const Arrays expected = f(slices);
    ASSERT_EQ(batched.size(), expected.size());
    for (size_t k = 0; k < expected.size(); ++k) {
      // The same kernels on the same numbers; float32 products may be blocked in another way.
      test::expect_close(take(batched[k], i, 0), expected[k], {1e-5, 1e-5});
    }
  }
}

Arrays list(const std::pair<array, array>& both) {
  return {both.first, both.second};
}

TEST(Batching, Transforms) {
  const array real_rows = random::normal({2, 3, 8}, float32, random::key(1));
  const array complex_rows = random::normal({2, 8, 3}, complex64, random::key(2));
  expect_loop("fft", [](const Arrays& x) -> Arrays { return {fft::fft(x[0])}; }, {complex_rows}, {2});
  expect_loop("ifft", [](const Arrays& x) -> Arrays { return {fft::ifft(x[0], 0)}; }, {complex_rows}, {2});
  expect_loop("rfft", [](const Arrays& x) -> Arrays { return {fft::rfft(x[0])}; }, {real_rows}, {1});
  expect_loop("irfft", [](const Arrays& x) -> Arrays { return {fft::irfft(x[0])}; }, {complex_rows}, {2});
  expect_loop("hadamard", [](const Arrays& x) -> Arrays { return {hadamard_transform(x[0])}; }, {real_rows}, {1});
}

TEST(Batching, LinearAlgebra) {
  const array a = random::normal({4, 3, 4}, float32, random::key(1));
  const array b = random::normal({3, 4, 2}, float32, random::key(2));
  const auto spd = [](const array& x) { return add(matmul(x, transpose(x)), eye(4)); };
  expect_loop("inv", [](const Arrays& x) -> Arrays { return {linalg::inv(x[0])}; }, {a}, {1});
  expect_loop("solve", [](const Arrays& x) -> Arrays { return {linalg::solve(x[0], x[1])}; }, {a, b}, {1, 0});
  expect_loop("solve one", [](const Arrays& x) -> Arrays { return {linalg::solve(x[0], x[1])}; }, {take(a, 0, 1), b},
              {-1, 0});
  expect_loop("cholesky", [&](const Arrays& x) -> Arrays { return {linalg::cholesky(spd(x[0]))}; }, {a}, {1});
  expect_loop("eigvalsh", [&](const Arrays& x) -> Arrays { return {linalg::eigvalsh(spd(x[0]))}; }, {a}, {1});
  expect_loop("eigvals", [](const Arrays& x) -> Arrays { return {linalg::eigvals(x[0])}; }, {a}, {1});
  expect_loop("qr", [](const Arrays& x) { return list(linalg::qr(x[0])); }, {b}, {0});
  expect_loop("svd", [](const Arrays& x) { return linalg::svd(x[0]); }, {b}, {0});
  expect_loop("lu", [](const Arrays& x) { return linalg::lu(x[0]); }, {a}, {1});
  expect_loop("slogdet", [](const Arrays& x) { return list(linalg::slogdet(x[0])); }, {a}, {1});
}

TEST(Batching, Others) {
  const array x = random::normal({5, 3}, float32, random::key(1));
  const array sorted = array({0.0f, 1.0f, 2.0f, -1.0f, 0.5f, 3.0f, -2.0f, -1.5f, 0.1f}, {3, 3});
  const auto search = [](const Arrays& v) -> Arrays { return {searchsorted(v[0], v[1])}; };
  expect_loop("searchsorted", search, {sorted, x}, {0, 1});
  expect_loop("searchsorted values", search, {array({-1.0f, 0.0f, 1.0f}), x}, {-1, 1});
  expect_loop("searchsorted sequence", search, {sorted, take(x, 0, 1)}, {0, -1});
  const array keys = random::split(random::key(5), 3);
  expect_loop("bits", [](const Arrays& v) -> Arrays { return {random::bits({7}, 2, v[0])}; }, {keys}, {0});
  expect_loop("uniform", [](const Arrays& v) -> Arrays { return {random::uniform({2, 3}, v[0])}; }, {keys}, {0});
  expect_loop("fp8", [](const Arrays& v) -> Arrays { return {from_fp8(to_fp8(v[0]), float32)}; }, {x}, {1});
  expect_loop("median", [](const Arrays& v) -> Arrays { return {median(v[0])}; }, {x}, {1});
  const array w = random::normal({2, 3, 64}, float32, random::key(3));
  expect_loop("quantize", [](const Arrays& v) { return quantize(v[0]); }, {w}, {1});
  expect_loop("qqmm", [](const Arrays& v) -> Arrays { return {qqmm(v[0], v[1])}; }, {w, take(w, 0, 1)}, {1, -1});
  const array weight = random::normal({5, 64}, float32, random::key(4));
  const Arrays q = quantize(weight);
  expect_loop("quantized_matmul", [&](const Arrays& v) -> Arrays { return {quantized_matmul(v[0], q[0], q[1], q[2])}; },
              {w}, {1});
  const auto count = [](const Arrays& v) -> Arrays {
    return {multiply(number_of_elements(v[0], {0, 1}, false, float32), v[0])};
  };
  expect_loop("number_of_elements", count, {w}, {1});
}

}  // namespace
}  // namespace mica
