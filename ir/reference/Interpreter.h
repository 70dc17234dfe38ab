//===- Interpreter.h - Executes modules as their ops are defined -*- C++ -*-===//
//
// The oracle: functions of the phases input, model and dispatch, on plain
// tensors. nyala's ops are evaluated through ReferenceOpInterface, weights are
// read from their source files or from their initializers, and arith, math,
// tensor and linalg ops as far as those phases use them. Anything else is an
// error that names the op.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_REFERENCE_INTERPRETER_H
#define NYALA_IR_REFERENCE_INTERPRETER_H

#include "ir/NyalaOps.h"
#include "ir/reference/Tensor.h"
#include "ir/reference/Weights.h"

#include "llvm/ADT/DenseMap.h"

namespace nyala::reference {

/// Most elements of a tensor that the interpreter handles (2 GiB as doubles).
inline constexpr int64_t kMaxElements = int64_t(1) << 28;

/// Have tensors of `shape` at most kMaxElements elements, and no size that is negative or larger?
bool fits(llvm::ArrayRef<int64_t> shape);

enum class Precision {
  F32, ///< the result of each op is rounded to its type
  F64  ///< floats keep the precision of double
};

struct InterpreterOptions {
  Precision precision = Precision::F32;
  /// Of random weights.
  uint64_t seed = 0;
  /// Weights with a source get random values too; always so those without source and initializer.
  bool randomWeights = false;
};

class Interpreter {
public:
  explicit Interpreter(InterpreterOptions options) : options(options) {}

  /// The results of a func.func or nyala.kernel. Emits an error and fails if
  /// arguments do not fit their types or an op cannot be evaluated.
  mlir::FailureOr<llvm::SmallVector<Tensor>> run(mlir::FunctionOpInterface function,
                                                 llvm::ArrayRef<Tensor> arguments);

  /// The value of a weight; not kept.
  mlir::FailureOr<Tensor> getWeight(WeightOp weight);

private:
  using Values = llvm::DenseMap<mlir::Value, Tensor>;

  mlir::FailureOr<llvm::SmallVector<Tensor>> runBlock(mlir::Block &block, Values values);
  mlir::FailureOr<llvm::SmallVector<Tensor>> runOp(mlir::Operation *op,
                                                   llvm::ArrayRef<Tensor> operands);
  mlir::FailureOr<llvm::SmallVector<Tensor>> runReference(ReferenceOpInterface op,
                                                          llvm::ArrayRef<Tensor> operands);
  mlir::FailureOr<llvm::SmallVector<Tensor>> runDispatch(DispatchOp dispatch,
                                                         llvm::ArrayRef<Tensor> operands);
  void round(mlir::Type type, Tensor &tensor) const;

  InterpreterOptions options;
  mlir::SymbolTableCollection symbols;
  WeightReader reader;
  /// Functions and initializers that are running.
  unsigned depth = 0;
};

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_INTERPRETER_H
