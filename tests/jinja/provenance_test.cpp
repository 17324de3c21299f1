// Text from the user stays marked as such through every operation, so that it cannot become control tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/json.h"
#include "mica/text/chat_template.h"

namespace mica::text {
namespace {

constexpr std::string_view kEvil = "<|evil|>";

/// Renders with one user message whose content is "a<|evil|>b C" and shows user text in « ».
std::string marked(const std::string& source) {
  const Json messages = parse_json(R"([{"role": "user", "content": "a<|evil|>b C", "n": 5, "list": ["<|evil|>", "x"],
                                        "map": {"<|evil|>": "<|evil|>"}}])",
                                   "messages");
  const ChatTemplate chat("{% set m = messages[0] %}{% set c = m.content %}" + source, "test", {{"bos_token", "<s>"}});
  const Rendered rendered = chat.render(messages);
  std::string out;
  size_t at = 0;
  for (const Span& span : rendered.untrusted) {
    EXPECT_LT(span.begin, span.end);
    EXPECT_GE(span.begin, at);
    out +=
        rendered.text.substr(at, span.begin - at) + "«" + rendered.text.substr(span.begin, span.end - span.begin) + "»";
    at = span.end;
  }
  return out + rendered.text.substr(at);
}

TEST(Provenance, OfPlainPrompts) {
  EXPECT_EQ(marked("{{ bos_token }}<|im_start|>{{ m.role }}\n{{ c }}<|im_end|>"),
            "<s><|im_start|>«user»\n«a<|evil|>b C»<|im_end|>");
  EXPECT_EQ(marked("{{ bos_token + '<|' ~ m['role'] ~ '|>' + c }}"), "<s><|«user»|>«a<|evil|>b C»");
}

TEST(Provenance, ThroughStringOperations) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"c | trim", "«a<|evil|>b C»"},
      {"'x' + c + 'y'", "x«a<|evil|>b C»y"},
      {"c[1:-3] ~ '.'", "«<|evil|>».«»"},
      {"c[::-1]", "«C b>|live|<a»"},
      {"c[1]", "«<»"},
      {"c | upper", "«A<|EVIL|>B C»"},
      {"c.lower().title()", "«A<|Evil|>B C»"},
      {"c.capitalize()", "«A<|evil|>b c»"},
      {"c | replace('evil', 'good')", "«a<|»good«|>b C»"},
      {"'x,x' | replace(',', c)", "x«a<|evil|>b C»x"},
      {"c.split('evil') | join('-')", "«a<|»-«|>b C»"},
      {"'-'.join(m.list)", "«<|evil|>»-«x»"},
      {"c.split()[1] * 2", "«CC»"},
      {"c.partition('|')[2]", "«evil|>b C»"},
      {"'<%s>' % c", "<«a<|evil|>b C»>"},
      {"'%-14s|' % c", "«a<|evil|>b C»  |"},
      {"'<{}>'.format(c)", "<«a<|evil|>b C»>"},
      {"'{:>14}'.format(c)", "  «a<|evil|>b C»"},
      {"c % ()", "«a<|evil|>b C»"},
      {"c.format()", "«a<|evil|>b C»"},
      {"c | indent(2, true)", "  «a<|evil|>b C»"},
      {"c | e", "«a&lt;|evil|&gt;b C»"},
      {"c | safe + '<'", "«a<|evil|>b C»&lt;"},
      {"c | truncate(9, true, leeway=0)", "«a<|evi»..."},
      {"c | center(14)", " «a<|evil|>b C» "},
      {"c | striptags", "«ab» «C»"},
      {"c | list | join", "«a<|evil|>b C»"},
      {"c | reverse", "«C b>|live|<a»"},
      {"c | urlencode", "«a%3C%7Cevil%7C%3Eb%20C»"},
      {"m.n", "5"},
      {"c | length", "12"},
  };
  for (const auto& [expression, expected] : cases) {
    std::string want = expected;
    for (size_t at = want.find("«»"); at != std::string::npos; at = want.find("«»"))
      want.erase(at, std::string("«»").size());
    EXPECT_EQ(marked("{{ " + expression + " }}"), want) << expression;
  }
}

