#include "mica/text/json_reader.h"

namespace mica::text {
namespace {

constexpr size_t max_depth = 64;
constexpr size_t max_bytes = size_t{1} << 30;

}  // namespace

std::optional<JsonReader> JsonReader::find(std::string_view key) const {
  simdjson::dom::object object;
  if (element_.get(object) != simdjson::SUCCESS) refuse("not an object");
  simdjson::dom::element value;
  if (object.at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return JsonReader(value, fmt::format("{}.{}", where_, key));
}

JsonReader JsonReader::get(std::string_view key) const {
  auto value = find(key);
  if (!value) refuse("no \"{}\"", key);
  return *value;
}

std::string_view JsonReader::string() const {
  std::string_view value;
  if (element_.get(value) != simdjson::SUCCESS) refuse("not a string");
  return value;
}

int64_t JsonReader::integer(int64_t low, int64_t high) const {
  int64_t value = 0;
  if (element_.get(value) != simdjson::SUCCESS) refuse("not an integer");
  if (value < low || value > high) refuse("{} is not between {} and {}", value, low, high);
  return value;
}

double JsonReader::number() const {
  double value = 0;
  if (element_.get(value) != simdjson::SUCCESS) refuse("not a number");
  return value;
}

bool JsonReader::boolean() const {
  bool value = false;
  if (element_.get(value) != simdjson::SUCCESS) refuse("not true or false");
  return value;
}

void JsonReader::for_elements(FunctionRef<void(const JsonReader&)> use) const {
  simdjson::dom::array array;
  if (element_.get(array) != simdjson::SUCCESS) refuse("not an array");
  size_t index = 0;
  for (const simdjson::dom::element value : array) use(JsonReader(value, fmt::format("{}[{}]", where_, index++)));
}

void JsonReader::for_members(FunctionRef<void(std::string_view, const JsonReader&)> use) const {
  simdjson::dom::object object;
  if (element_.get(object) != simdjson::SUCCESS) refuse("not an object");
  for (const auto& [key, value] : object) use(key, JsonReader(value, fmt::format("{}.{}", where_, quoted(key))));
}

std::string_view JsonReader::string(std::string_view key, std::string_view fallback) const {
  const auto value = find(key);
  return value ? value->string() : fallback;
}

bool JsonReader::boolean(std::string_view key, bool fallback) const {
  const auto value = find(key);
  return value ? value->boolean() : fallback;
}

JsonReader parse_document(simdjson::dom::parser& parser, std::string_view text, std::string_view name) {
  if (text.size() > max_bytes) fail("{}: {} bytes of JSON are too many", name, text.size());
  if (parser.allocate(text.size(), max_depth) != simdjson::SUCCESS) fail("{}: not enough memory for its JSON", name);
  simdjson::dom::element element;
  const auto error = parser.parse(text.data(), text.size()).get(element);
  if (error != simdjson::SUCCESS) fail("{}: not valid JSON: {}", name, simdjson::error_message(error));
  return {element, std::string(name)};
}

}  // namespace mica::text
