//===- ConvolutionOps.h - Ops of convolutional networks ---------*- C++ -*-===//
#ifndef NYALA_IR_CONVOLUTIONOPS_H
#define NYALA_IR_CONVOLUTIONOPS_H

#include "ir/NyalaOps.h"

#include <array>

#define GET_OP_CLASSES
#include "ir/ConvolutionOps.h.inc"

namespace nyala {

/// How windows move over one dimension of an image.
struct WindowAxis {
  int64_t size, stride, dilation;
  int64_t padBefore, padAfter;

  /// Elements from the window's first to its last.
  int64_t getExtent() const { return dilation * (size - 1) + 1; }
  /// Windows over `input` elements; with `cut` also one that reaches beyond the end, if it begins
  /// before the pads there. Not positive if none fits.
  int64_t getCount(int64_t input, bool cut = false) const;
};

/// Over rows and columns.
using WindowAxes = std::array<WindowAxis, 2>;

WindowAxes getWindowAxes(ConvolutionOp op);
WindowAxes getWindowAxes(TransposedConvolutionOp op);
WindowAxes getWindowAxes(PoolOp op);

/// Sizes, strides, dilations and pads beyond this are refused: sums and products of them and of an
/// image's sizes, which are no larger, stay far from overflow.
inline constexpr int64_t kMaxWindow = int64_t(1) << 30;

} // namespace nyala

#endif // NYALA_IR_CONVOLUTIONOPS_H
