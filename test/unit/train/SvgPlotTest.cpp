#include "tools/nyala-train/SvgPlot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

using namespace nyala::train;
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
  Curve curves[] = {{"own", {{1, 5}, {2, 4}}}, {"shared <2>", {{1, 6}, {2, 3}}}};
  std::string svg = drawPlot("step", "loss", curves);
  EXPECT_THAT(svg, HasSubstr("<svg xmlns"));
  EXPECT_EQ(count(svg, "<polyline"), 2u);
  EXPECT_THAT(svg, HasSubstr(">own</text>"));
  EXPECT_THAT(svg, HasSubstr(">shared &lt;2&gt;</text>"));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme: dark"));
  // The first point of `own` is at the left, two thirds up.
  EXPECT_THAT(svg, HasSubstr("points=\"64.0,140.0 704.0,256.0 \""));
}

TEST(SvgPlot, DrawsFewAndManyPoints) {
  EXPECT_THAT(drawPlot("x", "y", {}), HasSubstr("</svg>"));
  Curve empty{"e", {}}, single{"s", {{3, 3}}};
  EXPECT_THAT(drawPlot("x", "y", std::span(&empty, 1)), HasSubstr("points=\"\""));
  EXPECT_THAT(drawPlot("x", "y", std::span(&single, 1)), HasSubstr("<circle"));
  Curve many{"m", {}};
  for (int i = 0; i < 100'000; ++i)
    many.points.emplace_back(i, i % 7);
  std::string svg = drawPlot("x", "y", std::span(&many, 1));
  EXPECT_LT(svg.size(), 20'000u);
  Curve broken{"b", {{1, 1}, {2, std::numeric_limits<double>::quiet_NaN()}, {3, 2}}};
  EXPECT_THAT(drawPlot("x", "y", std::span(&broken, 1)), Not(HasSubstr("nan")));
}

} // namespace
