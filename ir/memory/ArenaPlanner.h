//===- ArenaPlanner.h - Offsets from lifetimes ------------------*- C++ -*-===//
//
// Static storage: every value gets an offset such that no two values alive at
// the same step overlap. Values are placed one after the other, each where it is
// free for its whole lifetime: largest first at the lowest offset (Pisarchyk and
// Lee 2020, "greedy by size"). Where this leaves holes at the peak, those alive
// there first, then the others by their distance from it; then, some times, what
// reaches highest earlier; then small values after all others. The smallest arena
// of all wins.
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
