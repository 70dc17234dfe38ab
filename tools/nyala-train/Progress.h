//===- Progress.h - How far training is -------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_PROGRESS_H
#define NYALA_TOOLS_NYALA_TRAIN_PROGRESS_H

#include "tools/nyala-train/MetricsLog.h"

#include <chrono>

namespace nyala::train {

/// "12.3 MB"
std::string formatBytes(uint64_t bytes);

/// "step 12/100, loss 5.1234, 3210 tokens/s, 0:42 left, 1234.5 MB"
std::string formatProgress(const Metrics &metrics, uint64_t steps, double secondsLeft);

/// On standard error: on a terminal a line that is rewritten, else one every ten seconds and at the
/// end.
class Progress {
public:
  /// `first`: the steps that are done already.
  Progress(uint64_t first, uint64_t steps, bool quiet);
  /// Leaves the last line on the terminal.
  ~Progress();

  void show(const Metrics &metrics);
  /// A message below the line.
  void write(const std::string &message);

private:
  using Clock = std::chrono::steady_clock;

  uint64_t first, steps;
  bool quiet, terminal, shown = false;
  Clock::time_point begin = Clock::now(), last;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_PROGRESS_H
