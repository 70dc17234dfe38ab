#include "tools/run-support/SvgPlot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace nyala {
namespace {

constexpr double width = 720, height = 420, left = 64, right = 16, top = 40, bottom = 48;
constexpr size_t mostPoints = 600;
/// Of curves, in turn: readable on both grounds.
constexpr const char *colors[] = {"#3b82f6", "#f97316", "#10b981", "#a855f7", "#ef4444", "#eab308"};

std::string format(const char *pattern, double a, double b = 0, double c = 0, double d = 0) {
  char text[256];
  std::snprintf(text, sizeof(text), pattern, a, b, c, d);
  return text;
}

std::string escape(const std::string &text) {
  std::string result;
  for (char c : text)
    result += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return result;
}

/// A range, and the numbers that its axis shows: multiples of 1, 2 or 5 times a power of ten.
struct Axis {
  double low = std::numeric_limits<double>::infinity(), high = -low, step = 1;

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void finish() {
    if (low > high)
      low = 0, high = 1;
    if (low == high)
      low -= 0.5, high += 0.5;
    double rough = (high - low) / 6, power = std::pow(10, std::floor(std::log10(rough)));
    step = power * (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10);
  }
  std::vector<double> getTicks() const {
    std::vector<double> ticks;
    for (auto i = std::llround(std::ceil(low / step)); static_cast<double>(i) * step <= high; ++i)
      ticks.push_back(static_cast<double>(i) * step);
    return ticks;
  }
  double place(double value) const { return (value - low) / (high - low); }
};

/// The points that can be told apart.
Curve prepare(const Curve &curve) {
  Curve result{curve.label, {}, curve.isStaircase};
  std::vector<std::pair<double, double>> points;
  std::ranges::copy_if(curve.points, std::back_inserter(points), [](const auto &point) {
    return std::isfinite(point.first) && std::isfinite(point.second);
  });
  size_t together = (points.size() + mostPoints - 1) / mostPoints;
  for (size_t begin = 0; begin < points.size(); begin += together) {
    size_t end = std::min(begin + together, points.size());
    double x = 0, y = 0, most = points[begin].second;
    for (size_t i = begin; i < end; ++i) {
      x += points[i].first / static_cast<double>(end - begin);
      y += points[i].second / static_cast<double>(end - begin);
      most = std::max(most, points[i].second);
    }
    if (curve.isStaircase)
      result.points.emplace_back(points[begin].first, most);
    else
      result.points.emplace_back(x, y);
  }
  if (curve.isStaircase && !points.empty()) {
    double last = points.size() == 1 ? 1 : points.back().first - points[points.size() - 2].first;
    result.points.emplace_back(points.back().first + last, result.points.back().second);
  }
  return result;
}

class Drawing {
public:
  explicit Drawing(const Plot &plot) : plot(plot) {
    for (const Curve &curve : plot.curves) {
      curves.push_back(prepare(curve));
      for (auto [px, py] : curves.back().points) {
        x.include(px);
        y.include(py);
      }
    }
    for (const Level &level : plot.levels)
      y.include(level.value);
    if (plot.fromZero)
      y.include(0);
    x.finish();
    y.finish();
  }

  std::string draw() const {
    std::string svg = format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" "
                             "font-family=\"sans-serif\" font-size=\"13\">\n",
                             width, height);
    svg += "<style>\n  .ground { fill: #ffffff } text { fill: #24292f } .grid { stroke: #d0d7de } "
           ".level { stroke: #57606a }\n"
           "  @media (prefers-color-scheme: dark) {\n    .ground { fill: #0d1117 } text { fill: "
           "#c9d1d9 } .grid { stroke: #30363d } .level { stroke: #8b949e }\n  }\n</style>\n";
    svg += "<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n";
    drawAxes(svg);
    svg += format("<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">", (left + width - right) / 2,
                  height - 10) +
           escape(plot.xLabel) + "</text>\n";
    svg += format("<text transform=\"translate(16 %g) rotate(-90)\" text-anchor=\"middle\">",
                  (top + height - bottom) / 2) +
           escape(plot.yLabel) + "</text>\n";
    double label = left; // where the next one goes, above the plot
    for (size_t i = 0; i < curves.size(); ++i)
      drawCurve(svg, i, label);
    for (const Level &level : plot.levels)
      drawLevel(svg, level, label);
    return svg + "</svg>\n";
  }

private:
  double getX(double value) const { return left + x.place(value) * (width - left - right); }
  double getY(double value) const {
    return height - bottom - y.place(value) * (height - top - bottom);
  }

  void drawAxes(std::string &svg) const {
    for (double value : x.getTicks()) {
      svg += format("<line class=\"grid\" x1=\"%.1f\" y1=\"%g\" x2=\"%.1f\" y2=\"%g\"/>",
                    getX(value), top, getX(value), height - bottom);
      svg += format("<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%g</text>\n", getX(value),
                    height - bottom + 18, value);
    }
    for (double value : y.getTicks()) {
      svg += format("<line class=\"grid\" x1=\"%g\" y1=\"%.1f\" x2=\"%g\" y2=\"%.1f\"/>", left,
                    getY(value), width - right, getY(value));
      svg += format("<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", left - 6,
                    getY(value) + 4, value);
    }
  }

  void drawCurve(std::string &svg, size_t index, double &label) const {
    const Curve &curve = curves[index];
    const std::string stroke = std::string("stroke=\"") + colors[index % std::size(colors)] + "\"";
    svg += "<polyline fill=\"none\" stroke-width=\"1.5\" " + stroke + " points=\"";
    for (size_t i = 0; i < curve.points.size(); ++i) {
      auto [px, py] = curve.points[i];
      if (curve.isStaircase && i > 0 && curve.points[i - 1].second != py)
        svg += format("%.1f,%.1f ", getX(px), getY(curve.points[i - 1].second));
      svg += format("%.1f,%.1f ", getX(px), getY(py));
    }
    svg += "\"/>\n";
    // One point makes no line.
    if (curve.points.size() == 1)
      svg += format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\" fill=\"none\" stroke-width=\"2\" ",
                    getX(curve.points[0].first), getY(curve.points[0].second)) +
             stroke + "/>\n";
    drawLabel(svg, curve.label, "stroke-width=\"3\" " + stroke, label);
  }

  void drawLevel(std::string &svg, const Level &level, double &label) const {
    const std::string style = R"(class="level" stroke-width="1.5" stroke-dasharray="6 4")";
    svg += format(R"(<line x1="%g" y1="%.1f" x2="%g" y2="%.1f" )", left, getY(level.value),
                  width - right, getY(level.value)) +
           style + "/>\n";
    drawLabel(svg, level.label, style, label);
  }

  /// A piece of the line, and what it is. Moves `at` behind it.
  static void drawLabel(std::string &svg, const std::string &text, const std::string &style,
                        double &at) {
    constexpr double line = 20, sample = 24, gap = 6, character = 7.2; // about: fonts differ
    svg +=
        format(R"(<line x1="%g" y1="%g" x2="%g" y2="%g" )", at, line - 4, at + sample, line - 4) +
        style + "/>";
    svg += format("<text x=\"%g\" y=\"%g\">", at + sample + gap, line) + escape(text) + "</text>\n";
    at += sample + 4 * gap + character * static_cast<double>(text.size());
  }

  const Plot &plot;
  std::vector<Curve> curves;
  Axis x, y;
};

} // namespace

std::string drawPlot(const Plot &plot) { return Drawing(plot).draw(); }

} // namespace nyala
