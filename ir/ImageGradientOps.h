//===- ImageGradientOps.h - Training of image networks ----------*- C++ -*-===//
#ifndef NYALA_IR_IMAGEGRADIENTOPS_H
#define NYALA_IR_IMAGEGRADIENTOPS_H

#include "ir/ConvolutionOps.h"

#define GET_OP_CLASSES
#include "ir/ImageGradientOps.h.inc"

namespace nyala {

WindowAxes getWindowAxes(ConvolutionWeightGradientOp op);
WindowAxes getWindowAxes(PoolGradientOp op);

} // namespace nyala

#endif // NYALA_IR_IMAGEGRADIENTOPS_H
