#pragma once

// The tiny random checkpoints of tests/fixtures (made by tests/oracle/families_oracle.py), and a tokenizer for them.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "mica/base/json.h"
#include "mica/lm/model.h"
#include "mica/text/tokenizer.h"

namespace mica::lm {

/// Tokens of their vocabularies.
constexpr int kTinyVocab = 97;

/// The checkpoints of a group: "families", "mlx".
inline std::vector<std::string> tiny_models(const std::string& group) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(MICA_TEST_FIXTURES) / group)) {
    if (entry.is_directory()) out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// One of the families in float32.
inline LoadedModel tiny(const std::string& family) {
  return load_model(std::filesystem::path(MICA_TEST_FIXTURES) / "families" / family, {Activation::exact});
}

/// A vocabulary of `count` words that mean nothing: "<0>", "<1>" …
inline text::Tokenizer words(int count) {
  Json vocabulary;
  for (int i = 0; i < count; ++i) vocabulary[fmt::format("<{}>", i)] = i;
  const Json json = {{"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", Json::array()}}}};
  return text::Tokenizer::from_json(json.dump(), "words");
}

}  // namespace mica::lm
