#include "tools/nyala-interpret/Compare.h"

#include "tools/nyala-interpret/Output.h"
#include "tools/nyala-interpret/Shapes.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

using namespace nyala;
using namespace nyala::interpret;
using reference::Tensor;

namespace {

/// The element where two tensors differ most.
struct Difference {
  int64_t element = 0;
  double difference = 0;
  /// Difference over what is allowed: beyond tolerance if over 1.
  double excess = 0;
};

} // namespace

static Difference findLargest(const Tensor &before, const Tensor &after, const Options &options) {
  Difference largest;
  for (int64_t i = 0; i < before.size(); ++i) {
    double a = before[i], b = after[i];
    if (a == b || (std::isnan(a) && std::isnan(b)))
      continue;
    Difference found{i, std::fabs(a - b), 0};
    double allowed = options.absoluteTolerance + options.relativeTolerance * std::fabs(a);
    // A NaN or an infinity on one side is beyond any tolerance.
    found.excess = std::isfinite(found.difference) && allowed > 0
                       ? found.difference / allowed
                       : std::numeric_limits<double>::infinity();
    if (found.excess > largest.excess)
      largest = found;
  }
  return largest;
}

static std::vector<int64_t> getIndices(int64_t element, llvm::ArrayRef<int64_t> shape) {
  std::vector<int64_t> indices;
  for (int64_t size : llvm::reverse(shape)) {
    indices.insert(indices.begin(), size > 0 ? element % size : 0);
    element = size > 0 ? element / size : 0;
  }
  return indices;
}

/// Compares results of one name. {"name", "within", ...}; "note" says why there are no figures.
static nlohmann::ordered_json compareTensors(const std::string &name, const Tensor &before,
                                             const Tensor &after, const Options &options) {
  if (before.getShape() != after.getShape())
    return {{"name", name},
            {"within", false},
            {"note", "shape is " + formatShape(before.getShape()) + " before and " +
                         formatShape(after.getShape()) + " after"}};
  Difference largest = findLargest(before, after, options);
  nlohmann::ordered_json report = {{"name", name},
                                   {"within", largest.excess <= 1},
                                   {"shape", std::vector<int64_t>(before.getShape())},
                                   {"difference", largest.difference}};
  if (largest.excess > 0) {
    report["at"] = getIndices(largest.element, before.getShape());
    report["before"] = before[largest.element];
    report["after"] = after[largest.element];
  }
  return report;
}

static void printReport(const nlohmann::ordered_json &report) {
  std::cout << report["name"].get<std::string>() << ": ";
  if (report.contains("note")) {
    std::cout << report["note"].get<std::string>() << "\n";
    return;
  }
  if (!report.contains("at")) {
    std::cout << "equal\n";
    return;
  }
  auto number = [&](const char *key) {
    return formatNumber(report[key].get<double>(), reference::Precision::F64);
  };
  std::cout << "largest difference " << number("difference") << " at "
            << formatShape(report["at"].get<std::vector<int64_t>>()) << ", " << number("before")
            << " before and " << number("after")
            << " after: " << (report["within"].get<bool>() ? "within" : "beyond") << " tolerance\n";
}

bool interpret::compareResults(const Side &before, const Side &after, const Options &options) {
  nlohmann::ordered_json reports = nlohmann::ordered_json::array();
  bool within = true, compared = false;
  auto find = [](const Side &side, const std::string &name) {
    return llvm::find_if(side.results,
                         [&](const Parameter &result) { return result.name == name; });
  };
  auto reportMissing = [&](const Parameter &result, const char *where) {
    within &= result.isState;
    reports.push_back({{"name", result.name},
                       {"within", result.isState},
                       {"note", std::string("only ") + where +
                                    (result.isState ? ", skipped" : ", expected on both sides")}});
  };
  for (auto [result, value] : llvm::zip_equal(before.results, before.values)) {
    auto match = find(after, result.name);
    if (match == after.results.end()) {
      reportMissing(result, "before");
      continue;
    }
    compared = true;
    reports.push_back(
        compareTensors(result.name, value, after.values[match - after.results.begin()], options));
    within &= reports.back()["within"].get<bool>();
  }
  for (const Parameter &result : after.results)
    if (find(before, result.name) == before.results.end())
      reportMissing(result, "after");

  if (options.json)
    std::cout << nlohmann::ordered_json{{"within", within && compared}, {"results", reports}}.dump()
              << "\n";
  else
    std::for_each(reports.begin(), reports.end(), printReport);
  return within && compared;
}
