// Ops that are compositions, and products of parts, against MLX: tests/fixtures/ops/more.json, made by
// tests/oracle/more_ops_oracle.py.

#include "mica/ops/block_matmul.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/hadamard.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/random.h"
#include "mica/ops/reduce.h"
#include "mica/ops/search.h"
#include "mica/ops/size.h"
#include "mica/ops/sort.h"
#include "mica/ops/statistics.h"
#include "mica/ops/window.h"
#include "mica/transforms/transforms.h"
#include "tests/ops/cases.h"

namespace mica {
namespace {

using test::Op;
using test::Tolerance;
using Inputs = std::vector<array>;

std::vector<int> axes_of(const Json& args) {
  return args.at("axes").get<std::vector<int>>();
}
Shape shape_of(const Json& args, const char* key) {
  return test::shape_from(args.at(key));
}

template <typename F>
Op window(F f) {
  return [f](const Inputs&, const Json& a) -> Inputs { return {f(a.at("m").get<int>())}; };
}
using SliceUpdateOp = array (*)(const array&, const array&, const Shape&, const Shape&, Shape, StreamOrDevice);
Op slice_update_op(SliceUpdateOp f) {
  return [f](const Inputs& x, const Json& a) -> Inputs {
    return {f(x[0], x[1], shape_of(a, "start"), shape_of(a, "stop"), shape_of(a, "strides"), {})};
  };
}
Op plain(const std::function<array(const Inputs&)>& f) {
  return [f](const Inputs& x, const Json&) -> Inputs { return {f(x)}; };
}

Inputs gather_mm_vjp(const Inputs& x, const Json&) {
  const auto run = [&](const Inputs& ab) -> Inputs { return {gather_mm(ab[0], ab[1], x[2], x[3])}; };
  return vjp(run, {x[0], x[1]}, {ones({2, 3, 2, 6})}).second;
}

std::map<std::string, Op> ops() {
  return {
      {"hanning", window([](int m) { return hanning(m); })},
      {"hamming", window([](int m) { return hamming(m); })},
      {"bartlett", window([](int m) { return bartlett(m); })},
      {"blackman", window([](int m) { return blackman(m); })},
      {"median",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {median(x[0], axes_of(a), a.at("keepdims").get<bool>())};
       }},
      {"count_nonzero",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {count_nonzero(x[0], axes_of(a), a.at("keepdims").get<bool>())};
       }},
      {"minmax",
       [](const Inputs& x, const Json& a) -> Inputs {
         const auto [low, high] = minmax(x[0], axes_of(a));
         return {low, high};
       }},
      {"unique",
       [](const Inputs& x, const Json& a) -> Inputs {
         const auto fill = a.contains("fill") ? std::make_optional(array(a["fill"].get<int>())) : std::nullopt;
         return unique(x[0], a.at("size").get<int>(), true, true, true, fill);
       }},
      {"diff",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {diff(x[0], a.at("n").get<int>(), a.at("axis").get<int>())};
       }},
      {"trace",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {trace(x[0], a.at("offset").get<int>(), a.at("axis1").get<int>(), a.at("axis2").get<int>())};
       }},
      {"kron", plain([](const Inputs& x) { return kron(x[0], x[1]); })},
      {"logical_xor", plain([](const Inputs& x) { return logical_xor(x[0], x[1]); })},
      {"cumsum_dtype",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {cumsum(x[0], 0, false, true, test::dtype_named(a.at("dtype").get<std::string>()))};
       }},
      {"cumprod_dtype",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {cumprod(x[0], false, true, test::dtype_named(a.at("dtype").get<std::string>()))};
       }},
      {"cumprod_bool", plain([](const Inputs& x) { return cumprod(x[0]); })},
      {"cummax", plain([](const Inputs& x) { return cummax(x[0]); })},
      {"cummin", plain([](const Inputs& x) { return cummin(x[0]); })},
      {"logcumsumexp", plain([](const Inputs& x) { return logcumsumexp(x[0]); })},
      {"roll",
       [](const Inputs& x, const Json& a) -> Inputs {
         if (!a.contains("axes")) return {roll(x[0], shape_of(a, "shift"))};
         return {roll(x[0], shape_of(a, "shift"), axes_of(a))};
       }},
      {"slice_update_add", slice_update_op(&slice_update_add)},
      {"slice_update_prod", slice_update_op(&slice_update_prod)},
      {"slice_update_max", slice_update_op(&slice_update_max)},
      {"slice_update_min", slice_update_op(&slice_update_min)},
      {"masked_scatter", plain([](const Inputs& x) { return masked_scatter(x[0], x[1], x[2]); })},
      {"searchsorted",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {searchsorted(x[0], x[1], a.at("side").get<std::string>())};
       }},
      {"hadamard_transform", plain([](const Inputs& x) { return hadamard_transform(x[0]); })},
      {"hadamard_scale",
       [](const Inputs& x, const Json& a) -> Inputs { return {hadamard_transform(x[0], a.at("scale").get<float>())}; }},
      {"gather_mm", plain([](const Inputs& x) { return gather_mm(x[0], x[1], x[2], x[3]); })},
      {"gather_mm_rhs", plain([](const Inputs& x) { return gather_mm(x[0], x[1], std::nullopt, x[2]); })},
      {"gather_mm_vjp", gather_mm_vjp},
      {"segmented_mm", plain([](const Inputs& x) { return segmented_mm(x[0], x[1], x[2]); })},
      {"block_masked_mm", plain([](const Inputs& x) { return block_masked_mm(x[0], x[1], 32, x[2], x[3], x[4]); })},
  };
}

