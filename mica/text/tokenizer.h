#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mica/text/span.h"

namespace mica::text {

struct TokenizerData;

/// How text becomes tokens.
struct EncodeOptions {
  /// Add what the vocabulary puts around a text (BOS, EOS, [CLS] …).
  bool add_special = true;
  /// Find control tokens that are written out in the text.
  bool parse_special = true;
  /// Byte spans of the text that a user wrote: control tokens, and added tokens in angle or square brackets, are never
  /// found in or across them; their characters are tokenized as plain text.
  std::span<const Span> untrusted = {};
};

/// Text to tokens and back, exactly as the vocabulary's own tokenizer does it (Hugging Face tokenizers, SentencePiece).
/// Immutable: copies share the vocabulary, and any number of threads may use one.
class Tokenizer {
 public:
  /// Loads a model folder (tokenizer.json, else tokenizer.model; with tokenizer_config.json, generation_config.json and
  /// chat_template.jinja beside it), one of those two files, or the vocabulary in a GGUF file (with or without
  /// tensors). Throws Error naming the file and the key.
  static Tokenizer load(const std::filesystem::path& path);
  /// From the text of a tokenizer.json alone; `name` starts every message.
  static Tokenizer from_json(std::string_view json, std::string_view name);

  /// The tokens of a text. Ill-formed UTF-8 counts as U+FFFD, one for each maximal ill-formed part.
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// The text of tokens: bytes, which end inside a character when the tokens do. With `skip_special`, control tokens
  /// are left out. An id outside the vocabulary is an Error.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  /// What one token adds to a text it doesn't begin (`first`: that it begins): bytes, perhaps part of a character.
  std::string token_bytes(int32_t id, bool first = false) const;
  /// Bytes that decode() leaves out at the front of the joined token_bytes.
  size_t stripped_bytes(std::string_view joined) const;

  /// The token's string as tokenizer.json and GGUF write it ("Ġthe", "▁the", "<0x0A>"). An id outside the vocabulary is
  /// an Error.
  std::string id_to_token(int32_t id) const;
  std::optional<int32_t> token_to_id(std::string_view token) const;

  /// One past the highest id.
  int32_t vocab_size() const;
  /// Whether there is a token with this id.
  bool has(int64_t id) const;
  /// Whether the token is a control token. An id outside the vocabulary is an Error.
  bool is_special(int32_t id) const;

  std::optional<int32_t> bos() const;
  std::optional<int32_t> eos() const;
  std::optional<int32_t> unk() const;
  std::optional<int32_t> pad() const;
  /// All tokens that end a generation: eos() and what the configuration names besides, sorted.
  const std::vector<int32_t>& end_tokens() const;
  /// Whether encode() with add_special begins with bos() and ends with eos().
  bool add_bos() const;
  bool add_eos() const;

  /// The chat template of that name ("default", "tool_use" …), or null.
  const std::string* chat_template(std::string_view name = "default") const;
  /// All of them: name and text.
  const std::vector<std::pair<std::string, std::string>>& chat_templates() const;

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerData> data) : data_(std::move(data)) {}
  std::shared_ptr<const TokenizerData> data_;
};

}  // namespace mica::text
