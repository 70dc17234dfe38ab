//===- WeightExpressions.h - Values computed from weights -------*- C++ -*-===//
//
// What several passes ask about values that come from weights.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_WEIGHTEXPRESSIONS_H
#define NYALA_PASSES_WEIGHTEXPRESSIONS_H

#include "ir/NyalaOps.h"

#include <optional>

namespace nyala {

/// Appends to `loads`, in order, the loads whose concatenation along dimension 0 `value` is
/// (concatenations may nest; a lone load counts). False if `value` is computed in another way.
bool collectConcatenatedLoads(mlir::Value value, llvm::SmallVectorImpl<LoadOp> &loads);

/// The format that the elements of `weight` are stored in: its source's; of a computed weight, that
/// of the weights it concatenates or packs, or that it is rounded to; else that of its element
/// type. Nothing if these differ or no stored format has such elements.
std::optional<StoredFormat> getStoredFormat(WeightOp weight, const mlir::SymbolTable &symbols);

/// Erases ops in the regions of `root` whose results are unused and that have no effect.
void eraseDeadOps(mlir::Operation *root);

/// Erases weights that nothing in the module refers to; returns how many.
unsigned eraseDeadWeights(mlir::ModuleOp module);

} // namespace nyala

#endif // NYALA_PASSES_WEIGHTEXPRESSIONS_H
