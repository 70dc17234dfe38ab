//===- ArenaPlanner.cpp - Offsets from lifetimes --------------------------===//
#include "ir/memory/ArenaPlanner.h"

#include <algorithm>
#include <numeric>

using namespace nyala;

static int64_t alignTo(int64_t value, int64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

int64_t nyala::planArena(std::vector<ArenaValue> &values, int64_t alignment) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t l, size_t r) { return values[l].bytes > values[r].bytes; });
  std::vector<size_t> placed; // ascending by offset
  int64_t total = 0;
  for (size_t index : order) {
    ArenaValue &value = values[index];
    int64_t offset = 0;
    for (size_t other : placed) {
      const ArenaValue &neighbour = values[other];
      if (neighbour.lastStep < value.firstStep || value.lastStep < neighbour.firstStep)
        continue;
      if (offset + value.bytes <= neighbour.offset)
        break;
      offset = std::max(offset, alignTo(neighbour.offset + neighbour.bytes, alignment));
    }
    value.offset = offset;
    total = std::max(total, alignTo(offset + value.bytes, alignment));
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), index,
                         [&](size_t l, size_t r) { return values[l].offset < values[r].offset; }),
        index);
  }
  return total;
}
