// Arrays from and to files: those that MLX and NumPy wrote (tests/oracle/array_files_oracle.py), and what mica writes.
#include "mica/io/array_files.h"

#include <cstring>
#include <map>

#include <gtest/gtest.h>

#include "mica/io/gguf_arrays.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/reduce.h"
#include "mica/ops/shape.h"
#include "tests/io/expect_error.h"
#include "tests/io/fixture.h"
#include "tests/io/temp_folder.h"

namespace mica {
namespace {

using testing::HasSubstr;
using Arrays = std::unordered_map<std::string, array>;

std::string fixture_file(const std::string& name) {
  return (io_fixture("arrays") / name).string();
}

void expect_equal(const array& a, const array& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.dtype(), b.dtype());
  EXPECT_TRUE(array_equal(a, b).item<bool>());
}

void expect_equal(const Arrays& a, const Arrays& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, value] : a) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(b.contains(name));
    expect_equal(value, b.at(name));
  }
}

/// (0, 1 … 11) / 8 − 0.5, the oracle's array.
array base() {
  return reshape(divide(arange(12, float32), array(8.0f)), {3, 4}) - array(0.5f);
}

/// A stream in memory.
class MemoryStream final : public io::Reader, public io::Writer {
 public:
  explicit MemoryStream(std::string bytes = "") : bytes_(std::move(bytes)) {}
  bool is_open() const override { return true; }
  bool good() const override { return true; }
  size_t tell() override { return at_; }
  void seek(int64_t offset, std::ios_base::seekdir way) override {
    at_ = static_cast<size_t>(offset) + (way == std::ios_base::end   ? bytes_.size()
                                         : way == std::ios_base::cur ? at_
                                                                     : 0);
  }
  void read(char* data, size_t n) override {
    read(data, n, at_);
    at_ += n;
  }
  void read(char* data, size_t n, size_t offset) override {
    if (offset + n > bytes_.size()) throw std::runtime_error("too short");
    std::memcpy(data, bytes_.data() + offset, n);
  }
  void write(const char* data, size_t n) override { bytes_.append(data, n); }
  std::string label() const override { return "memory"; }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

TEST(ArrayFiles, ReadsWhatMlxAndNumpyWrite) {
  const auto [arrays, metadata] = load_safetensors(fixture_file("mlx.safetensors"));
  EXPECT_EQ(metadata, (std::unordered_map<std::string, std::string>{{"format", "mlx"}, {"made by", "MLX"}}));
  expect_equal(arrays, Arrays{{"f32", base()},
                              {"bf16", astype(base(), bfloat16)},
                              {"f16", astype(base(), float16)},
                              {"i8", array({-128, 0, 127}, int8)},
                              {"u32", array({uint32_t{0}, uint32_t{4294967295u}}, {1, 2}, uint32)},
                              {"i64", array(-(int64_t{1} << 40), int64)},
                              {"bool", array({true, false}, bool_)},
                              {"c64", array({complex64_t(1, 2), complex64_t(0, -0.5f)}, {2}, complex64)},
                              {"empty", zeros({0, 3})}});
  expect_equal(load(fixture_file("bf16.npy")), astype(base(), bfloat16));
  expect_equal(load(fixture_file("columns.npy")), transpose(base()));
  expect_equal(load_npz(fixture_file("stored.npz")), Arrays{{"a", base()}, {"layers.0.w", array({0, 1, 2}, int16)}});
  expect_equal(load_npz(fixture_file("deflated.npz")), Arrays{{"a", zeros({64, 64}, float64)}, {"b", array(7, uint8)}});
}

TEST(ArrayFiles, ReadsGgufAsMlxDoes) {
  const auto [arrays, metadata] = load_gguf(fixture_file("mlx.gguf"));
  expect_equal(arrays, Arrays{{"f32", base()},
                              {"f16", astype(base(), float16)},
                              {"i8", array({-128, 0, 127}, int8)},
                              {"i32", array({1, -2}, {1, 2, 1}, int32)}});
  EXPECT_EQ(std::get<std::string>(metadata.at("text")), "grüße");
  EXPECT_EQ(std::get<std::vector<std::string>>(metadata.at("texts")), (std::vector<std::string>{"a", "", "b"}));
  expect_equal(std::get<array>(metadata.at("number")), array(3, uint32));
  expect_equal(std::get<array>(metadata.at("numbers")), array({1.5f, -2.0f}));
  // Q4_0, Q4_1 and Q8_0 in MLX's affine form, bit for bit.
  expect_equal(load_gguf(fixture_file("quantized.gguf")).first,
               load_safetensors(fixture_file("quantized.safetensors")).first);
}

TEST(ArrayFiles, WhatIsWrittenComesBack) {
  const TempFolder folder;
  Arrays arrays = load_safetensors(fixture_file("mlx.safetensors")).first;
  arrays.emplace("transposed", transpose(base()));
  const std::string file = (folder.path() / "out").string();
  save_safetensors(file, arrays, {{"k", "v"}});
  const auto again = load_safetensors(file + ".safetensors");
  expect_equal(again.first, arrays);
  EXPECT_EQ(again.second.at("k"), "v");
  arrays.emplace("f64", array(0.1, float64));
  savez(file, arrays);
  expect_equal(load_npz(file + ".npz"), arrays);
  savez_compressed(file, arrays);
  expect_equal(load_npz(file + ".npz"), arrays);
  for (const auto& [name, value] : arrays) {
    save(file, value);
    expect_equal(load(file + ".npy"), value);
  }
  const Arrays plain = {{"w", base()}, {"h", astype(base(), bfloat16)}, {"n", array(1.5, float64)}};
  const std::unordered_map<std::string, GGUFMetaData> metadata = {
      {"general.name", std::string("x")}, {"a", array({1, 2, 3})}, {"b", array(true)}, {"none", std::monostate{}}};
  save_gguf(file, plain, metadata);
  const auto gguf = load_gguf(file + ".gguf");
  expect_equal(gguf.first, plain);
  EXPECT_EQ(gguf.second.size(), 3u);
  expect_equal(std::get<array>(gguf.second.at("a")), array({1, 2, 3}));
  expect_equal(std::get<array>(gguf.second.at("b")), array(true));
}

TEST(ArrayFiles, StreamsAreReadAndWritten) {
  const Arrays arrays = {{"a", base()}, {"b", transpose(base())}};
  const auto stream = std::make_shared<MemoryStream>();
  save_safetensors(std::shared_ptr<io::Writer>(stream), arrays, {{"k", "v"}});
  const auto back = load_safetensors(std::shared_ptr<io::Reader>(stream));
  expect_equal(back.first, arrays);
  const auto one = std::make_shared<MemoryStream>();
  save(std::shared_ptr<io::Writer>(one), base());
  expect_equal(load(std::shared_ptr<io::Reader>(one)), base());
  const TempFolder folder;
  const std::string path = (folder.path() / "x.npy").string();
  save(std::make_shared<io::FileWriter>(path), base());
  expect_equal(load(std::make_shared<io::ParallelFileReader>(path)), base());
}

TEST(ArrayFiles, AFileCanBeOverwrittenByWhatWasReadFromIt) {
  const TempFolder folder;
  const std::string file = (folder.path() / "x.npy").string();
  save(file, base());
  save(file, load(file) + array(1.0f));
  expect_equal(load(file), base() + array(1.0f));
}

TEST(ArrayFiles, ErrorsNameTheFile) {
  const TempFolder folder;
  const std::string missing = (folder.path() / "missing").string();
  for (const auto& read :
       std::vector<std::function<void()>>{[&] { load(missing); }, [&] { load_npz(missing); },
                                          [&] { load_gguf(missing); }, [&] { load_safetensors(missing); }}) {
    EXPECT_THAT(error_of(read), HasSubstr(missing));
  }
  const auto closed = std::make_shared<io::ParallelFileReader>(missing);
  EXPECT_FALSE(closed->is_open());
  EXPECT_THAT(error_of([&] { load(closed); }), HasSubstr(missing));
  const std::string bad = folder.write("bad.npz", "PK\x03\x04 no archive").string();
  EXPECT_THAT(error_of([&] { load_npz(bad); }), HasSubstr(bad));
  EXPECT_THAT(error_of([&] { save_gguf(missing, {{"x", array(1u)}}); }), HasSubstr("'x'"));
  EXPECT_THAT(error_of([&] { save((folder.path() / "no" / "such").string(), base()); }), HasSubstr("no/such"));
  // Nothing half-written is left.
  EXPECT_FALSE(std::filesystem::exists(missing + ".gguf"));
}

}  // namespace
}  // namespace mica
