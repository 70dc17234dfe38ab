//===- KvSearch.h - The map of the least loss -------------------*- C++ -*-===//
#ifndef NYALA_PASSES_KV_KVSEARCH_H
#define NYALA_PASSES_KV_KVSEARCH_H

#include "passes/kv/KvLoss.h"
#include "passes/kv/KvMap.h"

namespace nyala::kv {

/// May layer `consumer` use the keys and values of layer `producer`?
using IsShareable = llvm::function_ref<bool(int64_t consumer, int64_t producer)>;

/// A map of `caches` producers among `layers` layers and its loss on the whole text. Ranks pairs of
/// layers by their own loss, merges groups greedily, and compares the result with maps of adjacent
/// layers. Fails if no such map is allowed or the loss cannot be computed; an error was emitted.
struct RatedMap {
  KvMap map;
  double loss;
};
mlir::FailureOr<RatedMap> searchMap(KvLoss &loss, int64_t layers, int64_t caches,
                                    IsShareable isShareable, EmitError emitError);

} // namespace nyala::kv

#endif // NYALA_PASSES_KV_KVSEARCH_H
