#include "mica/text/decoder.h"

#include <array>
#include <utility>

#include "mica/text/byte_level.h"
#include "mica/text/normalizer.h"

namespace mica::text {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// The spaces that BERT's tokenization of English leaves before punctuation and in contractions.
std::string cleaned_up(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> rules{{{" .", "."},
                                                                                 {" ?", "?"},
                                                                                 {" !", "!"},
                                                                                 {" ,", ","},
                                                                                 {" ' ", "'"},
                                                                                 {" n't", "n't"},
                                                                                 {" 'm", "'m"},
                                                                                 {" do not", " don't"},
                                                                                 {" 's", "'s"},
                                                                                 {" 've", "'ve"},
                                                                                 {" 're", "'re"}}};
  for (const auto& [from, to] : rules) text = replaced(std::move(text), from, to);
  return text;
}

struct Step {
  std::string& text;
  bool first;

  void operator()(const decoders::ByteLevel&) const {
    std::string bytes;
    if (append_from_byte_alphabet(text, bytes)) text = std::move(bytes);
  }
  void operator()(const decoders::ByteFallback&) const {
    if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return;
    const int high = hex_digit(text[3]);
    const int low = hex_digit(text[4]);
    if (high >= 0 && low >= 0) text = std::string(1, static_cast<char>(high * 16 + low));
  }
  void operator()(const decoders::Replace& d) const { text = replace_all(d.pattern, text, d.content); }
  void operator()(const decoders::Strip& d) const {
    if (d.content.empty()) return;
    for (size_t i = 0; i < d.start && text.starts_with(d.content); ++i) text.erase(0, d.content.size());
    for (size_t i = 0; i < d.stop && text.ends_with(d.content); ++i) text.resize(text.size() - d.content.size());
  }
  void operator()(const decoders::Metaspace& d) const {
    text = replaced(std::move(text), d.replacement, first && d.drop_first ? "" : " ");
  }
  void operator()(const decoders::WordPiece& d) const {
    if (!first) {
      if (text.starts_with(d.prefix))
        text.erase(0, d.prefix.size());
      else
        text.insert(0, " ");
    }
    if (d.cleanup) text = cleaned_up(std::move(text));
  }
};

}  // namespace

void DecoderChain::append(std::string_view token, bool first, std::string& out) const {
  if (steps.size() == 1 && std::holds_alternative<decoders::ByteLevel>(steps[0])) {
    if (!append_from_byte_alphabet(token, out)) out += token;
    return;
  }
  if (spaced && !first) out.push_back(' ');
  std::string text(token);
  for (const Decoder& step : steps) std::visit(Step{text, first}, step);
  out += text;
}

size_t DecoderChain::stripped_bytes(std::string_view joined) const {
  size_t bytes = 0;
  for (size_t i = 0; i < strip_count && !strip_content.empty(); ++i) {
    if (!joined.substr(bytes).starts_with(strip_content)) break;
    bytes += strip_content.size();
  }
  return bytes;
}

}  // namespace mica::text
