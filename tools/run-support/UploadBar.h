//===- UploadBar.h - How far weights are on their way -----------*- C++ -*-===//
#ifndef NYALA_TOOLS_RUNSUPPORT_UPLOADBAR_H
#define NYALA_TOOLS_RUNSUPPORT_UPLOADBAR_H

#include <chrono>
#include <cstdint>

namespace nyala {

/// A line on standard error that is written again and again, of what takes longer than a second; on
/// terminals alone.
class UploadBar {
public:
  UploadBar();
  /// Takes the line away.
  ~UploadBar();
  UploadBar(const UploadBar &) = delete;
  UploadBar &operator=(const UploadBar &) = delete;

  void show(uint64_t done, uint64_t total);

private:
  using Clock = std::chrono::steady_clock;

  bool terminal, shown = false;
  Clock::time_point next;
};

} // namespace nyala

#endif // NYALA_TOOLS_RUNSUPPORT_UPLOADBAR_H
