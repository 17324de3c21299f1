#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mica/base/function_ref.h"

namespace mica::text {

/// General categories of Unicode 16.0, in the alphabetical order of their short names.
enum class Category : uint8_t {
  Cn,
  Cc,
  Cf,
  Co,
  Cs,
  Ll,
  Lm,
  Lo,
  Lt,
  Lu,
  Mc,
  Me,
  Mn,
  Nd,
  Nl,
  No,
  Pc,
  Pd,
  Pe,
  Pf,
  Pi,
  Po,
  Ps,
  Sc,
  Sk,
  Sm,
  So,
  Zl,
  Zp,
  Zs
};

/// Code points from `first` to `last`, both included.
struct PointRange {
  uint32_t first;
  uint32_t last;
};

Category category(uint32_t point);

/// The first letter of the category's short name: 'L', 'M', 'N', 'P', 'S', 'Z' or 'C'.
char major_category(uint32_t point);

inline bool is_letter(uint32_t point) {
  return major_category(point) == 'L';
}
inline bool is_mark(uint32_t point) {
  return major_category(point) == 'M';
}
inline bool is_number(uint32_t point) {
  return major_category(point) == 'N';
}

/// The White_Space property.
bool is_white_space(uint32_t point);

/// Letters, marks, decimal digits, letter numbers, connector punctuation and the other alphabetic symbols: what regular
/// expressions call a word character.
bool is_word(uint32_t point);

/// Simple case mappings; the point itself when it has none.
uint32_t to_lower(uint32_t point);
uint32_t to_upper(uint32_t point);
uint32_t case_fold(uint32_t point);

/// Calls `use(range)` for every run of code points with a property of that name: a general category ("L", "Lu",
/// "Letter", "Uppercase_Letter"), a script ("Han", "Hira") or one of Alphabetic, White_Space, Any, Assigned and the
/// POSIX names. Case, '_', '-' and spaces in the name don't matter. False when there is no such property.
bool for_property(std::string_view name, FunctionRef<void(PointRange)> use);

/// Calls `use(point, folded)` for every code point that simple case folding changes.
void for_case_pairs(FunctionRef<void(uint32_t, uint32_t)> use);

}  // namespace mica::text
