// The default model against transformers in float32 (tests/oracle/smollm2_oracle.py).

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/array/memory.h"
#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/base/json.h"
#include "mica/lm/generate.h"
#include "mica/ops/shape.h"
#include "tests/base/sanitized.h"

namespace mica::lm {
namespace {

std::filesystem::path model_path() {
  return home_folder() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
}

class SmolLm2 : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(std::filesystem::exists(model_path())) << "run `make model` first";
    fixture_ = std::make_unique<Json>(load_json(MICA_TEST_FIXTURES "/smollm2.json"));
    exact_ = std::make_unique<LoadedModel>(load_model(model_path(), {Activation::exact}));
    tokenizer_ = std::make_unique<text::Tokenizer>(text::Tokenizer::load(model_path()));
  }
  static void TearDownTestSuite() {
    exact_.reset();
    tokenizer_.reset();
    fixture_.reset();
  }
  static std::unique_ptr<Json> fixture_;
  static std::unique_ptr<LoadedModel> exact_;
  static std::unique_ptr<text::Tokenizer> tokenizer_;
};
std::unique_ptr<Json> SmolLm2::fixture_;
std::unique_ptr<LoadedModel> SmolLm2::exact_;
std::unique_ptr<text::Tokenizer> SmolLm2::tokenizer_;

TEST_F(SmolLm2, LogitsEqualTransformers) {
  const auto tokens = (*fixture_)["probe"].get<std::vector<int32_t>>();
  const auto columns = (*fixture_)["columns"].get<std::vector<size_t>>();
  for (const size_t step : {tokens.size(), size_t{16}}) {
    PromptCache cache = exact_->model.make_cache();
    for (size_t begin = 0; begin < tokens.size(); begin += step) {
      const size_t count = std::min(step, tokens.size() - begin);
      const array input(tokens.data() + begin, Shape{1, static_cast<ShapeElem>(count)}, int32);
      array logits = contiguous(exact_->model.forward(input, cache, false));
      logits.eval();
      for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < columns.size(); ++j) {
          const float expected = (*fixture_)["logits"][begin + i][j].get<float>();
          // Logits of this model have a standard deviation of about 9; float32 sums over 30 layers in another order
          // differ by some 1e-4 of that.
          ASSERT_NEAR(logits.data<float>()[i * 49152 + columns[j]], expected, 4e-3f) << begin + i << ", " << j;
        }
      }
    }
  }
}

std::vector<float> last_logits(const Model& model, std::span<const int32_t> tokens, PromptCache& cache) {
  const std::optional<array> logits = prefill(model, tokens, cache, 512);
  if (!logits) fail("no logits of {} tokens", tokens.size());
  return {logits->data<float>(), logits->data<float>() + logits->size()};
}

TEST_F(SmolLm2, GreedyAnswersEqualTransformers) {
  for (const Json& one : (*fixture_)["answers"]) {
    const auto prompt = one["prompt"].get<std::vector<int32_t>>();
    PromptCache cache = exact_->model.make_cache();
    std::vector<float> logits = last_logits(exact_->model, prompt, cache);
    std::vector<int32_t> answer;
    Sampler sampler({});
    for (int i = 0; i < 64; ++i) {
      answer.push_back(sampler.sample(logits, {}).id);
      logits = last_logits(exact_->model, {&answer.back(), 1}, cache);
    }
    EXPECT_EQ(answer, one["answer"].get<std::vector<int32_t>>());
    if (test::kSanitized) break;
  }
}

TEST_F(SmolLm2, StreamedTextIsTheDecodedAnswer) {
  const auto prompt = (*fixture_)["answers"][0]["prompt"].get<std::vector<int32_t>>();
  PromptCache cache = exact_->model.make_cache();
  GenerateOptions options;
  options.max_tokens = 40;
  std::string text;
  std::vector<int32_t> tokens;
  const GenerationStep last =
      stream_generate(exact_->model, *tokenizer_, prompt, cache, options, [&](const GenerationStep& step) {
        text += step.text;
        tokens.push_back(step.token);
      });
  EXPECT_EQ(last.generation_tokens, static_cast<int64_t>(tokens.size()));
  EXPECT_FALSE(last.finish_reason.empty());
  if (last.finish_reason == "stop") tokens.pop_back();
  EXPECT_EQ(text, tokenizer_->decode(tokens, true));
  EXPECT_NE(text.find("Paris"), std::string::npos);
  // The cache holds all but the last token.
  EXPECT_EQ(cache.offset(), static_cast<int64_t>(prompt.size()) + last.generation_tokens - 1);
}

TEST_F(SmolLm2, GreedyAnswersAreTheSameWithoutLogits) {
  // The tied head has codes of 8 bits and is 31 % of the model: it is screened.
  const LoadedModel fast = load_model(model_path());
  for (const Json& one : (*fixture_)["answers"]) {
    const auto prompt = one["prompt"].get<std::vector<int32_t>>();
    GenerateOptions options;
    options.max_tokens = test::kSanitized ? 10 : 64;
    const auto tokens = [&](bool logprobs, int draft) {
      options.logprobs = logprobs;
      options.speculation.ngram_draft_tokens = draft;
      PromptCache cache = fast.model.make_cache();
      std::vector<int32_t> out;
      stream_generate(fast.model, *tokenizer_, prompt, cache, options, [&](const GenerationStep& step) {
        out.push_back(step.token);
        // The first token is of the prompt, whose last logits are there.
        EXPECT_EQ(std::isnan(step.logprob), !logprobs && out.size() > 1);
      });
      return out;
    };
    const std::vector<int32_t> wanted = tokens(true, 0);
    EXPECT_EQ(tokens(false, 0), wanted);
    EXPECT_EQ(tokens(false, 7), wanted);
  }
}

TEST_F(SmolLm2, StopTextsEndTheAnswer) {
  const auto prompt = (*fixture_)["answers"][0]["prompt"].get<std::vector<int32_t>>();
  GenerateOptions options;
  options.stop = {"Paris"};
  const std::string text = generate(exact_->model, *tokenizer_, prompt, options);
  EXPECT_EQ(text.find("Paris"), std::string::npos);
  EXPECT_NE(text.find("France"), std::string::npos);
}

TEST_F(SmolLm2, AThousandGenerationsLeakNothing) {
  const LoadedModel fast = load_model(model_path());
  const std::vector<int32_t> prompt = {1, 4093, 198};
  GenerateOptions options;
  options.max_tokens = 3;
  generate(fast.model, *tokenizer_, prompt, options);
  const size_t before = get_active_memory();
  for (int i = 0; i < (test::kSanitized ? 20 : 1000); ++i) generate(fast.model, *tokenizer_, prompt, options);
  EXPECT_LE(get_active_memory(), before + 4096);
}

}  // namespace
}  // namespace mica::lm
