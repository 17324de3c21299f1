// Answers with drafts against answers without: they must be the same, whatever the drafts are. On the tiny checkpoints
// of all families in float32, where steps of several tokens differ from steps of one by the order of sums alone (1e-6
// of a logit; a draw that lies so near a border would show, and none does).

#include "mica/lm/speculate.h"

#include <algorithm>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mica/base/error.h"
#include "mica/lm/draft_model.h"
#include "mica/lm/generate.h"
#include "tests/lm/tiny_models.h"

namespace mica::lm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Tokens = std::vector<int32_t>;

const text::Tokenizer& tokenizer() {
  static const text::Tokenizer out = words(kTinyVocab);
  return out;
}

/// Repeats itself, with differences.
Tokens some_prompt(int count) {
  Tokens out;
  for (int i = 0; i < count; ++i) out.push_back((i % 7 * 11 + i / 20) % kTinyVocab);
  return out;
}

/// More than certain, so that no measured time speaks against a draft.
constexpr double kCertain = 1e6;

/// Knows what comes, from an answer that was made before, and errs in every so manieth token.
class Oracle : public Drafter {
 public:
  Oracle(Tokens answer, int wrong_every) : answer_(std::move(answer)), wrong_every_(wrong_every) {}

  bool start(std::span<const int32_t> text, const std::function<bool()>&) override {
    known_.assign(text.begin(), text.end());
    at_ = 0;
    return true;
  }
  void add(int32_t token) override {
    ++at_;
    known_.push_back(token);
  }
  double chance(int64_t) const override { return kCertain; }
  double seconds(int64_t) const override { return 0; }
  void draft(int64_t count, const Answer&, Tokens& out) override {
    for (int64_t i = at_; i < at_ + count; ++i) {
      const int32_t token = i < static_cast<int64_t>(answer_.size()) ? answer_[static_cast<size_t>(i)] : 1;
      out.push_back(wrong_every_ > 0 && i % wrong_every_ == 0 ? (token + 1) % kTinyVocab : token);
    }
  }
  void checked(int64_t, int64_t) override {}

  const Tokens& known() const { return known_; }

 private:
  Tokens answer_;
  int wrong_every_;
  int64_t at_ = 0;
  Tokens known_;
};

/// A draft model that is always asked.
class Eager : public DraftModel {
 public:
  using DraftModel::DraftModel;
  double chance(int64_t) const override { return kCertain; }
  double seconds(int64_t) const override { return 0; }
};

struct Spoken {
  Tokens tokens;
  std::string text;
  std::string finish_reason;
  int64_t offset = 0;  ///< of the cache
  int64_t drafted = 0;
  int64_t accepted = 0;
  int64_t from_draft = 0;

  bool operator==(const Spoken& other) const {
    return tokens == other.tokens && text == other.text && finish_reason == other.finish_reason &&
           offset == other.offset;
  }
};
void PrintTo(const Spoken& spoken, std::ostream* out) {
  *out << spoken.text << " (" << spoken.finish_reason << ", " << spoken.offset << ", " << spoken.accepted << " of "
       << spoken.drafted << ")";
}

Spoken speak(const Model& model, const Tokens& prompt, PromptCache& cache, const GenerateOptions& options) {
  Spoken out;
  const auto last = stream_generate(model, tokenizer(), prompt, cache, options, [&](const GenerationStep& step) {
    out.tokens.push_back(step.token);
    out.text += step.text;
    out.from_draft += step.from_draft ? 1 : 0;
  });
  out.finish_reason = last.finish_reason;
  out.offset = cache.offset();
  out.drafted = last.drafted_tokens;
  out.accepted = last.accepted_tokens;
  EXPECT_EQ(out.from_draft, out.accepted);
  return out;
}

Spoken speak(const Model& model, const Tokens& prompt, const GenerateOptions& options) {
  PromptCache cache = model.make_cache();
  return speak(model, prompt, cache, options);
}

GenerateOptions plain(int max_tokens) {
  GenerateOptions out;
  out.max_tokens = max_tokens;
  out.speculation.ngram_draft_tokens = 0;
  return out;
}

GenerateOptions with(GenerateOptions options, Drafter& drafter, int most = 7) {
  options.speculation.drafter = &drafter;
  options.speculation.num_draft_tokens = most;
  return options;
}

