#include "mica/lm/stop.h"

#include <gtest/gtest.h>

namespace mica::lm {
namespace {

std::string run(std::vector<std::string> stops, const std::vector<std::string>& pieces, bool* stopped = nullptr) {
  StopMatcher matcher(std::move(stops));
  std::string out;
  for (const std::string& piece : pieces) out += matcher.add(piece);
  if (stopped) *stopped = matcher.stopped();
  if (!matcher.stopped()) out += matcher.finish();
  return out;
}

TEST(Stop, CutsAtTheFirstMatchHoweverItIsCutUp) {
  bool stopped = false;
  EXPECT_EQ(run({"END"}, {"one two EN", "D three"}, &stopped), "one two ");
  EXPECT_TRUE(stopped);
  EXPECT_EQ(run({"END"}, {"E", "N", "D"}), "");
  EXPECT_EQ(run({"b", "ab"}, {"xab"}), "x");
}

TEST(Stop, HoldsBackOnlyWhatMayBecomeAMatch) {
  StopMatcher matcher({"</s>"});
  EXPECT_EQ(matcher.add("a < b"), "a < b");
  EXPECT_EQ(matcher.add(" <"), " ");
  EXPECT_EQ(matcher.add("/"), "");
  EXPECT_EQ(matcher.add("p>"), "</p>");
  EXPECT_FALSE(matcher.stopped());
}

TEST(Stop, AnUnfinishedMatchIsNotLost) {
  bool stopped = true;
  EXPECT_EQ(run({"###"}, {"title ##"}, &stopped), "title ##");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(run({""}, {"text"}), "text");
}

}  // namespace
}  // namespace mica::lm
