#include "tools/nyala-train/Schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

double nyala::train::Schedule::getRate(uint64_t step) const {
  if (step < warmup)
    return rate * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (kind == "constant")
    return rate;
  uint64_t falling = steps > warmup ? steps - warmup : 1;
  double done = std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(falling));
  double kept = kind == "linear" ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
  return minRate + (rate - minRate) * kept;
}
