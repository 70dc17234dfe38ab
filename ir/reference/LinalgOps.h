//===- LinalgOps.h - Meanings of linalg's named ops -------------*- C++ -*-===//
#ifndef NYALA_IR_REFERENCE_LINALGOPS_H
#define NYALA_IR_REFERENCE_LINALGOPS_H

#include "ir/reference/Tensor.h"

#include "mlir/IR/Operation.h"

namespace nyala::reference {

/// Is `op` one that evaluateLinalg knows: transpose, broadcast and batch_matmul, on tensors?
bool isKnownLinalg(mlir::Operation *op);

/// The op's result, of the precision of double. Emits an error and fails where operands do not fit
/// together.
mlir::FailureOr<Tensor> evaluateLinalg(mlir::Operation *op, llvm::ArrayRef<Tensor> operands);

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_LINALGOPS_H
