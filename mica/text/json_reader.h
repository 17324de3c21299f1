#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "mica/base/error.h"
#include "mica/base/function_ref.h"

namespace mica::text {

/// A value in a parsed JSON document together with where it stands, so that every complaint can say so. The getters
/// throw an Error that names the file and the key.
class JsonReader {
 public:
  JsonReader(simdjson::dom::element element, std::string where) : element_(element), where_(std::move(where)) {}

  const std::string& where() const { return where_; }
  bool is_null() const { return element_.is_null(); }
  bool is_string() const { return element_.is_string(); }
  bool is_array() const { return element_.is_array(); }
  bool is_object() const { return element_.is_object(); }
  bool is_integer() const { return element_.is_int64(); }

  /// The member, or nothing when it is missing or null.
  std::optional<JsonReader> find(std::string_view key) const;
  JsonReader get(std::string_view key) const;
  std::string_view string() const;
  int64_t integer(int64_t low, int64_t high) const;
  double number() const;
  bool boolean() const;
  void for_elements(FunctionRef<void(const JsonReader&)> use) const;
  void for_members(FunctionRef<void(std::string_view, const JsonReader&)> use) const;

  /// A member with a default for when it is missing or null.
  std::string_view string(std::string_view key, std::string_view fallback) const;
  bool boolean(std::string_view key, bool fallback) const;

  /// The bare value, for loops over hundreds of thousands of members.
  simdjson::dom::element element() const { return element_; }

  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: {}", where_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  simdjson::dom::element element_;
  std::string where_;
};

/// Parses a document whose strings live in `parser`.
JsonReader parse_document(simdjson::dom::parser& parser, std::string_view text, std::string_view name);

}  // namespace mica::text
