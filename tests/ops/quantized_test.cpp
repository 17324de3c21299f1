// Quantized matrices against the documented rounding and MLX: tests/fixtures/ops/quantized.json, made by
// tests/oracle/quantized_oracle.py.

#include "mica/ops/quantized.h"

#include "mica/ops/block_matmul.h"
#include "mica/ops/create.h"
#include "mica/ops/index.h"
#include "mica/ops/matmul.h"
#include "mica/ops/random.h"
#include "mica/ops/reduce.h"
#include "mica/transforms/transforms.h"
#include "tests/ops/cases.h"

namespace mica {
namespace {

using test::Op;
using test::Tolerance;
using Inputs = std::vector<array>;

std::optional<int> number(const Json& args, const char* key) {
  return args.contains(key) && !args.at(key).is_null() ? std::make_optional(args.at(key).get<int>()) : std::nullopt;
}
std::string mode_of(const Json& args) {
  return args.value("mode", "affine");
}
std::optional<array> input(const Inputs& x, size_t i) {
  return i < x.size() ? std::make_optional(x[i]) : std::nullopt;
}

const std::map<std::string, Op>& ops() {
  static const std::map<std::string, Op> table = {
      {"quantize",
       [](const Inputs& x, const Json& a) -> Inputs {
         return quantize(x[0], number(a, "group_size"), number(a, "bits"), mode_of(a), input(x, 1));
       }},
      {"dequantize",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {dequantize(x[0], x[1], input(x, 2), number(a, "group_size"), number(a, "bits"), mode_of(a))};
       }},
      {"quantized_matmul",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {quantized_matmul(x[0], x[1], x[2], input(x, 3), a.at("transpose").get<bool>(), number(a, "group_size"),
                                  number(a, "bits"), mode_of(a))};
       }},
      {"gather_qmm",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {gather_qmm(x[0], x[1], x[2], x[3], x[4], x[5], a.at("transpose").get<bool>(), number(a, "group_size"),
                            number(a, "bits"))};
       }},
      {"quantized_matmul_vjp",
       [](const Inputs& x, const Json&) -> Inputs {
         const auto run = [&](const Inputs& v) -> Inputs { return {quantized_matmul(v[0], x[1], v[1], v[2])}; };
         return vjp(run, {x[0], x[2], x[3]}, {x[4]}).second;
       }},
      {"to_fp8", [](const Inputs& x, const Json&) -> Inputs { return {to_fp8(x[0])}; }},
      {"from_fp8",
       [](const Inputs& x, const Json& a) -> Inputs {
         return {from_fp8(x[0], test::dtype_named(a.at("dtype").get<std::string>()))};
       }},
  };
  return table;
}

/// Quantization and 8-bit floats are equal bit for bit. Products sum 64 terms in another order; dequantized halves are
/// rounded once here, by MLX on the CPU at every step.
Tolerance tolerance(const std::string& op, Dtype dtype) {
  if (op == "quantize" || op == "to_fp8" || op == "from_fp8") return {};
  return dtype == bfloat16 ? Tolerance{0x1p-7, 0} : dtype == float16 ? Tolerance{0x1p-10, 1e-7} : Tolerance{1e-5, 2e-5};
}

TEST(Quantized, AsDocumented) {
  test::run_cases("quantized", ops(), tolerance);
}

TEST(Quantized, OneMatrixWithSeveralScales) {
  // What is kept of a weight must not outlive a change of its scales.
  const array x = random::normal({3, 64}, float32, random::key(1));
  const auto q = quantize(random::normal({5, 64}, float32, random::key(2)));
  const auto product = [&](const array& scales) { return quantized_matmul(x, q[0], scales, q[2]); };
  const auto expected = [&](const array& scales) { return matmul(x, transpose(dequantize(q[0], scales, q[2]))); };
  test::expect_close(product(q[1]), expected(q[1]), {1e-5, 1e-5});
  const array doubled = multiply(q[1], array(2.0f));
  test::expect_close(product(doubled), expected(doubled), {1e-5, 2e-5});
  test::expect_close(product(q[1]), expected(q[1]), {1e-5, 1e-5});
  // Parts of one memory.
  const array upper = slice(q[0], {0, 0}, Shape{2, 8}, Shape{1, 1});
  const array lower = slice(q[0], {3, 0}, Shape{5, 8}, Shape{1, 1});
  const auto part = [&](const array& codes, int from) {
    const auto rows = [&](const array& a) { return slice(a, {from, 0}, Shape{from + 2, 1}, Shape{1, 1}); };
    return quantized_matmul(x, codes, rows(q[1]), rows(q[2]));
  };
  test::expect_close(part(upper, 0), slice(expected(q[1]), {0, 0}, Shape{3, 2}, Shape{1, 1}), {1e-5, 1e-5});
  test::expect_close(part(lower, 3), slice(expected(q[1]), {0, 3}, Shape{3, 5}, Shape{1, 1}), {1e-5, 1e-5});
}

