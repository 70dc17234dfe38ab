//===- NyalaDialect.h - The nyala dialect -----------------------*- C++ -*-===//
#ifndef NYALA_IR_NYALADIALECT_H
#define NYALA_IR_NYALADIALECT_H

#include "mlir/IR/Dialect.h"

#include "ir/NyalaDialect.h.inc"

#endif // NYALA_IR_NYALADIALECT_H