/// Sums and means of a few normal numbers in another order; windows by cosines of another library; halves round once.
Tolerance tolerance(const std::string&, Dtype dtype) {
  return dtype == bfloat16  ? Tolerance{0x1p-7, 1e-2}
         : dtype == float16 ? Tolerance{0x1p-9, 1e-3}
                            : Tolerance{2e-6, 1e-6};
}

TEST(MoreOps, AsMlx) {
  test::run_cases("more", ops(), tolerance);
}

/// The gradient of Σ weights · f(x) in the direction d is its difference quotient.
void expect_gradient(const std::function<array(const array&)>& f, const array& x) {
  const array weights = random::normal(f(x).shape(), float64, random::key(100));
  const array direction = random::normal(x.shape(), float64, random::key(101));
  const auto value = [&](const array& at) { return sum(multiply(weights, f(at))); };
  const array gradient = grad(std::function<array(const array&)>(value))(x);
  const array step(1e-6, float64);
  const array ahead = value(add(x, multiply(step, direction)));
  const array behind = value(subtract(x, multiply(step, direction)));
  const double slope = subtract(ahead, behind).item<double>() / 2e-6;
  // The quotient's error: rounding of the values over the step, some 1e-16 · 10 / 1e-6.
  EXPECT_NEAR(sum(multiply(gradient, direction)).item<double>(), slope, 1e-8 * (1 + std::abs(slope)));
}

TEST(MoreOps, GradientsAreDifferenceQuotients) {
  const array x = random::normal({4, 6}, float64, random::key(1));
  const array y = random::normal({6, 3}, float64, random::key(2));
  const array segments = array({0, 3, 2, 6, 5, 5}, {3, 2}, int32);
  expect_gradient([](const array& a) { return hadamard_transform(slice(a, {0, 0}, Shape{4, 4}, Shape{1, 1})); }, x);
  expect_gradient([&](const array& a) { return segmented_mm(a, y, segments); }, x);
  expect_gradient([&](const array& a) { return segmented_mm(x, a, segments); }, y);
  const array indices = array({1, 0, 1, -1}, int32);
  const array stacked = random::normal({3, 6, 2}, float64, random::key(3));
  const array rows = random::normal({4, 5, 6}, float64, random::key(4));
  expect_gradient([&](const array& a) { return gather_mm(rows, a, std::nullopt, indices); }, stacked);
  expect_gradient([&](const array& a) { return gather_mm(a, stacked, indices, indices); }, rows);
  expect_gradient([&](const array& a) { return median(a, 1); }, x);
  expect_gradient(
      [&](const array& a) {
        return slice_update_prod(a, slice(y, {0, 0}, Shape{2, 3}, Shape{1, 1}), Shape{0, 0}, Shape{2, 3});
      },
      x);
}

