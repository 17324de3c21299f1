// Times array operations as a user calls them, graph and evaluation included; the cases of bench/array_ops_peers.py.
// Prints a JSON object, case → milliseconds (the fastest of the repeats: what other processes add is not
// the operation's). bench/array_ops.py runs both in turn.
//
//     array_ops_bench [SECONDS_PER_CASE] [NAME_PART]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "mica/mica.h"
#include "mica/ops/conv.h"
#include "mica/ops/fft.h"
#include "mica/ops/random.h"
#include "mica/transforms/compile.h"

namespace {

using namespace mica;

struct Case {
  std::string name;
  std::function<array()> run;
};

array normal(const Shape& shape, Dtype dtype = float32) {
  array out = astype(random::normal(shape), dtype);
  out.eval();
  return out;
}

void add_matmul(std::vector<Case>& cases) {
  for (const Dtype dtype : {float32, bfloat16}) {
    for (const int n : {256, 1024, 4096}) {
      const array a = normal({n, n}, dtype);
      const array b = normal({n, n}, dtype);
      const std::string type = dtype == float32 ? "f32" : "bf16";
      cases.push_back({"matmul_" + type + "_" + std::to_string(n), [a, b] { return matmul(a, b); }});
    }
  }
}

void add_unary(std::vector<Case>& cases) {
  const array x = normal({2048, 2048});
  const array positive = add(abs(x), array(1e-3f));
  const array inside = tanh(x);
  eval({positive, inside});
  const auto add_case = [&](const char* name, array (*op)(const array&, StreamOrDevice), const array& of) {
    cases.push_back({std::string("unary_") + name, [=] { return op(of, {}); }});
  };
  add_case("exp", exp, x);
  add_case("expm1", expm1, x);
  add_case("log", log, positive);
  add_case("log1p", log1p, positive);
  add_case("log2", log2, positive);
  add_case("sin", sin, x);
  add_case("cos", cos, x);
  add_case("tan", tan, x);
  add_case("tanh", tanh, x);
  add_case("sigmoid", sigmoid, x);
  add_case("erf", erf, x);
  add_case("sqrt", sqrt, positive);
  add_case("rsqrt", rsqrt, positive);
  add_case("floor", floor, x);
  add_case("abs", abs, x);
  add_case("arcsin", arcsin, inside);
  add_case("arctan", arctan, x);
  add_case("sinh", sinh, x);
  add_case("arcsinh", arcsinh, x);
  cases.push_back({"unary_power", [=] { return power(positive, array(1.7f)); }});
  cases.push_back({"binary_add", [=] { return add(x, inside); }});
  cases.push_back({"binary_maximum", [=] { return maximum(x, inside); }});
}

void add_rows(std::vector<Case>& cases) {
  const array x = normal({2048, 2048});
  const array weight = normal({2048});
  const array bias = normal({2048});
  cases.push_back({"softmax", [x] { return softmax(x, -1); }});
  cases.push_back({"layer_norm", [=] { return fast::layer_norm(x, weight, bias, 1e-5f); }});
  const auto gelu = compile([](const std::vector<array>& in) {
    const array& v = in[0];
    return std::vector<array>{v * array(0.5f) * (array(1.0f) + erf(v * array(0.70710678f)))};
  });
  cases.push_back({"gelu_chain", [=] { return gelu({x})[0]; }});
  cases.push_back({"sum_all", [x] { return sum(x); }});
  cases.push_back({"sum_rows", [x] { return sum(x, 1); }});
  cases.push_back({"sum_columns", [x] { return sum(x, 0); }});
  cases.push_back({"max_rows", [x] { return max(x, 1); }});
  cases.push_back({"max_columns", [x] { return max(x, 0); }});
  cases.push_back({"argmax_rows", [x] { return argmax(x, 1); }});
  cases.push_back({"sum_middle", [cube = reshape(x, {64, 256, 256})] { return sum(cube, 1); }});
  const array halves = astype(x, bfloat16);
  eval({halves});
  cases.push_back({"sum_bf16_rows", [halves] { return sum(halves, 1); }});
  cases.push_back({"argsort_rows", [x] { return argsort(x, 1); }});
  cases.push_back({"partition_rows", [x] { return partition(x, 1024, 1); }});
  cases.push_back({"sort_rows", [x] { return sort(x, 1); }});
  const array indices = random::randint(0, 2048, {4096});
  cases.push_back({"gather_rows", [=] { return take(x, indices, 0); }});
}

void add_conv(std::vector<Case>& cases) {
  struct Layer {
    const char* name;
    int size, in, out, kernel, stride;
  };
  // Layers of ResNet-50 at batch 4.
  for (const Layer& l : {Layer{"conv_7x7_stem", 224, 3, 64, 7, 2},
                         {"conv_3x3_56", 56, 64, 64, 3, 1},
                         {"conv_1x1_56", 56, 64, 256, 1, 1},
                         {"conv_3x3_14", 14, 256, 256, 3, 1}}) {
    const array x = normal({4, l.size, l.size, l.in});
    const array w = normal({l.out, l.kernel, l.kernel, l.in});
    const std::pair<int, int> stride = {l.stride, l.stride};
    const std::pair<int, int> padding = {l.kernel / 2, l.kernel / 2};
    cases.push_back({l.name, [=] { return conv2d(x, w, stride, padding); }});
  }
}

void add_depthwise(std::vector<Case>& cases) {
  const array x = normal({4, 56, 56, 128});
  const array w = normal({128, 3, 3, 1});
  cases.push_back({"depthwise_3x3_56", [=] { return conv2d(x, w, {1, 1}, {1, 1}, {1, 1}, 128); }});
}

void add_fourier(std::vector<Case>& cases) {
  // Batches of powers of two, products of small primes, and primes; single rows.
  for (const auto& [rows, n] : {std::pair{256, 4096},
                                {256, 1536},
                                {256, 1024},
                                {256, 1000},
                                {256, 97},
                                {256, 131},
                                {256, 1009},
                                {64, 4099},
                                {4096, 64},
                                {1, 1000},
                                {1, 4096},
                                {1, 65536},
                                {1, 65537},
                                {1, 1 << 20}}) {
    const array real = normal({rows, n});
    const array values = astype(real, complex64);
    const array half = fft::rfft(real);
    eval({values, half});
    const std::string size = std::to_string(rows) + "x" + std::to_string(n);
    cases.push_back({"fft_" + size, [=] { return fft::fft(values); }});
    cases.push_back({"rfft_" + size, [=] { return fft::rfft(real); }});
    cases.push_back({"irfft_" + size, [=, n = n] { return fft::irfft(half, n, -1); }});
  }
}

void add_attention(std::vector<Case>& cases) {
  const array q = normal({1, 16, 512, 64});
  const array k = normal({1, 16, 512, 64});
  const array v = normal({1, 16, 512, 64});
  cases.push_back({"attention", [=] { return fast::scaled_dot_product_attention(q, k, v, 0.125f, "causal"); }});
}

double milliseconds(const Case& one, double seconds) {
  using Clock = std::chrono::steady_clock;
  one.run().eval();
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 3 || std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
    const auto before = Clock::now();
    one.run().eval();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - before).count());
  }
  return *std::ranges::min_element(times);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.5;
  const std::string part = argc > 2 ? argv[2] : "";
  std::vector<Case> cases;
  add_matmul(cases);
  add_unary(cases);
  add_rows(cases);
  add_conv(cases);
  add_depthwise(cases);
  add_fourier(cases);
  add_attention(cases);
  const char* separator = "{";
  for (const Case& one : cases) {
    if (one.name.find(part) == std::string::npos) continue;
    std::printf("%s\"%s\": %.4f", separator, one.name.c_str(), milliseconds(one, seconds));
    std::fflush(stdout);
    separator = ", ";
  }
  std::puts("}");
  return 0;
}
