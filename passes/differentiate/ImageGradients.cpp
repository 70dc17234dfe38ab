//===- ImageGradients.cpp - Gradients of ops of images --------------------===//
//
// dY stands for the gradient with respect to a result Y. What an op's formula is
// says ir/ImageGradientOps.td.
//
//===----------------------------------------------------------------------===//
#include "ir/ImageGradientOps.h"
#include "passes/differentiate/GradientBuilder.h"
#include "passes/differentiate/GradientModels.h"

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

/// A bias is added at all places of all images.
template <typename Op> static LogicalResult differentiateBias(Op op, GradientBuilder &b) {
  for (OpOperand &bias : op.getBiasMutable())
    if (b.needs(bias)) {
      if (failed(b.expectStatic(b.getGradient())))
        return failure();
      b.set(bias, b.sumOver(b.getGradient(), {0, 2, 3}));
    }
  return success();
}

// The gradient of the weights comes first: it is the last to read the input, whose gradient then
// may take as much memory.

/// Either kind of convolution is the transpose of the other.
template <typename Transposed, typename Op>
static void differentiateInput(Op op, GradientBuilder &b) {
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(),
          b.create<Transposed>(op.getInput().getType(), b.getGradient(), op.getWeight(),
                               /*bias=*/Value(), op.getStrides(), op.getPads(), op.getDilations(),
                               op.getGroups()));
}

template <typename Op>
static void differentiateWeight(Op op, GradientBuilder &b, Value windows, Value images) {
  if (b.needs(op.getWeightMutable()))
    b.set(op.getWeightMutable(), b.create<ConvolutionWeightGradientOp>(
                                     op.getWeight().getType(), windows, images, op.getStrides(),
                                     op.getPads(), op.getDilations(), op.getGroups()));
}

static LogicalResult differentiate(ConvolutionOp op, GradientBuilder &b) {
  differentiateWeight(op, b, b.getGradient(), op.getInput());
  differentiateInput<TransposedConvolutionOp>(op, b);
  return differentiateBias(op, b);
}

static LogicalResult differentiate(TransposedConvolutionOp op, GradientBuilder &b) {
  differentiateWeight(op, b, op.getInput(), b.getGradient());
  differentiateInput<ConvolutionOp>(op, b);
  return differentiateBias(op, b);
}

//===----------------------------------------------------------------------===//
// Pooling and resizing
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(PoolOp op, GradientBuilder &b) {
  Value input = op.getKind() == PoolKind::Max ? op.getInput() : Value();
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(),
          b.create<PoolGradientOp>(op.getInput().getType(), op.getKind(), b.getGradient(), input,
                                   op.getWindow(), op.getStrides(), op.getPads(), op.getDilations(),
                                   op.getCountPads()));
  return success();
}

template <typename Op, typename Transposed>
static LogicalResult differentiateResize(Op op, GradientBuilder &b) {
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(),
          b.create<Transposed>(op.getInput().getType(), op.getKind(), b.getGradient(),
                               op.getCoordinates(), op.getRounding(), op.getScales()));
  return success();
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// Sets the gradients of scale and bias. Null if neither they nor, with `always`, others need them.
template <typename Op>
static BatchNormWeightGradientOp differentiateScale(Op op, GradientBuilder &b, Value mean,
                                                    Value variance, bool always) {
  OpOperand &scale = op.getScaleMutable(), &bias = op.getBiasMutable();
  if (!b.needs(scale) && !b.needs(bias) && !always)
    return {};
  auto sums = b.create<BatchNormWeightGradientOp>(op.getScale().getType(), op.getScale().getType(),
                                                  b.getGradient(), op.getInput(), mean, variance,
                                                  op.getEpsilon());
  if (b.needs(scale))
    b.set(scale, sums.getScaleGradient());
  if (b.needs(bias))
    b.set(bias, sums.getBiasGradient());
  return sums;
}

// Linear in the input: dX is dY scaled, without what is added.
static LogicalResult differentiate(BatchNormOp op, GradientBuilder &b) {
  if (b.needs(op.getMeanMutable()) || b.needs(op.getVarianceMutable()))
    return op.emitOpError("has no gradient with respect to its statistics; expected ones that do "
                          "not depend on what is trained");
  differentiateScale(op, b, op.getMean(), op.getVariance(), /*always=*/false);
  if (!b.needs(op.getInputMutable()))
    return success();
  Value zeros = b.splatLike(op.getBias(), 0);
  b.set(op.getInputMutable(),
        b.create<BatchNormOp>(op.getType(), b.getGradient(), op.getScale(), zeros, zeros,
                              op.getVariance(), op.getEpsilon(), op.getMomentum()));
  return success();
}

static LogicalResult differentiate(BatchNormTrainingOp op, GradientBuilder &b) {
  if (b.getGradient(1) || b.getGradient(2))
    return op.emitOpError("has no gradient of its statistics; expected a loss that does not depend "
                          "on them but by the normalized images");
  bool needsInput = b.needs(op.getInputMutable());
  BatchNormWeightGradientOp sums =
      differentiateScale(op, b, op.getMean(), op.getVariance(), needsInput);
  if (needsInput)
    b.set(op.getInputMutable(),
          b.create<BatchNormGradientOp>(
              op.getInput().getType(), b.getGradient(), op.getInput(), op.getScale(), op.getMean(),
              op.getVariance(), sums.getScaleGradient(), sums.getBiasGradient(), op.getEpsilon()));
  return success();
}

static LogicalResult differentiate(LocalResponseNormOp op, GradientBuilder &b) {
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(), b.create<LocalResponseNormGradientOp>(
                                    op.getType(), b.getGradient(), op.getInput(), op.getSize(),
                                    op.getAlpha(), op.getBeta(), op.getBias()));
  return success();
}

void nyala::attachImageGradients(MLIRContext *context) {
  attachGradient<ConvolutionOp, differentiate>(context);
  attachGradient<TransposedConvolutionOp, differentiate>(context);
  attachGradient<PoolOp, differentiate>(context);
  attachGradient<ResizeOp, differentiateResize<ResizeOp, TransposedResizeOp>>(context);
  attachGradient<TransposedResizeOp, differentiateResize<TransposedResizeOp, ResizeOp>>(context);
  attachGradient<BatchNormOp, differentiate>(context);
  attachGradient<BatchNormTrainingOp, differentiate>(context);
  attachGradient<LocalResponseNormOp, differentiate>(context);
}
