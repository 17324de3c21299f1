#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mica/base/error.h"
#include "mica/cpu/quantized_matrix.h"

namespace mica::cpu {

/// A file made by tests/oracle/weight_formats.py.
struct FormatFixture {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<char> codes, scales, biases;
  std::vector<float> values;

  QuantizedMatrix matrix(const QuantFormat& format) const {
    return {format, rows, cols, codes.data(), scales.data(), biases.data()};
  }
};

inline FormatFixture read_format_fixture(const std::string& name) {
  const std::string path = std::string(MICA_TEST_FIXTURES) + "/formats/" + name + ".bin";
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  uint32_t head[5];
  if (bytes.size() < sizeof head) fail("{}: no fixture", path);
  std::memcpy(head, bytes.data(), sizeof head);
  FormatFixture out{.rows = head[0], .cols = head[1]};
  auto at = bytes.begin() + sizeof head;
  for (auto [part, size] : {std::pair(&out.codes, head[2]), {&out.scales, head[3]}, {&out.biases, head[4]}}) {
    part->assign(at, at + size);
    at += size;
  }
  out.values.resize(static_cast<size_t>(bytes.end() - at) / sizeof(float));
  std::memcpy(out.values.data(), &*at, out.values.size() * sizeof(float));
  return out;
}

/// Every format of the fixtures with the name of its file.
inline std::vector<std::pair<std::string, QuantFormat>> fixture_formats() {
  std::vector<std::pair<std::string, QuantFormat>> formats = {
      {"f16", dense_format(QuantKind::f16)},
      {"bf16", dense_format(QuantKind::bf16)},
      {"mxfp4", mxfp4_format()},
      {"mxfp8", mxfp8_format()},
      {"nvfp4", nvfp4_format()},
  };
  for (auto kind = QuantKind::q4_0; kind <= QuantKind::ggml_mxfp4;
       kind = static_cast<QuantKind>(static_cast<int>(kind) + 1)) {
    formats.emplace_back(ggml_format(kind).name(), ggml_format(kind));
  }
  const std::string prefix = "affine_";
  const std::string types[] = {"f32", "f16", "bf16"};
  for (const auto& entry : std::filesystem::directory_iterator(std::string(MICA_TEST_FIXTURES) + "/formats")) {
    const std::string name = entry.path().stem().string();
    if (!name.starts_with(prefix)) continue;
    const size_t second = name.find('_', prefix.size());
    const size_t third = name.find('_', second + 1);
    const auto type = std::find(std::begin(types), std::end(types), name.substr(third + 1)) - std::begin(types);
    formats.emplace_back(name, affine_format(std::stoi(name.substr(prefix.size())), std::stoi(name.substr(second + 1)),
                                             static_cast<ScaleType>(type + 1)));
  }
  return formats;
}

}  // namespace mica::cpu
