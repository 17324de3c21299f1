// The ops that the property tests of the transforms run over.

#include "op_table.h"

#include <numeric>

#include "mica/mica.h"

namespace mica::testing {
namespace {

Function unary(array (*op)(const array&, StreamOrDevice)) {
  return [op](const Arrays& x) { return Arrays{op(x[0], {})}; };
}
Function binary(array (*op)(const array&, const array&, StreamOrDevice)) {
  return [op](const Arrays& x) { return Arrays{op(x[0], x[1], {})}; };
}
Function one(std::function<array(const Arrays&)> f) {
  return [f = std::move(f)](const Arrays& x) { return Arrays{f(x)}; };
}

array ints(std::initializer_list<int> values, Shape shape = {}) {
  const array flat(values, int32);
  return shape.empty() ? flat : reshape(flat, std::move(shape));
}

void add_elementwise(std::vector<OpCase>& out) {
  const Shape shape = {2, 3};
  const array x = scattered(shape);
  const array positive = scattered(shape, 0.3, 2.5);
  const array large = scattered(shape, 1.4, 3.0);
  const auto add_unary = [&](const char* name, auto op, const array& at) { out.push_back({name, {at}, unary(op)}); };
  add_unary("abs", abs, x);
  add_unary("negative", negative, x);
  add_unary("square", square, x);
  add_unary("sqrt", sqrt, positive);
  add_unary("rsqrt", rsqrt, positive);
  add_unary("reciprocal", reciprocal, positive);
  add_unary("exp", exp, x);
  add_unary("expm1", expm1, x);
  add_unary("log", log, positive);
  add_unary("log2", log2, positive);
  add_unary("log10", log10, positive);
  add_unary("log1p", log1p, positive);
  add_unary("sin", sin, x);
  add_unary("cos", cos, x);
  add_unary("tan", tan, x);
  add_unary("arcsin", arcsin, x);
  add_unary("arccos", arccos, x);
  add_unary("arctan", arctan, x);
  add_unary("sinh", sinh, x);
  add_unary("cosh", cosh, x);
  add_unary("tanh", tanh, x);
  add_unary("arcsinh", arcsinh, x);
  add_unary("arccosh", arccosh, large);
  add_unary("arctanh", arctanh, x);
  add_unary("sigmoid", sigmoid, x);
  add_unary("erf", erf, x);
  add_unary("erfinv", erfinv, x);
  add_unary("silu", silu, x);
  add_unary("gelu_exact", gelu_exact, x);
  add_unary("gelu_tanh", gelu_tanh, x);
  add_unary("degrees", degrees, x);
  // Steps: flat where they are smooth.
  add_unary("sign", sign, x);
  add_unary("floor", floor, x);
  add_unary("ceil", ceil, x);
  const array row = scattered({3}, 0.35, 2.2);
  const auto add_binary = [&](const char* name, auto op, const array& a, const array& b) {
    out.push_back({name, {a, b}, binary(op)});
  };
  add_binary("add", add, x, row);
  add_binary("subtract", subtract, row, x);
  add_binary("multiply", multiply, x, row);
  add_binary("divide", divide, x, row);
  add_binary("remainder", remainder, scattered(shape, -5, 5), row);
  add_binary("power", power, positive, row);
  add_binary("maximum", maximum, positive, row);
  add_binary("minimum", minimum, positive, row);
  add_binary("logaddexp", logaddexp, x, row);
  add_binary("arctan2", arctan2, x, row);
  out.push_back({"where", {x, row}, one([](const Arrays& v) {
                   return where(array({true, false, true}, Shape{3}), v[0], v[1]);
                 })});
  out.push_back(
      {"clip", {x}, one([](const Arrays& v) { return clip(v[0], array(-0.4, float64), array(0.45, float64)); })});
}

void add_shape(std::vector<OpCase>& out) {
  const array x = scattered({2, 3, 4});
  const auto add_case = [&](const char* name, std::function<array(const array&)> op) {
    out.push_back({name, {x}, one([op = std::move(op)](const Arrays& v) { return op(v[0]); })});
  };
  add_case("reshape", [](const array& a) { return reshape(a, {4, 6}); });
  add_case("transpose", [](const array& a) { return transpose(a, {2, 0, 1}); });
  add_case("broadcast_to", [](const array& a) { return broadcast_to(expand_dims(a, 1), {2, 2, 2, 3, 4}); });
  add_case("as_strided", [](const array& a) { return as_strided(a, {3, 4}, {5, 2}, 2); });
  add_case("copy", [](const array& a) { return copy(a); });
  add_case("contiguous", [](const array& a) { return contiguous(swapaxes(a, 0, 2)); });
  add_case("pad", [](const array& a) { return pad(a, std::pair(1, 2)); });
  add_case("pad reflect", [](const array& a) { return pad(a, std::pair(1, 1), array(0), "reflect"); });
  add_case("tile", [](const array& a) { return tile(a, {2, 1, 3}); });
  add_case("repeat", [](const array& a) { return repeat(a, 2, 1); });
  add_case("roll", [](const array& a) { return roll(a, 2, 1); });
  add_case("flip", [](const array& a) { return flip(a, {0, 2}); });
  add_case("diagonal", [](const array& a) { return diagonal(a, 1, 1, 2); });
  add_case("tril", [](const array& a) { return tril(a, 1); });
  add_case("stop_gradient", [](const array& a) { return add(a, stop_gradient(array(2.0, float64))); });
  out.push_back({"diag", {scattered({3})}, one([](const Arrays& v) { return diag(v[0], 1); })});
  out.push_back({"concatenate", {x, scattered({2, 1, 4}), scattered({2, 2, 4})}, one([](const Arrays& v) {
                   return concatenate({v[0], v[1], v[2]}, 1);
                 })});
  out.push_back({"stack", {scattered({2, 3}), scattered({2, 3}, 0, 1)}, one([](const Arrays& v) {
                   return stack({v[0], v[1]}, -1);
                 })});
  out.push_back({"split", {x}, [](const Arrays& v) { return split(v[0], Shape{1, 3}, 2); }});
  out.push_back({"depends", {x, scattered({2})}, [](const Arrays& v) { return depends({v[0], exp(v[0])}, {v[1]}); }});
}

void add_reduce(std::vector<OpCase>& out) {
  const array x = scattered({2, 3, 4}, 0.2, 1.8);
  const auto add_case = [&](const char* name, std::function<array(const array&)> op) {
    out.push_back({name, {x}, one([op = std::move(op)](const Arrays& v) { return op(v[0]); })});
  };
  add_case("sum", [](const array& a) { return sum(a, {0, 2}); });
  add_case("sum all", [](const array& a) { return sum(a); });
  add_case("prod", [](const array& a) { return prod(a, {0, 1}); });
  add_case("prod all", [](const array& a) { return prod(a); });
  add_case("max", [](const array& a) { return max(a, {1, 2}, true); });
  add_case("min", [](const array& a) { return min(a, 0); });
  add_case("mean", [](const array& a) { return mean(a, 1); });
  add_case("var", [](const array& a) { return var(a, 1, false, 1); });
  add_case("std", [](const array& a) { return std(a, 2); });
  add_case("logsumexp", [](const array& a) { return logsumexp(a, {0, 1}); });
  add_case("softmax", [](const array& a) { return softmax(a, -1); });
  add_case("softmax over others", [](const array& a) { return softmax(a, std::vector<int>{0, 1}); });
}

void add_matmul(std::vector<OpCase>& out) {
  const auto add_case = [&](const char* name, const Shape& a, const Shape& b, auto op) {
    out.push_back({name, {scattered(a), scattered(b, -1.5, 1.2)}, binary(op)});
  };
  add_case("matmul", {2, 3}, {3, 4}, matmul);
  add_case("matmul vector", {3}, {3, 4}, matmul);
  add_case("matmul by vector", {2, 3}, {3}, matmul);
  add_case("matmul batched", {2, 2, 3}, {2, 3, 2}, matmul);
  add_case("matmul broadcast", {2, 1, 2, 3}, {3, 3, 2}, matmul);
  add_case("matmul folded", {2, 2, 3}, {3, 4}, matmul);
  add_case("inner", {2, 3}, {4, 3}, inner);
  add_case("outer", {2}, {3}, outer);
  out.push_back({"addmm", {scattered({4}), scattered({2, 3}), scattered({3, 4})}, one([](const Arrays& v) {
                   return addmm(v[0], v[1], v[2], 0.5f, 2.0f);
                 })});
  out.push_back({"tensordot", {scattered({2, 3, 4}), scattered({4, 2, 5})}, one([](const Arrays& v) {
                   return tensordot(v[0], v[1], {2, 0}, {0, 1});
                 })});
}

void add_index(std::vector<OpCase>& out) {
  const array x = scattered({4, 3});
  const auto add_case = [&](const char* name, Arrays inputs, std::function<array(const Arrays&)> op) {
    out.push_back({name, std::move(inputs), one(std::move(op))});
  };
  add_case("slice", {x}, [](const Arrays& v) { return slice(v[0], Shape{1, 0}, Shape{4, 3}, Shape{2, 2}); });
  add_case("slice backwards", {x},
           [](const Arrays& v) { return slice(v[0], Shape{3, 2}, Shape{0, -9}, Shape{-2, -1}); });
  add_case("slice_update", {x, scattered({2, 2}, 1, 2)},
           [](const Arrays& v) { return slice_update(v[0], v[1], {0, 0}, {4, 3}, {3, 2}); });
  add_case("dynamic slice", {x, ints({1, 1})}, [](const Arrays& v) { return slice(v[0], v[1], {0, 1}, {2, 2}); });
  add_case("dynamic slice moved", {x, ints({3})}, [](const Arrays& v) { return slice(v[0], v[1], {0}, {2, 3}); });
  add_case("dynamic slice_update", {x, scattered({2, 2}, 1, 2), ints({1, 0})},
           [](const Arrays& v) { return slice_update(v[0], v[1], v[2], {0, 1}); });
  add_case("gather", {x, ints({0, 3, 1, 0}, {2, 2}), ints({1, 0, 1, 1}, {2, 2})},
           [](const Arrays& v) { return gather(v[0], {v[1], v[2]}, {0, 1}, {1, 2}); });
  add_case("take", {x, ints({2, 0, -1, 1, 2, 0}, {3, 2})}, [](const Arrays& v) { return take(v[0], v[1], 1); });
  add_case("take flat", {x, ints({5, 0, 7, 5})}, [](const Arrays& v) { return take(v[0], v[1]); });
  add_case("take_along_axis", {x, ints({0, 3, 1, 2, 0, 3}, {2, 3})},
           [](const Arrays& v) { return take_along_axis(v[0], v[1], 0); });
  add_case("put_along_axis", {x, ints({0, 3, 1, 2, 0, 3}, {2, 3}), scattered({2, 3}, 1, 2)},
           [](const Arrays& v) { return put_along_axis(v[0], v[1], v[2], 0); });
  add_case("put_along_axis twice", {x, ints({0, 3, 1, 0, 3, 3}, {2, 3}), scattered({2, 3}, 1, 2)},
           [](const Arrays& v) { return put_along_axis(v[0], v[1], v[2], 0); });
  add_case("scatter_add_axis", {x, ints({0, 2, 1, 0, 0, 2}, {2, 3}), scattered({2, 3}, 1, 2)},
           [](const Arrays& v) { return scatter_add_axis(v[0], v[1], v[2], 0); });
  const Arrays scattering = {x, ints({3, 0, 3}), scattered({3, 1, 3}, -0.8, 0.7)};
  add_case("scatter", scattering, [](const Arrays& v) { return scatter(v[0], v[1], v[2], 0); });
  add_case("scatter_add", scattering, [](const Arrays& v) { return scatter_add(v[0], v[1], v[2], 0); });
  add_case("scatter_max", scattering, [](const Arrays& v) { return scatter_max(v[0], v[1], v[2], 0); });
  add_case("scatter_min", scattering, [](const Arrays& v) { return scatter_min(v[0], v[1], v[2], 0); });
  add_case("scatter at pairs", {x, ints({3, 0}), ints({1, 2}), scattered({2, 1, 1})},
           [](const Arrays& v) { return scatter_add(v[0], {v[1], v[2]}, v[3], {0, 1}); });
}

void add_sort(std::vector<OpCase>& out) {
  const array x = scattered({3, 4}, 0.3, 1.6);
  const auto add_case = [&](const std::string& name, std::function<array(const array&)> op) {
    out.push_back({name, {x}, one([op = std::move(op)](const Arrays& v) { return op(v[0]); })});
  };
  add_case("sort", [](const array& a) { return sort(a, 0); });
  add_case("partition", [](const array& a) { return partition(a, 2, -1); });
  add_case("topk", [](const array& a) { return topk(a, 2, 1); });
  for (const bool reverse : {false, true}) {
    for (const bool inclusive : {true, false}) {
      const std::string suffix = std::string(reverse ? " reverse" : "") + (inclusive ? "" : " exclusive");
      // The first exclusive total of some is infinite.
      const auto finite = [=](const array& a) {
        return inclusive ? a : reverse ? slice(a, {0, 0}, {2, 4}) : slice(a, {1, 0}, {3, 4});
      };
      add_case("cumsum" + suffix, [=](const array& a) { return cumsum(a, 0, reverse, inclusive); });
      add_case("cumprod" + suffix, [=](const array& a) { return cumprod(a, 0, reverse, inclusive); });
      add_case("cummax" + suffix, [=](const array& a) { return finite(cummax(a, 0, reverse, inclusive)); });
      add_case("cummin" + suffix, [=](const array& a) { return finite(cummin(a, 0, reverse, inclusive)); });
      add_case("logcumsumexp" + suffix, [=](const array& a) { return finite(logcumsumexp(a, 0, reverse, inclusive)); });
    }
  }
}

void add_fast(std::vector<OpCase>& out) {
  const array x = scattered({2, 3, 4});
  const array w = scattered({4}, 0.5, 1.5);
  const auto add_case = [&](const char* name, Arrays inputs, std::function<array(const Arrays&)> op) {
    out.push_back({name, std::move(inputs), one(std::move(op))});
  };
  add_case("rms_norm", {x, w}, [](const Arrays& v) { return fast::rms_norm(v[0], v[1], 1e-3f); });
  add_case("rms_norm plain", {x}, [](const Arrays& v) { return fast::rms_norm(v[0], std::nullopt, 1e-3f); });
  add_case("layer_norm", {x, w, scattered({4})},
           [](const Arrays& v) { return fast::layer_norm(v[0], v[1], v[2], 1e-3f); });
  add_case("layer_norm biased", {x, w},
           [](const Arrays& v) { return fast::layer_norm(v[0], std::nullopt, v[1], 1e-3f); });
  add_case("rope", {x}, [](const Arrays& v) { return fast::rope(v[0], 4, false, 100.0f, 1.0f, 3); });
  add_case("rope traditional", {x}, [](const Arrays& v) { return fast::rope(v[0], 4, true, 100.0f, 0.5f, 0); });
  add_case("rope partly", {x}, [](const Arrays& v) { return fast::rope(v[0], 2, false, 100.0f, 1.0f, array({2, 7})); });
  const array q = scattered({2, 4, 3, 4}, -1.5, 1.5);
  const array k = scattered({2, 2, 5, 4});
  const array v3 = scattered({2, 2, 5, 3});
  add_case("attention", {q, k, v3},
           [](const Arrays& v) { return fast::scaled_dot_product_attention(v[0], v[1], v[2], 0.6f); });
  add_case("attention causal", {q, k, v3},
           [](const Arrays& v) { return fast::scaled_dot_product_attention(v[0], v[1], v[2], 0.6f, "causal"); });
  add_case("attention mask", {q, k, v3, scattered({3, 5})},
           [](const Arrays& v) { return fast::scaled_dot_product_attention(v[0], v[1], v[2], 0.6f, "", v[3]); });
  add_case("attention sinks", {q, k, v3, scattered({4})}, [](const Arrays& v) {
    const array seen = greater(array({1, 0, 1, 1, 0}, int32), array(0));
    return fast::scaled_dot_product_attention(v[0], v[1], v[2], 0.6f, "array", seen, v[3]);
  });
  add_case("attention softcap", {q, k, v3}, [](const Arrays& v) {
    return attend(v[0], v[1], v[2], {.scale = 0.6f, .causal = true, .window = 2, .softcap = 1.5f});
  });
}

}  // namespace

array scattered(const Shape& shape, double low, double high) {
  const auto count =
      static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), ShapeElem{1}, std::multiplies<>()));
  std::vector<double> values(count);
  // Multiples of the golden ratio modulo 1 are spread evenly and all different.
  for (size_t i = 0; i < count; ++i) {
    const double t = std::fmod(0.29 + 0.6180339887498949 * static_cast<double>(i + 7 * shape.size()), 1.0);
    values[i] = low + (high - low) * t;
  }
  return array(values.begin(), shape, float64);
}

