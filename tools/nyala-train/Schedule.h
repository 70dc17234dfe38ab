//===- Schedule.h - The learning rate of each step --------------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_TRAIN_SCHEDULE_H
#define NYALA_TOOLS_NYALA_TRAIN_SCHEDULE_H

#include <cstdint>
#include <string>

namespace nyala::train {

struct Schedule {
  std::string kind = "cosine"; ///< constant, linear or cosine
  double rate = 3e-4;          ///< after the warm-up
  double minRate = 0;          ///< at the end; a constant one does not fall
  uint64_t warmup = 0;         ///< steps in which the rate rises from rate / warmup
  uint64_t steps = 0;          ///< in all

  /// Of a step, counted from 0.
  double getRate(uint64_t step) const;
};

} // namespace nyala::train

#endif // NYALA_TOOLS_NYALA_TRAIN_SCHEDULE_H
