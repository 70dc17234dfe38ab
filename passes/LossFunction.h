//===- LossFunction.h - A function that becomes a loss ----------*- C++ -*-===//
//
// What the losses of decoders and of other graphs share (nyala-build-loss).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_LOSSFUNCTION_H
#define NYALA_PASSES_LOSSFUNCTION_H

#include "ir/NyalaOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nyala {

/// A function of one block, a clone of @forward, that is turned into the loss of a batch.
class LossFunction {
public:
  explicit LossFunction(mlir::func::FuncOp function);

  /// Adds an argument with an attribute `key` = `value`; `rows` is the most of them, 0 for a state.
  mlir::Value addArgument(mlir::Type type, llvm::StringRef key, llvm::StringRef value,
                          int64_t rows = 0);

  /// Weights that are loaded become arguments with `nyala.state`, a matrix each: a vector is a row,
  /// of more dimensions the first are the rows.
  void makeWeightsStates();

  /// For each of `rows` rows: what is to be predicted (role `targets`), and what its loss counts
  /// (role `loss_weights`).
  struct Targets {
    mlir::Value ids, weights;
  };
  Targets addTargets(int64_t rows);

  /// Returns the sum of `losses`, a column, times `weights`, and nothing else.
  void returnSum(mlir::Location loc, mlir::Value losses, mlir::Value weights);

  /// Makes the function an entry point that returns `loss`.
  void finish();

  mlir::func::FuncOp function;
  mlir::Block &body;
  mlir::func::ReturnOp terminator;
  mlir::OpBuilder builder;
};

/// Turns `function`, a clone of the @forward of a graph without tokens, into the loss of its
/// targets. Emits an error and fails where nothing in it is scores of classes.
mlir::LogicalResult buildGraphLoss(mlir::func::FuncOp function);

/// Batch normalization in `function`, a loss, becomes that by the batch's statistics. Where those
/// known were states, the function returns their moving averages.
void useBatchStatistics(mlir::func::FuncOp function);

} // namespace nyala

#endif // NYALA_PASSES_LOSSFUNCTION_H
