// Weights that were packed before: the same numbers from them, and from no file that is not the model's.

#include "mica/lm/packed_weights.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mica/base/file.h"
#include "mica/io/safetensors_writer.h"
#include "mica/ops/shape.h"
#include "tests/io/expect_error.h"
#include "tests/io/temp_folder.h"
#include "tests/lm/tiny_models.h"

namespace mica::lm {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = MICA_TEST_FIXTURES;

std::vector<float> logits(const Model& model) {
  const std::vector<int32_t> tokens = {5, 9, 1, 40, 33, 2, 71};
  PromptCache cache = model.make_cache();
  array out = contiguous(model.forward(array(tokens.data(), Shape{1, 7}, int32), cache, false));
  out.eval();
  return {out.data<float>(), out.data<float>() + out.size()};
}

std::vector<float> logits(const fs::path& model, const fs::path& packed, Activation activation = Activation::int8) {
  LoadOptions options;
  options.activation = activation;
  options.packed = packed;
  return logits(load_model(model, options).model);
}

bool is_equal(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::string bytes_of(const fs::path& path) {
  return read_file(path, uint64_t{1} << 30);
}

/// A model folder of its own, that files may be laid into.
fs::path copy_of(const fs::path& model, const TempFolder& folder) {
  fs::copy(model, folder.path() / "model");
  return folder.path() / "model";
}

TEST(PackedWeights, GiveTheSameLogits) {
  for (const char* group : {"families", "mlx"}) {
    for (const std::string& name : tiny_models(group)) {
      SCOPED_TRACE(name);
      const TempFolder folder;
      const fs::path model = kFixtures / group / name;
      const fs::path packed = folder.path() / "packed";
      pack_model(model, {packed});
      for (const Activation activation : {Activation::int8, Activation::exact}) {
        EXPECT_TRUE(is_equal(logits(model, packed, activation), logits(model, "", activation)));
      }
    }
  }
}

TEST(PackedWeights, AreWhatProductsRead) {
  const TempFolder folder;
  const fs::path model = copy_of(kFixtures / "mlx" / "affine_4_64", folder);
  const std::vector<float> expected = logits(model, "");
  const PackedModel packed = pack_model(model);
  EXPECT_EQ(packed.path, model / "packed.mica");
  EXPECT_GE(fs::file_size(packed.path), packed.bytes);
  EXPECT_TRUE(is_equal(logits(model, ""), expected));
  // A change in the file shows, the header as it was.
  std::string bytes = bytes_of(packed.path);
  for (size_t i = bytes.size() - packed.bytes; i < bytes.size(); i += 5) bytes[i] ^= 0x11;
  write_file(packed.path, bytes);
  EXPECT_FALSE(is_equal(logits(model, ""), expected));
}

TEST(PackedWeights, LeaveOutWhatIsOnlyLookedUp) {
  const TempFolder folder;
  for (const char* name : {"llama", "llama_bias_tied"}) {
    const PackedModel packed = pack_model(kFixtures / "families" / name, {folder.path() / name});
    const Safetensors file = Safetensors::parse(MappedFile::open(packed.path));
    const bool is_tied = file.find("lm_head") == nullptr;
    EXPECT_EQ(is_tied, std::string(name) == "llama_bias_tied");
    EXPECT_EQ(file.find("model.embed_tokens") != nullptr, is_tied);
    EXPECT_NE(file.find("model.layers.0.self_attn.q_proj"), nullptr);
    for (const SafetensorsEntry& entry : file.entries()) EXPECT_EQ(entry.offset() % 64, 0u) << entry.name;
  }
}

TEST(PackedWeights, OfOtherWeightsAreNotUsed) {
  const TempFolder folder;
  const fs::path model = copy_of(kFixtures / "families" / "llama", folder);
  pack_model(model);
  // The model's last bytes are a matrix's: another model of the same shape and size.
  std::string bytes = bytes_of(model / "model.safetensors");
  bytes[bytes.size() - 3] ^= 0x40;
  write_file(model / "model.safetensors", bytes);
  fs::rename(model / "packed.mica", folder.path() / "old");
  const std::vector<float> expected = logits(model, "");
  fs::copy(folder.path() / "old", model / "packed.mica");
  EXPECT_TRUE(is_equal(logits(model, ""), expected));
  const std::string error = error_of([&] { logits(model, folder.path() / "old"); });
  EXPECT_THAT(error, testing::AllOf(testing::HasSubstr("old"), testing::HasSubstr("other weights")));
}

TEST(PackedWeights, RefusesFilesThatAreNoneWhenAskedForThem) {
  const TempFolder folder;
  const fs::path model = kFixtures / "families" / "llama";
  const fs::path packed = pack_model(model, {folder.path() / "packed"}).path;
  const std::string whole = bytes_of(packed);
  const auto refused = [&](const std::string& name, const std::string& bytes) {
    SCOPED_TRACE(name);
    const std::string error = error_of([&] { logits(model, folder.write(name, bytes)); });
    EXPECT_THAT(error, testing::HasSubstr(name));
  };
  for (size_t length = 0; length < whole.size(); length += whole.size() / 11) {
    refused(fmt::format("cut_{}", length), whole.substr(0, length));
  }
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string out = whole;
    out.replace(out.find(from), from.size(), to);
    return out;
  };
  refused("no_panels", replaced("mica panels", "mica pebbles"));
  refused("no_layout", replaced(R"("layout":"1")", R"("layout":"0")"));
  refused("no_weights", replaced(R"("weights":")", R"("heights":")"));
  refused("model", bytes_of(model / "model.safetensors"));
  EXPECT_THAT(error_of([&] { logits(model, folder.path() / "missing"); }), testing::HasSubstr("missing"));
}

TEST(PackedWeights, RefusesMatricesOfAnotherSizeOrPlace) {
  const TempFolder folder;
  const fs::path model = kFixtures / "families" / "llama";
  const Safetensors file = Safetensors::parse(MappedFile::open(pack_model(model, {folder.path() / "packed"}).path));
  const auto rewritten = [&](const std::string& name, size_t alignment, int64_t more) {
    std::vector<SafetensorsSpec> specs;
    for (const SafetensorsEntry& entry : file.entries()) {
      specs.push_back({entry.name, entry.type, {entry.shape[0] + more}});
    }
    SafetensorsWriter writer(folder.path() / name, specs, file.metadata(), alignment);
    for (const SafetensorsSpec& spec : specs) writer.write(std::vector<std::byte>(spec.size()));
    writer.commit();
    return folder.path() / name;
  };
  EXPECT_NO_THROW(logits(model, rewritten("right", 64, 0)));
  const fs::path larger = rewritten("larger", 64, 64);
  EXPECT_THAT(error_of([&] { logits(model, larger); }), testing::HasSubstr("larger"));
  // A header that is longer by 8 bytes puts the first tensor off its place.
  std::string bytes = bytes_of(folder.path() / "right");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  bytes.insert(sizeof length + length, 8, ' ');
  length += 8;
  std::memcpy(bytes.data(), &length, sizeof length);
  const fs::path shifted = folder.write("shifted", bytes);
  EXPECT_THAT(error_of([&] { logits(model, shifted); }), testing::HasSubstr("shifted"));
}

TEST(PackedWeights, InterruptedLeavesNothing) {
  const TempFolder folder;
  int asked = 0;
  const std::string error = error_of([&] {
    pack_model(kFixtures / "families" / "llama", {folder.path() / "packed", {}, [&] { return ++asked == 3; }});
  });
  EXPECT_THAT(error, testing::HasSubstr("interrupted"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(PackedWeights, TellHowFarTheyAre) {
  const TempFolder folder;
  uint64_t last = 0, all = 0;
  const PackedModel packed =
      pack_model(kFixtures / "families" / "llama", {folder.path() / "packed", [&](uint64_t done, uint64_t total) {
                                                      EXPECT_GT(done, last);
                                                      last = done;
                                                      all = total;
                                                    }});
  EXPECT_EQ(last, packed.bytes);
  EXPECT_EQ(all, packed.bytes);
}

}  // namespace
}  // namespace mica::lm
