// Files of functions that another program wrote, and such that nobody wrote.

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export_cases.h"
#include "fuzz/imported_function.h"
#include "fuzz/memory_file.h"
#include "mica/base/error.h"
#include "mica/mica.h"

namespace mica::testing {
namespace {

using ::testing::HasSubstr;

/// Small, with fields of many kinds and every kind of record.
Arrays sample(const Args& args, const Kwargs& kwargs) {
  const array& x = args[0];
  const array scaled = multiply(x, kwargs.at("scale"));
  const array flags = array({true, false, true, true});
  const array codes = quantize(ones({2, 32}), 32, 4)[0];
  return {where(flags, scaled, zeros_like(scaled)),
          take(x, args[1], 1),
          slice(x, {0, 1}, {2, 4}, {1, 2}),
          cumsum(transpose(x), 0),
          softmax(x, -1),
          codes,
          fft::rfft(x, 4, 1),
          conv1d(expand_dims(x, 2), ones({2, 3, 1}), 1, 1),
          slice(x, args[1], {0, 1}, {2, 1}),
          pad(x, 1),
          fast::layer_norm(x, std::nullopt, array({1.0f, 2.0f, 3.0f, 4.0f}), 1e-5f),
          fast::scaled_dot_product_attention(reshape(x, {1, 1, 2, 4}), ones({1, 1, 3, 4}), ones({1, 1, 3, 4}), 1.0f),
          random::bits({2}, 2, astype(slice(flatten(args[1]), {0}, {2}), uint32)),
          linalg::qr(transpose(x)).second};
}

const Args& sample_args() {
  static const Args args = {astype(scattered({2, 4}), float32), array({3, 0}, int32)};
  return args;
}

const Kwargs& sample_kwargs() {
  static const Kwargs kwargs = {{"scale", array({2.0f, -1.0f, 0.5f, 3.0f})}};
  return kwargs;
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
}

/// Whether the file is refused; one that is not must run or throw, too.
bool refused(const std::string& bytes) {
  const MemoryFile file(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  try {
    run_imported(file.path().string());
    return false;
  } catch (const std::exception&) {
    return true;
  }
}

/// Written once by this test with MICA_WRITE_FIXTURES set: files of version 1 stay readable.
TEST(ExportFile, OfAnEarlierProgramStillRuns) {
  const std::string path = MICA_TEST_FIXTURES "/transforms/sample.micafn";
  const std::function<Arrays(const Args&, const Kwargs&)> fun = sample;
  if (std::getenv("MICA_WRITE_FIXTURES")) export_function(path, fun, sample_args(), sample_kwargs(), false, "sample");
  const ImportedFunction imported = import_function(path);
  EXPECT_EQ(imported.metadata(), "sample");
  const Arrays got = imported(sample_args(), sample_kwargs());
  const Arrays wanted = sample(sample_args(), sample_kwargs());
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].dtype(), wanted[i].dtype());
    // Not to the bit: the file's constants come from another machine's kernels.
    const bool exact = !issubdtype(got[i].dtype(), inexact);
    EXPECT_TRUE((exact ? array_equal(got[i], wanted[i]) : allclose(got[i], wanted[i])).item<bool>()) << i;
  }
}

TEST(ExportFile, MalformedIsRefusedOrRuns) {
  const TemporaryFile whole;
  const std::function<Arrays(const Args&, const Kwargs&)> fun = sample;
  for (const bool shapeless : {false, true}) {
    export_function(whole.path(), fun, sample_args(), sample_kwargs(), shapeless, "m");
    const std::string bytes = bytes_of(whole.path());
    ASSERT_FALSE(refused(bytes));
    size_t refusals = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_TRUE(refused(bytes.substr(0, i))) << "cut to " << i << " bytes";
      for (const int bits : {0x01, 0x02, 0x80, 0xff}) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ bits);
        refusals += refused(changed) ? 1 : 0;
      }
    }
    // Most bytes are structure; those of constants and names may be anything.
    EXPECT_GT(refusals, bytes.size());
    EXPECT_TRUE(refused(bytes + '\0'));
  }
}

/// Small functions of most families of operations, of which every byte is changed in turn.
TEST(ExportFile, MalformedOfEveryFamily) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MICA_TEST_FIXTURES "/transforms/seeds")) {
    const std::string bytes = bytes_of(entry.path().string());
    ASSERT_FALSE(bytes.empty());
    ++files;
    size_t refusals = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const int bits : {0x01, 0x04, 0xff}) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ bits);
        refusals += refused(changed) ? 1 : 0;
      }
    }
    EXPECT_GT(refusals, bytes.size() / 4) << entry.path();
  }
  EXPECT_GT(files, 20u);
}

TEST(ExportFile, ErrorsNameFileAndPlace) {
  const TemporaryFile file;
  const auto expect_error = [&](const std::string& bytes, const char* message) {
    write(file.path(), bytes);
    EXPECT_THAT([&] { import_function(file.path()); },
                ::testing::ThrowsMessage<Error>(::testing::AllOf(HasSubstr(file.path()), HasSubstr(message))));
  };
  expect_error("", "not a file of exported functions");
  expect_error("GGUF and so on", "not a file of exported functions");
  expect_error("MICAFUNC\x02", "where 1 are left");
  expect_error(std::string("MICAFUNC\x02\0\0\0", 12), "version 2");
  expect_error(std::string("MICAFUNC\x01\0\0\0\0\0\0\0\0\0\0\0\x07", 21), "unknown record 7");
}

}  // namespace
}  // namespace mica::testing
