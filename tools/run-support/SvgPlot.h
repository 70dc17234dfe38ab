//===- SvgPlot.h - Curves in one plot ---------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_SVGPLOT_H
#define NYALA_TOOLS_RUNSUPPORT_SVGPLOT_H

#include <string>
#include <utility>
#include <vector>

namespace nyala {

struct Curve {
  std::string label;
  std::vector<std::pair<double, double>> points; ///< ascending by the first
  /// A value holds from its point to the next one, the last for as long as the one before: the
  /// curve is a staircase.
  bool isStaircase = false;
};

/// A dashed horizontal line, all across.
struct Level {
  std::string label;
  double value;
};

struct Plot {
  std::string xLabel, yLabel;
  std::vector<Curve> curves = {};
  std::vector<Level> levels = {};
  bool fromZero = false; ///< does the vertical axis begin at 0?
};

/// An SVG that shows on light and dark ground. Curves of more points than can be told apart are
/// drawn through the means of neighbours, staircases through the largest of them, so that a peak is
/// seen. Points that are not finite are left out.
std::string drawPlot(const Plot &plot);

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_SVGPLOT_H
