#pragma once

#include <string_view>
#include <vector>

#include "mica/text/normalizer.h"
#include "mica/text/pre_tokenizer.h"

namespace mica::text {

/// The value of "normalizer" or "pre_tokenizer" in a tokenizer.json, as text; sequences are laid out flat. `name`
/// starts every message.
std::vector<Normalizer> normalizers_from_json(std::string_view json, std::string_view name);
std::vector<PreTokenizer> pre_tokenizers_from_json(std::string_view json, std::string_view name);

}  // namespace mica::text
