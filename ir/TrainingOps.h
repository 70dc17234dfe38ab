//===- TrainingOps.h - Ops of training steps --------------------*- C++ -*-===//
#ifndef NYALA_IR_TRAININGOPS_H
#define NYALA_IR_TRAININGOPS_H

#include "ir/NyalaOps.h"

#define GET_OP_CLASSES
#include "ir/TrainingOps.h.inc"

namespace nyala {

/// On results of a differentiated function: the state (a weight) whose gradient they are.
inline constexpr llvm::StringLiteral kGradientAttr = "nyala.gradient";

} // namespace nyala

#endif // NYALA_IR_TRAININGOPS_H
