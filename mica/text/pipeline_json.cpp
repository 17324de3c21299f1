#include "mica/text/pipeline_json.h"

#include <memory>
#include <utility>

#include "mica/text/base64.h"
#include "mica/text/pipeline_from_json.h"
#include "mica/text/unicode.h"

namespace mica::text {
namespace {

using pre_tokenizers::CharTest;
using pre_tokenizers::Split;

bool is_punctuation(uint32_t p) {
  const bool ascii = (p >= 33 && p <= 47) || (p >= 58 && p <= 64) || (p >= 91 && p <= 96) || (p >= 123 && p <= 126);
  return ascii || (p >= 128 && major_category(p) == 'P');
}

// {"Regex": "…"} or {"String": "…"}.
template <typename Pattern>
Pattern parse_pattern(const JsonReader& json) {
  if (const auto regex = json.find("Regex")) return Pattern(Regex(regex->string()));
  return Pattern(std::string(json.get("String").string()));
}

SplitBehavior parse_behavior(const JsonReader& json, std::string_view fallback) {
  const std::string_view name = json.string("behavior", fallback);
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  json.refuse("unknown behavior {}", quoted(name));
}

pre_tokenizers::Metaspace::Prepend parse_prepend(const JsonReader& json) {
  using Prepend = pre_tokenizers::Metaspace::Prepend;
  // Older files say add_prefix_space instead of prepend_scheme.
  if (!json.boolean("add_prefix_space", true)) return Prepend::never;
  const std::string_view name = json.string("prepend_scheme", "always");
  if (name == "always") return Prepend::always;
  if (name == "first") return Prepend::first;
  if (name == "never") return Prepend::never;
  json.refuse("unknown prepend_scheme {}", quoted(name));
}

void add_bert(const JsonReader& json, std::vector<Normalizer>& out) {
  normalizers::Bert bert;
  bert.clean_text = json.boolean("clean_text", true);
  bert.handle_chinese_chars = json.boolean("handle_chinese_chars", true);
  bert.lowercase = json.boolean("lowercase", true);
  bert.strip_accents = json.boolean("strip_accents", bert.lowercase);
  out.emplace_back(bert);
}

void add_digits(bool individual, std::vector<PreTokenizer>& out) {
  out.emplace_back(Split{CharTest{is_number}, individual ? SplitBehavior::isolated : SplitBehavior::contiguous, false});
}

void append_special(const JsonReader& token, const JsonReader& specials, std::vector<int32_t>& out) {
  const auto ids = specials.get(token.get("id").string()).get("ids");
  ids.for_elements([&](const JsonReader& id) { out.push_back(static_cast<int32_t>(id.integer(0, Vocab::max_id))); });
}

// TemplateProcessing for one text: special tokens, the text once, special tokens.
void parse_template(const JsonReader& json, Pipeline& out) {
  bool seen_text = false;
  std::vector<int32_t> prefix;
  std::vector<int32_t> suffix;
  json.get("single").for_elements([&](const JsonReader& item) {
    if (const auto special = item.find("SpecialToken")) {
      return append_special(*special, json.get("special_tokens"), seen_text ? suffix : prefix);
    }
    if (seen_text || item.get("Sequence").string("id", "A") != "A") item.refuse("expected one text in the template");
    seen_text = true;
  });
  if (!seen_text) json.refuse("a template without the text");
  out.prefix.insert(out.prefix.begin(), prefix.begin(), prefix.end());
  out.suffix.insert(out.suffix.end(), suffix.begin(), suffix.end());
}

int32_t token_pair_id(const JsonReader& json, std::string_view key) {
  int32_t id = -1;
  json.get(key).for_elements([&](const JsonReader& part) {
    if (part.is_integer()) id = static_cast<int32_t>(part.integer(0, Vocab::max_id));
  });
  if (id < 0) json.refuse("\"{}\" names no token id", key);
  return id;
}

}  // namespace

void parse_normalizer(const JsonReader& json, std::vector<Normalizer>& out) {
  using namespace normalizers;
  const std::string_view type = json.get("type").string();
  if (type == "Sequence") {
    json.get("normalizers").for_elements([&](const JsonReader& part) { parse_normalizer(part, out); });
  } else if (type == "NFC") {
    out.emplace_back(Form{NormalForm::nfc});
  } else if (type == "NFD") {
    out.emplace_back(Form{NormalForm::nfd});
  } else if (type == "NFKC") {
    out.emplace_back(Form{NormalForm::nfkc});
  } else if (type == "NFKD") {
    out.emplace_back(Form{NormalForm::nfkd});
  } else if (type == "Lowercase") {
    out.emplace_back(Lowercase{});
  } else if (type == "StripAccents") {
    out.emplace_back(StripAccents{});
  } else if (type == "Strip") {
    out.emplace_back(Strip{json.boolean("strip_left", true), json.boolean("strip_right", true)});
  } else if (type == "Replace") {
    using Pattern = decltype(Replace::pattern);
    out.emplace_back(Replace{parse_pattern<Pattern>(json.get("pattern")), std::string(json.get("content").string())});
  } else if (type == "Prepend") {
    out.emplace_back(Prepend{std::string(json.get("prepend").string())});
  } else if (type == "BertNormalizer") {
    add_bert(json, out);
  } else if (type == "Nmt") {
    out.emplace_back(Nmt{});
  } else if (type == "Precompiled") {
    const auto blob = decode_base64(json.get("precompiled_charsmap").string());
    if (!blob) json.refuse("precompiled_charsmap is not base64");
    out.emplace_back(Precompiled{std::make_shared<const CharsMap>(*blob)});
  } else if (type == "ByteLevel") {
    out.emplace_back(ByteLevel{});
  } else {
    json.refuse("unknown normalizer {}", quoted(type));
  }
}

void parse_pre_tokenizer(const JsonReader& json, std::vector<PreTokenizer>& out) {
  using namespace pre_tokenizers;
  const std::string_view type = json.get("type").string();
  if (type == "Sequence") {
    json.get("pretokenizers").for_elements([&](const JsonReader& part) { parse_pre_tokenizer(part, out); });
  } else if (type == "ByteLevel") {
    out.emplace_back(ByteLevel{json.boolean("add_prefix_space", true), json.boolean("use_regex", true), true});
  } else if (type == "Split") {
    using Pattern = decltype(Split::pattern);
    Split split{parse_pattern<Pattern>(json.get("pattern")), parse_behavior(json, ""), json.boolean("invert", false)};
    out.emplace_back(std::move(split));
  } else if (type == "Digits") {
    add_digits(json.boolean("individual_digits", false), out);
  } else if (type == "Punctuation") {
    out.emplace_back(Split{CharTest{is_punctuation}, parse_behavior(json, "Isolated"), false});
  } else if (type == "Whitespace") {
    out.emplace_back(Split{Regex(R"([\w\u200c\u200d]+|[^\w\s\u200c\u200d]+)"), SplitBehavior::removed, true});
  } else if (type == "WhitespaceSplit") {
    out.emplace_back(Split{CharTest{is_white_space}, SplitBehavior::removed, false});
  } else if (type == "BertPreTokenizer") {
    out.emplace_back(Split{CharTest{is_white_space}, SplitBehavior::removed, false});
    out.emplace_back(Split{CharTest{is_punctuation}, SplitBehavior::isolated, false});
  } else if (type == "CharDelimiterSplit") {
    out.emplace_back(Split{std::string(json.get("delimiter").string()), SplitBehavior::removed, false});
  } else if (type == "Metaspace") {
    Metaspace metaspace;
    metaspace.replacement = json.string("replacement", "▁");
    metaspace.prepend = parse_prepend(json);
    metaspace.split = json.boolean("split", true);
    out.emplace_back(std::move(metaspace));
  } else {
    json.refuse("unknown pre-tokenizer {}", quoted(type));
  }
}

namespace {

// Steps before Fuse work on tokens, those after it on the joined text; ByteLevel and WordPiece join by themselves.
void parse_decoder_step(const JsonReader& json, DecoderChain& out, bool& fused) {
  using namespace decoders;
  const std::string_view type = json.get("type").string();
  if (type == "Sequence") {
    json.get("decoders").for_elements([&](const JsonReader& part) { parse_decoder_step(part, out, fused); });
    return;
  }
  if (type == "Fuse") {
    fused = true;
    return;
  }
  if (fused) {
    const bool strips_front = type == "Strip" && json.get("stop").integer(0, 1000) == 0 && out.strip_count == 0;
    if (!strips_front) json.refuse("a {} decoder after Fuse is not supported", quoted(type));
    out.strip_content = json.get("content").string();
    out.strip_count = static_cast<size_t>(json.get("start").integer(0, 1000));
    return;
  }
  if (type == "ByteLevel") {
    out.steps.emplace_back(ByteLevel{});
  } else if (type == "ByteFallback") {
    out.steps.emplace_back(ByteFallback{});
  } else if (type == "Replace") {
    using Pattern = decltype(Replace::pattern);
    out.steps.emplace_back(
        Replace{parse_pattern<Pattern>(json.get("pattern")), std::string(json.get("content").string())});
  } else if (type == "Strip") {
    out.steps.emplace_back(Strip{std::string(json.get("content").string()),
                                 static_cast<size_t>(json.get("start").integer(0, 1000)),
                                 static_cast<size_t>(json.get("stop").integer(0, 1000))});
  } else if (type == "Metaspace") {
    const bool drops = parse_prepend(json) != pre_tokenizers::Metaspace::Prepend::never;
    out.steps.emplace_back(Metaspace{std::string(json.string("replacement", "▁")), drops});
  } else if (type == "WordPiece") {
    out.steps.emplace_back(
        decoders::WordPiece{std::string(json.string("prefix", "##")), json.boolean("cleanup", true)});
  } else {
    json.refuse("unknown decoder {}", quoted(type));
  }
}

}  // namespace

void parse_decoder(const JsonReader& json, DecoderChain& out) {
  bool fused = false;
  parse_decoder_step(json, out, fused);
}

void parse_post_processor(const JsonReader& json, Pipeline& out) {
  const std::string_view type = json.get("type").string();
  if (type == "Sequence") {
    json.get("processors").for_elements([&](const JsonReader& part) { parse_post_processor(part, out); });
  } else if (type == "TemplateProcessing") {
    parse_template(json, out);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    out.prefix.insert(out.prefix.begin(), token_pair_id(json, "cls"));
    out.suffix.push_back(token_pair_id(json, "sep"));
  } else if (type != "ByteLevel") {
    json.refuse("unknown post-processor {}", quoted(type));
  }
}

std::vector<Normalizer> normalizers_from_json(std::string_view json, std::string_view name) {
  simdjson::dom::parser parser;
  std::vector<Normalizer> out;
  parse_normalizer(parse_document(parser, json, name), out);
  return out;
}

std::vector<PreTokenizer> pre_tokenizers_from_json(std::string_view json, std::string_view name) {
  simdjson::dom::parser parser;
  std::vector<PreTokenizer> out;
  parse_pre_tokenizer(parse_document(parser, json, name), out);
  return out;
}

}  // namespace mica::text