/// Greedy, and sampled with everything that looks at random numbers or at the tokens before.
std::vector<SamplingOptions> ways_to_sample() {
  std::vector<SamplingOptions> out(4);
  for (size_t i = 1; i < out.size(); ++i) {
    out[i].temperature = 1.0f;
    out[i].seed = 17 * i;
  }
  out[2].repetition_penalty = 1.3f;
  out[2].frequency_penalty = 0.2f;
  out[2].presence_penalty = 0.1f;
  out[2].top_p = 0.9f;
  out[3].xtc_probability = 0.5f;
  out[3].xtc_threshold = 0.05f;
  out[3].top_k = 20;
  return out;
}

class Speculated : public testing::TestWithParam<std::string> {};

TEST_P(Speculated, AnswersAreThoseWithoutDrafts) {
  const LoadedModel loaded = tiny(GetParam());
  const bool turns_change = GetParam() == "llama_dynamic";
  for (const SamplingOptions& sampling : ways_to_sample()) {
    GenerateOptions options = plain(60);
    options.sampling = sampling;
    const Spoken wanted = speak(loaded.model, some_prompt(30), options);
    ASSERT_EQ(wanted.tokens.size(), 60u);
    ASSERT_EQ(wanted.drafted, 0);
    for (const int wrong_every : {0, 3, 1}) {
      SCOPED_TRACE(fmt::format("seed {}, wrong every {}", sampling.seed, wrong_every));
      Oracle oracle(wanted.tokens, wrong_every);
      const Spoken got = speak(loaded.model, some_prompt(30), with(options, oracle));
      EXPECT_EQ(got, wanted);
      if (turns_change) {
        EXPECT_EQ(got.drafted, 0);
        continue;
      }
      EXPECT_GT(got.drafted, 30);
      EXPECT_EQ(got.accepted == got.drafted, wrong_every == 0);
      EXPECT_EQ(got.accepted == 0, wrong_every == 1);
    }
    options.speculation.ngram_draft_tokens = 7;
    EXPECT_EQ(speak(loaded.model, some_prompt(30), options), wanted);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Speculated, testing::ValuesIn(tiny_models("families")),
                         [](const auto& parameter) { return parameter.param; });

TEST(Speculation, WindowsMoveOnUnderDrafts) {
  // Long enough for a window of 6 tokens to leave others behind several times.
  for (const char* family : {"mistral_window", "gemma3_text"}) {
    const LoadedModel loaded = tiny(family);
    GenerateOptions options = plain(900);
    options.sampling.temperature = 1.0f;
    const Spoken wanted = speak(loaded.model, some_prompt(10), options);
    Oracle oracle(wanted.tokens, 5);
    const Spoken got = speak(loaded.model, some_prompt(10), with(options, oracle));
    EXPECT_EQ(got, wanted) << family;
    EXPECT_GT(got.accepted, 500);
    const LoadedModel other = tiny(family);
    Eager drafter(other.model, tokenizer(), tokenizer());
    EXPECT_EQ(speak(loaded.model, some_prompt(10), with(options, drafter, 3)), wanted) << family;
  }
}

TEST(Speculation, EndsInsideOfADraft) {
  const LoadedModel loaded = tiny("llama");
  const Tokens prompt = some_prompt(20);
  GenerateOptions options = plain(40);
  options.sampling.temperature = 1.0f;
  const Tokens answer = speak(loaded.model, prompt, options).tokens;
  // Steps of eight tokens, after those that are measured: these ends are at different places of them.
  for (size_t last = 10; last < 20; ++last) {
    std::vector<GenerateOptions> ends(3, options);
    ends[0].max_tokens = static_cast<int>(last);
    ends[1].extra_end_tokens = {answer[last]};
    ends[2].stop = {fmt::format("{}><{}", answer[last - 1], answer[last])};
    for (const GenerateOptions& end : ends) {
      PromptCache plain_cache = loaded.model.make_cache();
      PromptCache cache = loaded.model.make_cache();
      Oracle oracle(answer, 0);
      const Spoken wanted = speak(loaded.model, prompt, plain_cache, end);
      Spoken got = speak(loaded.model, prompt, cache, with(end, oracle));
      EXPECT_EQ(got, wanted);
      EXPECT_EQ(got.offset, static_cast<int64_t>(prompt.size() + got.tokens.size()) - 1);
      // What the cache holds is good to go on with.
      const Tokens more = {got.tokens.back(), 5, 6};
      EXPECT_EQ(speak(loaded.model, more, cache, options), speak(loaded.model, more, plain_cache, options));
    }
  }
}

TEST(Speculation, CanBeInterrupted) {
  const LoadedModel loaded = tiny("llama");
  const Tokens prompt = some_prompt(20);
  GenerateOptions options = plain(200);
  const Tokens answer = speak(loaded.model, prompt, options).tokens;
  Oracle oracle(answer, 4);
  int asked = 0;
  options.interrupted = [&] { return ++asked == 10; };
  PromptCache cache = loaded.model.make_cache();
  const Spoken got = speak(loaded.model, prompt, cache, with(options, oracle));
  EXPECT_EQ(got.finish_reason, "interrupted");
  EXPECT_GT(got.tokens.size(), 10u);
  ASSERT_LT(got.tokens.size(), 200u);
  EXPECT_TRUE(std::equal(got.tokens.begin(), got.tokens.end(), answer.begin()));
  EXPECT_EQ(cache.offset(), static_cast<int64_t>(prompt.size() + got.tokens.size()) - 1);
}

TEST(Speculation, DraftersKnowTheContext) {
  const LoadedModel loaded = tiny("llama");
  PromptCache cache = loaded.model.make_cache();
  const Tokens context = some_prompt(9);
  prefill(loaded.model, context, cache, 512);
  Oracle oracle({}, 0);
  GenerateOptions options = with(plain(5), oracle);
  options.speculation.context = context;
  Tokens all = context;
  const Tokens prompt = {3, 4};
  const Spoken got = speak(loaded.model, prompt, cache, options);
  all.insert(all.end(), prompt.begin(), prompt.end());
  // The last token is not followed by a step.
  all.insert(all.end(), got.tokens.begin(), got.tokens.end() - 1);
  EXPECT_EQ(oracle.known(), all);
}

TEST(Speculation, LeavesTheDistributionAsItIs) {
  // The token at one place over many seeds, some with drafts of a fixed guess and others without: chi-square of the two
  // samples in 12 classes. 31.3 is exceeded by chance once in a thousand times, and the seeds are fixed.
  const LoadedModel loaded = tiny("llama");
  constexpr int kSeeds = 600;
  constexpr size_t kClasses = 12;
  std::array<std::array<double, kClasses>, 2> counts{};
  int64_t accepted = 0;
  for (uint64_t seed = 0; seed < 2 * kSeeds; ++seed) {
    GenerateOptions options = plain(9);
    options.sampling.temperature = 1.0f;
    options.sampling.top_k = 8;
    options.sampling.seed = seed;
    // Few likely tokens, so that the guess is often right.
    options.sampling.logit_bias = {{1, 3.0f}};
    Oracle guesses({}, 0);
    const bool drafts = seed % 2 == 1;
    const Spoken got = speak(loaded.model, some_prompt(5), drafts ? with(options, guesses) : options);
    accepted += got.accepted;
    ++counts[seed % 2][static_cast<size_t>(got.tokens[7]) % kClasses];
  }
  EXPECT_GT(accepted, kSeeds / 2);
  double chi_square = 0;
  for (size_t i = 0; i < kClasses; ++i) {
    const double sum = counts[0][i] + counts[1][i];
    if (sum > 0) chi_square += (counts[0][i] - counts[1][i]) * (counts[0][i] - counts[1][i]) / sum;
  }
  EXPECT_LT(chi_square, 31.3);
}

TEST(Speculation, OptionsOutOfRangeAreErrors) {
  const LoadedModel loaded = tiny("llama");
  GenerateOptions options = plain(5);
  options.speculation.num_draft_tokens = 8;
  EXPECT_THROW(speak(loaded.model, {1}, options), Error);
  options.speculation.num_draft_tokens = 1;
  options.speculation.ngram_draft_tokens = -1;
  EXPECT_THROW(speak(loaded.model, {1}, options), Error);
}

TEST(DraftModel, ThatIsTheModelIsAlwaysRight) {
  const LoadedModel loaded = tiny("llama");
  const LoadedModel same = tiny("llama");
  Eager drafter(same.model, tokenizer(), tokenizer());
  for (const SamplingOptions& sampling : ways_to_sample()) {
    GenerateOptions options = plain(80);
    options.sampling = sampling;
    // One drafter for all answers: it keeps what it has read of the prompt.
    const Spoken got = speak(loaded.model, some_prompt(30), with(options, drafter, 3));
    EXPECT_EQ(got, speak(loaded.model, some_prompt(30), options));
    EXPECT_GT(got.drafted, 40);
    EXPECT_EQ(got.accepted, got.drafted);
  }
}

TEST(DraftModel, ThatIsAnotherModelIsSometimesRight) {
  const LoadedModel loaded = tiny("llama");
  const LoadedModel other = tiny("llama_bias_tied");
  Eager drafter(other.model, tokenizer(), tokenizer());
  int64_t accepted = 0;
  int64_t drafted = 0;
  for (const SamplingOptions& sampling : ways_to_sample()) {
    GenerateOptions options = plain(80);
    options.sampling = sampling;
    // Both mostly want one of a few tokens.
    for (const int32_t token : {3, 5, 8}) options.sampling.logit_bias.emplace_back(token, 6.0f);
    const Spoken got = speak(loaded.model, some_prompt(30), with(options, drafter, 3));
    EXPECT_EQ(got, speak(loaded.model, some_prompt(30), options));
    accepted += got.accepted;
    drafted += got.drafted;
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, drafted);
}

TEST(DraftModel, OfAnotherVocabularyIsRefused) {
  const LoadedModel loaded = tiny("llama");
  try {
    const DraftModel drafter(loaded.model, words(31), tokenizer());
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("31"));
    EXPECT_THAT(error.what(), HasSubstr("97"));
  }
}

