// Logits of tiny random checkpoints in float32: of every family against transformers (made by
// tests/oracle/families_oracle.py), and of every quantization against mlx-lm (mlx_folders_oracle.py).

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/array/evaluate.h"
#include "mica/base/json.h"
#include "mica/io/npy.h"
#include "mica/lm/model.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "tests/lm/tiny_models.h"

namespace mica::lm {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = MICA_TEST_FIXTURES;

/// "families/llama", "mlx/affine_4_64" …
std::vector<std::string> cases(const std::string& group) {
  std::vector<std::string> out = tiny_models(group);
  for (std::string& name : out) name.insert(0, group + "/");
  return out;
}

std::vector<float> logits(const Model& model, const std::vector<int32_t>& tokens, size_t step) {
  PromptCache cache = model.make_cache();
  std::vector<float> all;
  for (size_t begin = 0; begin < tokens.size(); begin += step) {
    const size_t count = std::min(step, tokens.size() - begin);
    const array input(tokens.data() + begin, Shape{1, static_cast<ShapeElem>(count)}, int32);
    array part = contiguous(model.forward(input, cache, false));
    part.eval();
    all.insert(all.end(), part.data<float>(), part.data<float>() + part.size());
  }
  return all;
}

/// Those of the last token alone, in a step of its own that the tokens up to `split` come before.
std::vector<float> last_logits(const Model& model, const std::vector<int32_t>& tokens, size_t split) {
  PromptCache cache = model.make_cache();
  const std::span<const int32_t> all = tokens;
  array last(0.0f);
  for (const auto part : {all.first(split), all.subspan(split)}) {
    if (part.empty()) continue;
    last = contiguous(
        model.forward(array(part.data(), Shape{1, static_cast<ShapeElem>(part.size())}, int32), cache, true));
    last.eval();
  }
  return {last.data<float>(), last.data<float>() + last.size()};
}

/// Between `a` and as many numbers at the end of what is expected.
float largest_difference(const std::vector<float>& a, const NpyArray& expected) {
  const size_t count = expected.bytes.size() / sizeof(float);
  EXPECT_LE(a.size(), count);
  if (a.size() > count) return INFINITY;
  const float* b = reinterpret_cast<const float*>(expected.bytes.data()) + (count - a.size());
  float most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::isnan(a[i]) ? INFINITY : std::max(most, std::abs(a[i] - b[i]));
  }
  return most;
}

class FamilyParity : public testing::TestWithParam<std::string> {};

/// Logits are of order 1 to 4; sums in another order differ by about 1e-5 of that. The bound is the project's promise.
constexpr float kTolerance = 1e-3f;

TEST_P(FamilyParity, LogitsEqualTheReference) {
  const fs::path folder = kFixtures / GetParam();
  const LoadedModel loaded = load_model(folder, {Activation::exact});
  const auto tokens = load_json(folder.parent_path() / "tokens.json").get<std::vector<int32_t>>();
  const NpyArray expected = read_npy(folder / "logits.npy");
  const auto expect = [&](const std::vector<float>& got, size_t rows, const char* how) {
    EXPECT_EQ(got.size(), rows * static_cast<size_t>(loaded.model.description().vocab_size)) << how;
    EXPECT_LE(largest_difference(got, expected), kTolerance) << how;
  };
  EXPECT_EQ(expected.bytes.size(),
            tokens.size() * static_cast<size_t>(loaded.model.description().vocab_size) * sizeof(float));
  expect(logits(loaded.model, tokens, tokens.size()), tokens.size(), "whole prompt");
  expect(last_logits(loaded.model, tokens, 0), 1, "last token of the whole prompt");
  // With these two the periods of all positions change with the length of the sequence: what the cache holds was turned
  // for the shorter one, in transformers too, so only the whole prompt has one right answer.
  if (GetParam().ends_with("llama_dynamic") || GetParam().ends_with("phi3_longrope")) return;
  expect(logits(loaded.model, tokens, 5), tokens.size(), "in chunks of 5");
  expect(logits(loaded.model, tokens, 1), tokens.size(), "token by token");
  expect(last_logits(loaded.model, tokens, 5), 1, "last token of a prompt in two parts");
}

TEST_P(FamilyParity, MostLikelyTokensAreThoseOfTheLogits) {
  const fs::path folder = kFixtures / GetParam();
  const auto tokens = load_json(folder.parent_path() / "tokens.json").get<std::vector<int32_t>>();
  for (const Activation activation : {Activation::exact, Activation::int8}) {
    const LoadedModel loaded = load_model(folder, {activation});
    for (const ShapeElem batch : {1, 2}) {
      for (const ShapeElem step : {1, 3, 10}) {
        PromptCache all = loaded.model.make_cache();
        PromptCache best = loaded.model.make_cache();
        for (size_t begin = 0; begin + static_cast<size_t>(batch * step) <= tokens.size();
             begin += static_cast<size_t>(batch * step)) {
          const array input(tokens.data() + begin, Shape{batch, step}, int32);
          const array wanted = astype(argmax(loaded.model.forward(input, all, false), -1), int32);
          const array got = loaded.model.most_likely(input, best);
          ASSERT_EQ(got.shape(), (Shape{batch, step}));
          ASSERT_TRUE(array_equal(got, wanted).item<bool>()) << batch << " × " << step << " from " << begin;
        }
      }
    }
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& parameter) {
  return parameter.param.substr(parameter.param.find('/') + 1);
}
INSTANTIATE_TEST_SUITE_P(Families, FamilyParity, testing::ValuesIn(cases("families")), test_name);
INSTANTIATE_TEST_SUITE_P(MlxFolders, FamilyParity, testing::ValuesIn(cases("mlx")), test_name);

TEST(FamilyParityCases, CoverEveryModelType) {
  std::vector<std::string> types;
  for (const std::string& name : cases("families")) {
    types.push_back(open_config(kFixtures / name).text("model_type"));
  }
  for (const char* type : {"llama", "mistral", "qwen2", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3_text", "phi3",
                           "olmo2", "granite", "smollm3"}) {
    EXPECT_NE(std::find(types.begin(), types.end(), type), types.end()) << type;
  }
}

}  // namespace
}  // namespace mica::lm
