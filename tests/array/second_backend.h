#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mica/array/array.h"
#include "mica/array/backend.h"

namespace mica::test {

/// The CPU's kernels as another device's: around each of them it checks what the layers above promise to every backend.
/// With MICA_TEST_BACKEND=second in the environment it is the GPU of the test program, which runs on it then.
class SecondBackend final : public Backend {
 public:
  SecondBackend() : Backend("second") {}

  Kernel find(PrimitiveId id) const override { return cpu().find(id) ? &checked : nullptr; }
  void finish(const Stream& stream) const override {
    EXPECT_EQ(stream.device.type, Device::gpu);
    ++finished();
  }

  static std::atomic<int>& calls() {
    static std::atomic<int> count = 0;
    return count;
  }
  static std::atomic<int>& finished() {
    static std::atomic<int> count = 0;
    return count;
  }

 private:
  static const Backend& cpu() {
    static const auto backend = make_cpu_backend();
    return *backend;
  }

  /// The bytes of memory that an array spans.
  static std::vector<std::byte> bytes_of(const array& a) {
    // Strides may be negative: only arrays whose memory starts at their first element.
    const bool forward = std::ranges::none_of(a.strides(), [](int64_t stride) { return stride < 0; });
    if (!forward || a.size() == 0) return {};
    const auto* begin = a.data<std::byte>();
    return {begin, begin + a.data_size() * a.itemsize()};
  }

  static void checked(const Primitive& primitive, std::span<array> inputs, std::span<array> outputs) {
    ++calls();
    EXPECT_EQ(primitive.device(), Device(Device::gpu)) << primitive.name();
    // What may be donated may be changed. Of the others a handle is kept, which kernels may give away theirs of.
    std::vector<std::pair<array, std::vector<std::byte>>> unchanged;
    for (const array& input : inputs) {
      EXPECT_TRUE(input.data_shared_ptr()) << primitive.name();
      if (!input.is_donatable()) unchanged.emplace_back(input, bytes_of(input));
    }
    const std::vector<OutputSpec> promised = primitive.infer({inputs.begin(), inputs.end()});
    cpu().find(primitive.id())(primitive, inputs, outputs);
    for (const auto& [input, before] : unchanged) {
      EXPECT_EQ(before, bytes_of(input)) << primitive.name() << " changed an input";
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      EXPECT_EQ(outputs[i].dtype(), promised[i].dtype) << primitive.name();
      EXPECT_EQ(outputs[i].shape(), promised[i].shape) << primitive.name();
    }
  }
};

class SecondBackendEnvironment final : public testing::Environment {
 public:
  void SetUp() override {
    if (enabled()) set_backend(Device::gpu, std::make_shared<SecondBackend>());
  }
  void TearDown() override {
    if (!enabled()) return;
    EXPECT_GT(SecondBackend::calls(), 0) << "no operation ran on the second backend";
    EXPECT_GT(SecondBackend::finished(), 0);
    set_backend(Device::gpu, nullptr);
  }

 private:
  static bool enabled() {
    const char* wanted = std::getenv("MICA_TEST_BACKEND");
    return wanted && std::string_view(wanted) == "second";
  }
};

inline testing::Environment* const second_backend_environment =
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): GoogleTest takes it over
    testing::AddGlobalTestEnvironment(new SecondBackendEnvironment);

}  // namespace mica::test
