//===- UpstreamGradients.cpp - Gradients of arith, math and tensor ops ----===//
//
// g is the gradient with respect to the result, r the result.
//
//===----------------------------------------------------------------------===//
#include "passes/differentiate/GradientBuilder.h"
#include "passes/differentiate/GradientModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// arith
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(arith::AddFOp op, GradientBuilder &b) {
  for (OpOperand &operand : op->getOpOperands())
    if (b.needs(operand))
      b.set(operand, b.getGradient());
  return success();
}

static LogicalResult differentiate(arith::SubFOp op, GradientBuilder &b) {
  if (b.needs(op.getLhsMutable()))
    b.set(op.getLhsMutable(), b.getGradient());
  if (b.needs(op.getRhsMutable()))
    b.set(op.getRhsMutable(), b.create<arith::NegFOp>(b.getGradient()));
  return success();
}

static LogicalResult differentiate(arith::MulFOp op, GradientBuilder &b) {
  if (b.needs(op.getLhsMutable()))
    b.set(op.getLhsMutable(), b.create<arith::MulFOp>(b.getGradient(), op.getRhs()));
  if (b.needs(op.getRhsMutable()))
    b.set(op.getRhsMutable(), b.create<arith::MulFOp>(b.getGradient(), op.getLhs()));
  return success();
}

// r = x / y        dx = g / y        dy = -(g / y) * r
static LogicalResult differentiate(arith::DivFOp op, GradientBuilder &b) {
  Value quotient = b.create<arith::DivFOp>(b.getGradient(), op.getRhs());
  if (b.needs(op.getLhsMutable()))
    b.set(op.getLhsMutable(), quotient);
  if (b.needs(op.getRhsMutable())) {
    Value product = b.create<arith::MulFOp>(quotient, op.getResult());
    b.set(op.getRhsMutable(), b.create<arith::NegFOp>(product));
  }
  return success();
}

static LogicalResult differentiate(arith::NegFOp op, GradientBuilder &b) {
  if (b.needs(op.getOperandMutable()))
    b.set(op.getOperandMutable(), b.create<arith::NegFOp>(b.getGradient()));
  return success();
}

/// g where `condition` holds goes to the first operand, elsewhere to the second.
static LogicalResult choose(GradientBuilder &b, Value condition, OpOperand &first,
                            OpOperand &second) {
  FailureOr<Value> zeros = b.makeSplat(b.getGradient().getType(), 0);
  if (failed(zeros))
    return failure();
  if (b.needs(first))
    b.set(first, b.create<arith::SelectOp>(condition, b.getGradient(), *zeros));
  if (b.needs(second))
    b.set(second, b.create<arith::SelectOp>(condition, *zeros, b.getGradient()));
  return success();
}

static LogicalResult differentiate(arith::SelectOp op, GradientBuilder &b) {
  return choose(b, op.getCondition(), op.getTrueValueMutable(), op.getFalseValueMutable());
}

// Equal operands: the first one's, as good as any.
template <typename Op, arith::CmpFPredicate firstWins>
static LogicalResult differentiateExtremum(Op op, GradientBuilder &b) {
  Value condition = b.create<arith::CmpFOp>(firstWins, op.getLhs(), op.getRhs());
  return choose(b, condition, op.getLhsMutable(), op.getRhsMutable());
}

template <typename Op> static LogicalResult differentiateConversion(Op op, GradientBuilder &b) {
  if (b.needs(op.getInMutable()))
    b.set(op.getInMutable(),
          b.convert(b.getGradient(), getElementTypeOrSelf(op.getIn().getType())));
  return success();
}

void nyala::attachArithGradients(MLIRContext *context) {
  using P = arith::CmpFPredicate;
  attachGradient<arith::AddFOp, differentiate>(context);
  attachGradient<arith::SubFOp, differentiate>(context);
  attachGradient<arith::MulFOp, differentiate>(context);
  attachGradient<arith::DivFOp, differentiate>(context);
  attachGradient<arith::NegFOp, differentiate>(context);
  attachGradient<arith::SelectOp, differentiate>(context);
  attachGradient<arith::MaximumFOp, differentiateExtremum<arith::MaximumFOp, P::OGE>>(context);
  attachGradient<arith::MinimumFOp, differentiateExtremum<arith::MinimumFOp, P::OLE>>(context);
  attachGradient<arith::TruncFOp, differentiateConversion<arith::TruncFOp>>(context);
  attachGradient<arith::ExtFOp, differentiateConversion<arith::ExtFOp>>(context);
}

//===----------------------------------------------------------------------===//
// math
//===----------------------------------------------------------------------===//

// dx = g * r
static Value scale(math::ExpOp op, GradientBuilder &b) {
  return b.create<arith::MulFOp>(b.getGradient(), op.getResult());
}

// dx = g / x
static Value scale(math::LogOp op, GradientBuilder &b) {
  return b.create<arith::DivFOp>(b.getGradient(), op.getOperand());
}

// dx = g / (2 r)
static Value scale(math::SqrtOp op, GradientBuilder &b) {
  Value twice = b.create<arith::AddFOp>(op.getResult(), op.getResult());
  return b.create<arith::DivFOp>(b.getGradient(), twice);
}

// dx = -g r / (2 x)
static Value scale(math::RsqrtOp op, GradientBuilder &b) {
  Value twice = b.create<arith::AddFOp>(op.getOperand(), op.getOperand());
  Value product = b.create<arith::MulFOp>(b.getGradient(), op.getResult());
  Value quotient = b.create<arith::DivFOp>(product, twice);
  return b.create<arith::NegFOp>(quotient);
}

