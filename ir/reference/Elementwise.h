//===- Elementwise.h - Meanings of arith and math ops -----------*- C++ -*-===//
//
// The ops of the arith and math dialects that models, passes and kernels of the
// dispatch phase use, on scalars (tensors of rank 0) and on tensors of equal
// shape.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_REFERENCE_ELEMENTWISE_H
#define NYALA_IR_REFERENCE_ELEMENTWISE_H

#include "ir/reference/Tensor.h"

#include "mlir/IR/Operation.h"

namespace nyala::reference {

/// Is `op` one that evaluateElementwise knows?
bool isKnownElementwise(mlir::Operation *op);

/// The op's result; floats are not yet rounded to their type, integers are. Emits an error and
/// fails where shapes differ, an integer division has no result, or an integer passes 2^53.
mlir::FailureOr<Tensor> evaluateElementwise(mlir::Operation *op, llvm::ArrayRef<Tensor> operands);

/// `value` as a number of type `type` holds it: the nearest float, or an integer cut to its width
/// (signed; of i1, 0 or 1).
double roundTo(mlir::Type type, double value);

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_ELEMENTWISE_H
