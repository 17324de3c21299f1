// GGUF files that must be refused: each with one line that names the file and where it is wrong.
#include <limits>

#include <gtest/gtest.h>

#include "mica/io/gguf.h"
#include "tests/io/expect_error.h"
#include "tests/io/gguf_builder.h"
#include "tests/io/temp_folder.h"

namespace mica {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using B = GgufBuilder;

constexpr uint64_t kHuge = uint64_t{1} << 63;

struct Case {
  std::string name;
  std::string bytes;
  std::string error;
};

std::string array(uint32_t type, uint64_t count, const std::string& payload) {
  return B::raw(type) + B::raw(count) + payload;
}

/// A builder with changed header fields.
template <typename F>
std::string changed(F change) {
  B builder;
  builder.u32("k", 1).tensor("t", {4}, 0, 0).data(std::string(16, 'x'));
  change(builder);
  return builder.bytes();
}

std::string with_key(uint32_t type, const std::string& payload) {
  return B().key("k", type, payload).bytes();
}

std::string with_tensor(const std::vector<int64_t>& dims, uint32_t type = 0, uint64_t offset = 0, size_t data = 64) {
  return B().tensor("t", dims, type, offset).data(std::string(data, 'x')).bytes();
}

std::vector<Case> header_cases() {
  const auto magic = [](std::string text) { return changed([&](B& b) { b.magic = text; }); };
  const auto version = [](uint32_t v) { return changed([&](B& b) { b.version = v; }); };
  const auto keys = [](int64_t n) { return changed([&](B& b) { b.extra_keys = n; }); };
  const auto tensors = [](int64_t n) { return changed([&](B& b) { b.extra_tensors = n; }); };
  return {
      {"empty", "", "offset 0: the file ends inside the magic number"},
      {"bad_magic", magic("GGUX"), "not a GGUF file (offset 0"},
      {"old_magic", magic("ggml"), "not a GGUF file (offset 0"},
      {"version_0", version(0), "offset 4: GGUF version 0"},
      {"version_1", version(1), "offset 4: GGUF version 1"},
      {"version_4", version(4), "offset 4: GGUF version 4"},
      {"big_endian", version(0x03000000), "offset 4: a big-endian GGUF file"},
      {"keys_2_63", keys(std::numeric_limits<int64_t>::max()), "offset 16: claims 9223372036854775808 keys"},
      {"keys_negative", keys(-2), "offset 16: claims 18446744073709551615 keys"},
      {"keys_many", keys(1000), "offset 16: claims 1001 keys"},
      {"tensors_2_63", tensors(std::numeric_limits<int64_t>::max()), "offset 8: claims 9223372036854775808 tensors"},
      {"tensors_many", tensors(1000), "offset 8: claims 1001 tensors"},
      {"one_key_more", keys(1), "offset "},
      {"one_tensor_more", tensors(1), "offset "},
  };
}

std::vector<Case> key_cases() {
  const std::string u32 = B::raw(uint32_t{1});
  B empty_key, zero_key, long_key, twice;
  empty_key.u32("", 1).u32("padding", 1);
  zero_key.u32(std::string_view("a\0b", 3), 1);
  long_key.u32(std::string(65536, 'k'), 1);
  twice.u32("k", 1).u32("k", 2);
  std::string past_end = B().u32("k", 1).bytes();
  past_end.replace(24, 8, B::raw(uint64_t{1} << 40));
  return {
      {"empty_key", empty_key.bytes(), "offset 24: key '' is empty"},
      {"zero_in_key", zero_key.bytes(), "key 'a\\x00b' contains a zero byte"},
      {"long_key", long_key.bytes(), "has 65536 bytes, more than 65535"},
      {"key_past_end", past_end, "offset 24: key claims 1099511627776 bytes"},
      {"key_twice", twice.bytes(), "offset 41: key 'k' appears twice"},
      {"bad_type", with_key(13, u32), "offset 33: key 'k' has the unknown type 13"},
      {"negative_type", with_key(0xffffffff, u32), "unknown type 4294967295"},
      {"bad_element_type", with_key(9, array(13, 0, "")), "unknown type 13"},
      {"nested_array", with_key(9, array(9, 1, array(0, 1, "x"))), "arrays of arrays"},
      {"bool_2", with_key(7, "\2"), "offset 37: key 'k' has a bool of value 2"},
      {"bool_in_array", with_key(9, array(7, 3, std::string("\1\0\3", 3))), "offset 51: key 'k' has a bool of value 3"},
      {"value_cut", with_key(10, "1234"), "1 elements do not fit in the file"},
      {"string_2_40", with_key(8, B::raw(uint64_t{1} << 40) + "text"),
       "offset 37: the value of key 'k' claims 1099511627776"},
      {"string_max", with_key(8, B::raw(~uint64_t{0}) + "text"), "claims 18446744073709551615 bytes"},
      {"array_2_61", with_key(9, array(12, uint64_t{1} << 61, "x")), "2305843009213693952 elements do not fit"},
      {"array_max", with_key(9, array(0, ~uint64_t{0}, "x")), "18446744073709551615 elements do not fit"},
      {"array_one_more", with_key(9, array(4, 2, "1234567")), "2 elements do not fit"},
      {"strings_2_61", with_key(9, array(8, uint64_t{1} << 61, "x")), "2305843009213693952 strings do not fit"},
      {"string_in_array_cut", with_key(9, array(8, 2, B::text("a") + B::raw(uint64_t{9}) + "short")),
       "claims 9 bytes, 5 are left"},
  };
}

std::vector<Case> alignment_cases() {
  const auto alignment = [](uint32_t value) { return B().u32("general.alignment", value).bytes(); };
  return {
      {"alignment_0", alignment(0), "general.alignment is 0"},
      {"alignment_3", alignment(3), "general.alignment is 3"},
      {"alignment_huge", alignment(0x80000000), "general.alignment is 2147483648"},
      {"alignment_string", B().string("general.alignment", "32").bytes(), "general.alignment is of type string"},
      {"alignment_u64", B().key("general.alignment", 10, B::raw(uint64_t{32})).bytes(), "is of type u64, expected u32"},
      {"alignment_past_end",
       B().u32("general.alignment", 1u << 30).tensor("t", {4}, 0, 0).data("0123456789abcdef").bytes(),
       "tensor 't' needs 16 bytes at offset 1073741824"},
  };
}

std::vector<Case> tensor_cases() {
  B twice, overlap, inside, empty_name, long_name;
  twice.tensor("t", {4}, 0, 0).tensor("t", {4}, 0, 32).data(std::string(64, 'x'));
  overlap.tensor("a", {16}, 0, 0).tensor("b", {16}, 0, 32).data(std::string(128, 'x'));
  inside.tensor("b", {1}, 0, 32).tensor("a", {32}, 0, 0).data(std::string(128, 'x'));
  empty_name.tensor("", {4}, 0, 0).tensor("u", {4}, 0, 0).data(std::string(32, 'x'));
  long_name.tensor(std::string(65, 'n'), {4}, 0, 0).data(std::string(32, 'x'));
  std::string many_dims = with_tensor({4}), all_dims = with_tensor({4});
  many_dims.replace(24 + 8 + 1, 4, B::raw(uint32_t{5}));
  all_dims.replace(24 + 8 + 1, 4, B::raw(~uint32_t{0}));
  const auto min = std::numeric_limits<int64_t>::min();
  const auto big = int64_t{1} << 32;
  return {
      {"empty_name", empty_name.bytes(), "tensor name '' is empty"},
      {"long_name", long_name.bytes(), "has 65 bytes, more than 64"},
      {"zero_in_name", B().tensor(std::string_view("a\0b", 3), {4}, 0, 0).data("0123456789abcdef").bytes(),
       "zero byte"},
      {"dims_5", many_dims, "tensor 't' has 5 dimensions"},
      {"dims_2_32", all_dims, "tensor 't' has 4294967295 dimensions"},
      {"dim_0", with_tensor({0}), "tensor 't' has a dimension of 0"},
      {"dim_negative", with_tensor({4, -1}), "tensor 't' has a dimension of -1"},
      {"dim_min", with_tensor({min}), "tensor 't' has a dimension of -9223372036854775808"},
      {"elements_overflow", with_tensor({big, big, big}), "the shape of tensor 't' overflows"},
      {"elements_wrap_to_0", with_tensor({big, big}), "the shape of tensor 't' overflows"},
      {"elements_wrap_to_4", with_tensor({(int64_t{1} << 62) + 1, 4}), "the shape of tensor 't' overflows"},
      {"bytes_2_63", with_tensor({int64_t{1} << 61}), "needs 9223372036854775808 bytes"},
      {"bytes_overflow", with_tensor({int64_t{1} << 62}, 28), "the size of tensor 't' overflows"},
      {"bad_type", with_tensor({4}, 99), "tensor 't' has the unknown type 99"},
      {"removed_type", with_tensor({32}, 4), "unknown type 4"},
      {"half_block", with_tensor({33}, 8), "rows of 33 values, not a multiple of Q8_0's block of 32"},
      {"row_below_block", with_tensor({16, 2}, 8), "rows of 16 values"},
      {"misaligned", with_tensor({4}, 0, 4), "tensor 't' has the offset 4, not a multiple of 32"},
      {"past_end", with_tensor({32}), "tensor 't' needs 128 bytes at offset 64, the file has 128"},
      {"offset_past_end", with_tensor({4}, 0, 4096), "needs 16 bytes at offset 4160"},
      {"offset_2_63", with_tensor({4}, 0, kHuge), "tensor 't' needs 16 bytes"},
      {"offset_max", with_tensor({4}, 0, ~uint64_t{31}), "tensor 't' needs 16 bytes"},
      {"no_data", with_tensor({4}, 0, 0, 0), "tensor 't' needs 16 bytes"},
      {"tensor_twice", twice.bytes(), "tensor 't' at offset "},
      {"overlap", overlap.bytes(), "tensor 'b' at offset 128 overlaps tensor 'a'"},
      {"inside_another", inside.bytes(), "tensor 'b' at offset 128 overlaps tensor 'a'"},
  };
}

TEST(GgufMalformed, IsRefusedInOneLine) {
  const TempFolder folder;
  size_t count = 0;
  for (const auto& cases : {header_cases(), key_cases(), alignment_cases(), tensor_cases()}) {
    for (const Case& c : cases) {
      SCOPED_TRACE(c.name);
      const auto path = folder.write(c.name + ".gguf", c.bytes);
      EXPECT_THAT(error_of([&] { GgufFile::open(path); }), AllOf(HasSubstr(path.string()), HasSubstr(c.error)));
      ++count;
    }
  }
  EXPECT_EQ(count, 65u);
}

TEST(GgufMalformed, CutAnywhere) {
  const TempFolder folder;
  B builder;
  builder.string("general.architecture", "llama").strings("tokens", {"a", "bc"}).u32("n", 3);
  builder.tensor("a", {4}, 0, 0).tensor("b", {32}, 8, 32).data(std::string(66, 'x'));
  const std::string whole = builder.bytes();
  EXPECT_EQ(GgufFile::open(folder.write("whole.gguf", whole)).tensors().size(), 2u);
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto path = folder.write("cut.gguf", whole.substr(0, size));
    EXPECT_THAT(error_of([&] { GgufFile::open(path); }), HasSubstr("offset")) << size;
  }
}

TEST(GgufMalformed, NotAFile) {
  const TempFolder folder;
  EXPECT_THAT(error_of([&] { GgufFile::open(folder.path()); }), HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { GgufFile::open(folder.path() / "absent.gguf"); }), HasSubstr("absent.gguf: No such file"));
}

}  // namespace
}  // namespace mica
