// Module and Tree: names, sharing, freezing, updating, saving.

#include "mica/nn/module.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "mica/nn/nn.h"
#include "mica/ops/create.h"
#include "mica/ops/matmul.h"
#include "mica/ops/reduce.h"
#include "tests/nn/checks.h"
#include "tests/nn/filled.h"

namespace mica {
namespace {

struct Block : nn::UnaryModule {
  explicit Block(int dims) : norm(this, "norm", dims), linear(this, "linear", dims, dims) {}
  array operator()(const array& x) const override { return x + linear(norm(x)); }
  nn::Child<nn::BatchNorm> norm;
  nn::Child<nn::Linear> linear;
};

struct Model : nn::Module {
  explicit Model(int depth = 2) {
    for (int i = 0; i < depth; ++i) layers.emplace_back(4);
  }
  array operator()(const array& x) const {
    array y = x * scale;
    for (const Block::Interface& layer : layers) y = layer(y);
    return head(y);
  }
  nn::Parameter scale{this, "scale", ones({4})};
  nn::Parameter hidden{this, "_hidden", ones({4})};
  nn::ChildList<Block> layers{this, "layers"};
  nn::Child<nn::Linear> head{this, "head", 4, 3, false};
};

bool same(const array& a, const array& b) {
  return array_equal(a, b).item<bool>();
}

using test::message_of;
using test::paths_of;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Module, ParametersHaveMlxPaths) {
  const Model model(1);
  EXPECT_THAT(
      paths_of(model.parameters()),
      ElementsAre("scale", "layers.0.norm.weight", "layers.0.norm.bias", "layers.0.norm.running_mean",
                  "layers.0.norm.running_var", "layers.0.linear.weight", "layers.0.linear.bias", "head.weight"));
  EXPECT_THAT(paths_of(model.trainable_parameters()),
              ElementsAre("scale", "layers.0.norm.weight", "layers.0.norm.bias", "layers.0.linear.weight",
                          "layers.0.linear.bias", "head.weight"));
}

TEST(Module, ACopyIsTheSameModel) {
  Model model;
  const Model copy = model;  // NOLINT(performance-unnecessary-copy-initialization): copying is what is tested
  const auto by_value = [](Model m) { m.update(Tree::dict({{"scale", zeros({4})}})); };
  by_value(model);
  EXPECT_TRUE(same(copy.scale, zeros({4})));
  EXPECT_TRUE(same(copy.parameters().at("scale").leaf(), zeros({4})));
  const array x = test::filled({5, 4}, 1);
  Model mode = copy;
  mode.eval();
  EXPECT_FALSE(model.training());
  EXPECT_FALSE(model.layers[0].training());
  EXPECT_TRUE(same(model(x), copy(x)));
  // The other way round: a member that is set is seen by the first handle's parameters.
  mode.scale = ones({4});
  EXPECT_TRUE(same(model.parameters().at("scale").leaf(), ones({4})));
}

TEST(Module, AModelOutlivesTheHandleThatMadeIt) {
  const auto make = [] {
    Model model;
    return nn::Sequential(nn::Linear(2, 4), Block(4));
  };
  const nn::Sequential model = make();
  EXPECT_EQ(model(zeros({3, 2})).shape(), (Shape{3, 4}));
  EXPECT_EQ(tree_flatten(model.parameters()).size(), 8u);
}

TEST(Module, ParameterAssignmentTakesTheValue) {
  nn::Linear a(2, 3);
  nn::Linear b(2, 3);
  a.weight = b.weight;
  EXPECT_TRUE(same(a.parameters().at("weight").leaf(), b.weight));
  b.weight = zeros({3, 2});
  EXPECT_FALSE(same(a.weight, b.weight));
}

TEST(Module, FreezeAndUnfreeze) {
  Model model(1);
  model.freeze();
  EXPECT_TRUE(tree_flatten(model.trainable_parameters()).empty());
  model.unfreeze(true, {"bias"});
  EXPECT_THAT(paths_of(model.trainable_parameters()), ElementsAre("layers.0.norm.bias", "layers.0.linear.bias"));
  model.unfreeze(false);
  EXPECT_THAT(paths_of(model.trainable_parameters()),
              ElementsAre("scale", "layers.0.norm.bias", "layers.0.linear.bias"));
  // Running statistics are never trained.
  model.unfreeze();
  EXPECT_EQ(tree_flatten(model.trainable_parameters()).size(), 6u);
  model.layers[0].freeze();
  EXPECT_THAT(paths_of(model.trainable_parameters()), ElementsAre("scale", "head.weight"));
  EXPECT_THAT(message_of([&] { model.freeze(true, {"biass"}, true); }), HasSubstr("biass"));
  EXPECT_THAT(message_of([&] { model.freeze(false, {"bias"}, true); }), HasSubstr("bias"));
  model.freeze(true, {"biass"});
}

TEST(Module, UpdateChecksNames) {
  Model model;
  const array value = zeros({3, 4});
  model.update(tree_unflatten<array>({{"head.weight", value}}));
  EXPECT_TRUE(same(model.head->parameters().at("weight").leaf(), value));
  const auto wrong = [&](const std::string& path) {
    return message_of([&] { model.update(tree_unflatten<array>({{path, value}})); });
  };
  EXPECT_THAT(wrong("tail.weight"), HasSubstr("tail"));
  EXPECT_THAT(wrong("head.weight.more"), HasSubstr("weight"));
  EXPECT_THAT(wrong("head"), HasSubstr("array"));
  EXPECT_THAT(wrong("layers.0"), HasSubstr("array"));
  model.update(tree_unflatten<array>({{"tail.weight", value}, {"head.bias", value}}), false);
  // A layer made without bias does not get one.
  EXPECT_FALSE(model.parameters().at("head").contains("bias"));
  EXPECT_THAT(wrong("head.bias"), HasSubstr("bias"));
  const Tree third = Tree::dict({{"layers", Tree::list({Tree(), Tree(), Tree()})}});
  EXPECT_THAT(message_of([&] { model.update(third); }), HasSubstr("no entry 2"));
  model.update(third, false);
}

TEST(Module, ModulesAndTheirNames) {
  Model model;
  std::vector<std::string> names;
  for (const auto& item : model.named_modules()) names.push_back(item.first);
  EXPECT_THAT(names, ElementsAre("", "layers.0", "layers.0.norm", "layers.0.linear", "layers.1", "layers.1.norm",
                                 "layers.1.linear", "head"));
  EXPECT_EQ(model.modules().size(), 8u);
  EXPECT_EQ(model.modules()[0], &model);
  EXPECT_EQ(tree_flatten(model.children()).size(), 3u);
  std::vector<std::string> leaves;
  for (const auto& item : tree_flatten(model.leaf_modules())) leaves.push_back(item.first);
  EXPECT_THAT(leaves, ElementsAre("layers.0.norm", "layers.0.linear", "layers.1.norm", "layers.1.linear", "head"));
}

TEST(Module, UpdateModulesReplacesLayersOfTheSameKind) {
  Model model;
  nn::ModuleTree replacement;
  replacement["head"] = nn::ModulePtr(std::make_shared<nn::Sequential>(nn::Linear(4, 8), nn::Linear(8, 5)));
  model.update_modules(replacement);
  EXPECT_EQ(model(ones({2, 4})).shape(), (Shape{2, 5}));
  EXPECT_EQ(model.head.as(), nullptr);
  EXPECT_TRUE(model.parameters().at("head.layers").is_list());
  replacement["head"] = nn::ModulePtr(std::make_shared<nn::LSTM>(4, 4));
  EXPECT_THAT(message_of([&] { model.update_modules(replacement); }), HasSubstr("head"));
  nn::ModuleTree unknown;
  unknown["tail"] = nn::ModulePtr(std::make_shared<nn::Linear>(4, 4));
  EXPECT_THAT(message_of([&] { model.update_modules(unknown); }), HasSubstr("tail"));
  model.update_modules(unknown, false);
}

TEST(Module, ApplyAndSetDtype) {
  Model model(1);
  model.apply([](const array& a) { return a * 0.0f; });
  EXPECT_TRUE(same(model.scale, zeros({4})));
  model.set_dtype(bfloat16);
  for (const auto& [path, value] : tree_flatten(model.parameters())) EXPECT_EQ(value.dtype(), bfloat16) << path;
  EXPECT_EQ(model(astype(ones({2, 4}), bfloat16)).dtype(), bfloat16);
  model.scale = arange(4);
  model.set_dtype(float16);
  EXPECT_EQ(model.scale->dtype(), int32);
}

TEST(Module, HalfPrecisionStaysHalf) {
  Model model(1);
  model.set_dtype(bfloat16);
  const array x = astype(test::filled({6, 4}, 1), bfloat16);
  auto loss_and_grad = nn::value_and_grad(model, [&](const array& in) {
    return nn::losses::mse_loss(nn::gelu_fast_approx(model(in)), zeros({6, 3}, bfloat16));
  });
  const auto [loss, gradients] = loss_and_grad(x);
  EXPECT_EQ(loss.dtype(), bfloat16);
  for (const auto& [path, value] : tree_flatten(gradients)) EXPECT_EQ(value.dtype(), bfloat16) << path;
}

TEST(Module, NamesAreChecked) {
  struct Twice : nn::Module {
    nn::Parameter a{this, "a", array(1.0f)};
    nn::Parameter b{this, "a", array(1.0f)};
  };
  struct Dotted : nn::Module {
    nn::Parameter a{this, "a.b", array(1.0f)};
  };
  EXPECT_THAT(message_of([] { Twice(); }), HasSubstr("two members"));
  EXPECT_THAT(message_of([] { Dotted(); }), HasSubstr("a.b"));
  EXPECT_THAT(message_of([] { nn::Linear(2, 3, false).bias.get(); }), HasSubstr("bias"));
}

TEST(Module, WeightsGoThroughFiles) {
  const auto folder = std::filesystem::temp_directory_path();
  const auto archive = folder / "mica_nn_weights.npz";
  const auto file = folder / "mica_nn_weights.safetensors";
  Model model;
  model.save_weights(file);
  Model other;
  EXPECT_FALSE(same(other.head->parameters().at("weight").leaf(), model.head->parameters().at("weight").leaf()));
  other.load_weights(file);
  for (const auto& [path, value] : tree_flatten(model.parameters())) {
    EXPECT_TRUE(same(other.parameters().at(path).leaf(), value)) << path;
  }
  model.save_weights(archive);
  EXPECT_TRUE(same(Model().load_weights(archive).parameters().at("head.weight").leaf(),
                   model.parameters().at("head.weight").leaf()));
  std::filesystem::remove(archive);
  // A file is replaced while its arrays are in use.
  other.apply([](const array& a) { return a + 1.0f; });
  other.save_weights(file);
  EXPECT_TRUE(same(Model().load_weights(file).parameters().at("scale").leaf(), full({4}, 2.0f)));

  Model deeper(3);
  EXPECT_THAT(message_of([&] { deeper.load_weights(file); }), HasSubstr("layers.2.norm.weight"));
  Model shallow(1);
  EXPECT_THAT(message_of([&] { shallow.load_weights(file); }), HasSubstr("layers.1.norm.weight"));
  shallow.load_weights(file, false);
  EXPECT_TRUE(same(shallow.scale, full({4}, 2.0f)));
  EXPECT_THAT(message_of([&] { shallow.load_weights({{"scale", ones({5})}}, true); }), HasSubstr("scale"));
  EXPECT_THAT(message_of([&] { model.save_weights("weights.bin"); }), HasSubstr("weights.bin"));
  EXPECT_THROW(model.load_weights("/nowhere/weights.safetensors"), Error);
  std::filesystem::remove(file);
}

TEST(Module, GradientsOfAModel) {
  Model model(1);
  model.freeze();
  model.unfreeze(true, {"weight"});
  const array x = test::filled({6, 4}, 1);
  const Tree before = model.trainable_parameters();
  auto loss_and_grad = nn::value_and_grad(model, [&](const array& in) { return sum(square(model(in))); });
  const auto [loss, gradients] = loss_and_grad(x);
  EXPECT_THAT(paths_of(gradients), ElementsAre("layers.0.norm.weight", "layers.0.linear.weight", "head.weight"));
  EXPECT_FLOAT_EQ(loss.item<float>(), sum(square(model(x))).item<float>());
  // The model's own arrays are back, the running statistics have gone on.
  for (const auto& [path, value] : tree_flatten(before)) {
    EXPECT_EQ(model.parameters().at(path).leaf().id(), value.id()) << path;
  }
  EXPECT_FALSE(same(model.parameters().at("layers.0.norm.running_mean").leaf(), zeros({4})));

  auto several = nn::value_and_grad(model, [&](const array& in) {
    const array y = model(in);
    return std::vector<array>{sum(square(y)), y};
  });
  const auto [results, same_gradients] = several(x);
  EXPECT_EQ(results[1].shape(), (Shape{6, 3}));
  EXPECT_TRUE(same(same_gradients.at("head.weight").leaf(), gradients.at("head.weight").leaf()));

  auto failing = nn::value_and_grad(model, [&](const array& in) { return matmul(model(in), in); });
  EXPECT_THROW(failing(x), std::invalid_argument);
  EXPECT_EQ(model.parameters().at("head.weight").leaf().id(), before.at("head.weight").leaf().id());
  model.freeze();
  EXPECT_THAT(message_of([&] { loss_and_grad(x); }), HasSubstr("trainable"));
}

}  // namespace
}  // namespace mica
