#pragma once

#include <vector>

#include "mica/text/json_reader.h"
#include "mica/text/tokenizer_data.h"

namespace mica::text {

/// Parse the parts of a tokenizer.json and append them to the pipeline; sequences are laid out flat. An unknown type or
/// a wrong value is an Error that names the key.
void parse_normalizer(const JsonReader& json, std::vector<Normalizer>& out);
void parse_pre_tokenizer(const JsonReader& json, std::vector<PreTokenizer>& out);
void parse_decoder(const JsonReader& json, DecoderChain& out);

void parse_post_processor(const JsonReader& json, Pipeline& out);

}  // namespace mica::text
