#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "mica/text/tokenizer.h"
#include "mica/text/tokenizer_data.h"
#include "mica/text/word_cache.h"

namespace mica::text {

/// One run of encode(): from text to tokens through the parts of a tokenizer.
class Encoder {
 public:
  explicit Encoder(const TokenizerData& data) : data_(data) {}

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options);

 private:
  void encode_segment(std::string_view text, Span segment, bool at_start, const AddedTokenFilter& filter);
  void encode_normalized(std::string_view text, bool at_start);
  void encode_whole(std::string_view text);
  void encode_piece(std::string_view piece);

  const TokenizerData& data_;
  WordCache cache_;
  std::string bytes_;
  std::vector<int32_t> out_;
};

}  // namespace mica::text
