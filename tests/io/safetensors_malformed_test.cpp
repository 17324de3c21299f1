// safetensors files and folders that must be refused: each with one line that names the file and where it is wrong.
#include <chrono>

#include <gtest/gtest.h>

#include "mica/io/safetensors.h"
#include "mica/io/safetensors_writer.h"
#include "tests/base/sanitized.h"
#include "tests/io/expect_error.h"
#include "tests/io/temp_folder.h"

namespace mica {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string raw_u64(uint64_t value) {
  return {reinterpret_cast<const char*>(&value), 8};
}

std::string file(const std::string& header, size_t data = 0) {
  return raw_u64(header.size()) + header + std::string(data, 'x');
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets, size_t data = 16) {
  return file("{" + tensor("t", dtype, shape, offsets) + "}", data);
}

std::string two(const std::string& first, const std::string& second, size_t data) {
  return file("{" + tensor("a", "U8", "[4]", first) + "," + tensor("b", "U8", "[4]", second) + "}", data);
}

struct Case {
  std::string name;
  std::string bytes;
  std::string error;
};

std::vector<Case> json_cases() {
  const std::string good = tensor("t", "F32", "[4]", "[0,16]");
  return {
      {"empty", "", "0 bytes are too few"},
      {"seven_bytes", "1234567", "7 bytes are too few"},
      {"length_0", raw_u64(0), "offset 8: the text ends where '{' should follow"},
      {"length_past_end", raw_u64(100) + "{}", "offset 0: a header of 100 bytes, the file has 10"},
      {"length_over_limit", raw_u64(100'000'001) + "{}", "offset 0: a header of 100000001 bytes, more than"},
      {"length_max", raw_u64(~uint64_t{0}) + "{}", "offset 0: a header of 18446744073709551615"},
      {"not_utf8", file("{\"\xff\":{}}"), "offset 8: the header is not UTF-8"},
      {"overlong_utf8", file("{\"\xc0\x80\":{}}"), "the header is not UTF-8"},
      {"array", file("[]"), "offset 8: '[' where '{' should follow"},
      {"number", file("1"), "offset 8: '1' where"},
      {"two_objects", file("{}{}"), "offset 10: '{' after the end"},
      {"open_object", file("{"), "offset 9: the text ends"},
      {"open_string", file("{\"t"), "offset 11: the text ends inside a string"},
      {"no_colon", file("{\"t\" {}}"), "where ':' should follow"},
      {"trailing_comma", file("{" + good + ",}", 16), "where '\"' should follow"},
      {"control_in_string", file("{\"a\nb\":{}}"), "offset 11: a control character"},
      {"bad_escape", file("{\"a\\x\":{}}"), "offset 11: an unknown escape"},
      {"short_escape", file("{\"\\u12\":{}}"), "an escape without four hex digits"},
      {"lone_surrogate", file("{\"\\ud800\":{}}"), "half of a surrogate pair"},
      {"wrong_surrogate", file("{\"\\ud800\\u0041\":{}}"), "half of a surrogate pair"},
      {"deep", file("{\"t\":" + std::string(100'000, '[') + "}"), "offset 13: '[' where '{'"},
      {"deep_shape", one("U8", std::string(100'000, '['), "[0,1]"), "a dimension of tensor 't' is not a whole number"},
      {"metadata_list", file(R"({"__metadata__":[]})"), "'[' where '{' should follow"},
      {"metadata_number", file(R"({"__metadata__":{"a":1}})"), "__metadata__ 'a' is not a string"},
      {"metadata_twice", file(R"({"__metadata__":{},"__metadata__":{}})"), "__metadata__ appears twice"},
      {"metadata_key_twice", file(R"({"__metadata__":{"a":"1","a":"2"}})"), "__metadata__ has 'a' twice"},
  };
}

std::vector<Case> tensor_cases() {
  const std::string good = tensor("t", "F32", "[4]", "[0,16]");
  return {
      {"not_an_object", file(R"({"t":null})"), "'n' where '{' should follow"},
      {"no_keys", file(R"({"t":{}})"), "tensor 't' needs dtype, shape and two data_offsets"},
      {"no_offsets", file(R"({"t":{"dtype":"F32","shape":[]}})"), "needs dtype, shape and two data_offsets"},
      {"one_offset", one("F32", "[4]", "[0]"), "two data_offsets"},
      {"three_offsets", one("F32", "[4]", "[0,16,16]"), "two data_offsets"},
      {"unknown_key", file(R"({"t":{"type":"F32"}})"), "tensor 't' has the unknown key 'type'"},
      {"key_twice", file(R"({"t":{"dtype":"F32","dtype":"F32"}})"), "tensor 't' has dtype twice"},
      {"dtype_number", file(R"({"t":{"dtype":1}})"), "where '\"' should follow"},
      {"dtype_unknown", one("F33", "[4]", "[0,16]"), "tensor 't' has the unknown dtype 'F33'"},
      {"dtype_case", one("f32", "[4]", "[0,16]"), "unknown dtype 'f32'"},
      {"dim_negative", one("F32", "[-4]", "[0,16]"), "a dimension of tensor 't' is not a whole number"},
      {"dim_minus_0", one("F32", "[-0]", "[0,0]", 0), "a dimension of tensor 't' is not a whole number"},
      {"dim_float", one("F32", "[4.0]", "[0,16]"), "a dimension of tensor 't' is not a whole number"},
      {"dim_exponent", one("F32", "[4e0]", "[0,16]"), "a dimension of tensor 't' is not a whole number"},
      {"dim_leading_zero", one("F32", "[04]", "[0,16]"), "a dimension of tensor 't' is not a whole number"},
      {"dim_string", one("F32", "[\"4\"]", "[0,16]"), "a dimension of tensor 't' is not a whole number"},
      {"dim_2_64", one("F32", "[18446744073709551616]", "[0,16]"), "a dimension of tensor 't' is out of range"},
      {"shape_overflow", one("F32", "[4294967296,4294967296]", "[0,16]"), "the shape of tensor 't' overflows"},
      {"bytes_overflow", one("F64", "[1152921504606846976]", "[0,16]"), "the shape of tensor 't' overflows"},
      {"empty_overflow", one("F32", "[0,4294967296,4294967296]", "[0,0]", 0), "the shape of tensor 't' overflows"},
      {"size_too_small", one("F32", "[3]", "[0,16]"), "shape [3] needs 12 bytes, data_offsets give 16"},
      {"size_too_big", one("F64", "[4]", "[0,16]"), "needs 32 bytes, data_offsets give 16"},
      {"begin_after_end", one("F32", "[4]", "[16,0]"), "tensor 't' ends at 0, before its start at 16"},
      {"offset_negative", one("F32", "[4]", "[-16,0]"), "an offset of tensor 't' is not a whole number"},
      {"offset_float", one("F32", "[4]", "[0,16.5]"), "an offset of tensor 't' is not a whole number"},
      {"offset_2_64", one("F32", "[4]", "[0,18446744073709551632]"), "an offset of tensor 't' is out of range"},
      {"past_end", one("F32", "[4]", "[0,16]", 15), "tensor 't' ends at offset"},
      {"trailing_bytes", one("F32", "[4]", "[0,16]", 17), "1 bytes follow the last tensor"},
      {"only_trailing_bytes", file("{}", 1), "offset 10: 1 bytes follow the last tensor"},
      {"gap_at_start", one("F32", "[4]", "[16,32]", 32), "after the previous one's end"},
      {"gap", two("[0,4]", "[5,9]", 9), "tensor 'b' starts at offset"},
      {"overlap", two("[0,4]", "[2,6]", 6), "before the previous one's end"},
      {"same_range", two("[0,4]", "[0,4]", 4), "tensor 'b' starts at offset"},
      {"name_twice", file("{" + good + "," + tensor("t", "F32", "[4]", "[16,32]") + "}", 32), "tensor 't' at offset"},
      {"rank_65", one("U8", "[1" + std::string(128, ',') + "]", "[0,1]"), "a dimension of tensor 't'"},
  };
}

TEST(SafetensorsMalformed, IsRefusedInOneLine) {
  const TempFolder folder;
  size_t count = 0;
  for (const auto& cases : {json_cases(), tensor_cases()}) {
    for (const Case& c : cases) {
      SCOPED_TRACE(c.name);
      const auto path = folder.write(c.name + ".safetensors", c.bytes);
      EXPECT_THAT(error_of([&] { Safetensors::open(path); }), AllOf(HasSubstr(path.string()), HasSubstr(c.error)));
      ++count;
    }
  }
  EXPECT_EQ(count, 61u);
}

TEST(SafetensorsMalformed, CutAnywhere) {
  const TempFolder folder;
  const std::string whole = two("[0,4]", "[4,8]", 8);
  EXPECT_EQ(Safetensors::open(folder.write("whole.safetensors", whole)).entries().size(), 2u);
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto path = folder.write("cut.safetensors", whole.substr(0, size));
    EXPECT_THAT(error_of([&] { Safetensors::open(path); }), HasSubstr(path.string())) << size;
  }
}

TEST(SafetensorsMalformed, AMillionEntries) {
  const TempFolder folder;
  const int count = test::kSanitized ? 100'000 : 1'000'000;
  std::string header = "{";
  for (int i = 0; i < count; ++i) header += (i ? "," : "") + tensor(std::to_string(i), "U8", "[0]", "[0,0]");
  const auto path = folder.write("many.safetensors", file(header + "}"));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Safetensors::open(path).entries().size(), static_cast<size_t>(count));
  // Linear time: a second or so, with a quadratic part it would be many minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

class SafetensorsFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder.write("model-00001-of-00002.safetensors", file("{" + tensor("a", "U8", "[4]", "[0,4]") + "}", 4));
    folder.write("model-00002-of-00002.safetensors", file("{" + tensor("b", "U8", "[4]", "[0,4]") + "}", 4));
  }
  std::string error_with(const std::string& index) {
    folder.write("model.safetensors.index.json", index);
    return error_of([&] { Safetensors::open(folder.path()); });
  }
  std::string error_with_file(const std::string& name) {
    return error_with(R"({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": ")" + name + "\"}}");
  }
  TempFolder folder;
};

TEST_F(SafetensorsFolder, IndexMustNameFilesOfThisFolder) {
  const TempFolder elsewhere;
  elsewhere.write("b.safetensors", file("{" + tensor("b", "U8", "[4]", "[0,4]") + "}", 4));
  for (const std::string& name : {std::string("../b.safetensors"), (elsewhere.path() / "b.safetensors").string(),
                                  std::string(".."), std::string(), std::string("a/../b.safetensors"),
                                  std::string("model.bin"), std::string("b\\\\c.safetensors")}) {
    EXPECT_THAT(error_with_file(name), HasSubstr("is not the name of a safetensors file in this folder")) << name;
  }
  EXPECT_THAT(error_with_file("absent.safetensors"), HasSubstr("absent.safetensors: No such file"));
}

TEST_F(SafetensorsFolder, IndexMustFitTheFiles) {
  EXPECT_THAT(error_with_file("model-00001-of-00002.safetensors"), HasSubstr("tensor 'b' is in none of the files"));
  EXPECT_THAT(error_with(R"({"weight_map": {"a": "model-00002-of-00002.safetensors",
                                            "b": "model-00001-of-00002.safetensors"}})"),
              HasSubstr("tensor 'a' is in model-00001-of-00002.safetensors, not in"));
  EXPECT_THAT(error_with("{}"), HasSubstr("index.json: weight_map is missing"));
  EXPECT_THAT(error_with("[]"), HasSubstr("index.json: weight_map is missing"));
  EXPECT_THAT(error_with(R"({"weight_map": {"a": 1}})"), HasSubstr("weight_map 'a' is not a file name"));
  EXPECT_THAT(error_with("{"), HasSubstr("index.json: not valid JSON"));
}

TEST_F(SafetensorsFolder, TheSameTensorInTwoFiles) {
  folder.write("model-00003.safetensors", file("{" + tensor("a", "U8", "[4]", "[0,4]") + "}", 4));
  EXPECT_THAT(error_of([&] { Safetensors::open(folder.path()); }),
              HasSubstr("model-00003.safetensors: tensor 'a' at offset"));
}

TEST_F(SafetensorsFolder, NothingThere) {
  const TempFolder empty;
  EXPECT_THAT(error_of([&] { Safetensors::open(empty.path()); }), HasSubstr("no model*.safetensors in this folder"));
}

}  // namespace
}  // namespace mica
