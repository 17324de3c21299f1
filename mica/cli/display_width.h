#pragma once

#include <cstddef>
#include <string_view>

namespace mica::cli {

/// Where the character that a reader sees at text[at] ends: a code point with the marks, joined emoji, modifiers and
/// second half of a flag that belong to it. `text` is well-formed UTF-8 and `at` inside of it.
size_t next_cluster(std::string_view text, size_t at);

/// Where the one before text[at] begins (at > 0).
size_t previous_cluster(std::string_view text, size_t at);

/// Terminal columns that one such character takes: 0, 1 or 2.
int cluster_width(std::string_view cluster);

}  // namespace mica::cli
