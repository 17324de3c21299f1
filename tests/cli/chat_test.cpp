// Conversations: through pipes, and on a pseudo-terminal as a person has them.
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/file.h"
#include "mica/base/json.h"
#include "tests/cli/program.h"
#include "tests/cli/terminal.h"
#include "tests/cli/tiny_model.h"
#include "tests/io/temp_folder.h"

namespace mica::test {
namespace {

constexpr const char* kCtrlC = "\x03";
constexpr const char* kCtrlD = "\x04";
constexpr const char* kLongAnswer = "Write a very long story about a sailor and the sea.\r";

class Chat : public testing::Test {
 protected:
  void SetUp() override {
    model_ = default_model();
    if (model_.empty()) FAIL() << "the default model is not there: make model";
    // Keeps histories apart from the user's and from each other.
    if (const char* home = std::getenv("MICA_HOME")) before_ = home;
    ::setenv("MICA_HOME", home_.path().c_str(), 1);
  }
  void TearDown() override {
    if (before_) {
      ::setenv("MICA_HOME", before_->c_str(), 1);
    } else {
      ::unsetenv("MICA_HOME");
    }
  }

  Arguments chat(const Arguments& more = {}, const char* max_tokens = "24") const {
    Arguments out = {"chat", "--model", model_.string(), "--max-tokens", max_tokens};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  std::filesystem::path model_;
  TempFolder home_;
  std::optional<std::string> before_;
};

/// "prompt N new of M tokens" of the n-th answer.
std::pair<int, int> prompt_counts(const std::string& err, int n) {
  size_t at = 0;
  for (int i = 0; i <= n; ++i) {
    at = err.find("[prompt ", at);
    if (at == std::string::npos) return {-1, -1};
    at += 8;
  }
  const size_t of = err.find(" of ", at);
  return {std::stoi(err.substr(at)), std::stoi(err.substr(of + 4))};
}

TEST_F(Chat, PipeRemembersAndReusesWhatWasRead) {
  const Outcome outcome = run(chat({"--exact"}), {.input = "My name is Ada.\nWhat is the capital of France?\n"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.find(">>>"), std::string::npos);
  // The same two turns as one prompt in a fresh cache give the same second answer.
  const size_t line = outcome.out.find('\n');
  ASSERT_NE(line, std::string::npos);
  const Json messages = {{{"role", "user"}, {"content", "My name is Ada."}},
                         {{"role", "assistant"}, {"content", outcome.out.substr(0, line)}},
                         {{"role", "user"}, {"content", "What is the capital of France?"}}};
  const auto file = home_.write("m.json", messages.dump()).string();
  const Outcome prompt = run({"template", "--model", model_.string(), "--messages", file, "--add-generation-prompt"});
  const Outcome fresh = run({"generate", "--model", model_.string(), "--exact", "--ignore-chat-template", "--prompt",
                             "-", "--max-tokens", "24"},
                            {.input = prompt.out});
  ASSERT_GT(fresh.out.size(), 1u);
  EXPECT_EQ(outcome.out.substr(line + 1), fresh.out);
  const auto [first_new, first_all] = prompt_counts(outcome.err, 0);
  const auto [second_new, second_all] = prompt_counts(outcome.err, 1);
  EXPECT_EQ(first_new, first_all);
  // The second prompt repeats the first one and its answer, which the cache holds.
  EXPECT_GT(second_all, first_all);
  EXPECT_GT(second_new, 0);
  EXPECT_LE(second_new, second_all - first_all) << outcome.err;
}

TEST_F(Chat, SecondAnswerIsThatOfAFreshCache) {
  // /reset leads to the answer that a new program gives.
  const Outcome once = run(chat({"--exact"}), {.input = "Name a color.\n"});
  const Outcome again = run(chat({"--exact"}), {.input = "Hello!\n/reset\nName a color.\n"});
  EXPECT_EQ(again.code, 0) << again.err;
  ASSERT_GT(once.out.size(), 1u);
  EXPECT_TRUE(again.out.ends_with(once.out)) << again.out;
  const auto [fresh, all] = prompt_counts(again.err, 1);
  EXPECT_LT(fresh, all);
}

TEST_F(Chat, PipeCommands) {
  const Outcome outcome =
      run(chat(), {.input = "/set temp 0.5\n/set max-tokens 3\n/show\n/system Be brief.\n/exit\nHello\n"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("temp                      0.5\n"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("max-tokens                3\n"), std::string::npos) << outcome.err;
  for (const char* wrong : {"/nothing\n", "/set temp\n", "/set temp x\n", "/set temp -1\n", "/set magic 1\n"}) {
    const Outcome refused = run(chat(), {.input = wrong});
    EXPECT_EQ(refused.code, 1) << wrong;
    EXPECT_TRUE(is_one_line_error(refused.err)) << refused.err;
  }
}

TEST_F(Chat, InterruptStopsAnAnswerInAPipe) {
  Setting setting;
  setting.input = "Count from one to one hundred in words.\n/show\n";
  setting.interrupt_when = [](const std::string& out) { return !out.empty(); };
  const Outcome outcome = run(chat({}, "400"), setting);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("; stopped]"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("max-tokens"), std::string::npos) << "the program did not go on";
}

TEST_F(Chat, TerminalEditsAndRecalls) {
  Terminal terminal(chat({}, "3"));
  ASSERT_TRUE(terminal.wait_for(">>> ")) << terminal.screen();
  // Typed with mistakes: the line becomes "/system Grüße 日本 x👍y".
  terminal.type(
      "system Gr\xc3\xbc\xc3\x9f"
      "e \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e xy");
  terminal.type("\x01/");                                       // Ctrl-A
  terminal.type("\x05\033[D\xf0\x9f\x91\x8d");                  // Ctrl-E, left
  terminal.type("\033[D\033[D\033[D\x7f\033[C\033[C\033[C\r");  // takes out the third CJK character
  ASSERT_TRUE(terminal.wait_for("new conversation"));
  ASSERT_TRUE(terminal.wait_for(">>> "));
  terminal.type("/show\r");
  const std::string expected =
      "Gr\xc3\xbc\xc3\x9f"
      "e \xe6\x97\xa5\xe6\x9c\xac x\xf0\x9f\x91\x8dy\r\n";
  EXPECT_TRUE(terminal.wait_for("system                    " + expected)) << terminal.screen();
  ASSERT_TRUE(terminal.wait_for(">>> "));
  // Up twice: the line before /show; cut back to its first word and written anew.
  terminal.type("\033[A\033[A\x17\x17\x17 second\r");
  ASSERT_TRUE(terminal.wait_for("new conversation"));
  ASSERT_TRUE(terminal.wait_for(">>> "));
  terminal.type(kCtrlD);
  EXPECT_EQ(terminal.wait_for_end(), 0);
  const std::string history = read_file(home_.path() / "chat_history", 1 << 20);
  EXPECT_TRUE(
      history.starts_with("/system Gr\xc3\xbc\xc3\x9f"
                          "e \xe6\x97\xa5\xe6\x9c\xac x"))
      << history;
  EXPECT_NE(history.find(" second\n"), std::string::npos) << history;
}

TEST_F(Chat, TerminalPasteContinuationAndHistoryOfSeveralLines) {
  {
    Terminal terminal(chat({}, "2"), 20);
    ASSERT_TRUE(terminal.wait_for(">>> "));
    terminal.type("/system \033[200~one\rtwo\\x\033[201~\\\rthree, which is longer than the window is wide\r");
    ASSERT_TRUE(terminal.wait_for("new conversation")) << terminal.screen();
    ASSERT_TRUE(terminal.wait_for(">>> "));
    terminal.type("/exit\r");
    EXPECT_EQ(terminal.wait_for_end(), 0);
  }
  const std::string history = read_file(home_.path() / "chat_history", 1 << 20);
  EXPECT_EQ(history, "/system one\\ntwo\\\\x\\nthree, which is longer than the window is wide\n/exit\n");
  Terminal again(chat());
  ASSERT_TRUE(again.wait_for(">>> "));
  again.type("\033[A\033[A\r");
  ASSERT_TRUE(again.wait_for("new conversation")) << again.screen();
  ASSERT_TRUE(again.wait_for(">>> "));
  again.type("/show\r");
  EXPECT_TRUE(again.wait_for("one\r\ntwo\\x\r\nthree, which is longer than the window is wide")) << again.screen();
}

TEST_F(Chat, TerminalInterruptsInTheEditor) {
  Terminal terminal(chat());
  ASSERT_TRUE(terminal.wait_for_prompt());
  terminal.type("not sent");
  ASSERT_TRUE(terminal.wait_for("not sent"));
  for (int presses = 0; presses < 3; ++presses) {
    terminal.type(kCtrlC);
    if (presses == 2) {
      EXPECT_TRUE(terminal.wait_for("Ctrl-D or type /exit")) << terminal.screen();
    }
    ASSERT_TRUE(terminal.wait_for_prompt()) << terminal.screen();
  }
  terminal.type("/nonsense\r");
  EXPECT_TRUE(terminal.wait_for("mica: '/nonsense' is no command"));
  ASSERT_TRUE(terminal.wait_for_prompt());
  terminal.type(kCtrlD);
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST_F(Chat, TerminalInterruptsAnAnswer) {
  Terminal terminal(chat({}, "400"));
  ASSERT_TRUE(terminal.wait_for_prompt());
  // First in the midst of an answer, then just behind Enter, before its first word.
  for (const bool midst : {true, false}) {
    terminal.type(kLongAnswer);
    // The editor gives the terminal back; what follows is the answer.
    ASSERT_TRUE(terminal.wait_for("\033[?2004l"));
    if (midst) {
      ASSERT_TRUE(terminal.wait_for("e"));
    }
    terminal.type(kCtrlC);
    EXPECT_TRUE(terminal.wait_for("; stopped]", std::chrono::seconds(60))) << terminal.screen();
    ASSERT_TRUE(terminal.wait_for_prompt()) << terminal.screen();
  }
  terminal.type(kCtrlD);
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST(ChatTiny, ContextOverflowSaysSoAndGoesOn) {
  const TempFolder folder;
  TinyModel model;
  model.write(folder.path());
  const Arguments arguments = {"chat", "--model", folder.path().string()};
  // The context holds 64 tokens, one a letter; a base model never ends by itself.
  const Outcome filled = run(arguments, {.input = "abc\n"});
  EXPECT_EQ(filled.code, 0) << filled.err;
  EXPECT_NE(filled.err.find("no chat template"), std::string::npos);
  EXPECT_NE(filled.err.find("context of 64 tokens is full"), std::string::npos) << filled.err;
  const Outcome refused = run(arguments, {.input = std::string(100, 'a') + "\n"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("mica: the conversation would have 100 tokens"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("/reset"), std::string::npos);
}

}  // namespace
}  // namespace mica::test
