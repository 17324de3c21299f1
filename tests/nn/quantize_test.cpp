// nn::quantize: layers are replaced by their quantized forms, with MLX's parameter names.

#include <gmock/gmock.h>

#include "mica/nn/nn.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "tests/nn/checks.h"
#include "tests/nn/filled.h"

namespace mica {
namespace {

using test::paths_of;
using testing::ElementsAre;

struct Model : nn::Module {
  array operator()(const array& tokens) const { return embedding->as_linear(norm(body(embedding(tokens)))); }
  nn::Child<nn::Embedding> embedding{this, "embedding", 32, 64};
  nn::Child<nn::Sequential> body{this, "body", nn::Sequential(nn::Linear(64, 64), nn::silu, nn::Linear(64, 64, false))};
  nn::Child<nn::RMSNorm> norm{this, "norm", 64};
};

TEST(Quantize, ReplacesLinearAndEmbedding) {
  Model model;
  const array tokens = test::integers({2, 5}, 1, 32);
  const array before = model(tokens);
  nn::quantize(model);
  EXPECT_THAT(paths_of(model.parameters()),
              ElementsAre("embedding.weight", "embedding.scales", "embedding.biases", "body.layers.0.weight",
                          "body.layers.0.scales", "body.layers.0.biases", "body.layers.0.bias", "body.layers.2.weight",
                          "body.layers.2.scales", "body.layers.2.biases", "norm.weight"));
  EXPECT_THAT(paths_of(model.trainable_parameters()), ElementsAre("norm.weight"));
  EXPECT_EQ(model.parameters().at("body.layers.0.weight").leaf().dtype(), uint32);
  EXPECT_EQ(model.parameters().at("body.layers.0.weight").leaf().shape(), (Shape{64, 8}));
  EXPECT_EQ(model.parameters().at("body.layers.0.scales").leaf().shape(), (Shape{64, 1}));
  // Four bits keep the outputs of two layers to some 15 %.
  const array after = model(tokens);
  EXPECT_LT(mean(abs(after - before)).item<float>(), 0.3f * mean(abs(before)).item<float>());
  EXPECT_GT(mean(abs(after - before)).item<float>(), 0.0f);
  // Gradients flow through quantized layers to what is before them.
  auto loss_and_grad = nn::value_and_grad(model, [&](const array& in) { return mean(square(model(in))); });
  EXPECT_THAT(paths_of(loss_and_grad(tokens).second), ElementsAre("norm.weight"));
}

TEST(Quantize, PredicateChooses) {
  Model model;
  nn::quantize(model, {.bits = 8},
               [](const std::string& path, const nn::Module& module) -> std::variant<bool, nn::QuantizeOptions> {
                 if (path == "body.layers.0") return nn::QuantizeOptions{.group_size = 32, .bits = 2};
                 return dynamic_cast<const nn::Linear*>(&module) != nullptr;
               });
  EXPECT_EQ(model.parameters().at("embedding.weight").leaf().dtype(), float32);
  EXPECT_EQ(model.parameters().at("body.layers.0.weight").leaf().shape(), (Shape{64, 4}));
  EXPECT_EQ(model.parameters().at("body.layers.0.scales").leaf().shape(), (Shape{64, 2}));
  EXPECT_EQ(model.parameters().at("body.layers.2.weight").leaf().shape(), (Shape{64, 16}));
}

TEST(Quantize, RefusesWhatHasNoQuantizedForm) {
  Model model;
  EXPECT_THROW(nn::quantize(model, {}, [](const std::string&, const nn::Module&) { return true; }),
               std::invalid_argument);
  EXPECT_THROW(nn::quantize(model, {.mode = "q4_0"}), std::invalid_argument);
  EXPECT_THROW(nn::quantize(model, {.quantize_input = true}), std::invalid_argument);
  EXPECT_THROW(nn::QuantizedLinear(48, 8), std::invalid_argument);
  EXPECT_THROW(nn::QQLinear::from_linear(nn::Linear(64, 8)), std::invalid_argument);
  // Nothing was replaced.
  EXPECT_EQ(paths_of(model.parameters()).size(), 5u);
}

TEST(Quantize, InputsToo) {
  nn::Sequential model(nn::Linear(64, 32, false));
  nn::quantize(model, {.mode = "mxfp8", .quantize_input = true});
  EXPECT_THAT(paths_of(model.parameters()), ElementsAre("layers.0.weight"));
  EXPECT_THAT(paths_of(model.trainable_parameters()), ElementsAre("layers.0.weight"));
  const array x = test::filled({3, 64}, 1);
  const array training = model(x);
  model.eval();
  EXPECT_THAT(paths_of(model.parameters()), ElementsAre("layers.0.weight", "layers.0.scales"));
  // The same products of rounded numbers, by a kernel that adds them up in another order: 64 of size 1 at most.
  EXPECT_TRUE(allclose(model(x), training, 1e-5, 1e-6).item<bool>());
  model.train();
  EXPECT_THAT(paths_of(model.parameters()), ElementsAre("layers.0.weight"));
  EXPECT_EQ(model.parameters().at("layers.0.weight").leaf().shape(), (Shape{32, 64}));
}

}  // namespace
}  // namespace mica
