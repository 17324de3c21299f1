// .npy files as NumPy writes them (tests/oracle/io_oracle.py), and malformed ones.
#include "mica/io/npy.h"

#include <gtest/gtest.h>

#include "mica/base/file.h"
#include "tests/io/expect_error.h"
#include "tests/io/fixture.h"
#include "tests/io/temp_folder.h"

namespace mica {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Npy, ReadsWhatNumpyWrites) {
  for (const Json& want : load_json(io_fixture("npy.json"))) {
    const std::string name = want["name"].get<std::string>();
    SCOPED_TRACE(name);
    const NpyArray array = read_npy(io_fixture(name + ".npy"));
    EXPECT_EQ(array.shape, want["shape"].get<std::vector<int64_t>>());
    EXPECT_EQ(array.fortran_order, want["fortran"].get<bool>());
    EXPECT_EQ(hex(array.bytes), want["bytes"].get<std::string>());
  }
  EXPECT_EQ(read_npy(io_fixture("V2.npy")).type, StorageType::bf16);
  EXPECT_EQ(read_npy(io_fixture("u8.npy")).type, StorageType::u64);
}

TEST(Npy, WritesWhatNumpyWrites) {
  const TempFolder folder;
  for (const std::string name :
       {"b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "scalar", "empty"}) {
    const NpyArray array = read_npy(io_fixture(name + ".npy"));
    const auto path = folder.path() / "copy.npy";
    write_npy(path, array.type, array.shape, array.bytes);
    EXPECT_EQ(read_file(path, 4096), read_file(io_fixture(name + ".npy"), 4096)) << name;
  }
  EXPECT_THAT(error_of([&] { write_npy(folder.path() / "x.npy", StorageType::f8_e4m3, {}, {}); }),
              HasSubstr("F8_E4M3"));
  const std::array<int64_t, 1> shape = {3};
  EXPECT_THAT(error_of([&] { write_npy(folder.path() / "x.npy", StorageType::f32, shape, {}); }),
              HasSubstr("shape [3]"));
}

std::string npy(const std::string& header, size_t data = 0, const std::string& version = std::string("\1\0", 2)) {
  const auto length = static_cast<uint16_t>(header.size());
  return "\x93NUMPY" + version + std::string(reinterpret_cast<const char*>(&length), 2) + header +
         std::string(data, 'x');
}

std::string dict(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

TEST(Npy, MalformedIsRefusedInOneLine) {
  const TempFolder folder;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not an .npy file"},
      {"\x93NUMPZ\1\0\0\0", "not an .npy file"},
      {npy("", 0, std::string("\4\0", 2)), "offset 6: .npy version 4"},
      {std::string("\x93NUMPY\1\0", 8), "offset 8: the file ends inside the header"},
      {npy(dict("<f4", "(2,)"), 8).substr(0, 30), "offset 8: a header of"},
      {npy("[]"), "offset 10: expected '{'"},
      {npy("{}"), "needs descr, fortran_order and shape"},
      {npy("{'descr': '<f4'"), "expected '}'"},
      {npy("{'descr"), "the header ends inside a string"},
      {npy("{'evil': 1}"), "unexpected key 'evil'"},
      {npy("{'descr': '<f4', 'descr': '<f4'}"), "unexpected key 'descr'"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}"), "structured types"},
      {npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}"), "neither True nor False"},
      {npy(dict("|O", "(2,)"), 16), "arrays of type '|O' are not supported"},
      {npy(dict("<U4", "(2,)"), 32), "arrays of type '<U4' are not supported"},
      {npy(dict("", "(2,)"), 32), "arrays of type '' are not supported"},
      {npy(dict("<f4", "(2, -1)")), "a dimension is not a whole number"},
      {npy(dict("<f4", "(2L,)"), 8), "expected ')'"},
      {npy(dict("<f4", "(99999999999999999999,)")), "a dimension is not a whole number"},
      {npy(dict("<f4", "(4294967296, 4294967296)")), "0 bytes of data do not fit the shape"},
      {npy(dict("<f4", "(2,)"), 7), "7 bytes of data do not fit the shape [2]"},
      {npy(dict("<f4", "(2,)"), 9), "9 bytes of data do not fit the shape [2]"},
      {npy(dict("<f4", "(2,)") + "x", 8), "text follows the header's dictionary"},
  };
  for (const auto& [bytes, expected] : cases) {
    const auto path = folder.write("bad.npy", bytes);
    EXPECT_THAT(error_of([&] { read_npy(path); }), AllOf(HasSubstr(path.string()), HasSubstr(expected)));
  }
}

}  // namespace
}  // namespace mica
