#include "tools/nyala-train/Progress.h"
#include "tools/run-support/Output.h"

#include <cmath>
#include <cstdio>
#include <unistd.h>

namespace nyala::train {

std::string formatBytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string formatProgress(const Metrics &metrics, uint64_t steps, double secondsLeft) {
  auto left = std::llround(secondsLeft);
  char time[48];
  if (left >= 3600)
    std::snprintf(time, sizeof(time), "%lld:%02lld:%02lld", left / 3600, left / 60 % 60, left % 60);
  else
    std::snprintf(time, sizeof(time), "%lld:%02lld", left / 60, left % 60);
  char line[192];
  std::snprintf(line, sizeof(line), "step %llu/%llu, loss %.4f, %.0f tokens/s, %s left, %s",
                static_cast<unsigned long long>(metrics.step),
                static_cast<unsigned long long>(steps), static_cast<double>(metrics.loss),
                metrics.tokensPerSecond, time, formatBytes(metrics.peakBytes).c_str());
  return line;
}

Progress::Progress(uint64_t first, uint64_t steps, bool quiet)
    : first(first), steps(steps), quiet(quiet), terminal(isatty(STDERR_FILENO)) {}

Progress::~Progress() {
  if (shown && terminal)
    std::fputs("\n", stderr);
}

void Progress::show(const Metrics &metrics) {
  Clock::time_point now = Clock::now();
  if (quiet ||
      (!terminal && metrics.step != steps && shown && now - last < std::chrono::seconds(10)))
    return;
  std::chrono::duration<double> passed = now - begin;
  double left = passed.count() * static_cast<double>(steps - metrics.step) /
                static_cast<double>(metrics.step - first);
  std::string line = formatProgress(metrics, steps, left);
  if (terminal)
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
  else
    writeMessage(line);
  shown = true;
  last = now;
}

void Progress::write(const std::string &message) {
  if (quiet)
    return;
  if (shown && terminal)
    std::fputs("\r\033[K", stderr);
  writeMessage(message);
}

} // namespace nyala::train
