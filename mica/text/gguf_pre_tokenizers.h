#pragma once

#include <string_view>

namespace mica::text {

/// What a name in tokenizer.ggml.pre stands for.
struct GgufPreTokenizer {
  std::string_view names;          ///< separated by spaces
  std::string_view normalizer;     ///< as in tokenizer.json; may be empty
  std::string_view pre_tokenizer;  ///< as in tokenizer.json
  bool ignore_merges = false;
  bool add_bos = false;  ///< when the file doesn't say
};

/// The entry for the name, or null.
const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name);

}  // namespace mica::text
