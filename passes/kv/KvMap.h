//===- KvMap.h - Which layers share keys and values -------------*- C++ -*-===//
#ifndef NYALA_PASSES_KV_KVMAP_H
#define NYALA_PASSES_KV_KVMAP_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <string>

namespace nyala::kv {

/// Entry i is the layer whose keys and values layer i uses: itself for a producer, an earlier
/// producer for a consumer.
using KvMap = llvm::SmallVector<int64_t>;
using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// Nobody shares.
KvMap makeOwnMap(int64_t layers);
/// CLA-f (Brandon et al. 2024, section 3): of each `factor` adjacent layers the first produces; the
/// last group is smaller where they do not divide.
KvMap makeFactorMap(int64_t layers, int64_t factor);
/// Adjacent layers in `caches` groups whose sizes differ by at most one, the larger ones first.
KvMap makeBalancedMap(int64_t layers, int64_t caches);

/// Is `map` one of `layers` layers? Else emits what is wrong with which entry.
mlir::LogicalResult verifyMap(llvm::ArrayRef<int64_t> map, int64_t layers, EmitError emitError);

int64_t countProducers(llvm::ArrayRef<int64_t> map);
/// "0,0,2,2"
std::string formatMap(llvm::ArrayRef<int64_t> map);
/// The inverse. Fails if `text` is none or empty.
mlir::LogicalResult parseMap(llvm::StringRef text, llvm::SmallVectorImpl<int64_t> &map);

} // namespace nyala::kv

#endif // NYALA_PASSES_KV_KVMAP_H
