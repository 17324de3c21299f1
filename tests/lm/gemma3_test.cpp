// Gemma-3-270M against transformers in float32, with a prompt longer than its sliding window
// (tests/oracle/gemma3_oracle.py). The model's terms of use are for each user to accept: the test runs where
// scripts/fetch_gemma.sh has laid it.

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/file.h"
#include "mica/base/json.h"
#include "mica/lm/model.h"
#include "mica/ops/shape.h"

namespace mica::lm {
namespace {

TEST(Gemma3, LogitsEqualTransformersBeyondTheWindow) {
  const auto path = home_folder() / "models" / "gemma-3-270m-q4_k_m.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no Gemma here; scripts/fetch_gemma.sh fetches it";
  const Json fixture = load_json(MICA_TEST_FIXTURES "/gemma3.json");
  const auto tokens = fixture["tokens"].get<std::vector<int32_t>>();
  const auto rows = fixture["rows"].get<std::vector<size_t>>();
  const auto columns = fixture["columns"].get<std::vector<size_t>>();
  const LoadedModel loaded = load_model(path, {Activation::exact});
  const auto vocab = static_cast<size_t>(loaded.model.description().vocab_size);
  for (const size_t step : {tokens.size(), size_t{96}}) {
    PromptCache cache = loaded.model.make_cache();
    for (size_t begin = 0; begin < tokens.size(); begin += step) {
      const size_t count = std::min(step, tokens.size() - begin);
      const array input(tokens.data() + begin, Shape{1, static_cast<ShapeElem>(count)}, int32);
      array logits = contiguous(loaded.model.forward(input, cache, false));
      logits.eval();
      for (size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] < begin || rows[i] >= begin + count) continue;
        const float* row = logits.data<float>() + (rows[i] - begin) * vocab;
        for (size_t j = 0; j < columns.size(); ++j) {
          // Logits have a standard deviation of 5; float32 sums in another order differ by about 4e-5.
          ASSERT_NEAR(row[columns[j]], fixture["logits"][i][j].get<float>(), 1e-3f) << rows[i] << ", " << columns[j];
        }
        EXPECT_EQ(std::max_element(row, row + vocab) - row, fixture["argmax"][i].get<std::ptrdiff_t>());
      }
    }
  }
}

}  // namespace
}  // namespace mica::lm