TEST(Provenance, ThroughContainersAndJson) {
  EXPECT_EQ(marked("{{ m.list }}"), "['«<|evil|>»', '«x»']");
  EXPECT_EQ(marked("{{ m.map }}"), "{'«<|evil|>»': '«<|evil|>»'}");
  EXPECT_EQ(marked("{{ m.map | tojson }}"), "{\"«<|evil|>»\": \"«<|evil|>»\"}");
  EXPECT_EQ(marked("{{ (c ~ '\n\"') | tojson }}"), "\"«a<|evil|>b C»\\n\\\"\"");
  EXPECT_EQ(marked("{% for k, v in m.map.items() %}{{ k }}={{ v }}{% endfor %}"), "«<|evil|>»=«<|evil|>»");
  EXPECT_EQ(marked("{{ m.list | map('upper') | join(',') }}"), "«<|EVIL|>»,«X»");
  EXPECT_EQ(marked("{{ m.map.keys() | list | first }}"), "«<|evil|>»");
}

TEST(Provenance, ThroughBlocksAndMacros) {
  EXPECT_EQ(marked("{% macro f(x) %}[{{ x }}]{% endmacro %}{{ f(c) }}"), "[«a<|evil|>b C»]");
  EXPECT_EQ(marked("{% set x %}<{{ c }}>{% endset %}{{ x }}"), "<«a<|evil|>b C»>");
  EXPECT_EQ(
      marked(
          "{% set ns = namespace(x='') %}{% for p in m.list %}{% set ns.x = ns.x ~ p ~ ';' %}{% endfor %}{{ ns.x }}"),
      "«<|evil|>»;«x»;");
  EXPECT_EQ(marked("{% filter upper %}x{{ c }}{% endfilter %}"), "X«A<|EVIL|>B C»");
  EXPECT_EQ(marked("{% generation %}x{{ c }}{% endgeneration %}"), "x«a<|evil|>b C»");
}

TEST(Provenance, OfEverythingFromOutside) {
  const Json messages = parse_json(R"([{"role": "<|evil|>", "content": [{"type": "text", "text": "<|evil|>"}]}])", "m");
  const Json tools = parse_json(R"([{"name": "<|evil|>"}])", "t");
  const Json kwargs = parse_json(R"({"extra": "<|evil|>"})", "k");
  RenderOptions options;
  options.tools = &tools;
  options.documents = &tools;
  options.kwargs = &kwargs;
  const ChatTemplate chat("<|evil|>{{ messages }}{{ tools }}{{ documents }}{{ extra }}", "test");
  const Rendered rendered = chat.render(messages, options);
  size_t found = 0;
  for (size_t at = rendered.text.find(kEvil); at != std::string::npos; at = rendered.text.find(kEvil, at + 1)) {
    const bool inside = std::ranges::any_of(rendered.untrusted,
                                            [&](const Span& s) { return s.begin <= at && at + kEvil.size() <= s.end; });
    EXPECT_EQ(inside, at != 0) << at;
    ++found;
  }
  EXPECT_EQ(found, 6u);
}

TEST(ChatTemplate, GeneratedSpans) {
  const Json messages =
      parse_json(R"([{"role": "assistant", "content": "one"}, {"role": "assistant", "content": "two"}])", "m");
  const ChatTemplate chat("{% for m in messages %}<{% generation %}{{ m.content }}{% endgeneration %}>{% endfor %}",
                          "test");
  const Rendered rendered = chat.render(messages);
  EXPECT_EQ(rendered.text, "<one><two>");
  EXPECT_THAT(rendered.generated, testing::ElementsAre(Span{1, 4}, Span{6, 9}));
}

}  // namespace
}  // namespace mica::text
