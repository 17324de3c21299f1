// Linear algebra against MLX and NumPy: tests/fixtures/ops/linalg.json, made by tests/oracle/linalg_oracle.py. What is
// unique only up to signs or order is checked by what defines it.

#include "mica/ops/linalg.h"

#include "mica/ops/create.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/random.h"
#include "mica/ops/reduce.h"
#include "mica/ops/sort.h"
#include "mica/transforms/transforms.h"
#include "tests/ops/cases.h"

namespace mica {
namespace {

using test::Op;
using test::Tolerance;
using Inputs = std::vector<array>;
namespace la = linalg;

Inputs norm_of(const Inputs& x, const Json& a) {
  const bool keepdims = a.value("keepdims", false);
  std::optional<std::vector<int>> axis;
  if (a.contains("axis")) axis = a["axis"].get<std::vector<int>>();
  if (!a.contains("ord")) return {la::norm(x[0], axis, keepdims)};
  if (a["ord"].is_number()) return {la::norm(x[0], a["ord"].get<double>(), axis, keepdims)};
  const auto name = a["ord"].get<std::string>();
  const double infinity = std::numeric_limits<double>::infinity();
  if (name == "inf") return {la::norm(x[0], infinity, axis, keepdims)};
  if (name == "-inf") return {la::norm(x[0], -infinity, axis, keepdims)};
  return {la::norm(x[0], name, axis, keepdims)};
}

bool upper_of(const Json& args) {
  return args.at("upper").get<bool>();
}
Inputs pair(const std::pair<array, array>& both) {
  return {both.first, both.second};
}

const std::map<std::string, Op>& ops() {
  static const std::map<std::string, Op> table = {
      {"norm", norm_of},
      {"qr", [](const Inputs& x, const Json&) { return pair(la::qr(x[0])); }},
      {"svd_values", [](const Inputs& x, const Json&) { return la::svd(x[0], false); }},
      {"pinv", [](const Inputs& x, const Json&) -> Inputs { return {la::pinv(x[0])}; }},
      {"lu", [](const Inputs& x, const Json&) { return la::lu(x[0]); }},
      {"lu_factor", [](const Inputs& x, const Json&) { return pair(la::lu_factor(x[0])); }},
      {"inv", [](const Inputs& x, const Json&) -> Inputs { return {la::inv(x[0])}; }},
      {"tri_inv", [](const Inputs& x, const Json& a) -> Inputs { return {la::tri_inv(x[0], upper_of(a))}; }},
      {"det", [](const Inputs& x, const Json&) -> Inputs { return {la::det(x[0])}; }},
      {"slogdet", [](const Inputs& x, const Json&) { return pair(la::slogdet(x[0])); }},
      {"eigvals", [](const Inputs& x, const Json&) -> Inputs { return {la::eigvals(x[0])}; }},
      {"eigvalsh", [](const Inputs& x, const Json&) -> Inputs { return {la::eigvalsh(x[0])}; }},
      {"cholesky", [](const Inputs& x, const Json& a) -> Inputs { return {la::cholesky(x[0], upper_of(a))}; }},
      {"cholesky_inv", [](const Inputs& x, const Json& a) -> Inputs { return {la::cholesky_inv(x[0], upper_of(a))}; }},
      {"solve", [](const Inputs& x, const Json&) -> Inputs { return {la::solve(x[0], x[1])}; }},
      {"solve_triangular",
       [](const Inputs& x, const Json& a) -> Inputs { return {la::solve_triangular(x[0], x[1], upper_of(a))}; }},
      {"cross", [](const Inputs& x, const Json& a) -> Inputs { return {la::cross(x[0], x[1], a.value("axis", -1))}; }},
  };
  return table;
}

/// Two LAPACKs (or two orders of operations) on matrices with condition numbers up to some hundred.
Tolerance tolerance(const std::string&, Dtype dtype) {
  return dtype == float64 ? Tolerance{1e-12, 1e-12} : Tolerance{1e-4, 2e-5};
}

TEST(Linalg, AsReference) {
  test::run_cases("linalg", ops(), tolerance);
}

array transposed(const array& a) {
  return swapaxes(a, -1, -2);
}
/// An array with ones on the diagonals of the matrices.
array unit(const Shape& shape, Dtype dtype) {
  return broadcast_to(eye(static_cast<int>(shape.back()), dtype), shape);
}

TEST(Linalg, DecompositionsMultiplyToTheMatrix) {
  for (const Dtype dtype : {float32, float64}) {
    const Tolerance close = dtype == float64 ? Tolerance{1e-12, 1e-12} : Tolerance{1e-4, 1e-5};
    for (const Shape& shape : {Shape{5, 3}, Shape{3, 5}, Shape{2, 3, 4, 4}, Shape{1, 1}}) {
      const array a = random::normal(shape, dtype, random::key(3));
      const auto parts = la::svd(a);
      const ShapeElem k = std::min(shape[shape.size() - 1], shape[shape.size() - 2]);
      const array u = split(parts[0], Shape{k}, -1)[0];
      const array vt = split(parts[2], Shape{k}, -2)[0];
      test::expect_close(matmul(multiply(u, expand_dims(parts[1], -2)), vt), a, close);
      test::expect_close(matmul(transposed(parts[0]), parts[0]), unit(parts[0].shape(), dtype), close);
      test::expect_close(matmul(parts[2], transposed(parts[2])), unit(parts[2].shape(), dtype), close);
      const auto [q, r] = la::qr(a);
      test::expect_close(matmul(q, r), a, close);
      test::expect_close(matmul(transposed(q), q), unit(matmul(transposed(q), q).shape(), dtype), close);
    }
    const array a = random::normal({2, 5, 5}, dtype, random::key(4));
    const array symmetric = add(a, transposed(a));
    for (const char* part : {"L", "U"}) {
      // The other triangle is not read.
      const array read = part[0] == 'L' ? tril(symmetric) : triu(symmetric);
      const auto [w, v] = la::eigh(read, part);
      test::expect_close(matmul(symmetric, v), multiply(v, expand_dims(w, -2)), close);
      test::expect_close(la::eigvalsh(read, part), w, close);
    }
    const auto [w, v] = la::eig(a);
    test::expect_close(matmul(astype(a, complex64), v), multiply(v, expand_dims(w, -2)), {1e-4, 1e-5});
    test::expect_close(la::eigvals(a), w, {1e-4, 1e-5});
  }
}

TEST(Linalg, ComplexMatrices) {
  const array a = random::normal({4, 3}, complex64, random::key(1));
  const auto parts = la::svd(a);
  const array u = split(parts[0], Shape{3}, -1)[0];
  test::expect_close(matmul(multiply(u, parts[1]), parts[2]), a, {1e-4, 1e-5});
  const array square = random::normal({4, 4}, complex64, random::key(2));
  const array hermitian = add(square, conjugate(transposed(square)));
  const auto [w, v] = la::eigh(hermitian);
  test::expect_close(matmul(hermitian, v), multiply(v, astype(w, complex64)), {1e-4, 1e-5});
  const auto [values, vectors] = la::eig(square);
  test::expect_close(matmul(square, vectors), multiply(vectors, values), {1e-4, 1e-5});
}

void expect_gradient(const std::function<array(const array&)>& f, const array& x, bool symmetric = false) {
  const array weights = random::normal(f(x).shape(), float64, random::key(100));
  array direction = random::normal(x.shape(), float64, random::key(101));
  if (symmetric) direction = add(direction, transposed(direction));
  const auto value = [&](const array& at) { return sum(multiply(weights, f(at))); };
  const array gradient = grad(std::function<array(const array&)>(value))(x);
  const array step(1e-6, float64);
  const array ahead = value(add(x, multiply(step, direction)));
  const array behind = value(subtract(x, multiply(step, direction)));
  const double slope = subtract(ahead, behind).item<double>() / 2e-6;
  const double by_vjp = sum(multiply(gradient, direction)).item<double>();
  // The quotient's error: rounding over the step and curvature times its square.
  EXPECT_NEAR(by_vjp, slope, 2e-8 * (1 + std::abs(slope)));
  const auto tangent = jvp(std::function<array(const array&)>(value), x, direction).second;
  EXPECT_NEAR(tangent.item<double>(), by_vjp, 1e-10 * (1 + std::abs(by_vjp)));
}

TEST(Linalg, GradientsAreDifferenceQuotients) {
  const array a = random::normal({2, 4, 4}, float64, random::key(1));
  const array b = random::normal({2, 4, 3}, float64, random::key(2));
  const array spd = add(matmul(a, transposed(a)), eye(4, float64));
  expect_gradient([](const array& x) { return la::inv(x); }, a);
  expect_gradient([](const array& x) { return la::tri_inv(x); }, spd);
  expect_gradient([](const array& x) { return la::tri_inv(x, true); }, spd);
  expect_gradient([](const array& x) { return la::cholesky(x); }, spd, true);
  expect_gradient([](const array& x) { return la::cholesky_inv(x); }, la::cholesky(spd));
  expect_gradient([&](const array& x) { return la::solve(x, b); }, a);
  expect_gradient([&](const array& x) { return la::solve(a, x); }, b);
  expect_gradient([&](const array& x) { return la::solve_triangular(x, b); }, spd);
  expect_gradient([&](const array& x) { return la::solve_triangular(spd, x, true); }, b);
  expect_gradient([](const array& x) { return la::det(x); }, a);
  expect_gradient([](const array& x) { return la::slogdet(x).second; }, a);
  expect_gradient([](const array& x) { return la::svd(x, false)[0]; }, b);
  expect_gradient([](const array& x) { return la::eigvalsh(x); }, spd, true);
  // Vectors are unique up to sign: their squares.
  expect_gradient([](const array& x) { return square(la::eigh(x).second); }, spd, true);
  expect_gradient([](const array& x) { return la::qr(x).first; }, b);
  expect_gradient([](const array& x) { return la::qr(x).second; }, b);
  expect_gradient([](const array& x) { return la::norm(x); }, b);
  expect_gradient([](const array& x) { return la::norm(x, "nuc", std::vector<int>{-2, -1}); }, b);
  expect_gradient([](const array& x) { return la::norm(x, 3.0, 1); }, b);
}

TEST(Linalg, EmptyMatrices) {
  EXPECT_EQ(la::svd(zeros({0, 3}))[2].shape(), (Shape{3, 3}));
  EXPECT_TRUE(array_equal(la::svd(zeros({0, 3}))[2], eye(3)).item<bool>());
  EXPECT_EQ(la::det(zeros({0, 0})).item<float>(), 1.0f);
  EXPECT_EQ(la::inv(zeros({2, 0, 0})).shape(), (Shape{2, 0, 0}));
  array none = la::cholesky(zeros({0, 3, 3}));
  none.eval();
  EXPECT_EQ(none.size(), 0u);
}

TEST(Linalg, WhatHasNoResult) {
  const auto fails_late = [](array a) { EXPECT_THROW(a.eval(), std::runtime_error); };
  fails_late(la::inv(zeros({2, 2})));
  fails_late(la::solve(zeros({2, 2}), ones({2})));
  fails_late(la::cholesky(negative(eye(2))));
  fails_late(la::tri_inv(zeros({2, 2})));
  fails_late(la::svd(full({2, 2}, std::nanf("")))[1]);
  EXPECT_EQ(la::det(zeros({2, 2})).item<float>(), 0.0f);
  EXPECT_EQ(la::slogdet(zeros({2, 2})).second.item<float>(), -std::numeric_limits<float>::infinity());
  EXPECT_THROW(la::inv(zeros({2, 3})), std::invalid_argument);
  EXPECT_THROW(la::inv(zeros({2, 2}, float16)), std::invalid_argument);
  EXPECT_THROW(la::svd(zeros({3})), std::invalid_argument);
  EXPECT_THROW(la::solve(eye(3), ones({2})), std::invalid_argument);
  EXPECT_THROW(la::eigh(eye(2), "X"), std::invalid_argument);
  EXPECT_THROW(la::norm(zeros({2, 2, 2}), 2.0), std::invalid_argument);
  EXPECT_THROW(la::norm(zeros({2, 2}), 5.0), std::invalid_argument);
  EXPECT_THROW(la::norm(zeros({2}), "fro"), std::invalid_argument);
  EXPECT_THROW(la::norm(zeros({2, 2}), "foo"), std::invalid_argument);
  EXPECT_THROW(la::cross(zeros({4}), zeros({4})), std::invalid_argument);
}

}  // namespace
}  // namespace mica