TEST(DraftModel, CanBeInterruptedWhileItReads) {
  const LoadedModel loaded = tiny("llama");
  DraftModel drafter(loaded.model, tokenizer(), tokenizer());
  const Tokens text(1200, 7);
  int asked = 0;
  EXPECT_FALSE(drafter.start(text, [&] { return ++asked == 2; }));
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(drafter.start(text, {}));
}

/// What is drafted after a text.
Tokens guess(const Tokens& text, int64_t count) {
  NgramDrafter drafter;
  drafter.start(text, {});
  const Answer answer(tokenizer(), Tokens{1}, {}, kTinyVocab);
  Tokens out = {50};
  drafter.draft(count, answer, out);
  EXPECT_EQ(out[0], 50);
  return {out.begin() + 1, out.end()};
}

TEST(NgramDrafter, FollowsTheLongestMatchAndTheLatestOfSeveral) {
  EXPECT_THAT(guess({1, 2, 3, 4, 5, 1, 2, 3}, 3), ElementsAre(4, 5, 1));
  EXPECT_THAT(guess({1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3}, 1), ElementsAre(4));
  EXPECT_THAT(guess({1, 2, 3, 1, 2, 4, 1, 2}, 1), ElementsAre(4));
}

TEST(NgramDrafter, GoesOnWithATextThatRepeatsItself) {
  EXPECT_THAT(guess({9, 1, 2, 3, 1, 2, 3}, 7), ElementsAre(1, 2, 3, 1, 2, 3, 1));
  EXPECT_THAT(guess({4, 4, 4}, 3), ElementsAre(4, 4, 4));
}

