//===- TensorGradients.cpp - Gradients of tensor and linalg ops -----------===//
//
// g is the gradient with respect to the result.
//
//===----------------------------------------------------------------------===//
#include "passes/differentiate/GradientBuilder.h"
#include "passes/differentiate/GradientModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// tensor
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(tensor::ExpandShapeOp op, GradientBuilder &b) {
  if (b.needs(op.getSrcMutable()))
    b.set(op.getSrcMutable(), b.create<tensor::CollapseShapeOp>(op.getSrcType(), b.getGradient(),
                                                                op.getReassociationIndices()));
  return success();
}

static LogicalResult differentiate(tensor::CollapseShapeOp op, GradientBuilder &b) {
  if (!b.needs(op.getSrcMutable()))
    return success();
  if (failed(b.expectStatic(op.getSrc())))
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
    if (failed(b.expectStatic(operand.get())))
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

/// Offsets, sizes and strides must be constants where gradients are built of them.
template <typename Op> static LogicalResult expectConstants(Op op, Type whole, Type part) {
  for (ArrayRef<int64_t> values :
       {op.getStaticOffsets(), op.getStaticSizes(), op.getStaticStrides()})
    if (ShapedType::isDynamicShape(values))
      return op.emitOpError("expected constant offsets, sizes and strides for its gradient, got a "
                            "slice of ")
             << whole << " of type " << part;
  return success();
}

// g between zeros, dimension by dimension; into zeros where it is not one block of the same rank.
static LogicalResult differentiate(tensor::ExtractSliceOp op, GradientBuilder &b) {
  if (!b.needs(op.getSourceMutable()))
    return success();
  RankedTensorType source = op.getSourceType(), type = op.getType();
  ArrayRef<int64_t> offsets = op.getStaticOffsets();
  if (failed(b.expectStatic(op.getSource())) || failed(expectConstants(op, source, type)))
    return failure();
  Value gradient = b.getGradient();
  if (type.getRank() != source.getRank() || !op.hasUnitStride()) {
    b.set(op.getSourceMutable(), b.create<tensor::InsertSliceOp>(
                                     gradient, b.splatLike(op.getSource(), 0), op.getMixedOffsets(),
                                     op.getMixedSizes(), op.getMixedStrides()));
    return success();
  }
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

// What is inserted gets its slice of g, what it is inserted into g with zeros there.
static LogicalResult differentiate(tensor::InsertSliceOp op, GradientBuilder &b) {
  if (failed(b.expectStatic(op.getSource())) ||
      failed(expectConstants(op, op.getDestType(), op.getSourceType())))
    return failure();
  if (b.needs(op.getSourceMutable()))
    b.set(op.getSourceMutable(), b.create<tensor::ExtractSliceOp>(
                                     op.getSourceType(), b.getGradient(), op.getMixedOffsets(),
                                     op.getMixedSizes(), op.getMixedStrides()));
  if (b.needs(op.getDestMutable()))
    b.set(op.getDestMutable(), b.create<tensor::InsertSliceOp>(
                                   b.splatLike(op.getSource(), 0), b.getGradient(),
                                   op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides()));
  return success();
}

//===----------------------------------------------------------------------===//
// Sums of gradients
//===----------------------------------------------------------------------===//

namespace {

/// A range of a concatenation; null for zeros.
struct Part {
  Value value;
  int64_t size;
};

} // namespace

/// The parts of `value` along `dim`; none if it is no such concatenation.
static SmallVector<Part> getParts(Value value, int64_t &dim) {
  auto concat = value.getDefiningOp<tensor::ConcatOp>();
  if (!concat || !cast<RankedTensorType>(value.getType()).hasStaticShape())
    return {};
  dim = static_cast<int64_t>(concat.getDim());
  SmallVector<Part> parts;
  for (Value operand : concat.getInputs()) {
    int64_t size = cast<RankedTensorType>(operand.getType()).getDimSize(dim);
    parts.push_back({matchPattern(operand, m_AnyZeroFloat()) ? Value() : operand, size});
  }
  return parts;
}

/// What of both is no zeros, each at its place; none if they overlap.
static SmallVector<Part> join(SmallVector<Part> left, SmallVector<Part> right) {
  SmallVector<Part> joined;
  for (size_t i = 0, j = 0; i < left.size() && j < right.size();) {
    Part &a = left[i], &b = right[j];
    // A range of zeros is cut where the other's part ends.
    int64_t size = std::min(a.size, b.size);
    if ((a.value && b.value) || (a.value && a.size > size) || (b.value && b.size > size))
      return {};
    joined.push_back({a.value ? a.value : b.value, size});
    i += (a.size -= size) == 0;
    j += (b.size -= size) == 0;
  }
  return joined;
}

// %a = tensor.concat dim(1) %g, %zeros        %b = tensor.concat dim(1) %zeros, %h
//   ->
// %c = tensor.concat dim(1) %g, %h
Value nyala::addGradients(OpBuilder &builder, Value sum, Value gradient) {
  int64_t dim = 0, otherDim = 0;
  SmallVector<Part> parts = getParts(sum, dim), others = getParts(gradient, otherDim);
  if (dim == otherDim)
    parts = join(parts, others);
  if (dim != otherDim || parts.empty())
    return arith::AddFOp::create(builder, gradient.getLoc(), sum, gradient);
  auto type = cast<RankedTensorType>(sum.getType());
  SmallVector<Value> values;
  for (const Part &part : parts) {
    SmallVector<int64_t> shape(type.getShape());
    shape[dim] = part.size;
    auto zeros = [&]() -> Value {
      auto padding = type.clone(shape);
      return arith::ConstantOp::create(
          builder, gradient.getLoc(),
          DenseElementsAttr::get(padding, builder.getFloatAttr(type.getElementType(), 0)));
    };
    values.push_back(part.value ? part.value : zeros());
  }
  return tensor::ConcatOp::create(builder, gradient.getLoc(), type, dim, values);
}

void nyala::attachTensorGradients(MLIRContext *context) {
  attachGradient<tensor::ExpandShapeOp, differentiate>(context);
  attachGradient<tensor::CollapseShapeOp, differentiate>(context);
  attachGradient<tensor::CastOp, differentiate>(context);
  attachGradient<tensor::ConcatOp, differentiate>(context);
  attachGradient<tensor::ExtractSliceOp, differentiate>(context);
  attachGradient<tensor::InsertSliceOp, differentiate>(context);
}

//===----------------------------------------------------------------------===//
// linalg: of operands that are initial values, those that sums are added to
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(linalg::TransposeOp op, GradientBuilder &b) {
  OpOperand &input = op->getOpOperand(0);
  if (failed(b.expectStatic(input.get())))
    return failure();
  if (b.needs(input))
    b.set(input, b.transpose(b.getGradient(), invertPermutationVector(op.getPermutation())));
  return success();
}

// The sum over what was added.
static LogicalResult differentiate(linalg::BroadcastOp op, GradientBuilder &b) {
  OpOperand &input = op->getOpOperand(0);
  if (failed(b.expectStatic(b.getGradient())))
    return failure();
  if (b.needs(input))
    b.set(input, b.sumOver(b.getGradient(), op.getDimensions()));
  return success();
}

// C = A B        dA = g Bᵀ        dB = Aᵀ g
static LogicalResult differentiate(linalg::BatchMatmulOp op, GradientBuilder &b) {
  OpOperand &left = op->getOpOperand(0), &right = op->getOpOperand(1), &sum = op->getOpOperand(2);
  if (op.hasUserDefinedMaps())
    return op.emitOpError(
        "has indexing maps; expected products of plain matrices for its gradient");
  if (failed(b.expectStatic(left.get())) || failed(b.expectStatic(right.get())))
    return failure();
  Value gradient = b.getGradient();
  if (b.needs(left))
    b.set(left, b.create<linalg::BatchMatmulTransposeBOp>(TypeRange(left.get().getType()),
                                                          ValueRange{gradient, right.get()},
                                                          ValueRange{b.splatLike(left.get(), 0)})
                    .getResult(0));
  if (b.needs(right))
    b.set(right, b.create<linalg::BatchMatmulTransposeAOp>(TypeRange(right.get().getType()),
                                                           ValueRange{left.get(), gradient},
                                                           ValueRange{b.splatLike(right.get(), 0)})
                     .getResult(0));
  if (b.needs(sum))
    b.set(sum, gradient);
  return success();
}

void nyala::attachLinalgGradients(MLIRContext *context) {
  attachGradient<linalg::TransposeOp, differentiate>(context);
  attachGradient<linalg::BroadcastOp, differentiate>(context);
  attachGradient<linalg::BatchMatmulOp, differentiate>(context);
}
