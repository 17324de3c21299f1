#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mica::cli {

/// Token numbers from "1 2 3", "1,2,3" or "[1, 2, 3]". Throws Error for anything else and for ids outside of the
/// vocabulary.
std::vector<int32_t> parse_tokens(const std::string& text, int vocab_size);

}  // namespace mica::cli
