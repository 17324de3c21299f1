// Every layer, activation and loss against MLX: results and gradients (tests/fixtures/nn.json, made by
// tests/oracle/nn_oracle.py).

#include <map>

#include <fmt/format.h>

#include "mica/nn/nn.h"
#include "mica/ops/create.h"
#include "mica/ops/reduce.h"
#include "tests/nn/filled.h"
#include "tests/nn/function_makers.h"
#include "tests/nn/layer_case.h"

namespace mica {
namespace {

using test::expect_digest;
using test::Inputs;
using test::made;
using test::Maker;
using test::unary;
array joined(const std::pair<array, array>& states) {
  return concatenate({states.first, states.second}, -1);
}

array causal() {
  return nn::MultiHeadAttention::create_additive_causal_mask(4);
}

void add_dense_layers(std::map<std::string, Maker>& makers) {
  makers["Linear"] = [] { return unary(nn::Linear(5, 7)); };
  makers["Linear no bias"] = [] { return unary(nn::Linear(5, 7, false)); };
  makers["Bilinear"] = [] {
    return made(nn::Bilinear(3, 4, 5), [](const auto& m, const Inputs& in) { return m(in[0], in[1]); });
  };
  makers["Embedding"] = [] { return unary(nn::Embedding(11, 6)); };
  makers["Embedding as_linear"] = [] {
    return made(nn::Embedding(11, 6), [](const auto& m, const Inputs& in) { return m.as_linear(in[0]); });
  };
  makers["Sequential"] = [] { return unary(nn::Sequential(nn::Linear(4, 6), nn::relu, nn::Linear(6, 2), nn::Tanh())); };
  makers["PReLU"] = [] { return unary(nn::PReLU(8)); };
  makers["LeakyReLU"] = [] { return unary(nn::LeakyReLU(0.2f)); };
  makers["ELU"] = [] { return unary(nn::ELU(0.7f)); };
  makers["CELU"] = [] { return unary(nn::CELU(1.3f)); };
  makers["Softshrink"] = [] { return unary(nn::Softshrink(0.3f)); };
  makers["HardShrink"] = [] { return unary(nn::HardShrink(0.8f)); };
  makers["GLU"] = [] { return unary(nn::GLU(0)); };
  makers["GELU tanh"] = [] { return unary(nn::GELU("tanh")); };
  makers["GELU fast"] = [] { return unary(nn::GELU("fast")); };
}

void add_convolutions(std::map<std::string, Maker>& makers) {
  makers["Conv1d"] = [] { return unary(nn::Conv1d(4, 6, 3, {.stride = 2, .padding = 1})); };
  makers["Conv1d groups"] = [] { return unary(nn::Conv1d(4, 6, 3, {.dilation = 2, .groups = 2, .bias = false})); };
  makers["Conv2d"] = [] { return unary(nn::Conv2d(3, 5, {3, 2}, {.stride = {2, 1}, .padding = {1, 0}})); };
  makers["Conv2d dilation"] = [] { return unary(nn::Conv2d(3, 5, 3, {.padding = 2, .dilation = 2})); };
  makers["Conv3d"] = [] { return unary(nn::Conv3d(2, 3, 2, {.stride = 2, .padding = 1})); };
  makers["ConvTranspose1d"] = [] {
    return unary(nn::ConvTranspose1d(4, 3, 3, {.stride = 2, .padding = 1, .output_padding = 1}));
  };
  makers["ConvTranspose2d"] = [] { return unary(nn::ConvTranspose2d(3, 2, 3, {.stride = 2, .padding = 1})); };
  makers["ConvTranspose3d"] = [] { return unary(nn::ConvTranspose3d(2, 2, 2, {.stride = 2})); };
  makers["MaxPool1d"] = [] { return unary(nn::MaxPool1d(2)); };
  makers["MaxPool2d"] = [] { return unary(nn::MaxPool2d(3, {.stride = 2, .padding = 1})); };
  makers["MaxPool3d"] = [] { return unary(nn::MaxPool3d(2, {.stride = 1})); };
  makers["AvgPool1d"] = [] { return unary(nn::AvgPool1d(3, {.stride = 2, .padding = 1})); };
  makers["AvgPool2d"] = [] { return unary(nn::AvgPool2d({2, 3})); };
  makers["AvgPool3d"] = [] { return unary(nn::AvgPool3d(2, {.stride = 1})); };
  makers["Upsample nearest"] = [] { return unary(nn::Upsample(2.0)); };
  makers["Upsample nearest fraction"] = [] { return unary(nn::Upsample(std::vector{1.5, 0.5})); };
  makers["Upsample linear"] = [] { return unary(nn::Upsample(2.5, "linear")); };
  makers["Upsample linear corners"] = [] { return unary(nn::Upsample(std::vector{2.0, 3.0}, "linear", true)); };
  makers["Upsample linear antialias"] = [] { return unary(nn::Upsample(0.4, "linear", false, true)); };
  makers["Upsample cubic"] = [] { return unary(nn::Upsample(2.0, "cubic")); };
  makers["Upsample cubic corners"] = [] { return unary(nn::Upsample(1.5, "cubic", true)); };
  makers["Upsample cubic antialias"] = [] { return unary(nn::Upsample(0.5, "cubic", false, true)); };
}

void add_norms_and_positions(std::map<std::string, Maker>& makers) {
  makers["LayerNorm"] = [] { return unary(nn::LayerNorm(6)); };
  makers["LayerNorm plain"] = [] { return unary(nn::LayerNorm(6, 1e-5f, false)); };
  makers["RMSNorm"] = [] { return unary(nn::RMSNorm(6)); };
  makers["InstanceNorm"] = [] { return unary(nn::InstanceNorm(3, 1e-5f, true)); };
  makers["GroupNorm"] = [] { return unary(nn::GroupNorm(2, 6)); };
  makers["GroupNorm pytorch"] = [] { return unary(nn::GroupNorm(2, 6, 1e-5f, true, true)); };
  makers["BatchNorm"] = [] { return unary(nn::BatchNorm(4)); };
  makers["BatchNorm eval"] = [] { return unary(nn::BatchNorm(4)); };
  makers["BatchNorm plain"] = [] { return unary(nn::BatchNorm(4, 1e-5f, 0.1f, false, false)); };
  makers["RoPE"] = [] { return unary(nn::RoPE(6)); };
  makers["RoPE traditional"] = [] { return unary(nn::RoPE(8, true, 1000.0f, 0.5f)); };
  makers["RoPE offset"] = [] { return made(nn::RoPE(8), [](const auto& m, const Inputs& in) { return m(in[0], 5); }); };
  makers["SinusoidalPositionalEncoding"] = [] { return unary(nn::SinusoidalPositionalEncoding(8)); };
  makers["SinusoidalPositionalEncoding turns"] = [] {
    return unary(nn::SinusoidalPositionalEncoding(
        6, {.min_freq = 0.01f, .max_freq = 2.0f, .scale = 1.0f, .cos_first = true, .full_turns = true}));
  };
  makers["ALiBi"] = [] { return unary(nn::ALiBi()); };
  makers["ALiBi offset"] = [] {
    return made(nn::ALiBi(), [](const auto& m, const Inputs& in) { return m(in[0], 3); });
  };
}

void add_sequence_layers(std::map<std::string, Maker>& makers) {
  makers["RNN"] = [] { return unary(nn::RNN(3, 4)); };
  makers["RNN hidden"] = [] {
    return made(nn::RNN(3, 4, false, nn::relu), [](const auto& m, const Inputs& in) { return m(in[0], in[1]); });
  };
  makers["GRU"] = [] { return unary(nn::GRU(3, 4)); };
  makers["GRU hidden"] = [] {
    return made(nn::GRU(3, 4, false), [](const auto& m, const Inputs& in) { return m(in[0], in[1]); });
  };
  makers["LSTM"] = [] {
    return made(nn::LSTM(3, 4), [](const auto& m, const Inputs& in) { return joined(m(in[0])); });
  };
  makers["LSTM hidden"] = [] {
    return made(nn::LSTM(3, 4, false), [](const auto& m, const Inputs& in) { return joined(m(in[0], in[1], in[2])); });
  };
  makers["MultiHeadAttention"] = [] {
    return made(nn::MultiHeadAttention(8, 2, {.bias = true}),
                [](const auto& m, const Inputs& in) { return m(in[0], in[0], in[0]); });
  };
  makers["MultiHeadAttention masked"] = [] {
    return made(nn::MultiHeadAttention(
                    8, 4, {.query_input_dims = 6, .key_input_dims = 5, .value_dims = 12, .value_output_dims = 7}),
                [](const auto& m, const Inputs& in) { return m(in[0], in[1], in[1], causal()); });
  };
  const auto encode = [](const auto& m, const Inputs& in) { return m(in[0], causal()); };
  makers["TransformerEncoder"] = [=] { return made(nn::TransformerEncoder(2, 8, 2, {.mlp_dims = 12}), encode); };
  makers["TransformerEncoder norm last"] = [] {
    return unary(nn::TransformerEncoder(1, 8, 2, {.activation = nn::gelu, .norm_first = false}));
  };
  makers["TransformerEncoder checkpoint"] = [=] {
    return made(nn::TransformerEncoder(2, 8, 2, {.checkpoint = true}), encode);
  };
  const auto translate = [](const auto& m, const Inputs& in) { return m(in[0], in[1], std::nullopt, causal()); };
  makers["Transformer"] = [=] { return made(nn::Transformer(8, 2, 1, 2, {.mlp_dims = 8}), translate); };
  makers["Transformer norm last"] = [=] {
    return made(nn::Transformer(8, 2, 1, 1, {.mlp_dims = 8, .norm_first = false}), translate);
  };
}

void add_quantized_layers(std::map<std::string, Maker>& makers) {
  const std::map<std::string, nn::QuantizeOptions> variants = {
      {"{}", {}},
      {R"({"group_size": 32, "bits": 8})", {.group_size = 32, .bits = 8}},
      {R"({"mode": "mxfp4"})", {.mode = "mxfp4"}},
      {R"({"mode": "mxfp8"})", {.mode = "mxfp8"}},
      {R"({"mode": "nvfp4"})", {.mode = "nvfp4"}},
  };
  for (const std::string mode : {"nvfp4", "mxfp8"}) {
    for (const std::string training : {"True", "False"}) {
      makers[fmt::format("QQLinear {} {}", mode, training)] = [mode] {
        return unary(nn::QQLinear(64, 6, {.mode = mode}));
      };
    }
  }
  const auto fill = [](nn::Module& module) {
    for (const auto& [path, value] : tree_flatten(module.parameters())) {
      module.update(Tree::dict({{path, test::filled(value.shape(), test::salt_of(path), 0.5)}}));
    }
  };
  for (const auto& [name, options] : variants) {
    makers["QuantizedLinear " + name] = [=, options = options] {
      nn::Linear dense(64, 6);
      fill(dense);
      return unary(nn::QuantizedLinear::from_linear(dense, options));
    };
    const auto table = [=, options = options] {
      nn::Embedding dense(7, 64);
      fill(dense);
      return nn::QuantizedEmbedding::from_embedding(dense, options);
    };
    makers["QuantizedEmbedding " + name] = [=] { return unary(table()); };
    makers["QuantizedEmbedding as_linear " + name] = [=] {
      return made(table(), [](const auto& m, const Inputs& in) { return m.as_linear(in[0]); });
    };
  }
}

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> all = [] {
    std::map<std::string, Maker> m;
    add_dense_layers(m);
    add_convolutions(m);
    add_norms_and_positions(m);
    add_sequence_layers(m);
    add_quantized_layers(m);
    test::add_activations(m);
    test::add_losses(m);
    return m;
  }();
  return all;
}

const Json& cases() {
  static const Json all = test::fixture("nn.json")["cases"];
  return all;
}

array input_of(const Json& spec) {
  const Shape shape = test::shape_of(spec["shape"]);
  const auto salt = spec["salt"].get<int64_t>();
  if (spec.contains("below")) return test::integers(shape, salt, spec["below"].get<int64_t>());
  return test::filled(shape, salt, spec["scale"].get<double>());
}

/// Gives the module the parameters that the script gives its own.
void fill(nn::Module& module) {
  std::vector<std::pair<std::string, array>> values;
  for (const auto& [path, value] : tree_flatten(module.parameters())) {
    if (value.dtype() != float32) return;
    const array v = test::filled(value.shape(), test::salt_of(path), 0.5);
    values.emplace_back(path, path.ends_with("running_var") ? abs(v) + 0.5f : v);
  }
  if (!values.empty()) module.update(tree_unflatten(values));
}

class Layers : public testing::TestWithParam<size_t> {
 protected:
  // Float32 rounding in another order of summation: some 1e-6 of the values' size for results, a little more for
  // gradients that add up over a sequence.
  static constexpr double kValues = 5e-6;
  static constexpr double kGradients = 2e-5;
};

TEST_P(Layers, EqualMlx) {
  const Json& wanted = cases()[GetParam()];
  const auto name = wanted["name"].get<std::string>();
  SCOPED_TRACE(name);
  ASSERT_TRUE(makers().contains(name));
  const test::Case made = makers().at(name)();
  fill(*made.module);
  made.module->train(wanted["training"].get<bool>());
  Inputs inputs;
  for (const Json& spec : wanted["inputs"]) inputs.push_back(input_of(spec));

  const Tree before = made.module->parameters();
  expect_digest(made.call(inputs), wanted["result"], kValues, "result");
  if (wanted.contains("changed")) {
    for (const auto& [path, value] : wanted["changed"].items()) {
      expect_digest(made.module->parameters().at(path).leaf(), value, kValues, path);
    }
    made.module->update(before);
  }
  if (!wanted.contains("gradients")) return;

  std::vector<size_t> floats;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (issubdtype(inputs[i].dtype(), floating)) floats.push_back(i);
  }
  // Parameters and inputs together are what the gradient is taken of.
  const std::vector<std::pair<std::string, array>> trainable = tree_flatten(made.module->trainable_parameters());
  std::vector<array> values;
  values.reserve(trainable.size() + floats.size());
  for (const auto& item : trainable) values.push_back(item.second);
  for (const size_t i : floats) values.push_back(inputs[i]);
  std::vector<int> argnums(values.size());
  std::iota(argnums.begin(), argnums.end(), 0);
  const auto loss = [&](const std::vector<array>& given) {
    std::vector<std::pair<std::string, array>> parameters;
    parameters.reserve(trainable.size());
    for (size_t i = 0; i < trainable.size(); ++i) parameters.emplace_back(trainable[i].first, given[i]);
    if (!parameters.empty()) made.module->update(tree_unflatten(parameters));
    Inputs arguments = inputs;
    for (size_t i = 0; i < floats.size(); ++i) arguments[floats[i]] = given[trainable.size() + i];
    const array y = made.call(arguments);
    return mean(y * test::pattern(y.shape()));
  };
  const std::vector<array> gradients = grad(std::function<array(const std::vector<array>&)>(loss), argnums)(values);
  ASSERT_EQ(trainable.size(), wanted["gradients"].size());
  for (size_t i = 0; i < trainable.size(); ++i) {
    const std::string& path = trainable[i].first;
    ASSERT_TRUE(wanted["gradients"].contains(path)) << path;
    expect_digest(gradients[i], wanted["gradients"][path], kGradients, "gradient of " + path);
  }
  for (size_t i = 0; i < floats.size(); ++i) {
    expect_digest(gradients[trainable.size() + i], wanted["input_gradients"][i], kGradients, "gradient of the input");
  }
}

std::string case_name(const testing::TestParamInfo<size_t>& info) {
  std::string name = cases()[info.param]["name"].get<std::string>();
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name + "_" + std::to_string(info.param);
}

INSTANTIATE_TEST_SUITE_P(Nn, Layers, testing::Range<size_t>(0, cases().size()), case_name);

TEST(Layers, EveryMakerHasACase) {
  std::set<std::string> names;
  for (const Json& item : cases()) names.insert(item["name"].get<std::string>());
  for (const auto& item : makers()) EXPECT_TRUE(names.contains(item.first)) << item.first;
}

}  // namespace
}  // namespace mica
