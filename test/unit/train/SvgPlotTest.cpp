#include "tools/run-support/SvgPlot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

using namespace nyala;
using testing::HasSubstr;
using testing::Not;

namespace {

size_t count(const std::string &text, const std::string &part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(SvgPlot, DrawsCurvesWithLabels) {
  std::string svg =
      drawPlot({"step", "loss", {{"own", {{1, 5}, {2, 4}}}, {"shared <2>", {{1, 6}, {2, 3}}}}, {}});
  EXPECT_THAT(svg, HasSubstr("<svg xmlns"));
  EXPECT_EQ(count(svg, "<polyline"), 2u);
  EXPECT_THAT(svg, HasSubstr(">own</text>"));
  EXPECT_THAT(svg, HasSubstr(">shared &lt;2&gt;</text>"));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme: dark"));
  // The first point of `own` is at the left, two thirds up.
  EXPECT_THAT(svg, HasSubstr("points=\"64.0,150.7 704.0,261.3 \""));
}

TEST(SvgPlot, DrawsFewAndManyPoints) {
  auto draw = [](Curve curve) { return drawPlot({"x", "y", {std::move(curve)}, {}}); };
  EXPECT_THAT(drawPlot({"x", "y", {}, {}}), HasSubstr("</svg>"));
  EXPECT_THAT(draw({"e", {}}), HasSubstr("points=\"\""));
  EXPECT_THAT(draw({"s", {{3, 3}}}), HasSubstr("<circle"));
  Curve many{"m", {}};
  for (int i = 0; i < 100'000; ++i)
    many.points.emplace_back(i, i % 7);
  EXPECT_LT(draw(many).size(), 20'000u);
  Curve broken{"b", {{1, 1}, {2, std::numeric_limits<double>::quiet_NaN()}, {3, 2}}};
  EXPECT_THAT(draw(broken), Not(HasSubstr("nan")));
}

TEST(SvgPlot, DrawsStaircasesAndLevels) {
  Plot plot{"step", "MB", {{"live", {{0, 4}, {1, 8}}, /*isStaircase=*/true}}, {{"budget", 16}}};
  plot.fromZero = true;
  std::string svg = drawPlot(plot);
  // Each value holds for a step; the top is the level's.
  EXPECT_THAT(svg, HasSubstr("points=\"64.0,289.0 384.0,289.0 384.0,206.0 704.0,206.0 \""));
  EXPECT_THAT(svg, HasSubstr(R"(y1="40.0" x2="704" y2="40.0" class="level")"));
  EXPECT_THAT(svg, HasSubstr(">budget</text>"));
}

TEST(SvgPlot, KeepsPeaksOfStaircases) {
  Curve many{"m", {}, /*isStaircase=*/true};
  for (int i = 0; i < 10'000; ++i)
    many.points.emplace_back(i, i == 5'003 ? 2 : 1);
  std::string svg = drawPlot({"x", "y", {many}, {}});
  EXPECT_LT(svg.size(), 20'000u);
  EXPECT_THAT(svg, HasSubstr(",40.0 ")); // the top
}

} // namespace