TEST(NgramDrafter, HasNothingToSayWithoutAMatch) {
  EXPECT_TRUE(guess({}, 3).empty());
  EXPECT_TRUE(guess({1}, 3).empty());
  EXPECT_TRUE(guess({1, 2, 3, 2, 4}, 3).empty());
}

TEST(NgramDrafter, LearnsHowOftenItIsRight) {
  const Tokens text = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2};
  NgramDrafter right;
  right.start(text, {});
  const double expected = right.chance(0);
  // A longer match is more likely to go on.
  EXPECT_LT(expected, right.chance(2));
  for (int round = 0; round < 10; ++round) {
    for (const int32_t token : {3, 4, 5, 6, 7, 8, 1, 2}) right.add(token);
  }
  EXPECT_GT(right.chance(0), 0.9);

  NgramDrafter wrong;
  wrong.start(text, {});
  for (int32_t token = 20; token < 60; ++token) {
    for (const int32_t next : {token, 1, 2}) wrong.add(next);
  }
  EXPECT_GT(wrong.chance(0), 0);
  EXPECT_LT(wrong.chance(0), 0.5 * expected);
}

TEST(NgramDrafter, TakesBoundedTimeForALongText) {
  // Without a bound on the occurrences that are compared this would take minutes.
  NgramDrafter drafter;
  Tokens text;
  for (int i = 0; i < 200000; ++i) text.push_back(i % 2 == 0 ? 1 : i % 97);
  drafter.start(text, {});
  for (int i = 0; i < 200000; ++i) drafter.add(i % 3 == 0 ? 1 : i % 89);
  EXPECT_GE(drafter.chance(0), 0);
}

}  // namespace
}  // namespace mica::lm
