//===- KeyEdges.h - From a place in the data to those below it --*- C++ -*-===//
//
// How the children of a node can be spelled, sorted, so that the spellings that
// begin with the same bytes are a range: a trie without nodes.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_KEYEDGES_H
#define NYALA_RUNTIME_GROUNDING_KEYEDGES_H

#include "runtime/grounding/DataTree.h"

#include <algorithm>
#include <array>
#include <limits>

namespace nyala::rt::grounding {

/// What a path has to lead to.
enum class Goal : uint8_t { Value, Operand, Divisor };
constexpr size_t goalCount = 3;

/// Bytes that are needed to get somewhere; `never` if there is no way.
using Cost = uint32_t;
constexpr Cost never = std::numeric_limits<Cost>::max() / 4;
using GoalCosts = std::array<Cost, goalCount>;

class KeyEdges {
public:
  struct Edge {
    std::string spelling;
    NodeId child;
    GoalCosts costs; ///< of the spelling and what follows it
  };

  KeyEdges() = default;
  /// Spellings are distinct.
  explicit KeyEdges(std::vector<Edge> list) : edges(std::move(list)), tree(2 * edges.size()) {
    std::ranges::sort(edges, {}, &Edge::spelling);
    for (size_t at = tree.size(); at-- > 1;)
      for (size_t goal = 0; goal < goalCount; ++goal)
        tree[at][goal] = at >= edges.size() ? edges[at - edges.size()].costs[goal]
                                            : std::min(tree[2 * at][goal], tree[2 * at + 1][goal]);
  }

  uint32_t size() const { return static_cast<uint32_t>(edges.size()); }
  const Edge &operator[](uint32_t at) const { return edges[at]; }

  /// The least cost of edges [begin, end).
  Cost getLeast(uint32_t begin, uint32_t end, Goal goal) const {
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
  Cost getLeast(Goal goal) const { return getLeast(0, size(), goal); }

private:
  std::vector<Edge> edges;
  std::vector<GoalCosts> tree; ///< a segment tree: minima of halves; leaves from size() on
};

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_KEYEDGES_H
