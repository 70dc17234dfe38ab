//===- SharedLayers.h - Layers that use one another's keys ------*- C++ -*-===//
//
// A layer is the n-th attention of a function.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_KV_SHAREDLAYERS_H
#define NYALA_PASSES_KV_SHAREDLAYERS_H

#include "ir/NyalaOps.h"
#include "passes/kv/KvMap.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nyala::kv {

using Layers = llvm::SmallVector<AttentionOp>;

/// The layers of every function of the module that has any. Fails with an error if there are none,
/// or not as many in all of them.
mlir::FailureOr<llvm::SmallVector<Layers>> collectLayers(mlir::ModuleOp module);

/// The first op that `matches` on the way from keys or values back to what is projected: through
/// updates of a cache, and from rows to the rows they are computed from. Null if there is none up
/// to the projection.
mlir::Operation *findOnWay(mlir::Value keysOrValues,
                           llvm::function_ref<bool(mlir::Operation *)> matches);

/// Why `consumer` cannot attend to what `producer` attends to, because its keys and values do not
/// mean the same: a clause about the consumer ("its kv_heads is 3, that of layer 0 is 2"). Empty if
/// it can.
std::string findDifference(const Layers &layers, int64_t consumer, int64_t producer);

/// The map that the layers follow as they are: those with the same keys and values share.
KvMap getMap(const Layers &layers);

} // namespace nyala::kv

#endif // NYALA_PASSES_KV_SHAREDLAYERS_H
