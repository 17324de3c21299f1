#include "mica/lm/sampling.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/json.h"

namespace mica::lm {
namespace {

const Json& fixture() {
  static const Json json = load_json(MICA_TEST_FIXTURES "/sampling.json");
  return json;
}

SamplingOptions options_of(const Json& json) {
  SamplingOptions o;
  o.temperature = json.value("temperature", 0.0f);
  o.top_p = json.value("top_p", 1.0f);
  o.top_k = json.value("top_k", 0);
  o.min_p = json.value("min_p", 0.0f);
  o.min_tokens_to_keep = json.value("min_tokens_to_keep", 1);
  o.xtc_probability = json.value("xtc_probability", 0.0f);
  o.xtc_threshold = json.value("xtc_threshold", 0.1f);
  o.repetition_penalty = json.value("repetition_penalty", 0.0f);
  o.repetition_context_size = json.value("repetition_context_size", 20);
  o.presence_penalty = json.value("presence_penalty", 0.0f);
  o.frequency_penalty = json.value("frequency_penalty", 0.0f);
  o.frequency_context_size = json.value("frequency_context_size", 20);
  if (json.contains("logit_bias")) {
    for (const auto& [token, bias] : json["logit_bias"].items()) {
      o.logit_bias.emplace_back(std::stoi(token), bias.get<float>());
    }
  }
  return o;
}

TEST(Sampling, DistributionsEqualMlxLm) {
  const auto logits = fixture()["logits"].get<std::vector<float>>();
  constexpr int kDraws = 40000;
  for (const Json& one : fixture()["filters"]) {
    SCOPED_TRACE(one["options"].dump());
    const auto expected = one["probabilities"].get<std::vector<double>>();
    Sampler sampler(options_of(one["options"]));
    std::vector<int> counts(logits.size());
    for (int i = 0; i < kDraws; ++i) {
      std::vector<float> row = logits;
      ++counts[static_cast<size_t>(sampler.sample(row, {}).id)];
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      // Five standard deviations of a binomial count; a token that is filtered out must never come.
      const double deviation = std::sqrt(kDraws * expected[i] * (1 - expected[i]));
      EXPECT_NEAR(counts[i], kDraws * expected[i], 5 * deviation + (expected[i] > 0 ? 1 : 0)) << "token " << i;
    }
  }
}

TEST(Sampling, PenaltiesEqualMlxLm) {
  const auto history = fixture()["history"].get<std::vector<int32_t>>();
  for (const Json& one : fixture()["penalties"]) {
    SCOPED_TRACE(one["options"].dump());
    auto logits = fixture()["logits"].get<std::vector<float>>();
    const SampledToken token = Sampler(options_of(one["options"])).sample(logits, history);
    EXPECT_EQ(token.id, one["best"].get<int>());
    EXPECT_NEAR(token.logprob, one["logprob"].get<float>(), 2e-5f);
  }
}

TEST(Sampling, TheSameSeedGivesTheSameTokens) {
  const auto draw = [](uint64_t seed) {
    SamplingOptions o;
    o.temperature = 1.0f;
    o.seed = seed;
    Sampler sampler(o);
    std::vector<int32_t> out;
    for (int i = 0; i < 50; ++i) {
      std::vector<float> row(100, 0.0f);
      out.push_back(sampler.sample(row, {}).id);
    }
    return out;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST(Sampling, OptionsOutOfRangeAreRefusedByName) {
  const auto refused = [](auto change) {
    SamplingOptions o;
    change(o);
    try {
      check(o, 100);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refused([](auto& o) { o.temperature = -1; }).find("temperature"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.temperature = NAN; }).find("temperature"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.top_p = 1.5f; }).find("top_p"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.top_k = -1; }).find("top_k"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.xtc_threshold = 0.6f; }).find("xtc_threshold"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.logit_bias = {{100, 1.0f}}; }).find("logit_bias"), std::string::npos);
  EXPECT_EQ(refused([](auto&) {}), "");
}

}  // namespace
}  // namespace mica::lm
