// Reading well-formed GGUF files: what the gguf Python package writes (tests/oracle/io_oracle.py), and split models.
#include "mica/io/gguf.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/io/expect_error.h"
#include "tests/io/fixture.h"
#include "tests/io/gguf_builder.h"
#include "tests/io/temp_folder.h"

namespace mica {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Gguf, TypesAreThoseOfGgml) {
  for (const Json& type : load_json(io_fixture("ggml_types.json"))) {
    const GgmlType* found = find_ggml_type(type["id"].get<uint32_t>());
    ASSERT_NE(found, nullptr) << type["name"];
    EXPECT_EQ(found->name, type["name"].get<std::string>());
    EXPECT_EQ(found->block, type["block"].get<uint32_t>()) << found->name;
    // The gguf package still has Q8_1's old layout of two floats a block; ggml-common.h has two halves.
    if (found->name == "Q8_1") continue;
    EXPECT_EQ(found->bytes, type["bytes"].get<uint32_t>()) << found->name;
    EXPECT_EQ(find_ggml_type(found->name), found);
  }
  for (const uint32_t removed : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 0xffffffffu}) {
    EXPECT_EQ(find_ggml_type(removed), nullptr) << removed;
  }
}

TEST(Gguf, MetadataOfEveryType) {
  const GgufFile file = GgufFile::open(io_fixture("reference.gguf"));
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.get_string("general.architecture"), "llama");
  EXPECT_EQ(file.get_u64("test.u8"), 255u);
  EXPECT_EQ(file.get_i64("test.i8"), -128);
  EXPECT_EQ(file.get_u64("test.u16"), 65535u);
  EXPECT_EQ(file.get_i64("test.i16"), -32768);
  EXPECT_EQ(file.get_u64("test.u32"), 4294967295u);
  EXPECT_EQ(file.get_i64("test.i32"), std::numeric_limits<int32_t>::min());
  EXPECT_EQ(file.get_u64("test.u64"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(file.get_i64("test.i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(file.get_f64("test.f32"), 1.5);
  EXPECT_EQ(file.get_f64("test.f64"), 0.1);
  EXPECT_EQ(file.get_f64("test.u8"), 255.0);
  EXPECT_TRUE(file.get_bool("test.bool"));
  EXPECT_EQ(file.get_string("test.string"), "grüße");
  const GgufStrings strings = file.get_strings("test.strings");
  EXPECT_EQ(strings.size(), 4u);
  EXPECT_THAT(strings.to_vector(), ElementsAre("a", "", "ü", "long string long string long string "));
  EXPECT_THAT(file.get("test.ints").as_i64_array(), ElementsAre(1, -2, 3));
  EXPECT_THAT(file.get("test.floats").as_f32_array(), ElementsAre(0.5f, -1.25f));
  EXPECT_THAT(file.get("test.bools").as_i64_array(), ElementsAre(1, 0, 1));
  EXPECT_THAT(file.get("test.u8").as_i64_array(), ElementsAre(255));
}

TEST(Gguf, DefaultsAndLookupErrors) {
  const GgufFile file = GgufFile::open(io_fixture("reference.gguf"));
  EXPECT_EQ(file.get_u64("absent", 7), 7u);
  EXPECT_EQ(file.get_i64("absent", -7), -7);
  EXPECT_EQ(file.get_f64("absent", 0.25), 0.25);
  EXPECT_TRUE(file.get_bool("absent", true));
  EXPECT_EQ(file.get_string("absent", "x"), "x");
  EXPECT_EQ(file.get_u64("test.u8", 7), 255u);
  EXPECT_EQ(file.find("absent"), nullptr);
  const auto error = [&](auto read) { return error_of([&] { read(file); }); };
  EXPECT_THAT(error([](const auto& f) { f.get_u64("absent"); }), HasSubstr("reference.gguf: key 'absent' is missing"));
  EXPECT_THAT(error([](const auto& f) { f.get_u64("test.i8"); }), HasSubstr("key 'test.i8' at offset "));
  EXPECT_THAT(error([](const auto& f) { f.get_i64("test.u64"); }), HasSubstr("out of range"));
  EXPECT_THAT(error([](const auto& f) { f.get_u64("test.string"); }),
              HasSubstr("is of type string, expected an integer"));
  EXPECT_THAT(error([](const auto& f) { f.get_u64("test.bool"); }), HasSubstr("expected an integer"));
  EXPECT_THAT(error([](const auto& f) { f.get_u64("test.f32"); }), HasSubstr("expected an integer"));
  EXPECT_THAT(error([](const auto& f) { f.get_u64("test.ints"); }), HasSubstr("an array of i32, expected an integer"));
  EXPECT_THAT(error([](const auto& f) { f.get_f64("test.bool"); }), HasSubstr("expected a number"));
  EXPECT_THAT(error([](const auto& f) { f.get_bool("test.u8", true); }), HasSubstr("expected a bool"));
  EXPECT_THAT(error([](const auto& f) { f.get_string("test.strings"); }), HasSubstr("expected a string"));
  EXPECT_THAT(error([](const auto& f) { f.get_strings("test.string"); }), HasSubstr("expected an array of strings"));
  EXPECT_THAT(error([](const auto& f) { f.get("test.strings").as_i64_array(); }), HasSubstr("expected an integer"));
  EXPECT_THAT(error([](const auto& f) { f.get_tensor("absent"); }), HasSubstr("tensor 'absent' is missing"));
}

TEST(Gguf, TensorsAreThoseOfTheReferenceReader) {
  const GgufFile file = GgufFile::open(io_fixture("reference.gguf"));
  const Json expected = load_json(io_fixture("reference.gguf.json"));
  ASSERT_EQ(file.tensors().size(), expected.size());
  for (const Json& want : expected) {
    const GgufTensor& tensor = file.get_tensor(want["name"].get<std::string>());
    EXPECT_EQ(tensor.type->name, want["type"].get<std::string>());
    EXPECT_EQ(tensor.dims, want["dims"].get<std::vector<int64_t>>());
    EXPECT_EQ(tensor.offset(), want["offset"].get<uint64_t>());
    EXPECT_EQ(hex(tensor.bytes), want["bytes"].get<std::string>());
  }
  EXPECT_THAT(file.get_tensor("f32").shape(), ElementsAre(2, 3));
  EXPECT_EQ(file.get_tensor("q8").elements(), 128);
}

TEST(Gguf, ViewsOutliveTheFile) {
  GgufTensor tensor;
  GgufValue value;
  {
    const GgufFile file = GgufFile::open(io_fixture("reference.gguf"));
    tensor = file.get_tensor("i8");
    value = file.get("test.string");
  }
  EXPECT_EQ(hex(tensor.bytes), "0001020304");
  EXPECT_EQ(value.as_string(), "grüße");
}

TEST(Gguf, Version2AndScalarsAndNoTensors) {
  const TempFolder folder;
  GgufBuilder builder;
  builder.version = 2;
  builder.u32("n", 5);
  EXPECT_EQ(GgufFile::open(folder.write("v2.gguf", builder.bytes())).get_u64("n"), 5u);
  builder.tensor("scalar", {}, 0, 0).data(GgufBuilder::raw(2.5f));
  const GgufFile file = GgufFile::open(folder.write("scalar.gguf", builder.bytes()));
  EXPECT_EQ(file.tensors().at(0).elements(), 1);
  EXPECT_EQ(file.tensors().at(0).bytes.size(), 4u);
}

GgufBuilder shard(uint16_t number, uint16_t count) {
  GgufBuilder builder;
  if (number == 0) builder.string("general.architecture", "llama");
  builder.u16("split.no", number)
      .u16("split.count", count)
      .key("split.tensors.count", 5, GgufBuilder::raw(int32_t{count}));
  builder.tensor("t" + std::to_string(number), {8}, 0, 0).data(std::string(32, static_cast<char>('a' + number)));
  return builder;
}

class GgufShards : public testing::Test {
 protected:
  std::filesystem::path put(uint16_t number, const GgufBuilder& builder) {
    return folder.write(fmt::format("m-{:05}-of-00003.gguf", number + 1), builder.bytes());
  }
  void SetUp() override {
    first = put(0, shard(0, 3));
    put(1, shard(1, 3));
    put(2, shard(2, 3));
  }
  std::string error() {
    return error_of([&] { GgufFile::open(first); });
  }
  TempFolder folder;
  std::filesystem::path first;
};

TEST_F(GgufShards, AreOneModel) {
  const GgufFile file = GgufFile::open(first);
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(std::to_integer<char>(file.get_tensor("t2").bytes[0]), 'c');
  EXPECT_EQ(file.get_string("general.architecture"), "llama");
}

TEST_F(GgufShards, ProblemsNameTheShard) {
  EXPECT_THAT(error_of([&] { GgufFile::open(folder.path() / "m-00002-of-00003.gguf"); }),
              HasSubstr("open the first one"));
  put(2, shard(1, 3));
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf: split.no 1 of split.count 3, expected 2 of 3"));
  put(2, shard(2, 4));
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf: split.no 2 of split.count 4"));
  put(2, GgufBuilder().u32("x", 1));
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf: key 'split.count' is missing"));
  put(2, shard(2, 3).string("general.architecture", "qwen2"));
  EXPECT_THAT(error(), HasSubstr("general.architecture is 'qwen2', the first shard's is 'llama'"));
  put(2, shard(2, 3).tensor("t3", {1}, 0, 32).data(std::string(36, 'x')));
  EXPECT_THAT(error(), HasSubstr("split.tensors.count is 3, the shards have 4 tensors"));
  std::filesystem::remove(folder.path() / "m-00003-of-00003.gguf");
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf: No such file"));
}

TEST_F(GgufShards, NamesMustFollowThePattern) {
  first = folder.write("m.gguf", shard(0, 3).bytes());
  EXPECT_THAT(error(), HasSubstr("must end in -00001-of-00003.gguf"));
  first = folder.write("m-00001-of-00002.gguf", shard(0, 3).bytes());
  EXPECT_THAT(error(), HasSubstr("must end in -00001-of-00003.gguf"));
  first = folder.write("many-00001-of-65535.gguf", shard(0, 65535).bytes());
  EXPECT_THAT(error(), HasSubstr("split.count is 65535, more than"));
}

TEST_F(GgufShards, TheSameTensorTwice) {
  GgufBuilder twin;
  twin.u16("split.no", 2).u16("split.count", 3).tensor("t1", {8}, 0, 0).data(std::string(32, 'x'));
  put(2, twin);
  EXPECT_THAT(error(), HasSubstr("m-00003-of-00003.gguf: tensor 't1' at offset "));
}

}  // namespace
}  // namespace mica
