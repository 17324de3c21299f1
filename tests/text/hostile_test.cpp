// Broken and malicious vocabularies and texts end in one clear Error, or in bounded time.
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/detokenizer.h"
#include "mica/text/regex.h"
#include "mica/text/tokenizer.h"

namespace mica::text {
namespace {

// Generous: what these tests guard against takes hours.
constexpr std::chrono::seconds bound{20};

template <typename Run>
void expect_in_time(const Run& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  EXPECT_LT(std::chrono::steady_clock::now() - start, bound);
}

std::string message_of(const std::string& json) {
  try {
    Tokenizer::from_json(json, "t.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_refused(const std::string& json, const std::string& about) {
  const std::string message = message_of(json);
  EXPECT_NE(message, "") << json.substr(0, 200);
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_NE(message.find("t.json"), std::string::npos) << message;
  EXPECT_NE(message.find(about), std::string::npos) << message;
}

std::string bpe(const std::string& vocab, const std::string& merges, const std::string& rest = "") {
  return fmt::format(R"({{{}"model":{{"type":"BPE","vocab":{},"merges":{}}}}})", rest, vocab, merges);
}

std::string split_on(const std::string& pattern) {
  return bpe(
      R"({"a":0,"b":1})", "[]",
      fmt::format(
          R"("pre_tokenizer":{{"type":"Split","pattern":{{"Regex":"{}"}},"behavior":"Isolated","invert":false}},)",
          pattern));
}

TEST(Hostile, BrokenDocuments) {
  expect_refused("", "JSON");
  expect_refused("{", "JSON");
  expect_refused("[]", "not an object");
  expect_refused("{}", "model");
  expect_refused("{\"model\":\"\xff\xfe\"}", "JSON");
  expect_refused(R"({"model":{"type":"BPE","vocab":{"\ud800":0},"merges":[]}})", "JSON");
  expect_refused(std::string(100000, '[') + std::string(100000, ']'), "JSON");
  expect_refused(bpe("{}", "[]", R"("normalizer":)" + std::string(60, '[') + std::string(60, ']') + ","),
                 "not an object");
}

TEST(Hostile, WrongTypesAndValues) {
  expect_refused(R"({"model":{"type":"Magic"}})", "Magic");
  expect_refused(R"({"model":{"type":"BPE","vocab":[],"merges":[]}})", "vocab");
  expect_refused(bpe(R"({"a":"x"})", "[]"), "valid id");
  expect_refused(bpe(R"({"a":-1})", "[]"), "valid id");
  expect_refused(bpe(R"({"a":1.5})", "[]"), "valid id");
  expect_refused(bpe(R"({"a":9999999999})", "[]"), "valid id");
  expect_refused(bpe(R"({"a":0})", "{}"), "merges");
  expect_refused(bpe(R"({"a":0})", "[1]"), "merge 0");
  expect_refused(bpe(R"({"a":0})", R"(["a"])"), "merge 0");
  expect_refused(bpe(R"({"a":0})", R"([["a","a","a"]])"), "merge 0");
  expect_refused(bpe(R"({"a":0})", R"(["a a"])"), "not in the vocabulary");
  expect_refused(bpe(R"({"a":0})", "[]", R"("added_tokens":[{"id":-1,"content":"x"}],)"), "added_tokens[0]");
  expect_refused(bpe(R"({"a":0})", "[]", R"("added_tokens":[{"id":1}],)"), "content");
  expect_refused(bpe(R"({"a":0})", "[]", R"("normalizer":{"type":"Nope"},)"), "Nope");
  expect_refused(bpe(R"({"a":0})", "[]", R"("pre_tokenizer":{"type":"Split"},)"), "pattern");
  expect_refused(bpe(R"({"a":0})", "[]", R"("decoder":{"type":7},)"), "decoder.type");
  expect_refused(
      bpe(R"({"a":0})", "[]",
          R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{}},)"),
      "post_processor");
  expect_refused(R"({"model":{"type":"Unigram","vocab":[["a",1e999]]}})", "");
  expect_refused(R"({"model":{"type":"Unigram","vocab":[["a",0]],"unk_id":7}})", "");
  expect_refused(bpe(R"({"a":0})", "[]", R"("normalizer":{"type":"Precompiled","precompiled_charsmap":"!!!!"},)"),
                 "base64");
  expect_refused(bpe(R"({"a":0})", "[]", R"("normalizer":{"type":"Precompiled","precompiled_charsmap":"/////w=="},)"),
                 "");
}

TEST(Hostile, ExpressionsThatDontParse) {
  for (const char* pattern : {"(", ")", "[", "[a", "a{2,1}", "*", "(?", "(?<=a+)b", "\\p{Nothing}", "\\p{",
                              "\\x{110000}", "\\1", "(?P>x)", "[z-a]", "a{999999}", "\\", "(?i", "\\k<a>"}) {
    EXPECT_THROW(Regex{pattern}, Error) << pattern;
  }
  EXPECT_THROW(Regex(std::string(10000, '(')), Error);
  EXPECT_THROW(Regex("a" + std::string(100, '*')), Error);
  EXPECT_THROW(Regex("((((((a{100}){100}){100}){100}){100}){100})"), Error);
  EXPECT_THROW(Regex("\xff"), Error);
}

TEST(Hostile, CatastrophicExpressions) {
  const std::string as(100000, 'a');
  for (const char* pattern : {"(a+)+b", "(a|a)*b", "(a|aa)+$b", "(?:(?:a*)*)*b", "(?=(a+)+b)", "(a*)*(a*)*(a*)*b"}) {
    expect_in_time([&] {
      const Tokenizer tokenizer = Tokenizer::from_json(split_on(pattern), "t.json");
      EXPECT_THROW(tokenizer.encode(as), Error) << pattern;
    });
  }
}

TEST(Hostile, VeryLongWords) {
  std::string vocab = R"({"a":0)";
  std::string merges;
  for (int n = 1, id = 1; n <= 256; n *= 2, ++id) {
    vocab += fmt::format(R"(,"{}":{})", std::string(static_cast<size_t>(n) * 2, 'a'), id);
    merges += fmt::format(R"({}["{}","{}"])", n > 1 ? "," : "", std::string(static_cast<size_t>(n), 'a'),
                          std::string(static_cast<size_t>(n), 'a'));
  }
  const Tokenizer tokenizer = Tokenizer::from_json(bpe(vocab + "}", "[" + merges + "]"), "t.json");
  expect_in_time([&] {
    const auto ids = tokenizer.encode(std::string(1000000, 'a'));
    // 1953 tokens of 512, then 64.
    EXPECT_EQ(ids.size(), 1954u);
  });
}

TEST(Hostile, MergesThatGoInCircles) {
  // A merge whose result is one of its own parts, and a token that merges with itself into itself.
  const Tokenizer tokenizer =
      Tokenizer::from_json(bpe(R"({"a":0,"b":1,"ab":2,"aba":3})", R"(["a b","ab a"])"), "t.json");
  EXPECT_EQ(tokenizer.encode("abab"), (std::vector<int32_t>{2, 2}));
  expect_refused(bpe(R"({"a":0,"b":1})", R"([["a",""],["","a"],["a","a"]])"), "not in the vocabulary");
  const Tokenizer empty = Tokenizer::from_json(bpe(R"({"a":0,"":1})", R"([["a",""],["","a"]])"), "t.json");
  EXPECT_EQ(empty.encode("aaa"), (std::vector<int32_t>{0, 0, 0}));
}

TEST(Hostile, IdsOutsideOfTheVocabulary) {
  const Tokenizer tokenizer = Tokenizer::from_json(bpe(R"({"a":0,"b":5})", "[]"), "t.json");
  for (const int32_t id : {-1, 1, 4, 6, INT32_MIN, INT32_MAX}) {
    EXPECT_THROW(tokenizer.decode({{id}}), Error);
    EXPECT_THROW(tokenizer.id_to_token(id), Error);
    EXPECT_THROW(tokenizer.token_bytes(id), Error);
    EXPECT_THROW(tokenizer.is_special(id), Error);
    Detokenizer stream(tokenizer);
    EXPECT_THROW(stream.add(id), Error);
  }
}

TEST(Hostile, RandomChangesOfAValidFile) {
  const std::string valid =
      bpe(R"({"a":0,"b":1,"ab":2,"<s>":3})", R"(["a b"])",
          R"("added_tokens":[{"id":3,"content":"<s>","special":true}],"normalizer":{"type":"NFC"},)"
          R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"decoder":{"type":"ByteLevel"},)");
  std::srand(7);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string changed = valid;
    for (int k = 0; k <= i % 3; ++k)
      changed[static_cast<size_t>(std::rand()) % changed.size()] = static_cast<char>(std::rand());
    try {
      const Tokenizer tokenizer = Tokenizer::from_json(changed, "t.json");
      tokenizer.decode(tokenizer.encode("ab <s>ba\xff"));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Utf8, ReplacesMaximalIllFormedParts) {
  EXPECT_EQ(to_valid_utf8("a\xf0\x9f\x98z"), "a\ufffdz");
  EXPECT_EQ(to_valid_utf8("\xc0\xaf\xed\xa0\x80"), "\ufffd\ufffd\ufffd\ufffd\ufffd");
  EXPECT_EQ(unfinished_tail("a\xe2\x82"), 2u);
  EXPECT_EQ(unfinished_tail("a\xe2\x82\xac"), 0u);
  EXPECT_EQ(unfinished_tail("\xf0\x9f\x98"), 3u);
  EXPECT_EQ(unfinished_tail("\xed\xa0"), 0u);  // a surrogate never becomes a character
  EXPECT_EQ(unfinished_tail("\x80\x80"), 0u);
}

}  // namespace
}  // namespace mica::text
