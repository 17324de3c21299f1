// Small templates for every feature against Jinja2 as transformers configures it: tests/oracle/jinja_oracle.py.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/json.h"
#include "mica/text/jinja/from_json.h"
#include "mica/text/jinja/template.h"

namespace mica::jinja {
namespace {

TEST(JinjaFeatures, RenderAsJinja2Does) {
  const Json features = load_json(std::filesystem::path(MICA_TEST_FIXTURES) / "jinja" / "features.json");
  Dict variables;
  for (const auto& [name, value] : features["variables"].items()) variables.set(name, from_json(value));
  size_t count = 0;
  for (const Json& feature : features["cases"]) {
    const std::string source = feature[0].get<std::string>();
    SCOPED_TRACE(source);
    ++count;
    try {
      const std::string text = Template(source, "test").render(variables).text.bytes();
      if (feature[1].is_null()) {
        ADD_FAILURE() << "Jinja2 raises, got " << text;
      } else {
        EXPECT_EQ(text, feature[1].get<std::string>());
      }
    } catch (const Error& error) {
      EXPECT_TRUE(feature[1].is_null()) << error.what();
      EXPECT_THAT(error.what(), testing::StartsWith("test: line "));
    }
  }
  EXPECT_GT(count, 800u);
}

}  // namespace
}  // namespace mica::jinja
