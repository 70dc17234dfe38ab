//===- UpstreamOps.h - Meanings of constants and tensor ops -----*- C++ -*-===//
#ifndef NYALA_IR_REFERENCE_UPSTREAMOPS_H
#define NYALA_IR_REFERENCE_UPSTREAMOPS_H

#include "ir/reference/Tensor.h"

#include "mlir/IR/Operation.h"

namespace nyala::reference {

/// Is `op` one that evaluateUpstream knows: arith.constant, and of the tensor dialect dim, cast,
/// concat, empty, expand_shape, collapse_shape, extract_slice and insert_slice?
bool isKnownUpstream(mlir::Operation *op);

/// The op's result, of the precision of double. Emits an error and fails where a dimension does not
/// exist, operands do not fit together or the result is too large.
mlir::FailureOr<Tensor> evaluateUpstream(mlir::Operation *op, llvm::ArrayRef<Tensor> operands);

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_UPSTREAMOPS_H
