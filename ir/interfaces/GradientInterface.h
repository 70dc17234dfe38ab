//===- GradientInterface.h - Reverse-mode differentiation -------*- C++ -*-===//
#ifndef NYALA_IR_INTERFACES_GRADIENTINTERFACE_H
#define NYALA_IR_INTERFACES_GRADIENTINTERFACE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"

#include "ir/interfaces/GradientInterface.h.inc"

#endif // NYALA_IR_INTERFACES_GRADIENTINTERFACE_H
