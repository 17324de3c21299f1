#include "mica/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "mica/base/error.h"
#include "mica/text/byte_level.h"
#include "mica/text/encoder.h"
#include "mica/text/load_tokenizer.h"
#include "mica/text/tokenizer_data.h"

namespace mica::text {
namespace {

void check_id(const TokenizerData& data, int32_t id) {
  if (!data.vocab.has(id))
    fail("token id {} is not in the vocabulary of {} ({} tokens)", id, data.name, data.vocab.size());
}

std::string token_string(const TokenizerData& data, int32_t id) {
  const std::string_view text = data.vocab.text(id);
  return data.byte_vocab && !data.literal[static_cast<size_t>(id)] ? to_byte_alphabet(text) : std::string(text);
}

bool is_plain_byte_level(const DecoderChain& chain) {
  return chain.steps.size() == 1 && std::holds_alternative<decoders::ByteLevel>(chain.steps[0]);
}

void append_token(const TokenizerData& data, int32_t id, bool first, std::string& out) {
  const DecoderChain& chain = data.pipeline.decoder;
  const bool is_bytes = data.byte_vocab && !data.literal[static_cast<size_t>(id)];
  if (is_bytes && is_plain_byte_level(chain)) {
    out += data.vocab.text(id);
  } else {
    chain.append(token_string(data, id), first, out);
  }
}

bool contains(const std::vector<int32_t>& ids, std::optional<int32_t> id) {
  return id && std::find(ids.begin(), ids.end(), *id) != ids.end();
}

}  // namespace

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  return Tokenizer(std::make_shared<const TokenizerData>(load_tokenizer(path)));
}

Tokenizer Tokenizer::from_json(std::string_view json, std::string_view name) {
  TokenizerData data;
  name_errors(name, [&] {
    data = load_tokenizer_json(json, name);
    data.finish();
  });
  return Tokenizer(std::make_shared<const TokenizerData>(std::move(data)));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  return Encoder(*data_).encode(text, options);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string out;
  bool first = true;
  for (const int32_t id : ids) {
    check_id(*data_, id);
    if (skip_special && data_->special[static_cast<size_t>(id)]) continue;
    append_token(*data_, id, first, out);
    first = false;
  }
  out.erase(0, stripped_bytes(out));
  return out;
}

std::string Tokenizer::token_bytes(int32_t id, bool first) const {
  check_id(*data_, id);
  std::string out;
  append_token(*data_, id, first, out);
  return out;
}

size_t Tokenizer::stripped_bytes(std::string_view joined) const {
  return data_->pipeline.decoder.stripped_bytes(joined);
}

std::string Tokenizer::id_to_token(int32_t id) const {
  check_id(*data_, id);
  return token_string(*data_, id);
}

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const {
  return data_->find_token(token);
}

int32_t Tokenizer::vocab_size() const {
  return data_->vocab.size();
}
bool Tokenizer::has(int64_t id) const {
  return data_->vocab.has(id);
}

bool Tokenizer::is_special(int32_t id) const {
  check_id(*data_, id);
  return data_->special[static_cast<size_t>(id)];
}

std::optional<int32_t> Tokenizer::bos() const {
  return data_->bos;
}
std::optional<int32_t> Tokenizer::eos() const {
  return data_->eos;
}
std::optional<int32_t> Tokenizer::unk() const {
  return data_->unk;
}
std::optional<int32_t> Tokenizer::pad() const {
  return data_->pad;
}
const std::vector<int32_t>& Tokenizer::end_tokens() const {
  return data_->end_tokens;
}

bool Tokenizer::add_bos() const {
  return contains(data_->pipeline.prefix, data_->bos);
}

bool Tokenizer::add_eos() const {
  return contains(data_->pipeline.suffix, data_->eos);
}

const std::string* Tokenizer::chat_template(std::string_view name) const {
  for (const auto& [key, text] : data_->templates) {
    if (key == name) return &text;
  }
  return nullptr;
}

const std::vector<std::pair<std::string, std::string>>& Tokenizer::chat_templates() const {
  return data_->templates;
}

}  // namespace mica::text
