#include "mica/text/tokenizer_data.h"

#include <algorithm>

#include "mica/base/error.h"
#include "mica/text/byte_level.h"

namespace mica::text {
namespace {

bool is_byte_level(const PreTokenizer& p) {
  return std::holds_alternative<pre_tokenizers::ByteLevel>(p);
}
bool is_byte_level_normalizer(const Normalizer& n) {
  return std::holds_alternative<normalizers::ByteLevel>(n);
}

bool is_byte_token(std::string_view text) {
  return text.size() == 6 && text.starts_with("<0x") && text.ends_with('>');
}

}  // namespace

bool Pipeline::byte_level() const {
  return std::any_of(pre_tokenizers.begin(), pre_tokenizers.end(), is_byte_level) ||
         std::any_of(normalizers.begin(), normalizers.end(), is_byte_level_normalizer);
}

void TokenizerData::set_token(int32_t id, std::string_view text, bool control) {
  bool is_text = false;
  if (byte_vocab) {
    std::string bytes;
    is_text = !append_from_byte_alphabet(text, bytes);
    vocab.set(id, is_text ? text : bytes);
  } else {
    vocab.set(id, text);
  }
  if (static_cast<size_t>(id) >= literal.size()) literal.resize(static_cast<size_t>(id) + 1);
  literal[static_cast<size_t>(id)] = is_text;
  // Byte tokens are looked up by their strings, and longer than anything that text could merge into.
  if (!is_text && (!control || is_byte_token(text))) vocab.index(id);
}

std::optional<int32_t> TokenizerData::find_token(std::string_view text) const {
  for (const AddedToken& token : added) {
    if (token.content == text) return token.id;
  }
  std::string bytes;
  if (byte_vocab && append_from_byte_alphabet(text, bytes)) return vocab.find(bytes);
  if (!byte_vocab) return vocab.find(text);
  // Strings outside of the alphabet are few, and not indexed.
  for (int32_t id = 0; id < vocab.size(); ++id) {
    if (literal[static_cast<size_t>(id)] && vocab.has(id) && vocab.text(id) == text) return id;
  }
  return std::nullopt;
}

void TokenizerData::finish() {
  for (const AddedToken& token : added) {
    if (token.id < 0 || token.id > Vocab::max_id)
      fail("{}: added token {} has id {}", name, quoted(token.content), token.id);
    if (!vocab.has(token.id)) {
      vocab.set(token.id, token.content);
      literal.resize(std::max(literal.size(), static_cast<size_t>(token.id) + 1));
      literal[static_cast<size_t>(token.id)] = true;
    }
  }
  const auto size = static_cast<size_t>(vocab.size());
  literal.resize(size);
  special.assign(size, false);
  std::vector<AddedToken> raw;
  std::vector<AddedToken> normalized;
  for (const AddedToken& token : added) {
    if (token.special) special[static_cast<size_t>(token.id)] = true;
    if (!token.normalized) {
      raw.push_back(token);
      continue;
    }
    normalized.push_back(token);
    normalized.back().content = run_normalizers(pipeline.normalizers, token.content);
    // Hugging Face's tokenizers then show and decode such a token in its normalized form.
    if (normalized.back().content == token.content) continue;
    vocab.set(token.id, normalized.back().content);
    literal[static_cast<size_t>(token.id)] = true;
  }
  // With no normalizer both kinds are found in the same text; raw tokens are still looked for first.
  raw_tokens = AddedTokenMatcher(std::move(raw));
  normalized_tokens = AddedTokenMatcher(std::move(normalized));

  auto& pre = pipeline.pre_tokenizers;
  const bool from_normalizer =
      std::any_of(pipeline.normalizers.begin(), pipeline.normalizers.end(), is_byte_level_normalizer);
  unmap_pieces = byte_vocab;
  if (byte_vocab && !from_normalizer && !pre.empty() && is_byte_level(pre.back()) &&
      std::count_if(pre.begin(), pre.end(), is_byte_level) == 1) {
    std::get<pre_tokenizers::ByteLevel>(pre.back()).write_alphabet = false;
    unmap_pieces = false;
  }
  for (const std::vector<int32_t>* ids : {&pipeline.prefix, &pipeline.suffix, &end_tokens}) {
    for (const int32_t id : *ids) {
      if (!vocab.has(id)) fail("{}: special token id {} is not in the vocabulary", name, id);
    }
  }
  for (const auto& id : {bos, eos, unk, pad}) {
    if (id && !vocab.has(*id)) fail("{}: special token id {} is not in the vocabulary", name, *id);
  }
  if (eos) end_tokens.push_back(*eos);
  std::sort(end_tokens.begin(), end_tokens.end());
  end_tokens.erase(std::unique(end_tokens.begin(), end_tokens.end()), end_tokens.end());
}

}  // namespace mica::text
