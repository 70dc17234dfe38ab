//===- ArenaPlanner.cpp - Offsets from lifetimes --------------------------===//
#include "ir/memory/ArenaPlanner.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

using namespace nyala;

/// How often the value that reaches highest is placed earlier.
static constexpr int kClimbs = 32;
/// What is smaller than this part of the peak is placed around the rest.
static constexpr int64_t kSmallPart = 4096;

static int64_t alignTo(int64_t value, int64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

namespace {
enum class Fit {
  Lowest,  ///< the lowest offset that is free
  Tightest ///< in the smallest hole that is large enough; above all, if there is none
};

class Planner {
public:
  Planner(std::vector<ArenaValue> &values, int64_t alignment)
      : values(values), alignment(alignment) {
    findPeak();
  }

  int64_t plan();

private:
  using Order = std::vector<size_t>;
  void planTogether();
  int64_t finish();

  void findPeak();
  template <typename Key> Order sortBy(Key key) const {
    Order order(values.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t l, size_t r) { return key(values[l]) < key(values[r]); });
    return order;
  }
  int64_t getBytes(const ArenaValue &value) const { return alignTo(value.bytes, alignment); }
  /// Steps between a value's life and the one where most is alive.
  int64_t getDistance(const ArenaValue &value) const {
    return std::max({value.firstStep - peakStep, peakStep - value.lastStep, int64_t(0)});
  }

  int64_t place(const Order &order, Fit fit, Order placed = {});
  void hold(int64_t bytes);
  void offer(const Order &order, Fit fit);
  void climb(Order order);
  void offerApart();
  bool isTight() const { return bestBytes == peakBytes; }

  std::vector<ArenaValue> &values;
  int64_t alignment;
  int64_t peakBytes = 0, peakStep = 0;
  int64_t bestBytes = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> bestOffsets;
};
} // namespace

/// Where most is alive, which no arena is smaller than.
void Planner::findPeak() {
  std::vector<std::pair<int64_t, int64_t>> changes;
  for (const ArenaValue &value : values) {
    changes.emplace_back(value.firstStep, getBytes(value));
    changes.emplace_back(value.lastStep + 1, -getBytes(value));
  }
  std::sort(changes.begin(), changes.end());
  int64_t live = 0;
  for (auto [step, change] : changes) {
    live += change;
    if (live > peakBytes) {
      peakBytes = live;
      peakStep = step;
    }
  }
}

/// Around `placed`, which have their offsets, ascending.
int64_t Planner::place(const Order &order, Fit fit, Order placed) {
  int64_t total = 0;
  for (size_t index : placed)
    total = std::max(total, values[index].offset + getBytes(values[index]));
  for (size_t index : order) {
    ArenaValue &value = values[index];
    int64_t offset = 0, hole = -1, holeBytes = std::numeric_limits<int64_t>::max();
    for (size_t other : placed) {
      const ArenaValue &neighbour = values[other];
      if (neighbour.lastStep < value.firstStep || value.lastStep < neighbour.firstStep)
        continue;
      if (offset + value.bytes <= neighbour.offset && neighbour.offset - offset < holeBytes) {
        hole = offset;
        holeBytes = neighbour.offset - offset;
        if (fit == Fit::Lowest)
          break;
      }
      offset = std::max(offset, neighbour.offset + getBytes(neighbour));
    }
    value.offset = hole < 0 ? offset : hole;
    total = std::max(total, value.offset + getBytes(value));
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), index,
                         [&](size_t l, size_t r) { return values[l].offset < values[r].offset; }),
        index);
  }
  return total;
}

void Planner::offer(const Order &order, Fit fit) {
  if (!isTight())
    hold(place(order, fit));
}

/// What was placed, if it is the smallest arena so far.
void Planner::hold(int64_t bytes) {
  if (bytes >= bestBytes)
    return;
  bestBytes = bytes;
  bestOffsets.clear();
  for (const ArenaValue &value : values)
    bestOffsets.push_back(value.offset);
}

void Planner::climb(Order order) {
  for (int step = 0; step < kClimbs && !isTight(); ++step) {
    offer(order, Fit::Lowest);
    auto top = std::max_element(order.begin(), order.end(), [&](size_t l, size_t r) {
      return values[l].offset + values[l].bytes < values[r].offset + values[r].bytes;
    });
    std::rotate(step % 2 == 0 ? order.begin() : order.begin() + (top - order.begin()) / 2, top,
                top + 1);
  }
}

/// Large values as if they were alone, small ones, which would drive them apart, where room is
/// left.
void Planner::offerApart() {
  Order large, small;
  std::vector<ArenaValue> alone;
  for (size_t index = 0; index < values.size(); ++index) {
    if (values[index].bytes * kSmallPart < peakBytes) {
      small.push_back(index);
      continue;
    }
    large.push_back(index);
    alone.push_back(values[index]);
  }
  if (small.empty())
    return;
  Planner planner(alone, alignment);
  planner.planTogether();
  planner.finish();
  for (size_t i = 0; i < large.size(); ++i)
    values[large[i]].offset = alone[i].offset;
  std::stable_sort(large.begin(), large.end(),
                   [&](size_t l, size_t r) { return values[l].offset < values[r].offset; });
  std::stable_sort(small.begin(), small.end(),
                   [&](size_t l, size_t r) { return values[l].bytes > values[r].bytes; });
  hold(place(small, Fit::Lowest, large));
}

int64_t Planner::plan() {
  planTogether();
  if (!isTight())
    offerApart();
  return finish();
}

/// Sets the offsets of the smallest arena.
int64_t Planner::finish() {
  for (size_t index = 0; index < values.size(); ++index)
    values[index].offset = bestOffsets[index];
  return bestBytes;
}

void Planner::planTogether() {
  Order bySize = sortBy([&](const ArenaValue &value) { return -getBytes(value); });
  offer(bySize, Fit::Lowest);
  auto getLife = [](const ArenaValue &value) { return value.lastStep - value.firstStep; };
  // What is alive at the peak fills it without holes; the rest goes around it.
  offer(sortBy([&](const ArenaValue &value) {
          return std::tuple(getDistance(value), -getLife(value), -getBytes(value));
        }),
        Fit::Tightest);
  offer(sortBy([&](const ArenaValue &value) {
          bool atPeak = getDistance(value) == 0;
          return std::tuple(!atPeak, atPeak ? -getLife(value) : 0, -getBytes(value));
        }),
        Fit::Lowest);
  offer(sortBy([&](const ArenaValue &value) {
          return std::tuple(getDistance(value) > 0, -getBytes(value), -getLife(value));
        }),
        Fit::Lowest);
  offer(sortBy([&](const ArenaValue &value) {
          return std::tuple(getDistance(value) > 0, -getLife(value), -getBytes(value));
        }),
        Fit::Tightest);
  climb(bySize);
}

int64_t nyala::planArena(std::vector<ArenaValue> &values, int64_t alignment) {
  if (values.empty())
    return 0;
  return Planner(values, alignment).plan();
}
