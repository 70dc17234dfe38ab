//===- WeightExpressions.h - Values computed from weights -------*- C++ -*-===//
//
// What several passes ask about values that come from weights.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_WEIGHTEXPRESSIONS_H
#define NYALA_PASSES_WEIGHTEXPRESSIONS_H

#include "ir/NyalaOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

#include <optional>

namespace nyala {

/// Appends to `loads`, in order, the loads whose concatenation along dimension 0 `value` is
/// (concatenations may nest; a lone load counts). False if `value` is computed in another way.
bool collectConcatenatedLoads(mlir::Value value, llvm::SmallVectorImpl<LoadOp> &loads);

/// The format that the elements of `weight` are stored in: its source's; of a computed weight, that
/// of the weights it concatenates or packs, or that it is rounded to; else that of its element
/// type. Nothing if these differ or no stored format has such elements.
std::optional<StoredFormat> getStoredFormat(WeightOp weight, const mlir::SymbolTable &symbols);

/// The ops that compute a value from weights alone, operands before users.
using WeightExpression = llvm::SetVector<mlir::Operation *>;

/// Values of `function` that pure ops compute from loads and constants alone, at least one load,
/// and that something else uses; loads among them. In the order of their ops. `isPart`: may an op
/// (no load or constant) be part of such an expression?
llvm::SmallVector<mlir::Value>
findWeightExpressions(mlir::func::FuncOp function,
                      llvm::function_ref<bool(mlir::Operation *)> isPart);

/// The ops of such a value.
WeightExpression collectExpression(mlir::Value value);

/// The names of the weights that an expression reads, joined: "blk.0.attn_q.weight+attn_k.weight".
std::string getWeightNames(const WeightExpression &expression);

/// Erases ops in the regions of `root` whose results are unused and that have no effect.
void eraseDeadOps(mlir::Operation *root);

/// Erases weights that nothing in the module refers to; returns how many.
unsigned eraseDeadWeights(mlir::ModuleOp module);

} // namespace nyala

#endif // NYALA_PASSES_WEIGHTEXPRESSIONS_H
