// Parts of tokenizers and small whole ones against Hugging Face tokenizers (tests/oracle/text_components_oracle.py).
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mica/base/error.h"
#include "mica/base/utf8.h"
#include "mica/text/pipeline_from_json.h"
#include "mica/text/tokenizer.h"
#include "tests/text/text_test_data.h"

namespace mica::text {
namespace {

std::string fnv(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return fmt::format("{:x}", hash);
}

std::vector<std::string> texts_of_corpus() {
  std::vector<std::string> out;
  for (const Json& entry : text_fixture("corpus")) out.push_back(to_valid_utf8(case_text(entry)));
  return out;
}

std::vector<std::string> pieces_of(const std::vector<PreTokenizer>& pre_tokenizers, const std::string& text) {
  std::vector<std::string> out;
  if (text.empty()) return out;
  Pieces pieces{text, {{0, text.size()}}, true};
  run_pre_tokenizers(pre_tokenizers, pieces);
  for (const Span& span : pieces.spans) out.push_back(pieces.text.substr(span.begin, span.size()));
  return out;
}

TEST(Components, ExpressionsMatchAsOnigurumaDoes) {
  const Json all = text_fixture("components")["expressions"];
  ASSERT_GE(all.size(), 5u);
  for (const Json& entry : all) {
    const auto pattern = entry[0].get<std::string>();
    if (entry[2].is_null()) {
      EXPECT_THROW(Regex{pattern}, Error) << pattern;
      continue;
    }
    const pre_tokenizers::Split split{Regex(pattern), SplitBehavior::isolated, false};
    EXPECT_EQ(pieces_of({split}, entry[1].get<std::string>()), entry[2].get<std::vector<std::string>>()) << pattern;
  }
}

TEST(Components, ClassesHoldTheSameCharacters) {
  const Json all = text_fixture("components")["classes"];
  ASSERT_GE(all.size(), 5u);
  for (const auto& [pattern, expected] : all.items()) {
    const Regex regex(pattern);
    std::string marks;
    for (uint32_t p = 0; p < 0x110000; ++p) {
      if (p >= 0xd800 && p < 0xe000) continue;
      std::string text;
      append_utf8(text, p);
      bool found = false;
      regex.for_matches(text, [&](size_t, size_t) { found = true; });
      marks.push_back(found ? '1' : '0');
    }
    EXPECT_EQ(fnv(marks), expected.get<std::string>()) << pattern;
  }
}

TEST(Components, PreTokenizersCutTheSamePieces) {
  const auto texts = texts_of_corpus();
  const Json all = text_fixture("components")["pre_tokenizers"];
  ASSERT_GE(all.size(), 5u);
  for (const Json& entry : all) {
    const auto pre_tokenizers = pre_tokenizers_from_json(entry[0].dump(), "test");
    for (size_t i = 0; i < texts.size(); ++i) {
      std::string joined;
      for (const std::string& piece : pieces_of(pre_tokenizers, texts[i])) joined += piece + "\x1f";
      EXPECT_EQ(fnv(joined), entry[1][i].get<std::string>()) << entry[0] << " case " << i << " gives " << joined;
    }
  }
}

TEST(Components, NormalizersGiveTheSameText) {
  const auto texts = texts_of_corpus();
  const Json all = text_fixture("components")["normalizers"];
  ASSERT_GE(all.size(), 5u);
  for (const Json& entry : all) {
    const auto normalizers = normalizers_from_json(entry[0].dump(), "test");
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string out = run_normalizers(normalizers, texts[i]);
      EXPECT_EQ(fnv(out), entry[1][i].get<std::string>()) << entry[0] << " case " << i << " gives " << out;
    }
  }
}

TEST(Components, SmallTokenizersEncodeAndDecodeTheSame) {
  int index = 0;
  const Json all = text_fixture("components")["tokenizers"];
  ASSERT_GE(all.size(), 5u);
  for (const Json& entry : all) {
    const Tokenizer tokenizer = Tokenizer::from_json(entry["json"].get<std::string>(), "test");
    for (const Json& expected : entry["cases"]) {
      const auto text = expected[0].get<std::string>();
      const auto ids = tokenizer.encode(text);
      if (expected[1].is_array()) {
        EXPECT_EQ(Json(ids), expected[1]) << "tokenizer " << index << ": " << expected[0];
      } else {
        EXPECT_EQ(fnv(fmt::format("{}", fmt::join(ids, " "))), expected[1].get<std::string>()) << expected[0];
      }
      EXPECT_EQ(fnv(to_valid_utf8(tokenizer.decode(ids))), expected[2].get<std::string>())
          << "tokenizer " << index << ": " << expected[0] << " gives " << tokenizer.decode(ids);
    }
    ++index;
  }
}

}  // namespace
}  // namespace mica::text
