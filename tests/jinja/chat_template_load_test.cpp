// Which template of a model folder is used, and what it knows of special tokens: as transformers chooses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/json.h"
#include "mica/text/chat_template.h"
#include "tests/io/expect_error.h"
#include "tests/io/temp_folder.h"

namespace mica::text {
namespace {

using testing::HasSubstr;

class ChatTemplateLoad : public testing::Test {
 protected:
  std::string render(bool with_tools = false) const {
    const Json messages = parse_json(R"([{"role": "user", "content": "hi"}])", "m");
    const Json tools = Json::array();
    RenderOptions options;
    if (with_tools) options.tools = &tools;
    return ChatTemplate::load(folder.path()).render(messages, options).text;
  }
  std::string error() const {
    return error_of([&] { ChatTemplate::load(folder.path()); });
  }
  void config(const std::string& text) const { folder.write("tokenizer_config.json", text); }

  TempFolder folder;
};

TEST_F(ChatTemplateLoad, NoTemplate) {
  EXPECT_FALSE(ChatTemplate::exists(folder.path()));
  EXPECT_THAT(error(), HasSubstr("no chat template"));
  config(R"({"chat_template": null})");
  EXPECT_FALSE(ChatTemplate::exists(folder.path()));
}

TEST_F(ChatTemplateLoad, OfTokenizerConfigWithItsTokens) {
  config(R"({"chat_template": "{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ messages[0].content }}",
             "bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "pad_token": null})");
  folder.write("special_tokens_map.json", R"({"pad_token": "<pad>", "bos_token": "<other>"})");
  EXPECT_TRUE(ChatTemplate::exists(folder.path()));
  EXPECT_EQ(render(), "<s></s><pad>hi");
}

TEST_F(ChatTemplateLoad, NamedOnes) {
  config(R"({"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]})");
  EXPECT_EQ(render(), "d");
  EXPECT_EQ(render(true), "t");
  EXPECT_EQ(ChatTemplate::load(folder.path()).source(true), "t");
  config(R"({"chat_template": [{"name": "default", "template": "d"}, {"name": "rag", "template": "r"}]})");
  EXPECT_EQ(render(true), "d");
  config(R"({"chat_template": [{"name": "rag", "template": "r"}]})");
  EXPECT_THAT(error_of([&] { render(); }), HasSubstr("none of them named default"));
}

TEST_F(ChatTemplateLoad, FilesComeFirst) {
  config(R"({"chat_template": "config"})");
  folder.write("chat_template.json", R"({"chat_template": "json"})");
  EXPECT_EQ(render(), "config");
  config("{}");
  EXPECT_EQ(render(), "json");
  folder.write("chat_template.jinja", "file\n");
  EXPECT_EQ(render(), "file");
  std::filesystem::create_directory(folder.path() / "chat_templates");
  folder.write("chat_templates/tool_use.jinja", "tools");
  EXPECT_EQ(render(), "file");
  EXPECT_EQ(render(true), "tools");
}

TEST_F(ChatTemplateLoad, BrokenOnesAreRefused) {
  config(R"({"chat_template": 5})");
  EXPECT_THAT(error(), HasSubstr("tokenizer_config.json: chat_template is neither a string nor a list"));
  config(R"({"chat_template": [{"name": "default"}]})");
  EXPECT_THAT(error(), HasSubstr("an entry without name and template"));
  config("[]");
  EXPECT_THAT(error(), HasSubstr("tokenizer_config.json: not an object"));
  config(R"({"chat_template": "a\n{% if %}"})");
  EXPECT_THAT(error(), HasSubstr("tokenizer_config.json: line 2: expected an expression"));
  config(R"({"chat_template": [{"name": "default", "template": "x"}, {"name": "b", "template": "{{"}]})");
  EXPECT_THAT(error(), HasSubstr("tokenizer_config.json (b): line 1"));
}

TEST(ChatTemplate, ContinuesTheLastMessage) {
  const ChatTemplate chat("{% for m in messages %}<{{ m.content | trim }}>{% endfor %}", "test");
  const auto render = [&](const char* messages) {
    RenderOptions options;
    options.continue_final_message = true;
    return chat.render(parse_json(messages, "m"), options);
  };
  const Rendered rendered = render(R"([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "The  "}])");
  EXPECT_EQ(rendered.text, "<hi><The");
  EXPECT_THAT(rendered.untrusted, testing::ElementsAre(Span{1, 3}, Span{5, 8}));
  EXPECT_THAT(error_of([&] { render("[]"); }), HasSubstr("no message to continue"));
  EXPECT_THAT(error_of([&] { render(R"([{"role": "a", "content": null}])"); }), HasSubstr("no content to continue"));
  EXPECT_THAT(error_of([&] { render(R"([{"role": "a", "content": [{"type": "image"}]}])"); }),
              HasSubstr("no text to continue"));
  EXPECT_THAT(
      error_of([&] {
        ChatTemplate("x", "fixed").render(parse_json(R"([{"content": "y"}])", "m"), {.continue_final_message = true});
      }),
      HasSubstr("the template does not print it as it is"));
}

}  // namespace
}  // namespace mica::text
