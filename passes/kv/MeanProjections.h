//===- MeanProjections.h - Shared projections as means ----------*- C++ -*-===//
#ifndef NYALA_PASSES_KV_MEANPROJECTIONS_H
#define NYALA_PASSES_KV_MEANPROJECTIONS_H

#include "passes/kv/SharedLayers.h"

#include "mlir/IR/SymbolTable.h"

namespace nyala::kv {

/// Gives each producer of `map`, in layers that do not share yet, the mean of its group's
/// projections of keys and values. Fails with an error, changing nothing, if a projection is not a
/// linear layer of a loaded weight, or the group's differ in shape. `remarks`: say what that takes.
mlir::LogicalResult averageProjections(llvm::ArrayRef<Layers> functions,
                                       llvm::ArrayRef<int64_t> map, mlir::SymbolTable &symbols,
                                       bool remarks);

} // namespace nyala::kv

#endif // NYALA_PASSES_KV_MEANPROJECTIONS_H
