#pragma once

#include <filesystem>
#include <string_view>

#include "mica/base/function_ref.h"
#include "mica/text/tokenizer_data.h"

namespace mica::text {

/// Runs `load`; an Error from it that doesn't name the file is thrown anew with the name before it.
void name_errors(std::string_view name, FunctionRef<void()> load);

/// What Tokenizer::load() does; the result is finished.
TokenizerData load_tokenizer(const std::filesystem::path& path);

/// The formats one by one; the caller calls finish().
TokenizerData load_tokenizer_json(std::string_view json, std::string_view name);
TokenizerData load_gguf_vocabulary(const std::filesystem::path& path);
TokenizerData load_sentencepiece(std::string_view bytes, std::string_view name);

/// Reads tokenizer_config.json, special_tokens_map.json, generation_config.json and chat templates in `folder`, as far
/// as they are there.
void load_tokenizer_config(const std::filesystem::path& folder, TokenizerData& data);

}  // namespace mica::text
