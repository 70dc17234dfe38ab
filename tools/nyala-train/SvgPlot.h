//===- SvgPlot.h - Curves in one plot ---------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_SVGPLOT_H
#define NYALA_TOOLS_NYALA_TRAIN_SVGPLOT_H

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace nyala::train {

struct Curve {
  std::string label;
  std::vector<std::pair<double, double>> points; ///< ascending by the first
};

/// A plot that shows on light and dark ground. Curves of more points than can be told apart are
/// drawn through the means of neighbours. Points that are not finite are left out.
std::string drawPlot(const std::string &xLabel, const std::string &yLabel,
                     std::span<const Curve> curves);

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_SVGPLOT_H
