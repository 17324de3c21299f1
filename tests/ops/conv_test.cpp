// Convolutions and their gradients against MLX: tests/fixtures/ops/conv.json, made by tests/oracle/conv_oracle.py.

#include "mica/ops/conv.h"

#include "mica/ops/create.h"
#include "mica/ops/index.h"
#include "mica/ops/random.h"
#include "mica/ops/reduce.h"
#include "tests/ops/cases.h"

namespace mica {
namespace {

using test::Op;
using test::Tolerance;
using Inputs = std::vector<array>;

std::vector<int> ints(const Json& args, const char* key) {
  return args.value(key, std::vector<int>{});
}
std::pair<int, int> two(const Json& args, const char* key) {
  const auto list = ints(args, key);
  return {list.at(0), list.at(1)};
}
std::tuple<int, int, int> three(const Json& args, const char* key) {
  const auto list = ints(args, key);
  return {list.at(0), list.at(1), list.at(2)};
}

array general(const array& x, const array& w, const Json& a) {
  return conv_general(array(x), array(w), ints(a, "stride"), ints(a, "low"), ints(a, "high"),
                      ints(a, "kernel_dilation"), ints(a, "input_dilation"), a.value("groups", 1),
                      a.value("flip", false));
}

const std::map<std::string, Op>& ops() {
  static const std::map<std::string, Op> table = {
      {"conv_general", [](const Inputs& x, const Json& a) -> Inputs { return {general(x[0], x[1], a)}; }},
      {"conv_vjp",
       [](const Inputs& x, const Json& a) -> Inputs {
         const array out = general(x[0], x[1], a);
         return out.primitive().vjp(out.inputs(), {x[2]}, {0, 1}, {out});
       }},
      {"conv_transpose1d",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {conv_transpose1d(x[0], x[1], a.value("stride", 1), a.value("padding", 0), a.value("dilation", 1),
                                  a.value("output_padding", 0), a.value("groups", 1))};
       }},
      {"conv_transpose2d",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {conv_transpose2d(x[0], x[1], two(a, "stride"), two(a, "padding"), two(a, "dilation"),
                                  two(a, "output_padding"))};
       }},
      {"conv_transpose3d",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {conv_transpose3d(x[0], x[1], three(a, "stride"), three(a, "padding"), three(a, "dilation"),
                                  three(a, "output_padding"))};
       }},
  };
  return table;
}

/// Up to some hundred products of normal numbers are summed in another order; halves round their results once.
Tolerance tolerance(const std::string&, Dtype dtype) {
  return dtype == bfloat16  ? Tolerance{0x1p-7, 1e-2}
         : dtype == float16 ? Tolerance{0x1p-10, 2e-3}
                            : Tolerance{1e-5, 2e-5};
}

TEST(Conv, AsMlx) {
  test::run_cases("conv", ops(), tolerance);
}

/// The definition, term by term: no padding or dilation of the input.
array plain_conv1d(const array& x, const array& w, int stride) {
  const ShapeElem taps = w.shape(1);
  const ShapeElem out = (x.shape(1) - taps) / stride + 1;
  array total = zeros({x.shape(0), out, w.shape(0)}, x.dtype());
  for (ShapeElem t = 0; t < taps; ++t) {
    const array part =
        slice(x, Shape{0, t, 0}, Shape{x.shape(0), t + (out - 1) * stride + 1, x.shape(2)}, Shape{1, stride, 1});
    const array tap =
        squeeze(slice(w, Shape{0, t, 0}, Shape{w.shape(0), t + 1, w.shape(2)}), 1);  // [filters, channels]
    total = add(total, sum(multiply(expand_dims(part, 2), tap), -1));
  }
  return total;
}

TEST(Conv, ManyBlocksOfPatches) {
  // Larger than what is multiplied at a time, in float64 too.
  const array x = random::normal({3, 1501, 19}, float32, random::key(1));
  const array w = random::normal({7, 31, 19}, float32, random::key(2));
  test::expect_close(conv1d(x, w, 2), plain_conv1d(x, w, 2), {1e-5, 2e-4});
  const array x64 = astype(x, float64);
  const array w64 = astype(w, float64);
  test::expect_close(conv1d(x64, w64, 2), plain_conv1d(x64, w64, 2), {1e-13, 1e-12});
}

TEST(Conv, StridedInputs) {
  const array x = random::normal({2, 3, 11, 10}, float32, random::key(3));
  const array w = random::normal({4, 3, 2, 3}, float32, random::key(4));
  const array moved = transpose(x, {0, 3, 2, 1});
  EXPECT_TRUE(array_equal(conv2d(moved, w), conv2d(contiguous(moved), w)).item<bool>());
}

