//===- TrainingOps.h - Ops of training steps --------------------*- C++ -*-===//
#ifndef NYALA_IR_TRAININGOPS_H
#define NYALA_IR_TRAININGOPS_H

#include "ir/NyalaOps.h"

#define GET_OP_CLASSES
#include "ir/TrainingOps.h.inc"

#endif // NYALA_IR_TRAININGOPS_H
