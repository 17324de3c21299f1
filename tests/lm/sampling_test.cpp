#include "mica/lm/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
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

/// Logits of a large vocabulary that fall slowly, the best tokens not at the front.
std::vector<float> many_logits() {
  std::vector<float> out(10000);
  for (size_t i = 0; i < out.size(); ++i)
    out[i * 7919 % out.size()] = 3.0f - 2.5f * std::log(1.0f + static_cast<float>(i));
  return out;
}

/// Tokens from the best one down, with their probabilities at temperature 1.
std::vector<std::pair<double, int32_t>> by_probability(const std::vector<float>& logits) {
  std::vector<std::pair<double, int32_t>> out;
  out.reserve(logits.size());
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit));
  for (size_t i = 0; i < logits.size(); ++i) {
    out.emplace_back(std::exp(static_cast<double>(logits[i])) / total, static_cast<int32_t>(i));
  }
  std::sort(out.begin(), out.end(), std::greater<>());
  return out;
}

TEST(Sampling, FiltersKeepTheSameTokensOfALargeVocabulary) {
  const std::vector<float> logits = many_logits();
  const auto sorted = by_probability(logits);
  // The number of tokens that mlx-lm's rules keep, computed plainly.
  const auto top_p = [&](double p) {
    double tail = 0;
    size_t keep = sorted.size();
    while (keep > 1 && (tail += sorted[keep - 1].first) <= 1.0 - p) --keep;
    return keep;
  };
  const auto min_p = [&](double p) {
    return static_cast<size_t>(
        std::count_if(sorted.begin(), sorted.end(), [&](const auto& one) { return one.first >= p * sorted[0].first; }));
  };
  std::vector<size_t> rank(logits.size());
  for (size_t i = 0; i < sorted.size(); ++i) rank[static_cast<size_t>(sorted[i].second)] = i;
  struct Case {
    float top_p, min_p;
    int top_k, at_least;
  };
  // Heads of few tokens and of nearly all, so that some are found at once and some at last.
  const std::vector<Case> cases = {
      {0.5f, 0, 0, 1},      {0.99f, 0, 0, 1},     {0.9999f, 0, 0, 1},       {0.999999f, 0, 0, 1}, {1, 0.1f, 0, 1},
      {1, 1e-5f, 0, 1},     {1, 1e-10f, 0, 1},    {1, 0.5f, 0, 40},         {1, 0, 1, 1},         {1, 0, 5000, 1},
      {0.99f, 0.01f, 4, 1}, {0.9f, 1e-4f, 50, 1}, {0.9999f, 0.01f, 5000, 1}};
  for (const Case& one : cases) {
    SamplingOptions o;
    o.temperature = 1e6f;  // every token that is left is as likely as the others
    o.top_p = one.top_p;
    o.min_p = one.min_p;
    o.top_k = one.top_k;
    o.min_tokens_to_keep = one.at_least;
    size_t kept = logits.size();
    if (one.top_p < 1) kept = std::min(kept, top_p(static_cast<double>(one.top_p)));
    if (one.min_p > 0) {
      kept = std::min(kept, std::max(min_p(static_cast<double>(one.min_p)), static_cast<size_t>(one.at_least)));
    }
    if (one.top_k > 0) kept = std::min(kept, static_cast<size_t>(one.top_k));
    SCOPED_TRACE(kept);
    Sampler sampler(o);
    size_t last = 0;
    for (int i = 0; i < 300; ++i) {
      std::vector<float> row = logits;
      last = std::max(last, rank[static_cast<size_t>(sampler.sample(row, {}).id)]);
    }
    ASSERT_LT(last, kept);
    // The largest of 300 even draws is above 0.95 of the range but for twice in ten million.
    EXPECT_GE(static_cast<double>(last + 1), 0.95 * static_cast<double>(kept));
  }
}

TEST(Sampling, DrawsFromALargeVocabularyAreAsLikelyAsTheyShould) {
  std::vector<float> logits = many_logits();
  const auto sorted = by_probability(logits);
  SamplingOptions o;
  o.temperature = 1.0f;
  Sampler sampler(o);
  constexpr int kDraws = 20000;
  std::vector<int> counts(logits.size());
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(sampler.sample(logits, {}).id)];
  for (size_t rank = 0; rank < 5; ++rank) {
    const auto [p, id] = sorted[rank];
    // Five standard deviations of a binomial count.
    EXPECT_NEAR(counts[static_cast<size_t>(id)], kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p))) << rank;
  }
  // Tokens that are excluded never come, whole stretches of them at the end included.
  std::fill(logits.begin() + 3, logits.end(), -std::numeric_limits<float>::infinity());
  for (int i = 0; i < 300; ++i) ASSERT_LT(sampler.sample(logits, {}).id, 3);
}

/// −∞ at every place that is a multiple of 3, and in the whole of the second block.
std::vector<float> partly_masked(size_t count) {
  std::vector<float> logits(count);
  for (size_t i = 0; i < count; ++i) {
    const bool is_masked = i % 3 == 0 || i / LogitBlocks::kBlock == 1;
    const float value = 20.0f * std::sin(0.7f * static_cast<float>(i * i % 1009));
    logits[i] = is_masked ? -std::numeric_limits<float>::infinity() : value;
  }
  return logits;
}

TEST(LogitBlocks, EqualLoopsOverAllLogits) {
  for (const size_t count : {size_t{2}, size_t{1000}, size_t{1024}, size_t{2049}, size_t{50001}}) {
    SCOPED_TRACE(count);
    const std::vector<float> logits = partly_masked(count);
    const LogitBlocks blocks(logits);
    const auto best = std::max_element(logits.begin(), logits.end());
    EXPECT_EQ(blocks.best_place(), static_cast<size_t>(best - logits.begin()));
    EXPECT_EQ(blocks.best(), *best);
    for (const float temperature : {1.0f, 0.6f}) {
      std::vector<double> expected(blocks.count());
      double total = 0;
      for (size_t i = 0; i < count; ++i) {
        const double p = std::exp((static_cast<double>(logits[i]) - static_cast<double>(*best)) / temperature);
        expected[i / LogitBlocks::kBlock] += p;
        total += p;
      }
      const std::vector<double> sums = blocks.sums(temperature);
      // Exponentials are good to a few units of the last place, sums of 1,024 to as many more.
      for (size_t i = 0; i < sums.size(); ++i) EXPECT_NEAR(sums[i], expected[i], 1e-5 * total) << i;
      if (temperature != 1.0f) continue;
      EXPECT_NEAR(blocks.normalizer(), static_cast<double>(*best) + std::log(total), 1e-4);
    }
  }
}

TEST(LogitBlocks, WhatIsNoNumberComesFirst) {
  std::vector<float> logits = partly_masked(5000);
  logits[4321] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(LogitBlocks(logits).best_place(), size_t{4321});
  logits[1500] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(LogitBlocks(logits).best_place(), size_t{1500});
  std::vector<float> infinite = partly_masked(5000);
  infinite[4000] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(LogitBlocks(infinite).best_place(), size_t{4000});
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