// dx = g - g r^2
static Value scale(math::TanhOp op, GradientBuilder &b) {
  Value square = b.create<arith::MulFOp>(op.getResult(), op.getResult());
  Value product = b.create<arith::MulFOp>(b.getGradient(), square);
  return b.create<arith::SubFOp>(b.getGradient(), product);
}

template <typename Op> static LogicalResult differentiateUnary(Op op, GradientBuilder &b) {
  OpOperand &operand = op->getOpOperand(0);
  if (b.needs(operand))
    b.set(operand, scale(op, b));
  return success();
}

void nyala::attachMathGradients(MLIRContext *context) {
  attachGradient<math::ExpOp, differentiateUnary<math::ExpOp>>(context);
  attachGradient<math::LogOp, differentiateUnary<math::LogOp>>(context);
  attachGradient<math::SqrtOp, differentiateUnary<math::SqrtOp>>(context);
  attachGradient<math::RsqrtOp, differentiateUnary<math::RsqrtOp>>(context);
  attachGradient<math::TanhOp, differentiateUnary<math::TanhOp>>(context);
}

//===----------------------------------------------------------------------===//
// tensor
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(tensor::ExpandShapeOp op, GradientBuilder &b) {
  if (b.needs(op.getSrcMutable()))
    b.set(op.getSrcMutable(), b.create<tensor::CollapseShapeOp>(op.getSrcType(), b.getGradient(),
                                                                op.getReassociationIndices()));
  return success();
}

/// Shapes of gradients are those of `operand`, which must be static where they are built from it.
static LogicalResult expectStatic(Operation *op, Value operand) {
  if (cast<RankedTensorType>(operand.getType()).hasStaticShape())
    return success();
  return op->emitOpError("expected operands of static shape for its gradient, got ")
         << operand.getType();
}

static LogicalResult differentiate(tensor::CollapseShapeOp op, GradientBuilder &b) {
  if (!b.needs(op.getSrcMutable()))
    return success();
  if (failed(expectStatic(op, op.getSrc())))
    return failure();
  b.set(op.getSrcMutable(), b.create<tensor::ExpandShapeOp>(op.getSrcType(), b.getGradient(),
                                                            op.getReassociationIndices()));
  return success();
}

static LogicalResult differentiate(tensor::CastOp op, GradientBuilder &b) {
  if (b.needs(op.getSourceMutable()))
    b.set(op.getSourceMutable(),
          b.create<tensor::CastOp>(op.getSource().getType(), b.getGradient()));
  return success();
}

static SmallVector<OpFoldResult> indices(GradientBuilder &b, ArrayRef<int64_t> values) {
  return getAsIndexOpFoldResult(b.getContext(), values);
}

// Each operand gets its slice of g.
static LogicalResult differentiate(tensor::ConcatOp op, GradientBuilder &b) {
  SmallVector<int64_t> offsets(op.getRank(), 0), strides(op.getRank(), 1);
  for (OpOperand &operand : op->getOpOperands()) {
    if (failed(expectStatic(op, operand.get())))
      return failure();
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (b.needs(operand))
      b.set(operand,
            b.create<tensor::ExtractSliceOp>(type, b.getGradient(), indices(b, offsets),
                                             indices(b, type.getShape()), indices(b, strides)));
    offsets[op.getDim()] += type.getDimSize(op.getDim());
  }
  return success();
}

// g between zeros, dimension by dimension.
static LogicalResult differentiate(tensor::ExtractSliceOp op, GradientBuilder &b) {
  if (!b.needs(op.getSourceMutable()))
    return success();
  RankedTensorType source = op.getSourceType(), type = op.getType();
  ArrayRef<int64_t> offsets = op.getStaticOffsets();
  if (!source.hasStaticShape() || !type.hasStaticShape() || type.getRank() != source.getRank() ||
      ShapedType::isDynamicShape(offsets) || !op.hasUnitStride())
    return op.emitOpError("expected static shapes of one rank, constant offsets and strides of one "
                          "for its gradient, got a slice of ")
           << source << " of type " << type;
  Value gradient = b.getGradient();
  SmallVector<int64_t> shape(type.getShape());
  for (int64_t dim = 0; dim < source.getRank(); ++dim) {
    SmallVector<Value> parts;
    auto addZeros = [&](int64_t size) {
      SmallVector<int64_t> padding(shape);
      padding[dim] = size;
      if (size > 0)
        parts.push_back(*b.makeSplat(type.clone(padding), 0)); // the shape is static
    };
    addZeros(offsets[dim]);
    parts.push_back(gradient);
    addZeros(source.getDimSize(dim) - offsets[dim] - shape[dim]);
    shape[dim] = source.getDimSize(dim);
    if (parts.size() > 1)
      gradient = b.create<tensor::ConcatOp>(type.clone(shape), dim, parts);
  }
  b.set(op.getSourceMutable(), gradient);
  return success();
}

void nyala::attachTensorGradients(MLIRContext *context) {
  attachGradient<tensor::ExpandShapeOp, differentiate>(context);
  attachGradient<tensor::CollapseShapeOp, differentiate>(context);
  attachGradient<tensor::CastOp, differentiate>(context);
  attachGradient<tensor::ConcatOp, differentiate>(context);
  attachGradient<tensor::ExtractSliceOp, differentiate>(context);
}
