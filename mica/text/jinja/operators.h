#pragma once

#include <string_view>

#include "mica/text/jinja/value.h"

namespace mica::jinja {

/// Python's binary operators + - * / // % **. Throws Failure where Python raises, and for integers beyond 64 bits.
Value binary_operation(std::string_view op, const Value& a, const Value& b);
Value negated(const Value& value);
Value made_positive(const Value& value);
/// `needle in haystack`.
bool contains(const Value& haystack, const Value& needle);
/// One step of a comparison chain: == != < <= > >= in "not in".
bool compare_with(std::string_view op, const Value& a, const Value& b);

/// Python's % on a string: printf formatting.
Text format_percent(const Text& format, const Value& arguments);

}  // namespace mica::jinja
