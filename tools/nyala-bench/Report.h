//===- Report.h - Figures on standard output --------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_BENCH_REPORT_H
#define NYALA_TOOLS_NYALA_BENCH_REPORT_H

#include "tools/nyala-bench/Dispatches.h"
#include "tools/nyala-bench/MachineLimits.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nyala {

/// Of at least one value.
double getMedian(std::vector<double> values);

/// One figure: the same thing measured several times.
struct Figure {
  std::string test; ///< "prefill", "decode", "first_token", "perplexity", "train_step"
  uint32_t threads;
  uint32_t batch;  ///< sequences
  uint32_t depth;  ///< positions in the first one's cache before the timed part
  uint64_t tokens; ///< of a sequence: of the prompt, generated, predicted, or trained on
  std::vector<double> samples; ///< not empty
  std::string unit;            ///< "tok/s", "ms", "perplexity"
};

/// Writes figures as they come: lines of a table, or JSON objects.
class Report {
public:
  explicit Report(bool json) : json(json) {}

  /// Where the model runs, and what the code that runs was compiled for; before the first figure.
  void setDevice(const nyala_model_info &info) {
    device = info.device;
    cpu = info.cpu;
  }

  void add(const Figure &figure);
  void add(const MachineLimits &limits);
  /// The table has a line for each kernel, JSON one for each step.
  void add(const DispatchProfile &profile, const MachineLimits &limits);

private:
  bool json;
  std::string cpu, device;
  bool hasHead = false;
};

} // namespace nyala

#endif // NYALA_TOOLS_NYALA_BENCH_REPORT_H
