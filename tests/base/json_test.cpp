#include "mica/base/json.h"

#include <chrono>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/error.h"

namespace mica {
namespace {

using testing::HasSubstr;

std::string error_of(std::string_view text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, "file", limits);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("file: "));
    return error.what();
  }
  ADD_FAILURE() << "no error for " << text.substr(0, 80);
  return "";
}

// Expected values: Python 3's json.loads.
TEST(Json, ReadsEveryKindOfValue) {
  const Json value = parse_json(
      " {\"b\" : [1, -2.5e3, true, false, null, \"x\"],\n\t\"a\": {}, \"e\": [], \"u\": "
      "\"\\u00fc\\ud83d\\ude00\\n\\/\"}\r\n",
      "file");
  EXPECT_EQ(value.dump(), R"({"b":[1,-2500.0,true,false,null,"x"],"a":{},"e":[],"u":"ü😀\n/"})");
  EXPECT_EQ(parse_json("7", "file"), 7);
  EXPECT_EQ(parse_json("\"\"", "file"), "");
}

TEST(Json, NumbersOfPython) {
  EXPECT_TRUE(std::isnan(parse_json("[NaN]", "file")[0].get<double>()));
  EXPECT_EQ(parse_json("Infinity", "file").get<double>(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_json("{\"a\": -Infinity}", "file")["a"].get<double>(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_json("\"NaN Infinity\"", "file"), "NaN Infinity");
  EXPECT_EQ(parse_json("9223372036854775807", "file").get<int64_t>(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(parse_json("-9223372036854775808", "file").get<int64_t>(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(parse_json("18446744073709551615", "file").get<uint64_t>(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(parse_json("1" + std::string(30, '0'), "file").get<double>(), 1e30);
  EXPECT_EQ(parse_json(std::string(400, '9'), "file").get<double>(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_json("-1e999", "file").get<double>(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_json("1e-999", "file").get<double>(), 0.0);
  EXPECT_EQ(parse_json("0.1", "file").get<double>(), 0.1);
  EXPECT_TRUE(std::signbit(parse_json("-0.0", "file").get<double>()));
}

TEST(Json, TheLastDuplicateCountsAtTheFirstPlace) {
  EXPECT_EQ(parse_json(R"({"a": 1, "b": 2, "a": 3})", "file").dump(), R"({"a":3,"b":2})");
}

TEST(Json, ManyKeysTakeLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += fmt::format("{}\"token{}\": {}", i ? "," : "", i, i);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(parse_json(text + "}", "file").size(), 300'000u);
  // A fraction of a second; quadratic time would be minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Json, LimitsOnDepthAndSize) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += open;
    EXPECT_THAT(error_of(deep), HasSubstr("nested deeper than 128 levels at byte"));
    EXPECT_THAT(error_of(deep, {.max_depth = 1'000'000}), HasSubstr("nested deeper than 1000 levels"));
  }
  const std::string three = "[[[]]]";
  EXPECT_EQ(parse_json(three, "file", {.max_depth = 3}).dump(), three);
  EXPECT_THAT(error_of(three, {.max_depth = 2}), HasSubstr("nested deeper than 2 levels at byte 2"));
  EXPECT_THAT(error_of("[1, 2]", {.max_bytes = 5}), HasSubstr("6 bytes of JSON, more than the 5 allowed"));
}

TEST(Json, InvalidTextIsRefusedWithItsOffset) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "at byte 0: the text ends"},
      {"  ", "at byte 2: the text ends"},
      {"{", "at byte 1"},
      {"[1,", "at byte 3"},
      {"[1,]", "at byte 3: ']' where a value"},
      {"{\"a\":1,}", "at byte 7"},
      {"{\"a\" 1}", "at byte 5"},
      {"{a:1}", "at byte 1"},
      {"{1:1}", "at byte 1"},
      {"[1 2]", "at byte 3"},
      {"1 2", "at byte 2: '2' after the end"},
      {"[1]]", "at byte 3"},
      {"tru", "at byte 0"},
      {"True", "at byte 0"},
      {"nan", "at byte 0"},
      {"-NaN", "at byte 0"},
      {"+1", "at byte 0"},
      {"01", "at byte 0: a malformed number"},
      {"-", "at byte 0: a malformed number"},
      {"1.", "at byte 0: a malformed number"},
      {".5", "at byte 0"},
      {"1e", "at byte 0: a malformed number"},
      {"1e+", "at byte 0: a malformed number"},
      {"0x10", "at byte 1"},
      {"'a'", "at byte 0"},
      {"\"a", "at byte 2: the text ends inside a string"},
      {"\"\\", "at byte 1: an unknown escape"},
      {"\"\\x41\"", "at byte 1: an unknown escape"},
      {"\"\\u12g4\"", "at byte 3: an escape without four hex digits"},
      {"\"\\ud800\"", "at byte 1: half of a surrogate pair"},
      {"\"\\udc00\"", "at byte 1: half of a surrogate pair"},
      {"\"a\tb\"", "at byte 2: a control character"},
      {std::string("\"a\0b\"", 5), "at byte 2: a control character"},
      {std::string("1\0", 2), "at byte 1"},
      {"// c\n1", "at byte 0"},
      {"\xef\xbb\xbf{}", "at byte 0"},
      {"\"\xff\"", "at byte 1: not UTF-8"},
      {"\"ü\xc0\x80\"", "at byte 3: not UTF-8"},
      {"\"\xed\xa0\x80\"", "at byte 1: not UTF-8"},
      {"\"\xf5\x80\x80\x80\"", "at byte 1: not UTF-8"},
      {"\"\xe2\x82", "at byte 1: not UTF-8"},
  };
  for (const auto& [text, expected] : cases) EXPECT_THAT(error_of(text), HasSubstr(expected)) << text;
}

TEST(Json, CutAnywhere) {
  const std::string whole = R"({"a": [1.5e3, "x\u00fcy", {"b": null}], "c": true})";
  EXPECT_EQ(parse_json(whole, "file").size(), 2u);
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_THAT(error_of(whole.substr(0, size)), HasSubstr("not valid JSON"));
}

}  // namespace
}  // namespace mica
