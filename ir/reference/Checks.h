//===- Checks.h - What evaluations share ------------------------*- C++ -*-===//
//
// Checks of what types leave open: dynamic dimensions, and indices that are
// data. Each emits an error at the op and fails.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_REFERENCE_CHECKS_H
#define NYALA_IR_REFERENCE_CHECKS_H

#include "ir/reference/Tensor.h"
#include "ir/storage/StoredFormat.h"

#include "mlir/IR/Operation.h"

namespace nyala::reference {

/// "expected WHAT to be EXPECTED, got ACTUAL" unless they agree.
mlir::LogicalResult checkEqual(mlir::Operation *op, llvm::StringRef what, int64_t expected,
                               int64_t actual);

/// Is a result of `shape` one that the interpreter handles? For sizes that types leave open.
mlir::LogicalResult checkFits(mlir::Operation *op, llvm::ArrayRef<int64_t> shape);

/// Element `i` of `indices`, which must be in 0..size-1. `what` names an index: "token".
mlir::FailureOr<int64_t> checkIndex(mlir::Operation *op, llvm::StringRef what,
                                    const Tensor &indices, int64_t i, int64_t size);

/// What is left of values that are stored in blocks (SlotLayout.h). A multiple of 32.
void roundToBlocks(StoredFormat format, llvm::MutableArrayRef<double> values);

/// The results of an op that has one.
inline llvm::SmallVector<Tensor> single(Tensor tensor) {
  llvm::SmallVector<Tensor> results;
  results.push_back(std::move(tensor));
  return results;
}

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_CHECKS_H