TEST(Quantized, BothOperands) {
  const array x = random::normal({3, 64}, float32, random::key(1));
  const array w = random::normal({5, 64}, float32, random::key(2));
  const array global(5.0f);
  for (const char* name : {"mxfp4", "mxfp8", "nvfp4"}) {
    const std::string mode = name;
    const auto there_and_back = [&](const array& a, const std::optional<array>& scale) {
      const auto q = quantize(a, std::nullopt, std::nullopt, mode, scale);
      return dequantize(q[0], q[1], std::nullopt, std::nullopt, std::nullopt, mode, scale, float32);
    };
    const array expected = matmul(there_and_back(x, std::nullopt), transpose(there_and_back(w, std::nullopt)));
    const auto q = quantize(w, std::nullopt, std::nullopt, mode);
    test::expect_close(qqmm(x, w, std::nullopt, std::nullopt, std::nullopt, mode), expected, {1e-5, 1e-5});
    test::expect_close(qqmm(x, q[0], q[1], std::nullopt, std::nullopt, mode), expected, {1e-5, 1e-5});
    const array rhs({0, 0}, int32);
    const array gathered = gather_qqmm(x, q[0], q[1], std::nullopt, rhs, std::nullopt, std::nullopt, mode);
    test::expect_close(take(gathered, 1, 0), expected, {1e-5, 1e-5});
    if (mode != "nvfp4") continue;
    const array scaled = matmul(there_and_back(x, global), transpose(there_and_back(w, global)));
    test::expect_close(qqmm(x, w, std::nullopt, std::nullopt, std::nullopt, mode, global, global), scaled,
                       {1e-5, 1e-5});
    const auto qs = quantize(w, std::nullopt, std::nullopt, mode, global);
    test::expect_close(qqmm(x, qs[0], qs[1], std::nullopt, std::nullopt, mode, global, global), scaled, {1e-5, 1e-5});
    // A quantized value lies within one step of e2m1 of the value.
    EXPECT_LT(max(abs(subtract(there_and_back(w, global), w))).item<float>(), 0.6f);
  }
}

TEST(Quantized, GradientsOfGatheredProducts) {
  const array x = random::normal({4, 2, 64}, float32, random::key(1));
  const auto q = quantize(random::normal({3, 5, 64}, float32, random::key(2)));
  const array indices({2, 0, 2, -2}, int32);
  const auto quantized = [&](const Inputs& v) -> Inputs {
    return {gather_qmm(v[0], q[0], v[1], v[2], std::nullopt, indices)};
  };
  const auto plain = [&](const Inputs& v) -> Inputs {
    return {gather_mm(v[0], swapaxes(dequantize(q[0], v[1], v[2]), 1, 2), std::nullopt, indices)};
  };
  const array cotangent = random::normal({4, 2, 5}, float32, random::key(3));
  const auto got = vjp(quantized, {x, q[1], q[2]}, {cotangent});
  const auto expected = vjp(plain, {x, q[1], q[2]}, {cotangent});
  test::expect_close(got.first[0], expected.first[0], {1e-5, 1e-5});
  for (size_t i = 0; i < 3; ++i) test::expect_close(got.second[i], expected.second[i], {1e-5, 1e-4});
}

TEST(Quantized, WrongArguments) {
  const array w = zeros({2, 64});
  EXPECT_THROW(quantize(w, 64, 7), std::invalid_argument);
  EXPECT_THROW(quantize(w, 48), std::invalid_argument);
  EXPECT_THROW(quantize(w, std::nullopt, std::nullopt, "int4"), std::invalid_argument);
  EXPECT_THROW(quantize(w, 16, 4, "mxfp4"), std::invalid_argument);
  EXPECT_THROW(quantize(zeros({64})), std::invalid_argument);
  EXPECT_THROW(quantize(zeros({2, 60})), std::invalid_argument);
  EXPECT_THROW(quantize(zeros({2, 64}, int32)), std::invalid_argument);
  EXPECT_THROW(quantize(w, std::nullopt, std::nullopt, "mxfp4", array(1.0f)), std::invalid_argument);
  const auto q = quantize(w);
  EXPECT_THROW(dequantize(q[0], q[1]), std::invalid_argument);
  EXPECT_THROW(dequantize(q[0], zeros({2, 2}), q[2]), std::invalid_argument);
  EXPECT_THROW(quantized_matmul(zeros({3, 32}), q[0], q[1], q[2]), std::invalid_argument);
  EXPECT_THROW(quantized_matmul(zeros({3, 64}, int32), q[0], q[1], q[2]), std::invalid_argument);
  EXPECT_THROW(to_fp8(array({1, 2})), std::invalid_argument);
  EXPECT_THROW(from_fp8(array({1, 2}), float32), std::invalid_argument);
}

}  // namespace
}  // namespace mica
