// Templates made to harm: each must end in one clear error, soon.
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/json.h"
#include "mica/text/chat_template.h"
#include "mica/text/jinja/from_json.h"
#include "mica/text/jinja/template.h"

namespace mica::jinja {
namespace {

using testing::HasSubstr;

std::string repeated(std::string_view part, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += part;
  return out;
}

/// Sanitizers make templates slow: ThreadSanitizer 30 times and more.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kSlowdown = 20;
#else
constexpr int kSlowdown = 1;
#endif

std::string error_of(const std::string& source, const Dict& variables = {}) {
  Settings settings;
  settings.max_time *= kSlowdown;
  try {
    const Output output = Template(source, "bad.jinja").render(variables, settings);
    ADD_FAILURE() << "no error but " << output.text.size() << " bytes: " << output.text.bytes().substr(0, 200);
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_LT(text.size(), 1000u);
    return text;
  }
  return "";
}

TEST(JinjaHostile, EndsInOneErrorSoon) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{% for i in range(10**9) %}x{% endfor %}", "Range too big"},
      {"{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "more than 10000000 steps"},
      {"{% for i in range(99999) %}{% for j in range(99999) %}xxxxxxxxxxxxxxxx{% endfor %}{% endfor %}", "steps"},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion too deep"},
      {"{% macro f(x) %}{{ g(x) }}{% endmacro %}{% macro g(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
       "recursion too deep"},
      {"{% macro f(n) %}{% for i in range(9) %}{{ f(n + 1) if n < 50 }}{% endfor %}{% endmacro %}{{ f(0) }}", ""},
      {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "recursion too deep"},
      {"{% macro f() %}{{ caller }}{% call f() %}{% endcall %}{% endmacro %}{{ f() }}", "recursion too deep"},
      {"{{ 'a' * 10**9 }}", "longer than 64 MiB"},
      {"{{ [0] * 10**9 }}", "more than 1000000 items"},
      {"{{ 10**9 * 'ab' }}", "longer than 64 MiB"},
      {"{{ 9**99999 }}", "beyond 64 bits"},
      {"{{ 'x' | center(10**12) }}", "a width of 1000000000000"},
      {"{{ 'x' | indent(10**12) }}", "a width of 1000000000000"},
      {"{{ 'x'.rjust(10**12) }}", "a width of more than"},
      {"{{ '{:1000000000}'.format(1) }}", "out of range"},
      {"{{ '%1000000000d' % 1 }}", "out of range"},
      {"{{ '%.1000000000f' % 1.0 }}", "out of range"},
      {"{% set x = 'aaaaaaaa' %}{% for i in range(99) %}{% set ns.x = 1 %}{% endfor %}", "'ns' is undefined"},
      {"{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", ""},
      {"{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", ""},
      {"{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
       "values inside"},
      {"{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
       "nested deeper"},
      {"{% set ns = namespace(x={}) %}{% for i in range(9999) %}{% set ns.x = {'a': ns.x} %}{% endfor %}{{ ns.x }}",
       "nested deeper"},
      {"{% for i in range(99999) %}{{ 'a' * 60000000 }}{% endfor %}", ""},
      {"{% for i in range(99999) %}{% set x = ('a' * 1000000) | upper %}{% endfor %}", "steps"},
      {"{% for i in range(99999) %}{% set x = ('ab' * 1000000).split('a') %}{% endfor %}", "steps"},
      {"{% for i in range(99999) %}{% set x = ('a' * 1000000).replace('a', 'bb') %}{% endfor %}", "steps"},
      {"{% set a = 'a' * 60000000 %}{% for i in range(99999) %}{% if a == a ~ '' %}{% endif %}{% endfor %}", "steps"},
      {"{% for i in range(99999) %}{% set x = range(99999) | sort | list %}{% endfor %}", "steps"},
      {"{% for i in range(99999) %}{% set x = namespace() %}{% endfor %}{% for i in range(99999) %}{% set x = "
       "namespace() %}{% endfor %}",
       "steps"},
      {"{% set ns = namespace() %}{% set ns.self = ns %}{{ ns.self.self.self.x.y }}", "has no attribute"},
      {"{% set ns = namespace() %}{% macro m() %}{{ ns }}{% endmacro %}{% set ns.m = m %}{{ raise_exception('leak?') "
       "}}",
       "leak?"},
      {"{{ ''.__class__.__mro__ }}", "'__class__' of 'str' object is unsafe"},
      {"{{ ''['__class__'].x }}", "unsafe"},
      {"{{ {}.__init__.__globals__ }}", "unsafe"},
      {"{{ ''.__class__() }}", "unsafe"},
      {"{{ cycler.__init__.__globals__.os }}", "unsafe"},
      {"{{ lipsum.__globals__ }}", "'lipsum' is undefined"},
      {"{{ [].append(1) }}", "unsafe"},
      {"{{ {}.update({}) }}", "unsafe"},
      {"{{ 'x' | attr('__class__') }}", "not allowed"},
      {"{{ '{0.__class__.__mro__}'.format('') }}", "unsafe"},
      {"{{ namespace(__class__=1) }}", "cannot have the attribute"},
      {"{% include '/etc/passwd' %}", "'include' is not allowed"},
      {"{% import 'os' as os %}", "'import' is not allowed"},
      {"{% extends 'x' %}", "'extends' is not allowed"},
      {"{{ none | upper | nofilter }}", "No filter named 'nofilter'"},
      {"{{ none | length }}", "has no len()"},
      {"{% if true %}", "the template ends before 'endif'"},
      {"{% for i in x %}", "the template ends before 'endfor'"},
      {"{{ 'unclosed }}", "a string that is not closed"},
      {"{# unclosed", "a comment without its end"},
      {"{% raw %} unclosed", "a raw block without"},
      {"{{ raise_exception('no\nway ' * 9999) }}", "line 2: no way no way"},
      {"{{ " + repeated("(", 100'000) + "1" + repeated(")", 100'000) + " }}", "nested too deeply"},
      {"{{ " + repeated("[", 100'000) + " }}", "line 1: unexpected '}'"},
      {"{{ " + repeated("not ", 100'000) + "1 }}", "nested too deeply"},
      {"{{ " + repeated("-", 100'000) + "1 }}", "nested too deeply"},
      {"{{ 1" + repeated(" + 1", 100'000) + " }}", "nested too deeply"},
      {"{{ x" + repeated(".a", 100'000) + " }}", "nested too deeply"},
      {"{{ x" + repeated("[0]", 100'000) + " }}", "nested too deeply"},
      {"{{ x" + repeated("|e", 100'000) + " }}", "nested too deeply"},
      {"{{ x" + repeated("()", 100'000) + " }}", "nested too deeply"},
      {"{{ 1" + repeated(" if 1 else 1", 100'000) + " }}", "nested too deeply"},
      {repeated("{% if 1 %}", 100'000), "nested too deeply"},
      {repeated("{% for x in y %}", 100'000), "nested too deeply"},
      {"{% set " + repeated("(", 100'000) + repeated(")", 100'000) + " = 1 %}", "nested too deeply"},
      {"{{ '" + std::string(100, '\xff') + "' }}", "not UTF-8"},
      {std::string(5'000'000, 'x'), "a template of 5000000 bytes"},
  };
  for (const auto& [source, expected] : cases) {
    SCOPED_TRACE(source.substr(0, 120));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THAT(error_of(source), HasSubstr(expected));
    // A second on a quiet machine; neighbours take their share.
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_LT(took, std::chrono::seconds(20) * kSlowdown);
  }
}

TEST(JinjaHostile, OutputAndTimeLimits) {
  Settings settings;
  settings.max_output_bytes = 1000;
  EXPECT_THAT([&] { (void)Template("{% for i in range(999) %}ab{% endfor %}", "t").render({}, settings); },
              testing::ThrowsMessage<Error>(HasSubstr("the output is longer than 1000 bytes")));
  settings = {};
  settings.max_work = uint64_t{1} << 60;
  settings.max_time = std::chrono::milliseconds(50);
  EXPECT_THAT(
      [&] {
        (void)Template("{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}", "t")
            .render({}, settings);
      },
      testing::ThrowsMessage<Error>(HasSubstr("longer than 50 ms")));
}

TEST(JinjaHostile, ManyToolParameters) {
  Json tools = Json::array({Json::object()});
  std::string properties = "{";
  for (int i = 0; i < 10'000; ++i) properties += (i ? ",\"p" : "\"p") + std::to_string(i) + R"(": {"type": "string"})";
  tools[0]["properties"] = parse_json(properties + "}", "tools");
  text::RenderOptions options;
  options.tools = &tools;
  const text::ChatTemplate chat(
      "{% for k, v in tools[0].properties.items() %}{{ k }}{{ tools[0].properties[k].type }}{% endfor %}{{ tools | "
      "tojson }}",
      "t");
  EXPECT_GT(chat.render(Json::array(), options).text.size(), 300'000u);
}

TEST(JinjaHostile, MessagesAreChecked) {
  const text::ChatTemplate chat("{{ messages }}", "t.jinja");
  const auto error = [&](const char* messages, const char* kwargs = "{}", bool both = false) -> std::string {
    const Json m = parse_json(messages, "m");
    const Json k = parse_json(kwargs, "k");
    text::RenderOptions options;
    options.kwargs = &k;
    options.add_generation_prompt = both;
    options.continue_final_message = both;
    try {
      chat.render(m, options);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_THAT(error("{}"), HasSubstr("t.jinja: messages must be a list"));
  EXPECT_THAT(error("[1]"), HasSubstr("message 0 is not an object"));
  EXPECT_THAT(error("[]", "[]"), HasSubstr("template arguments must be an object"));
  EXPECT_THAT(error("[]", R"({"messages": []})"), HasSubstr("'messages' cannot be a template argument"));
  EXPECT_THAT(error("[]", R"({"x": 18446744073709551615})"), HasSubstr("an integer beyond 64 bits"));
  EXPECT_THAT(error("[]", "{}", true), HasSubstr("cannot both continue"));
  EXPECT_EQ(error("[]"), "no error");
}

}  // namespace
}  // namespace mica::jinja
