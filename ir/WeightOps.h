//===- WeightOps.h - Ops that rearrange weights -----------------*- C++ -*-===//
#ifndef NYALA_IR_WEIGHTOPS_H
#define NYALA_IR_WEIGHTOPS_H

#include "ir/NyalaOps.h"

#define GET_OP_CLASSES
#include "ir/WeightOps.h.inc"

#endif // NYALA_IR_WEIGHTOPS_H
