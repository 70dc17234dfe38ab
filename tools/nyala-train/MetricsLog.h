//===- MetricsLog.h - One line a step ---------------------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_METRICSLOG_H
#define NYALA_TOOLS_NYALA_TRAIN_METRICSLOG_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nyala::train {

/// Of a step; absent where it has none.
struct Metrics {
  uint64_t step; ///< from 1
  float loss;    ///< mean over the step's tokens
  float rate;
  double tokensPerSecond;
  uint64_t peakBytes; ///< memory that steps run in
  float gradientNorm; ///< of all gradients, before clipping
  std::optional<double> evalLoss;
};

/// {"step": 1, "loss": 8.3, "lr": 0.001, "tok_s": 5100.2, "peak_bytes": 1234, "grad_norm": 1.5}
std::string formatMetrics(const Metrics &metrics);

/// A file of such lines, ascending by step, each written at once and whole.
class MetricsLog {
public:
  /// Goes on after step `step`: later lines, and a last line that is not whole, are cut off. 0: all
  /// of them. A file that is not there is made. Throws nyala::Error, and leaves the file as it is,
  /// if a whole line is not of such a log.
  MetricsLog(std::string path, uint64_t step);
  ~MetricsLog();
  MetricsLog(const MetricsLog &) = delete;
  MetricsLog &operator=(const MetricsLog &) = delete;

  /// The lines that were cut off.
  uint64_t getCut() const { return cut; }
  /// All that the file holds: step, loss, norm and evaluated loss; the rest is 0 in old ones.
  const std::vector<Metrics> &getLines() const { return lines; }
  /// Throws nyala::Error if the line cannot be written.
  void append(const Metrics &metrics);

private:
  void cutAfter(uint64_t step);

  std::string path;
  int descriptor = -1;
  uint64_t cut = 0;
  std::vector<Metrics> lines;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_METRICSLOG_H