TEST(Conv, GradientsOfFloat64AreThoseOfDifferences) {
  const array x = random::normal({1, 6, 5, 4}, float64, random::key(3));
  const array w = random::normal({6, 3, 2, 2}, float64, random::key(4));
  const auto run = [&](const array& a, const array& b) {
    return conv_general(array(a), array(b), {2, 1}, {1, 0}, {2, 1}, {1, 2}, {2, 1}, 2, true);
  };
  const array out = run(x, w);
  const array cotangent = random::normal(out.shape(), float64, random::key(5));
  const auto grads = out.primitive().vjp({x, w}, {cotangent}, {0, 1}, {out});
  const array dx = random::normal(x.shape(), float64, random::key(6));
  const array dw = random::normal(w.shape(), float64, random::key(7));
  // The convolution is linear in each input: the difference is exact but for rounding.
  const double by_x = sum(multiply(cotangent, run(dx, w))).item<double>();
  EXPECT_NEAR(sum(multiply(grads[0], dx)).item<double>(), by_x, 1e-12 * std::abs(by_x) + 1e-12);
  const double by_w = sum(multiply(cotangent, run(x, dw))).item<double>();
  EXPECT_NEAR(sum(multiply(grads[1], dw)).item<double>(), by_w, 1e-12 * std::abs(by_w) + 1e-12);
  const array tangent = out.primitive().jvp({x, w}, {dx, dw}, {0, 1})[0];
  test::expect_close(tangent, add(run(dx, w), run(x, dw)), {1e-14, 1e-14});
}

TEST(Conv, BatchingIsALoop) {
  const array xs = random::normal({3, 2, 7, 4}, float32, random::key(1));
  const array ws = random::normal({3, 6, 3, 2}, float32, random::key(2));
  const auto run = [](const array& x, const array& w) { return conv1d(x, w, 1, 1, 1, 2); };
  const auto at = [](const array& a, int i) { return take(a, i, 0); };
  for (const auto& [x_axis, w_axis] : {std::pair(0, -1), std::pair(-1, 0), std::pair(0, 0)}) {
    const array x = x_axis < 0 ? at(xs, 0) : xs;
    const array w = w_axis < 0 ? at(ws, 0) : ws;
    const array single = run(at(xs, 0), at(ws, 0));
    const auto [outs, axes] = single.primitive().vmap({x, w}, {x_axis, w_axis});
    const array all = moveaxis(outs[0], axes[0], 0);
    for (int i = 0; i < 3; ++i) {
      SCOPED_TRACE(i);
      test::expect_close(at(all, i), run(x_axis < 0 ? x : at(x, i), w_axis < 0 ? w : at(w, i)), {1e-5, 1e-5});
    }
  }
}

TEST(Conv, GroupsOfThreeAxes) {
  // MLX has no groups here: against convolutions of the parts.
  const array x = random::normal({1, 4, 5, 3, 6}, float32, random::key(1));
  const array w = random::normal({4, 2, 3, 2, 3}, float32, random::key(2));
  const auto xs = split(x, 2, -1);
  const auto ws = split(w, 2, 0);
  const array parts = concatenate({conv3d(xs[0], ws[0], {2, 1, 1}), conv3d(xs[1], ws[1], {2, 1, 1})}, -1);
  test::expect_close(conv3d(x, w, {2, 1, 1}, {0, 0, 0}, {1, 1, 1}, 2), parts, {1e-5, 1e-5});
}

TEST(Conv, EmptyBatchAndWrongShapes) {
  EXPECT_EQ(conv1d(zeros({0, 5, 2}), zeros({3, 2, 2})).shape(), (Shape{0, 4, 3}));
  EXPECT_EQ(sum(conv1d(zeros({2, 5, 0}), zeros({3, 2, 0}))).item<float>(), 0.0f);
  EXPECT_THROW(conv1d(zeros({1, 5, 2}), zeros({3, 2, 3})), std::invalid_argument);
  EXPECT_THROW(conv1d(zeros({1, 5, 2}), zeros({3, 6, 2})), std::invalid_argument);
  EXPECT_THROW(conv1d(zeros({1, 5, 2}), zeros({3, 2, 2}), 0), std::invalid_argument);
  EXPECT_THROW(conv1d(zeros({1, 5, 2}, int32), zeros({3, 2, 2}, int32)), std::invalid_argument);
  EXPECT_THROW(conv2d(zeros({1, 5, 2}), zeros({3, 2, 2})), std::invalid_argument);
  EXPECT_THROW(conv1d(zeros({1, 5, 3}), zeros({3, 2, 1}), 1, 0, 1, 2), std::invalid_argument);
}

}  // namespace
}  // namespace mica
