#include <bit>
#include <cstring>
#include <optional>
#include <string>

#include "mica/base/error.h"
#include "mica/text/load_tokenizer.h"
#include "mica/text/spm_vocabulary.h"

namespace mica::text {
namespace {

// Reads Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding) field by field.
class Fields {
 public:
  Fields(std::string_view bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  // Moves to the next field; false at the end.
  bool next() {
    if (bytes_.empty()) return false;
    const uint64_t tag = varint();
    number_ = static_cast<uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0:
        value_ = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        take(varint());
        break;
      case 5:
        take(4);
        break;
      default:
        refuse("unknown field type");
    }
    return true;
  }

  uint32_t number() const { return number_; }
  uint64_t value() const { return value_; }
  std::string_view bytes() const { return content_; }
  float real() const {
    if (content_.size() != 4) refuse("a number of the wrong size");
    float out = 0;
    std::memcpy(&out, content_.data(), 4);
    return out;
  }

 private:
  uint64_t varint() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) refuse("ends inside a number");
      const auto byte = static_cast<uint8_t>(bytes_[0]);
      bytes_.remove_prefix(1);
      out |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return out;
    }
    refuse("a number of more than 64 bits");
  }

  void take(uint64_t size) {
    if (size > bytes_.size()) refuse("a field goes past the end");
    content_ = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
  }

  [[noreturn]] void refuse(std::string_view what) const { fail("{}: not a SentencePiece model: {}", name_, what); }

  std::string_view bytes_;
  std::string_view name_;
  uint32_t number_ = 0;
  uint64_t value_ = 0;
  std::string_view content_;
};

struct Specials {
  int32_t unknown = 0;
  int32_t bos = 1;
  int32_t eos = 2;
  int32_t pad = -1;
};

void read_piece(std::string_view bytes, std::string_view name, SpmVocabulary& out) {
  std::string_view text;
  float score = 0;
  TokenType type = TokenType::normal;
  for (Fields field(bytes, name); field.next();) {
    if (field.number() == 1) text = field.bytes();
    if (field.number() == 2) score = field.real();
    if (field.number() == 3 && field.value() >= 1 && field.value() <= 6) type = static_cast<TokenType>(field.value());
  }
  out.tokens.push_back(text);
  out.scores.push_back(score);
  out.types.push_back(type);
}

void read_trainer(std::string_view bytes, std::string_view name, SpmVocabulary& out, Specials& specials) {
  constexpr uint64_t unigram = 1;
  constexpr uint64_t bpe = 2;
  uint64_t kind = unigram;
  for (Fields field(bytes, name); field.next();) {
    const auto id = static_cast<int32_t>(field.value());
    switch (field.number()) {
      case 3:
        kind = field.value();
        break;
      case 40:
        specials.unknown = id;
        break;
      case 41:
        specials.bos = id;
        break;
      case 42:
        specials.eos = id;
        break;
      case 43:
        specials.pad = id;
        break;
      default:
        break;
    }
  }
  if (kind != unigram && kind != bpe) fail("{}: SentencePiece model type {} is not supported", name, kind);
  out.unigram = kind == unigram;
}

void read_normalizer(std::string_view bytes, std::string_view name, SpmVocabulary& out) {
  out.remove_extra_spaces = true;
  for (Fields field(bytes, name); field.next();) {
    if (field.number() == 2) out.charsmap = field.bytes();
    if (field.number() == 3) out.add_space_prefix = field.value() != 0;
    if (field.number() == 4) out.remove_extra_spaces = field.value() != 0;
  }
}

}  // namespace

TokenizerData load_sentencepiece(std::string_view bytes, std::string_view name) {
  SpmVocabulary source;
  source.unigram = true;
  source.remove_extra_spaces = true;
  Specials specials;
  for (Fields field(bytes, name); field.next();) {
    if (field.number() == 1) read_piece(field.bytes(), name, source);
    if (field.number() == 2) read_trainer(field.bytes(), name, source, specials);
    if (field.number() == 3) read_normalizer(field.bytes(), name, source);
  }
  source.unknown = specials.unknown;
  TokenizerData data;
  data.name = name;
  use_spm_vocabulary(source, data);
  const auto known = [&](int32_t id) { return data.vocab.has(id) ? std::optional(id) : std::nullopt; };
  data.bos = known(specials.bos);
  data.eos = known(specials.eos);
  data.pad = known(specials.pad);
  if (data.bos && !source.unigram) data.pipeline.prefix.push_back(*data.bos);
  if (data.eos && source.unigram) data.pipeline.suffix.push_back(*data.eos);
  return data;
}

}  // namespace mica::text
