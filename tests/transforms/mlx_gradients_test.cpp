// Values, gradients and tangents of functions against MLX's: the cases of tests/fixtures/transforms.json, made by
// tests/oracle/transforms_oracle.py.

#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/json.h"
#include "mica/mica.h"

namespace mica {
namespace {

using Arrays = std::vector<array>;
using Function = std::function<array(const Arrays&)>;

array decode(const Json& part) {
  const auto numbers = part["data"].get<std::vector<double>>();
  const auto lengths = part["shape"].get<std::vector<int64_t>>();
  const Shape shape(lengths.begin(), lengths.end());
  const auto dtype = part["dtype"].get<std::string>();
  if (dtype == "complex64") {
    std::vector<complex64_t> values;
    for (size_t i = 0; i < numbers.size(); i += 2) {
      values.emplace_back(static_cast<float>(numbers[i]), static_cast<float>(numbers[i + 1]));
    }
    return array(values.begin(), shape, complex64);
  }
  return array(numbers.begin(), shape, dtype == "float32" ? float32 : dtype == "bfloat16" ? bfloat16 : int32);
}

Arrays decode_all(const Json& parts) {
  Arrays out;
  for (const Json& part : parts) out.push_back(decode(part));
  return out;
}

array cross_entropy(const Arrays& v) {
  const array logits = matmul(v[0], v[1]);
  const array chosen = take_along_axis(logits, expand_dims(v[2], -1), -1);
  return mean(subtract(logsumexp(logits, -1), squeeze(chosen, -1)));
}

array penalty(const Arrays& v) {
  return sum(square(grad([&](const array& a) { return sum(tanh(matmul(a, v[1]))); })(v[0])));
}

array mapped(const Arrays& v) {
  return vmap([](const array& a, const array& b) { return softmax(matmul(a, b), -1); }, 1, -1)(v[0], v[1]);
}

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> table = {
      {"complex_chain",
       [](const Arrays& v) { return add(add(multiply(exp(v[0]), v[1]), divide(sin(v[0]), v[1])), square(v[0])); }},
      {"complex_parts", [](const Arrays& v) { return add(multiply(real(v[0]), imag(v[0])), abs(v[0])); }},
      {"complex_matmul", [](const Arrays& v) { return matmul(v[0], v[1]); }},
      {"max", [](const Arrays& v) { return max(v[0], 1); }},
      {"min", [](const Arrays& v) { return min(v[0], 1); }},
      {"maximum", [](const Arrays& v) { return maximum(v[0], v[1]); }},
      {"minimum", [](const Arrays& v) { return minimum(v[0], v[1]); }},
      {"abs", [](const Arrays& v) { return abs(v[0]); }},
      {"prod", [](const Arrays& v) { return prod(v[0]); }},
      {"cumprod", [](const Arrays& v) { return cumprod(v[0], 0); }},
      {"mlp",
       [](const Arrays& v) { return mean(square(subtract(matmul(tanh(add(matmul(v[0], v[1]), v[2])), v[3]), v[4]))); }},
      {"cross_entropy", cross_entropy},
      {"penalty", penalty},
      {"rms_norm", [](const Arrays& v) { return fast::rms_norm(v[0], v[1], 1e-3f); }},
      {"layer_norm", [](const Arrays& v) { return fast::layer_norm(v[0], v[1], v[2], 1e-3f); }},
      {"rope", [](const Arrays& v) { return fast::rope(v[0], 6, false, 100.0f, 0.5f, 3); }},
      {"attention",
       [](const Arrays& v) { return fast::scaled_dot_product_attention(v[0], v[1], v[2], 0.5f, "causal"); }},
      {"embedding", [](const Arrays& v) { return tanh(take(v[0], v[1], 0)); }},
      {"sort", [](const Arrays& v) { return sort(v[0], 0); }},
      {"logcumsumexp", [](const Arrays& v) { return logcumsumexp(v[0], 1); }},
      {"softmax", [](const Arrays& v) { return softmax(v[0], -1); }},
      {"variance", [](const Arrays& v) { return add(var(v[0], 0), std(v[0], 0)); }},
      {"power", [](const Arrays& v) { return add(power(v[0], v[1]), remainder(v[0], v[1])); }},
      {"bfloat16", [](const Arrays& v) { return multiply(multiply(sigmoid(v[0]), v[0]), v[1]); }},
      {"mapped", mapped},
  };
  return table;
}

/// MLX and mica round in different places: of float32 a few units in the last place of the largest intermediate, of
/// bfloat16 a few of its own.
void expect_close(const array& got, const array& wanted) {
  ASSERT_EQ(got.shape(), wanted.shape());
  ASSERT_EQ(dtype_name(got.dtype()), dtype_name(wanted.dtype()));
  const double tolerance = got.dtype() == bfloat16 ? 0x1p-6 : 2e-5;
  EXPECT_TRUE(allclose(got, wanted, tolerance, tolerance).item<bool>()) << got << "\n" << wanted;
}

TEST(MlxGradients, EveryCase) {
  const Json cases = load_json(MICA_TEST_FIXTURES "/transforms.json");
  ASSERT_EQ(cases.size(), functions().size());
  for (const Json& one : cases) {
    const auto name = one["function"].get<std::string>();
    SCOPED_TRACE(name);
    ASSERT_TRUE(functions().contains(name));
    const Arrays inputs = decode_all(one["inputs"]);
    Arrays varied;
    for (const array& input : inputs) {
      if (issubdtype(input.dtype(), inexact)) varied.push_back(input);
    }
    const auto of_varied = [&](const Arrays& chosen) {
      Arrays all = inputs;
      size_t next = 0;
      for (array& input : all) {
        if (issubdtype(input.dtype(), inexact)) input = chosen[next++];
      }
      return Arrays{functions().at(name)(all)};
    };
    const auto [outputs, gradients] = vjp(of_varied, varied, {decode(one["cotangent"])});
    expect_close(outputs[0], decode(one["output"]));
    const Arrays wanted = decode_all(one["gradients"]);
    ASSERT_EQ(gradients.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) expect_close(gradients[i], wanted[i]);
    if (one.contains("tangents")) {
      expect_close(jvp(of_varied, varied, decode_all(one["tangents"])).second[0], decode(one["moved"]));
    }
  }
}

}  // namespace
}  // namespace mica
