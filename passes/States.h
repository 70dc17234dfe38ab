//===- States.h - Values that live from call to call ------------*- C++ -*-===//
//
// What several passes do with states: arguments of functions that carry
// nyala.state, and the values that updates make of them.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_STATES_H
#define NYALA_PASSES_STATES_H

#include "ir/NyalaDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nyala {

/// Gives `state`, an argument, another type, and with it every value of its old type that is
/// computed from it (an append's result).
void setStateType(mlir::BlockArgument state, mlir::RankedTensorType type);

/// Makes the function's type that of its arguments and of what it returns. One block.
void updateFunctionType(mlir::func::FuncOp func);

} // namespace nyala

#endif // NYALA_PASSES_STATES_H
