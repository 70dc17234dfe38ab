//===- KeyEdges.h - From a place in the data to those below it --*- C++ -*-===//
//
// How the children of a value can be spelled, sorted, so that the spellings that
// begin with the same bytes are a range: a trie without nodes.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_KEYEDGES_H
#define NYALA_RUNTIME_GROUNDING_KEYEDGES_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nyala::rt::grounding {

/// Number of a Shape.
using ShapeId = uint32_t;

/// What a path has to lead to.
enum class Goal : uint8_t { Value, Operand, Divisor };
constexpr size_t goalCount = 3;

/// Bytes that are needed to get somewhere; `never` if there is no way.
using Cost = uint32_t;
constexpr Cost never = std::numeric_limits<Cost>::max() / 4;
using GoalCosts = std::array<Cost, goalCount>;

inline Cost plus(Cost a, Cost b) { return std::min(never, a + b); }

class KeyEdges {
public:
  /// Spellings are distinct.
  void add(std::string_view spelling, ShapeId child, const GoalCosts &costs) {
    edges.push_back({static_cast<uint32_t>(spellings.size()),
                     static_cast<uint32_t>(spelling.size()), child, costs});
    spellings += spelling;
  }
  /// After the last add(), before anything else.
  void finish();

  uint32_t size() const { return static_cast<uint32_t>(edges.size()); }
  std::string_view getSpelling(uint32_t at) const {
    return std::string_view(spellings).substr(edges[at].begin, edges[at].size);
  }
  ShapeId getChild(uint32_t at) const { return edges[at].child; }
  /// Bytes of the spelling and what follows it.
  Cost getCost(uint32_t at, Goal goal) const { return edges[at].costs[static_cast<size_t>(goal)]; }

  /// Where those of [begin, end) end whose byte at `depth` is the same as the first one's. All have
  /// that byte, and agree in those before it.
  uint32_t findEnd(uint32_t begin, uint32_t end, uint32_t depth) const {
    const char byte = getSpelling(begin)[depth];
    // Mostly near: steps that double, then halving.
    uint32_t low = begin + 1, step = 1;
    while (low < end && getSpelling(low)[depth] == byte && low + step < end) {
      if (getSpelling(low + step)[depth] != byte) {
        end = low + step;
        break;
      }
      low += step;
      step *= 2;
    }
    while (low < end) {
      const uint32_t middle = low + (end - low) / 2;
      if (getSpelling(middle)[depth] == byte)
        low = middle + 1;
      else
        end = middle;
    }
    return low;
  }

  /// Those of [begin, end) that have `byte` at `depth`. All are longer, and agree in what is
  /// before.
  std::pair<uint32_t, uint32_t> findByte(uint32_t begin, uint32_t end, uint32_t depth,
                                         uint8_t byte) const {
    auto getByte = [&](uint32_t at) { return static_cast<uint8_t>(getSpelling(at)[depth]); };
    uint32_t last = end;
    while (begin < last) {
      const uint32_t middle = begin + (last - begin) / 2;
      if (getByte(middle) < byte)
        begin = middle + 1;
      else
        last = middle;
    }
    if (begin == end || getByte(begin) != byte)
      return {begin, begin};
    return {begin, findEnd(begin, end, depth)};
  }

  /// The least cost of edges [begin, end).
  Cost getLeast(uint32_t begin, uint32_t end, Goal goal) const {
    if (end - begin == 1)
      return getCost(begin, goal);
    Cost least = never;
    size_t left = begin + edges.size(), right = end + edges.size();
    for (; left < right; left /= 2, right /= 2) {
      if (left % 2 == 1)
        least = std::min(least, tree[left++][static_cast<size_t>(goal)]);
      if (right % 2 == 1)
        least = std::min(least, tree[--right][static_cast<size_t>(goal)]);
    }
    return least;
  }
  Cost getLeast(Goal goal) const { return size() == 0 ? never : getLeast(0, size(), goal); }

private:
  struct Edge {
    uint32_t begin, size; ///< of `spellings`
    ShapeId child;
    GoalCosts costs;
  };
  std::vector<Edge> edges;
  std::string spellings;       ///< one behind the other, as they were added
  std::vector<GoalCosts> tree; ///< a segment tree: minima of halves; leaves from size() on
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_KEYEDGES_H