TEST(MoreOps, BatchedProductsOfChosenMatrices) {
  const array a = random::normal({2, 4, 3, 5}, float32, random::key(1));
  const array b = random::normal({2, 6, 5, 2}, float32, random::key(2));
  const array left = array({0, 3, -1, 1, 2, 2}, {2, 3}, int64);
  const array right = array({5, 0, -2, 1, 1, 4}, {2, 3}, int64);
  const auto at = [](const array& x, int i) { return take(x, i, 0); };
  const array one = gather_mm(at(a, 0), at(b, 0), at(left, 0), at(right, 0));
  for (const std::vector<int>& axes :
       {std::vector<int>{0, 0, 0, 0}, {-1, 0, -1, 0}, {0, -1, -1, -1}, {-1, -1, 0, -1}}) {
    const Inputs all = {a, b, left, right};
    Inputs batched;
    for (size_t i = 0; i < 4; ++i) batched.push_back(axes[i] < 0 ? at(all[i], 0) : all[i]);
    const auto [outs, out_axes] = one.primitive().vmap(batched, axes);
    for (int i = 0; i < 2; ++i) {
      const auto pick = [&](size_t which) { return at(all[which], axes[which] < 0 ? 0 : i); };
      test::expect_close(take(outs[0], i, out_axes[0]), gather_mm(pick(0), pick(1), pick(2), pick(3)), {1e-6, 1e-6});
    }
  }
}

TEST(MoreOps, NumberOfElements) {
  const array a = zeros({2, 3, 5});
  EXPECT_EQ(number_of_elements(a, {0, -1}, false).item<int>(), 10);
  EXPECT_EQ(number_of_elements(a, {1, 2}, true, float32).item<float>(), 1.0f / 15);
  EXPECT_THROW(number_of_elements(a, {3}, false), std::invalid_argument);
}

TEST(MoreOps, WrongArguments) {
  const array x = zeros({2, 3});
  EXPECT_THROW(median(zeros({0})), std::invalid_argument);
  EXPECT_THROW(diff(x, -1), std::invalid_argument);
  EXPECT_THROW(unique(x, -1), std::invalid_argument);
  EXPECT_THROW(unique(zeros({0}), 2), std::invalid_argument);
  EXPECT_THROW(hadamard_transform(zeros({3})), std::invalid_argument);
  EXPECT_THROW(hadamard_transform(zeros({0})), std::invalid_argument);
  EXPECT_THROW(searchsorted(x, x), std::invalid_argument);
  EXPECT_THROW(searchsorted(zeros({2}), x, "mid"), std::invalid_argument);
  EXPECT_THROW(segmented_mm(x, x, array({0, 1})), std::invalid_argument);
  EXPECT_THROW(segmented_mm(x, zeros({3, 2}), array({0.0f, 1.0f})), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(x, zeros({3, 2}), 16), std::invalid_argument);
  EXPECT_THROW(block_masked_mm(x, zeros({3, 2}), 32, ones({2, 1})), std::invalid_argument);
  EXPECT_THROW(masked_scatter(x, zeros({2, 3}), x), std::invalid_argument);
  array short_source = masked_scatter(x, ones({2, 3}, bool_), zeros({4}));
  EXPECT_THROW(short_source.eval(), std::out_of_range);
  array outside = gather_mm(zeros({2, 2, 3}), zeros({2, 3, 2}), array({0}), array({2}));
  EXPECT_THROW(outside.eval(), std::out_of_range);
}

}  // namespace
}  // namespace mica
