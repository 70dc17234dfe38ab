//===- KvSearch.cpp - The map of the least loss ---------------------------===//
#include "passes/kv/KvSearch.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <optional>
#include <tuple>

using namespace mlir;
using namespace nyala::kv;

namespace {

/// Pairs that are rated at most: in deep models only pairs of near layers.
constexpr int64_t kMostPairs = 512;
/// Merges that are rated at each step, and windows of the text that rate them.
constexpr size_t kMergesRated = 6, kMergeWindows = 4;

/// A merge of two groups: the consumers of `second`, itself among them, go to `first`.
struct Merge {
  int64_t first, second;
  double rank; ///< sum of what its pairs cost alone
};

class Search {
public:
  Search(KvLoss &loss, int64_t layers, int64_t caches, IsShareable isShareable)
      : loss(loss), layers(layers), caches(caches), isShareable(isShareable) {}

  /// Nothing if no map is allowed.
  FailureOr<std::optional<RatedMap>> run() {
    if (failed(ratePairs()))
      return failure();
    FailureOr<std::optional<KvMap>> greedy = mergeGreedily();
    if (failed(greedy))
      return failure();
    SmallVector<KvMap> candidates;
    if (*greedy)
      candidates.push_back(**greedy);
    candidates.push_back(makeBalancedMap(layers, caches));
    for (int64_t factor = 1; factor <= layers; ++factor)
      if (KvMap map = makeFactorMap(layers, factor); countProducers(map) == caches)
        candidates.push_back(map);

    std::optional<RatedMap> best;
    for (const auto &[index, map] : llvm::enumerate(candidates)) {
      if (!isAllowed(map) || llvm::is_contained(ArrayRef(candidates).take_front(index), map))
        continue;
      FailureOr<double> rated = loss.compute(map);
      if (failed(rated))
        return failure();
      if (!best || *rated < best->loss)
        best = RatedMap{map, *rated};
    }
    return best;
  }

private:
  bool isAllowed(ArrayRef<int64_t> map) const {
    return llvm::all_of(llvm::enumerate(map), [&](auto entry) {
      int64_t layer = entry.index();
      return entry.value() == layer || isShareable(layer, entry.value());
    });
  }

  /// What one consumer costs alone, on one window from the middle of the text.
  LogicalResult ratePairs() {
    int64_t reach = 1;
    while (reach < layers - 1 && (reach + 1) * layers <= kMostPairs)
      ++reach;
    size_t window = loss.getWindows() / 2;
    FailureOr<double> own = loss.compute(makeOwnMap(layers), window, 1);
    if (failed(own))
      return failure();
    for (int64_t consumer = 1; consumer < layers; ++consumer)
      for (int64_t producer = std::max<int64_t>(0, consumer - reach); producer < consumer;
           ++producer) {
        if (!isShareable(consumer, producer))
          continue;
        KvMap map = makeOwnMap(layers);
        map[consumer] = producer;
        FailureOr<double> rated = loss.compute(map, window, 1);
        if (failed(rated))
          return failure();
        costs[{producer, consumer}] = *rated - *own;
      }
    return success();
  }

  /// All merges of two groups of `map` whose pairs were rated, the cheapest first.
  SmallVector<Merge> rankMerges(ArrayRef<int64_t> map) const {
    SmallVector<Merge> merges;
    for (int64_t second = 1; second < layers; ++second)
      for (int64_t first = 0; first < second && map[second] == second; ++first) {
        if (map[first] != first)
          continue;
        Merge merge{first, second, 0};
        bool rated = true;
        for (int64_t member = second; member < layers && rated; ++member) {
          if (map[member] != second)
            continue;
          auto cost = costs.find({first, member});
          rated = cost != costs.end();
          merge.rank += rated ? cost->second : 0;
        }
        if (rated)
          merges.push_back(merge);
      }
    llvm::sort(merges, [](const Merge &l, const Merge &r) {
      return std::tie(l.rank, l.second, l.first) < std::tie(r.rank, r.second, r.first);
    });
    return merges;
  }

  /// Nothing if groups are left over that may not merge.
  FailureOr<std::optional<KvMap>> mergeGreedily() {
    KvMap map = makeOwnMap(layers);
    size_t windows = std::min(kMergeWindows, loss.getWindows());
    size_t first = (loss.getWindows() - windows) / 2;
    while (countProducers(map) > caches) {
      std::optional<RatedMap> best;
      SmallVector<Merge> merges = rankMerges(map);
      merges.truncate(std::min(merges.size(), kMergesRated));
      for (const Merge &merge : merges) {
        KvMap merged = map;
        std::replace(merged.begin(), merged.end(), merge.second, merge.first);
        FailureOr<double> rated = loss.compute(merged, first, windows);
        if (failed(rated))
          return failure();
        if (!best || *rated < best->loss)
          best = RatedMap{merged, *rated};
      }
      if (!best)
        return std::optional<KvMap>();
      map = best->map;
    }
    return std::optional(map);
  }

  KvLoss &loss;
  int64_t layers, caches;
  IsShareable isShareable;
  llvm::DenseMap<std::pair<int64_t, int64_t>, double> costs; ///< by producer and consumer
};

} // namespace

FailureOr<RatedMap> nyala::kv::searchMap(KvLoss &loss, int64_t layers, int64_t caches,
                                         IsShareable isShareable, EmitError emitError) {
  FailureOr<std::optional<RatedMap>> found = Search(loss, layers, caches, isShareable).run();
  if (failed(found))
    return failure();
  if (!*found)
    return emitError() << "no sharing leaves " << caches << " caches of " << layers
                       << " layers: layers that differ in their keys cannot share; keep more";
  return **found;
}
