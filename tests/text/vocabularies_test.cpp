// Every text of the corpus through real vocabularies, against Hugging Face tokenizers and SentencePiece
// (tests/oracle/tokenizers_oracle.py).
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/detokenizer.h"
#include "mica/text/tokenizer.h"
#include "tests/text/text_test_data.h"

namespace mica::text {
namespace {

Tokenizer load_test_data(const std::string& source) {
  const auto path = test_data() / source;
  if (!std::filesystem::exists(path)) fail("{} is missing: run scripts/fetch_test_data.sh", path.string());
  return Tokenizer::load(path);
}

class Vocabularies : public testing::TestWithParam<const char*> {
 protected:
  std::vector<int32_t> encode(const std::string& text, bool add_special, bool parse_special = true) const {
    return tokenizer_.encode(text, {.add_special = add_special, .parse_special = parse_special});
  }

  Json fixture_ = text_fixture(GetParam());
  Json corpus_ = text_fixture("corpus");
  Tokenizer tokenizer_ = load_test_data(fixture_["source"]);
};

TEST_P(Vocabularies, EncodeAsTheReferenceDoes) {
  for (size_t i = 0; i < corpus_.size(); ++i) {
    const Json& expected = fixture_["cases"][i];
    if (expected.is_null()) continue;
    const auto ids = encode(case_text(corpus_[i]), false);
    EXPECT_EQ(packed_ids(ids), expected[0]) << "case " << i << ": " << corpus_[i];
  }
  EXPECT_EQ(packed_ids(encode(case_text(corpus_[20]), true)), fixture_["special"]);
}

TEST_P(Vocabularies, LeaveControlTokensAloneWhenAsked) {
  // Hugging Face's unigram model makes control tokens of their strings even then; here it never does.
  if (GetParam() == std::string("nomic-bert-moe")) GTEST_SKIP();
  for (size_t i = 0; i < corpus_.size(); ++i) {
    if (!corpus_[i].contains("special") || fixture_["cases"][i].is_null()) continue;
    const auto& plain = fixture_["plain"];
    const Json& expected = plain.contains(std::to_string(i)) ? plain[std::to_string(i)] : fixture_["cases"][i][0];
    EXPECT_EQ(packed_ids(encode(case_text(corpus_[i]), false, false)), expected) << "case " << i << ": " << corpus_[i];
  }
}

TEST_P(Vocabularies, UntrustedTextNeverMakesControlTokens) {
  for (size_t i = 0; i < corpus_.size(); ++i) {
    const std::string text = case_text(corpus_[i]);
    const Span all{0, text.size()};
    for (const int32_t id : tokenizer_.encode(text, {.add_special = false, .untrusted = {&all, 1}})) {
      EXPECT_TRUE(!tokenizer_.is_special(id) || id == tokenizer_.unk()) << "token " << id << " in " << corpus_[i];
    }
  }
}

TEST_P(Vocabularies, DecodeAsTheReferenceDoes) {
  for (size_t i = 0; i < corpus_.size(); ++i) {
    const Json& expected = fixture_["cases"][i];
    if (expected.is_null()) continue;
    const std::string text = to_valid_utf8(case_text(corpus_[i]));
    const std::string decoded = to_valid_utf8(tokenizer_.decode(encode(text, false)));
    EXPECT_EQ(decoded, expected[1].is_null() ? text : expected[1].get<std::string>()) << "case " << i;
  }
}

TEST_P(Vocabularies, StreamWhatDecodeGives) {
  for (size_t i = 0; i < corpus_.size(); ++i) {
    const auto ids = encode(case_text(corpus_[i]), true);
    Detokenizer stream(tokenizer_);
    std::string text;
    for (const int32_t id : ids) {
      const std::string part = stream.add(id);
      EXPECT_TRUE(is_utf8(part)) << "case " << i;
      text += part;
    }
    text += stream.finish();
    EXPECT_EQ(text, to_valid_utf8(tokenizer_.decode(ids))) << "case " << i;
  }
}

TEST_P(Vocabularies, TokensKnowTheirStrings) {
  for (int32_t id = 0; id < tokenizer_.vocab_size(); id += 37) {
    if (!tokenizer_.has(id)) continue;
    const int32_t found = tokenizer_.token_to_id(tokenizer_.id_to_token(id)).value_or(-1);
    // Some vocabularies have a string twice.
    ASSERT_GE(found, 0) << id;
    EXPECT_EQ(tokenizer_.id_to_token(found), tokenizer_.id_to_token(id));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Vocabularies,
                         testing::Values("aquila", "baichuan", "bert-bge", "command-r", "deepseek-coder",
                                         "deepseek-llm", "deepseek-v3", "falcon", "gemma-4", "gpt-2", "gpt-neox",
                                         "llama-bpe", "llama-spm", "minilm", "mistral-v1", "mistral-v3", "mpt",
                                         "nomic-bert-moe", "phi-3", "qwen2", "qwen35", "refact", "smollm2",
                                         "starcoder"),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace mica::text
