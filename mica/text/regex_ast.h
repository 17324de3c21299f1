#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "mica/text/char_set.h"

namespace mica::text::regex {

enum class Greed : uint8_t { greedy, lazy, possessive };
enum class Place : uint8_t { line_start, line_end, text_start, text_end, text_end_or_newline, word_edge, no_word_edge };

inline constexpr uint32_t unlimited = UINT32_MAX;

/// A parsed regular expression.
struct Node {
  enum class Kind : uint8_t {
    set,       ///< one character of `set`
    sequence,  ///< children one after the other (none: the empty expression)
    choice,    ///< the first child that lets the rest match
    repeat,    ///< children[0], min to max times
    look,      ///< children[0] matches here (or ends here, when `behind`), or does not (`negative`)
    atomic,    ///< children[0], never retried
    place      ///< an assertion about the position
  };
  Kind kind = Kind::sequence;
  PointSet set;
  std::vector<Node> children;
  uint32_t min = 0;
  uint32_t max = 0;
  Greed greed = Greed::greedy;
  bool behind = false;
  bool negative = false;
  Place place = Place::line_start;
};

/// Parses an expression in Oniguruma's syntax as far as tokenizers use it: no back references, no recursion, no
/// absence operators. Throws Error with the offset of what it can't take.
Node parse(std::string_view pattern);

}  // namespace mica::text::regex
