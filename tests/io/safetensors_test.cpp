// Reading what the safetensors package writes (tests/oracle/io_oracle.py), model folders, and writing.
#include "mica/io/safetensors.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "mica/io/safetensors_writer.h"
#include "tests/io/expect_error.h"
#include "tests/io/fixture.h"
#include "tests/io/temp_folder.h"

namespace mica {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::filesystem::path write_model(const std::filesystem::path& path, const std::string& tensor, char fill) {
  SafetensorsWriter writer(path, {{tensor, StorageType::u8, {4}}}, {});
  writer.write(as_bytes(std::string(4, fill)));
  writer.commit();
  return path;
}

std::string weight_map(const std::string& pairs) {
  return R"({"metadata": {}, "weight_map": {)" + pairs + "}}";
}

TEST(Safetensors, EveryTypeAsTheReferenceWritesIt) {
  const Safetensors file = Safetensors::open(io_fixture("reference.safetensors"));
  EXPECT_THAT(file.metadata(), UnorderedElementsAre(Pair("format", "pt"), Pair("name", "grüße \"q\"")));
  const Json expected = load_json(io_fixture("reference.safetensors.json"));
  ASSERT_EQ(file.entries().size(), expected.size());
  for (const Json& want : expected) {
    const SafetensorsEntry& entry = file.get(want["name"].get<std::string>());
    EXPECT_EQ(storage_name(entry.type), want["type"].get<std::string>());
    EXPECT_EQ(entry.shape, want["shape"].get<std::vector<int64_t>>());
    EXPECT_EQ(hex(entry.bytes), want["bytes"].get<std::string>()) << entry.name;
  }
}

TEST(Safetensors, WritesWhatTheReferenceWrites) {
  const TempFolder folder;
  const Safetensors reference = Safetensors::open(io_fixture("reference.safetensors"));
  std::vector<SafetensorsEntry> entries = reference.entries();
  std::ranges::sort(entries, {}, [](const auto& e) { return std::pair(e.offset(), e.bytes.size()); });
  std::vector<SafetensorsSpec> specs;
  specs.reserve(entries.size());
  for (const auto& e : entries) specs.push_back({e.name, e.type, e.shape});
  SafetensorsWriter writer(folder.path() / "copy.safetensors", specs, reference.metadata());
  for (const auto& e : entries) writer.write(e.bytes);
  writer.commit();
  EXPECT_EQ(read_file(folder.path() / "copy.safetensors", 1 << 20),
            read_file(io_fixture("reference.safetensors"), 1 << 20));
}

TEST(Safetensors, FolderByIndexByGlobAndThroughSymlinks) {
  const TempFolder folder;
  const TempFolder blobs;
  write_model(folder.path() / "model-00001-of-00002.safetensors", "a", 'a');
  // The layout of Hugging Face's cache: files of a snapshot are links to blobs elsewhere.
  std::filesystem::create_symlink(write_model(blobs.path() / "0123abcd", "b", 'b'),
                                  folder.path() / "model-00002-of-00002.safetensors");
  write_model(folder.path() / "adapters.safetensors", "lora", 'l');
  EXPECT_EQ(Safetensors::open(folder.path()).entries().size(), 2u);
  folder.write("model.safetensors.index.json",
               weight_map(R"("b": "model-00002-of-00002.safetensors", "a": "model-00001-of-00002.safetensors")"));
  const Safetensors model = Safetensors::open(folder.path());
  ASSERT_EQ(model.entries().size(), 2u);
  EXPECT_EQ(hex(model.get("b").bytes), "62626262");
  EXPECT_THAT(error_of([&] { model.get("c"); }), HasSubstr("tensor 'c' is missing"));
  EXPECT_EQ(model.find("c"), nullptr);
}

TEST(Safetensors, IndexOfAnotherModelIsIgnored) {
  const TempFolder folder;
  write_model(folder.path() / "model.safetensors", "a", 'a');
  folder.write("model.safetensors.index.json", weight_map(R"("a": "model-00001-of-00009.safetensors")"));
  EXPECT_EQ(Safetensors::open(folder.path()).entries().size(), 1u);
}

TEST(Safetensors, ShardsAndIndexAsMlxLmLaysThemOut) {
  const TempFolder folder;
  const std::vector<SafetensorsSpec> specs = {{"z", StorageType::u8, {6}},
                                              {"a", StorageType::u8, {6}},
                                              {"m", StorageType::u8, {20}},
                                              {"b", StorageType::u8, {1}}};
  SafetensorsSaveOptions options;
  options.max_shard_bytes = 12;
  options.total_parameters = 33;
  std::string data;
  save_safetensors_model(folder.path(), specs, options, [&](size_t i) {
    data.assign(static_cast<size_t>(specs[i].shape[0]), static_cast<char>('0' + i));
    return as_bytes(data);
  });
  std::set<std::string> names;
  for (const auto& item : std::filesystem::directory_iterator(folder.path())) names.insert(item.path().filename());
  EXPECT_THAT(names, ElementsAre("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                                 "model-00003-of-00003.safetensors", "model.safetensors.index.json"));
  EXPECT_EQ(read_file(folder.path() / "model.safetensors.index.json", 1 << 20), R"({
    "metadata": {
        "total_size": 33,
        "total_parameters": 33
    },
    "weight_map": {
        "a": "model-00001-of-00003.safetensors",
        "b": "model-00003-of-00003.safetensors",
        "m": "model-00002-of-00003.safetensors",
        "z": "model-00001-of-00003.safetensors"
    }
})");
  const Safetensors model = Safetensors::open(folder.path());
  EXPECT_EQ(model.entries()[0].name, "z");
  EXPECT_EQ(hex(model.get("a").bytes), "313131313131");
  EXPECT_THAT(model.metadata(), ElementsAre(Pair("format", "mlx")));
}

TEST(Safetensors, WriterRefusesMistakes) {
  const TempFolder folder;
  const auto path = folder.path() / "x.safetensors";
  const std::vector<SafetensorsSpec> one = {{"a", StorageType::f32, {2}}};
  EXPECT_THAT(error_of([&] { SafetensorsWriter(path, {one[0], one[0]}, {}); }), HasSubstr("two tensors named 'a'"));
  EXPECT_THAT(error_of([&] { SafetensorsWriter(path, {{"a", StorageType::f32, {-1}}}, {}); }), HasSubstr("overflows"));
  EXPECT_THAT(error_of([&] { SafetensorsWriter(path, one, {}).write(as_bytes("1234")); }),
              HasSubstr("has 8 bytes, given 4"));
  EXPECT_THAT(error_of([&] { SafetensorsWriter(path, one, {}).commit(); }), HasSubstr("0 of 1 tensors are written"));
  EXPECT_THAT(error_of([&] { SafetensorsWriter(path, {}, {}).write({}); }), HasSubstr("all 0 tensors are written"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace mica
