#pragma once

#include <optional>
#include <string>

#include "mica/text/jinja/value.h"

namespace mica::jinja {

/// Python's str(): what printing shows. Nothing for undefined.
Text to_text(const Value& value);
/// Python's repr(): what is shown inside lists and dictionaries.
Text repr(const Value& value);
/// repr of a float: the shortest digits that read back as the same number.
std::string real_repr(double value);

/// Options of Python's json.dumps.
struct JsonStyle {
  bool ensure_ascii = false;
  /// What each level is indented with; without it everything stands on one line.
  std::optional<std::string> indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

/// json.dumps. Throws Failure for what has no JSON form (undefined, functions, generators).
Text to_json(const Value& value, const JsonStyle& style);

}  // namespace mica::jinja
