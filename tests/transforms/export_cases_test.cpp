#include "export_cases.h"

#include <filesystem>

#include <unistd.h>

#include "mica/mica.h"

namespace mica::testing {
namespace {

array float_array(const Shape& shape, double low = -0.9, double high = 0.9) {
  return astype(scattered(shape, low, high), float32);
}

void add_linalg(std::vector<OpCase>& out) {
  const array square = add(scattered({2, 3, 3}), multiply(eye(3, float64), array(3.0, float64)));
  const array definite = matmul(square, swapaxes(square, -1, -2));
  out.push_back({"qr", {square}, [](const Arrays& v) {
                   const auto [q, r] = linalg::qr(v[0]);
                   return Arrays{q, r};
                 }});
  out.push_back({"svd", {square}, [](const Arrays& v) { return linalg::svd(v[0], true); }});
  out.push_back({"inv", {square}, [](const Arrays& v) { return Arrays{linalg::inv(v[0])}; }});
  out.push_back({"cholesky", {definite}, [](const Arrays& v) { return Arrays{linalg::cholesky(v[0])}; }});
  out.push_back({"lu", {square}, [](const Arrays& v) { return linalg::lu(v[0]); }});
  out.push_back(
      {"solve", {square, scattered({2, 3, 2})}, [](const Arrays& v) { return Arrays{linalg::solve(v[0], v[1])}; }});
  out.push_back({"eig", {square}, [](const Arrays& v) { return Arrays{linalg::eigvals(v[0])}; }});
  out.push_back({"eigh", {definite}, [](const Arrays& v) {
                   const auto [values, vectors] = linalg::eigh(v[0], "L");
                   return Arrays{values, vectors};
                 }});
  out.push_back({"slogdet", {square}, [](const Arrays& v) {
                   const auto [sign, value] = linalg::slogdet(v[0]);
                   return Arrays{sign, value};
                 }});
}

void add_products(std::vector<OpCase>& out) {
  out.push_back({"conv2d", {float_array({2, 5, 6, 4}), float_array({6, 3, 2, 2})}, [](const Arrays& v) {
                   return Arrays{conv2d(v[0], v[1], {2, 1}, {1, 0}, {1, 2}, 2)};
                 }});
  out.push_back({"conv_transpose1d", {float_array({2, 5, 4}), float_array({6, 3, 4})}, [](const Arrays& v) {
                   return Arrays{conv_transpose1d(v[0], v[1], 2, 1)};
                 }});
  out.push_back({"gather_mm", {float_array({3, 2, 4}), float_array({2, 4, 3})}, [](const Arrays& v) {
                   return Arrays{gather_mm(v[0], v[1], array({2, 0}), array({1, 1}))};
                 }});
  out.push_back({"segmented_mm", {float_array({3, 6}), float_array({6, 2})}, [](const Arrays& v) {
                   return Arrays{segmented_mm(v[0], v[1], array({0, 2, 2, 6}, Shape{2, 2}, int32))};
                 }});
  out.push_back({"addmm", {float_array({3}), float_array({2, 4}), float_array({4, 3})}, [](const Arrays& v) {
                   return Arrays{addmm(v[0], v[1], v[2], 0.5f, 2.0f)};
                 }});
}

void add_quantized(std::vector<OpCase>& out) {
  const array w = float_array({6, 64});
  const array x = float_array({3, 64});
  out.push_back({"quantize", {w}, [](const Arrays& v) {
                   const Arrays q = quantize(v[0], 32, 4);
                   return Arrays{q[0], q[1], q[2], dequantize(q[0], q[1], q[2], 32, 4)};
                 }});
  out.push_back({"quantized_matmul", {x}, [w](const Arrays& v) {
                   const Arrays q = quantize(w, 64, 8);
                   return Arrays{quantized_matmul(v[0], q[0], q[1], q[2], true, 64, 8)};
                 }});
  out.push_back({"gather_qmm", {reshape(x, {3, 1, 64})}, [w](const Arrays& v) {
                   const Arrays q = quantize(reshape(w, {2, 3, 64}), 32, 4, "mxfp4");
                   return Arrays{
                       gather_qmm(v[0], q[0], q[1], std::nullopt, array({0, 2}), array({1, 0}), true, 32, 4, "mxfp4")};
                 }});
  out.push_back(
      {"qqmm", {x, w}, [](const Arrays& v) { return Arrays{qqmm(v[0], v[1], std::nullopt, 32, 8, "mxfp8")}; }});
  out.push_back({"fp8", {x}, [](const Arrays& v) { return Arrays{from_fp8(to_fp8(v[0]), float16)}; }});
}

void add_others(std::vector<OpCase>& out) {
  const array x = float_array({2, 8});
  out.push_back({"random", {random::key(3)}, [](const Arrays& v) {
                   return Arrays{random::normal({2, 3}, float32, 0.0f, 1.0f, v[0]),
                                 random::randint(0, 9, {4}, int32, v[0]), random::bits({3}, 2, v[0])};
                 }});
  out.push_back({"fft", {x}, [](const Arrays& v) {
                   const array spectrum = fft::rfft(v[0], 8, -1);
                   return Arrays{real(spectrum), imag(spectrum), fft::irfft(spectrum, 8, -1),
                                 abs(fft::fft2(astype(v[0], complex64)))};
                 }});
  out.push_back({"hadamard_transform", {x}, [](const Arrays& v) { return Arrays{hadamard_transform(v[0])}; }});
  out.push_back(
      {"searchsorted", {sort(flatten(x)), x}, [](const Arrays& v) { return Arrays{searchsorted(v[0], v[1])}; }});
  out.push_back({"as_strided", {x}, [](const Arrays& v) { return Arrays{as_strided(v[0], {3, 2}, {2, 5}, 1)}; }});
  out.push_back({"slice_update", {x}, [](const Arrays& v) {
                   return Arrays{slice_update(v[0], array({7.0f, 8.0f}), {0, 1}, {2, 5}, {1, 2}),
                                 slice(v[0], array({1}), {0}, {1, 3})};
                 }});
  out.push_back({"dynamic update", {x, array({1, 5})}, [](const Arrays& v) {
                   return Arrays{slice_update(v[0], ones({1, 3}), v[1], {0, 1})};
                 }});
  out.push_back({"logical", {x}, [](const Arrays& v) {
                   return Arrays{where(logical_and(greater(v[0], array(0.0f)), isfinite(v[0])), v[0], array(-1.0f))};
                 }});
  out.push_back({"several outputs", {x}, [](const Arrays& v) {
                   Arrays parts = split(v[0], 4, 1);
                   parts.push_back(v[0]);
                   parts.push_back(array({1, 2, 3}));
                   parts.push_back(zeros({0, 2}));
                   return parts;
                 }});
  out.push_back({"depends", {x}, [](const Arrays& v) { return depends({v[0]}, {square(v[0])}); }});
}

}  // namespace

const std::vector<OpCase>& more_ops() {
  static const std::vector<OpCase> table = [] {
    std::vector<OpCase> out;
    add_linalg(out);
    add_products(out);
    add_quantized(out);
    add_others(out);
    return out;
  }();
  return table;
}

const std::vector<ShapelessCase>& shapeless_cases() {
  static const std::vector<ShapelessCase> table = [] {
    std::vector<ShapelessCase> out;
    const array small = float_array({2, 4});
    const array large = float_array({5, 8});
    const auto add_case = [&](const char* name, const std::function<array(const array&)>& fun) {
      out.push_back({name, [fun](const Arrays& v) { return Arrays{fun(v[0])}; }, {small}, {large}});
    };
    add_case("scalar", [](const array& a) { return add(multiply(a, array(2.0f)), array(1.0f)); });
    add_case("sum", [](const array& a) { return sum(a, -1); });
    add_case("mean", [](const array& a) { return mean(a, -1, true); });
    add_case("var", [](const array& a) { return var(a, 0); });
    add_case("standardized", [](const array& a) {
      return divide(subtract(a, mean(a, 1, true)), sqrt(add(var(a, 1, true), array(1e-5f))));
    });
    add_case("softmax", [](const array& a) { return softmax(a, -1); });
    add_case("logsumexp", [](const array& a) { return subtract(a, logsumexp(a, -1, true)); });
    add_case("flatten", [](const array& a) { return flatten(a); });
    add_case("expand_dims", [](const array& a) { return expand_dims(a, {0, 2}); });
    add_case("transpose", [](const array& a) { return transpose(a); });
    add_case("concatenate", [](const array& a) { return concatenate({a, a}, 1); });
    add_case("reshape", [](const array& a) { return reshape(a, {-1, 2}); });
    add_case("rows", [](const array& a) { return take(a, array({1, 0}), 0); });
    add_case("flip", [](const array& a) { return flip(a, 1); });
    add_case("sort", [](const array& a) { return argsort(sort(a, 0), 1); });
    add_case("argmax", [](const array& a) { return argmax(a, -1); });
    add_case("cumsum", [](const array& a) { return cumsum(a, 0); });
    add_case("ones_like", [](const array& a) { return add(a, ones_like(a)); });
    add_case("where", [](const array& a) { return where(greater(a, array(0.0f)), a, zeros_like(a)); });
    add_case("layer_norm", [](const array& a) { return fast::layer_norm(a, std::nullopt, std::nullopt, 1e-5f); });
    add_case("gradient",
             [](const array& a) { return grad([](const array& x) { return sum(multiply(square(x), sin(x))); })(a); });
    add_case("vmap", [](const array& a) { return vmap([](const array& row) { return multiply(row, max(row)); })(a); });
    add_case("gradient of a mean",
             [](const array& a) { return grad([](const array& x) { return mean(exp(mean(square(x), 1))); })(a); });
    const array w = float_array({4, 3});
    const auto add_product = [&](const char* name, Function fun, Arrays traced, Arrays called) {
      out.push_back({name, std::move(fun), std::move(traced), std::move(called)});
    };
    add_product("matmul", [w](const Arrays& v) { return Arrays{matmul(v[0], w)}; }, {small}, {float_array({7, 4})});
    add_product("folded matmul", [w](const Arrays& v) { return Arrays{matmul(v[0], w)}; }, {float_array({1, 2, 4})},
                {float_array({3, 5, 4})});
    add_product("batched matmul", [](const Arrays& v) { return Arrays{matmul(v[0], v[1])}; },
                {float_array({2, 1, 3, 4}), float_array({5, 4, 2})},
                {float_array({3, 1, 2, 6}), float_array({4, 6, 1})});
    add_product(
        "attention",
        [](const Arrays& v) { return Arrays{fast::scaled_dot_product_attention(v[0], v[0], v[0], 0.5f, "causal")}; },
        {float_array({1, 2, 3, 4})}, {float_array({2, 2, 7, 4})});
    add_product("heads",
                [w](const Arrays& v) {
                  const array x = matmul(v[0], float_array({4, 6}));
                  return Arrays{swapaxes(unflatten(x, -1, {2, 3}), 1, 2)};
                },
                {float_array({2, 3, 4})}, {float_array({3, 5, 4})});
    add_product("embedding", [w](const Arrays& v) { return Arrays{matmul(take(w, v[0], 0), float_array({3, 5}))}; },
                {array({0, 1, 2, 3, 0, 1}, Shape{2, 3})}, {array({3, 2, 1, 0, 2, 1, 0, 3}, Shape{4, 2})});
    add_product("convolution", [](const Arrays& v) { return Arrays{conv1d(v[0], float_array({2, 3, 4}))}; },
                {float_array({2, 6, 4})}, {float_array({3, 8, 4})});
    add_product("broadcast", [](const Arrays& v) { return Arrays{multiply(v[0], v[1])}; },
                {float_array({2, 3}), float_array({3})}, {float_array({4, 5}), float_array({5})});
    return out;
  }();
  return table;
}

TemporaryFile::TemporaryFile() {
  std::string path = (std::filesystem::temp_directory_path() / "mica-function-XXXXXX").string();
  const int file = mkstemp(path.data());
  if (file >= 0) close(file);
  path_ = path;
}

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace mica::testing
