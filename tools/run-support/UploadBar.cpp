//===- UploadBar.cpp - How far weights are on their way -------------------===//

#include "tools/run-support/UploadBar.h"

#include <cstdio>
#include <string>
#include <unistd.h>

namespace nyala {

UploadBar::UploadBar()
    : terminal(isatty(STDERR_FILENO)), next(Clock::now() + std::chrono::seconds(1)) {}

UploadBar::~UploadBar() {
  if (shown)
    std::fputs("\r\x1b[K", stderr);
}

void UploadBar::show(uint64_t done, uint64_t total) {
  if (!terminal || total == 0 || Clock::now() < next)
    return;
  constexpr uint64_t width = 30;
  constexpr double giga = 1e-9;
  const uint64_t filled = done * width / total;
  std::fprintf(stderr, "\rweights to the gpu [%s%s] %.1f of %.1f GB\x1b[K",
               std::string(filled, '#').c_str(), std::string(width - filled, ' ').c_str(),
               static_cast<double>(done) * giga, static_cast<double>(total) * giga);
  std::fflush(stderr);
  shown = true;
  next = Clock::now() + std::chrono::milliseconds(100);
}

} // namespace nyala
