#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mica/text/char_set.h"
#include "mica/text/regex_ast.h"

namespace mica::text::regex {

inline constexpr uint32_t no_set = UINT32_MAX;

/// One step of the matching machine. Sub-programs (of look and atomic) follow their instruction and end with accept.
struct Instruction {
  enum class Op : uint8_t {
    accept,
    set,         ///< one character of sets[set]
    repeat_set,  ///< min to max characters of sets[set]
    split,       ///< go on at pc + 1, and at `target` when that fails; straight to `target` when the next character is
                 ///< not in sets[set]
    split_late,  ///< the other way round: `target` first (lazy loops)
    jump,        ///< go on at `target`
    look,        ///< sub-program, then go on at `target`; when `behind`, it starts `min` characters back
    atomic,      ///< sub-program, then go on at `target` where it ended
    place,       ///< a position assertion
    mark,        ///< slots[set] = position
    progress     ///< fails when the position is still slots[set]: ends loops over the empty string
  };
  Op op = Op::accept;
  Greed greed = Greed::greedy;
  Place place = Place::line_start;
  bool behind = false;
  bool negative = false;
  uint32_t set = no_set;
  uint32_t target = 0;
  uint32_t min = 0;
  uint32_t max = 0;
};

/// A compiled pattern.
struct Program {
  std::string pattern;  ///< for messages
  std::vector<Instruction> code;
  std::vector<CharSet> sets;
  uint32_t slots = 0;
  uint32_t first = no_set;  ///< every match begins with a character of this set
};

/// Throws Error when the expression is too large or looks behind by a variable length.
Program compile(const Node& root, std::string_view pattern);

}  // namespace mica::text::regex
