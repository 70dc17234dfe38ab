//===- ArenaPlanner.h - Offsets from lifetimes ------------------*- C++ -*-===//
//
// Static storage: every value gets an offset such that no two values alive at
// the same step overlap. Largest first, each at the lowest offset that is free
// for its whole lifetime (Pisarchyk and Lee 2020, "greedy by size").
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_MEMORY_ARENAPLANNER_H
#define NYALA_IR_MEMORY_ARENAPLANNER_H

#include <cstdint>
#include <vector>

namespace nyala {

struct ArenaValue {
  int64_t bytes;
  int64_t firstStep;  ///< the step that writes it
  int64_t lastStep;   ///< the last step that reads it
  int64_t offset = 0; ///< set by the planner
};

/// Sets the offsets, multiples of `alignment`; returns the arena's size in bytes.
int64_t planArena(std::vector<ArenaValue> &values, int64_t alignment);

} // namespace nyala

#endif // NYALA_IR_MEMORY_ARENAPLANNER_H