std::vector<double> values_of(const array& a) {
  array flat = contiguous(astype(a, float64));
  flat.eval();
  return {flat.data<double>(), flat.data<double>() + flat.size()};
}

const std::vector<OpCase>& differentiable_ops() {
  static const std::vector<OpCase> table = [] {
    std::vector<OpCase> out;
    add_elementwise(out);
    add_shape(out);
    add_reduce(out);
    add_matmul(out);
    add_index(out);
    add_sort(out);
    add_fast(out);
    return out;
  }();
  return table;
}

const std::vector<OpCase>& other_ops() {
  static const std::vector<OpCase> table = [] {
    std::vector<OpCase> out;
    const array x = scattered({2, 3, 4});
    const array y = scattered({3, 4}, -0.8, 0.8);
    const auto add_case = [&](const char* name, std::function<array(const Arrays&)> op) {
      out.push_back({name, {x, y}, one(std::move(op))});
    };
    add_case("less", [](const Arrays& v) { return less(v[0], v[1]); });
    add_case("equal", [](const Arrays& v) { return equal(floor(v[0]), ceil(v[1])); });
    add_case("logical_not", [](const Arrays& v) { return logical_not(greater(v[0], v[1])); });
    add_case("isnan", [](const Arrays& v) { return isnan(log(multiply(v[0], v[1]))); });
    add_case("bitwise_xor", [](const Arrays& v) {
      const auto code = [](const array& a) { return astype(multiply(a, array(50.0, float64)), int32); };
      return bitwise_xor(code(v[0]), code(v[1]));
    });
    add_case("all", [](const Arrays& v) { return all(greater(v[0], v[1]), 1); });
    add_case("any", [](const Arrays& v) { return any(greater(v[0], v[1]), {0, 2}); });
    add_case("argmax", [](const Arrays& v) { return argmax(multiply(v[0], v[1]), 1); });
    add_case("argmin", [](const Arrays& v) { return argmin(multiply(v[0], v[1])); });
    add_case("argsort", [](const Arrays& v) { return argsort(multiply(v[0], v[1]), 1); });
    add_case("argpartition", [](const Arrays& v) { return argpartition(multiply(v[0], v[1]), 1, 0); });
    add_case("floor_divide", [](const Arrays& v) { return floor_divide(v[0], v[1]); });
    add_case("round", [](const Arrays& v) { return round(multiply(v[0], v[1]), 1); });
    add_case("view", [](const Arrays& v) { return view(multiply(v[0], v[1]), int32); });
    add_case("astype", [](const Arrays& v) { return astype(multiply(v[0], v[1]), bfloat16); });
    add_case("scatter_prod", [](const Arrays& v) {
      return scatter_prod(v[1], array({2, 0}, int32), slice(v[0], {0, 0, 0}, {2, 1, 4}), 0);
    });
    add_case("rms_norm float32",
             [](const Arrays& v) { return fast::rms_norm(astype(multiply(v[0], v[1]), float32), ones({4}), 1e-5f); });
    add_case("layer_norm float16", [](const Arrays& v) {
      return fast::layer_norm(astype(multiply(v[0], v[1]), float16), ones({4}), std::nullopt, 1e-5f);
    });
    add_case("rope float32", [](const Arrays& v) {
      return fast::rope(astype(multiply(v[0], v[1]), float32), 4, false, 50.0f, 1.0f, 2);
    });
    add_case("rope partly float32", [](const Arrays& v) {
      return fast::rope(astype(multiply(v[0], v[1]), float32), 2, true, 50.0f, 1.0f, array({2, 5}));
    });
    add_case("attention float32", [](const Arrays& v) {
      const array k = reshape(astype(v[0], float32), {2, 1, 3, 4});
      const array q = multiply(k, astype(expand_dims(v[1], 1), float32));
      return fast::scaled_dot_product_attention(reshape(q, {2, 3, 3, 4}), k, add(k, k), 0.5f, "causal", {}, ones({3}));
    });
    add_case("take_rows", [](const Arrays& v) {
      return take_rows(stored_dense(ones({9, 4})), astype(multiply(v[0], v[1]), int32));
    });
    add_case("linear_argmax", [](const Arrays& v) {
      return linear_argmax(astype(slice(v[0], {0, 0, 0}, {1, 1, 4}), float32), stored_dense(astype(v[1], float32)));
    });
    add_case("linear float32", [](const Arrays& v) {
      return linear(astype(multiply(v[0], v[1]), float32), stored_dense(astype(v[1], float32)), ones({3}));
    });
    return out;
  }();
  return table;
}

}  // namespace mica::testing
