#include "mica/lm/config.h"

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"

namespace mica::lm {
namespace {

/// transformers writes floats that JSON lacks as {"__float__": "Infinity"}.
std::optional<double> to_number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_object() || !value.contains("__float__") || !value["__float__"].is_string()) return std::nullopt;
  const auto text = value["__float__"].get<std::string>();
  const double infinity = std::numeric_limits<double>::infinity();
  if (text == "Infinity") return infinity;
  if (text == "-Infinity") return -infinity;
  return std::nullopt;
}

std::optional<int> to_integer(const Json& value) {
  const auto number = to_number(value);
  if (!number || *number != std::floor(*number) || *number < 0 || *number > std::numeric_limits<int>::max()) {
    return std::nullopt;
  }
  return static_cast<int>(*number);
}

}  // namespace

Config::Config(Json json, std::string name) : json_(std::make_unique<Json>(std::move(json))), name_(std::move(name)) {
  if (!json_->is_object()) fail("{}: not a JSON object", name_);
}
Config::Config(const Config& other) : json_(std::make_unique<Json>(*other.json_)), name_(other.name_) {}
Config& Config::operator=(const Config& other) {
  if (this == &other) return *this;
  *json_ = *other.json_;
  name_ = other.name_;
  return *this;
}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

const Json* Config::find(std::string_view key) const {
  // Before nlohmann-json 3.11 an object is searched for strings only.
  const auto found = json_->find(std::string(key));
  return found == json_->end() || found->is_null() ? nullptr : &*found;
}

const Json& Config::get(std::string_view key) const {
  const Json* value = find(key);
  if (!value) fail("{}: the key {} is missing", name_, key);
  return *value;
}

bool Config::has(std::string_view key) const {
  return find(key) != nullptr;
}

void Config::wrong(std::string_view key, std::string_view expected) const {
  const Json* value = find(key);
  const std::string shown = value ? mica::quoted(value->dump(-1, ' ', true), 48) : "missing";
  fail("{}: {} is {}, expected {}", name_, key, shown, expected);
}

std::string Config::text(std::string_view key) const {
  if (!get(key).is_string()) wrong(key, "a string");
  return get(key).get<std::string>();
}
std::string Config::text(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string(fallback);
}

double Config::number(std::string_view key) const {
  const auto value = to_number(get(key));
  if (!value || std::isnan(*value)) wrong(key, "a number");
  return *value;
}
double Config::number(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool Config::flag(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!get(key).is_boolean()) wrong(key, "true or false");
  return get(key).get<bool>();
}

int Config::integer(std::string_view key) const {
  const auto value = to_integer(get(key));
  if (!value || *value < 1) wrong(key, "a whole number from 1 to 2147483647");
  return *value;
}
int Config::integer(std::string_view key, int fallback) const {
  if (!has(key)) return fallback;
  const auto value = to_integer(get(key));
  if (fallback == 0 && value == 0) return 0;
  return integer(key);
}

std::vector<std::string> Config::texts(std::string_view key) const {
  std::vector<std::string> out;
  if (!get(key).is_array()) wrong(key, "a list of strings");
  for (const Json& item : get(key)) {
    if (!item.is_string()) wrong(key, "a list of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::vector<double> Config::numbers(std::string_view key) const {
  std::vector<double> out;
  if (!get(key).is_array()) wrong(key, "a list of numbers");
  for (const Json& item : get(key)) {
    const auto value = to_number(item);
    if (!value || std::isnan(*value)) wrong(key, "a list of numbers");
    out.push_back(*value);
  }
  return out;
}

std::vector<int> Config::integers(std::string_view key) const {
  std::vector<int> out;
  if (!get(key).is_array()) wrong(key, "a list of whole numbers");
  for (const Json& item : get(key)) {
    const auto value = to_integer(item);
    if (!value) wrong(key, "a list of whole numbers");
    out.push_back(*value);
  }
  return out;
}

std::optional<Config> Config::object(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) wrong(key, "an object");
  return Config(*value, fmt::format("{}: {}", name_, key));
}

}  // namespace mica::lm
