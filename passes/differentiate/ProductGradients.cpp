//===- ProductGradients.cpp - Gradients of products and look-ups ----------===//
//
// dY stands for the gradient with respect to a result Y.
//
//===----------------------------------------------------------------------===//
#include "ir/TrainingOps.h"
#include "passes/differentiate/GradientBuilder.h"
#include "passes/differentiate/GradientModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace nyala;

static Type getElementType(Value value) { return getTensorType(value).getElementType(); }

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A product of the type of `like`, whose sums have elements of `sums`.
static Value multiply(GradientBuilder &b, Value a, bool transposeA, Value c, bool transposeC,
                      Value like, Type sums) {
  RankedTensorType type = getTensorType(like);
  Value product =
      b.create<MatmulOp>(type.clone(sums), a, c, /*accumulator=*/Value(), transposeA, transposeC);
  return b.convert(product, type.getElementType());
}

// C = A B                        dA = dC Bᵀ    dB = Aᵀ dC
// A transposed: C = Aᵀ B         dA = B dCᵀ    dB = A dC
// B transposed: C = A Bᵀ         dA = dC B     dB = dCᵀ A
static LogicalResult differentiate(MatmulOp op, GradientBuilder &b) {
  bool transposeA = op.getTransposeA(), transposeB = op.getTransposeB();
  Type sums = op.getType().getElementType();
  Value gradient = b.convert(b.getGradient(), getElementType(op.getA()));
  if (b.needs(op.getAMutable()))
    b.set(op.getAMutable(),
          transposeA ? multiply(b, op.getB(), transposeB, gradient, true, op.getA(), sums)
                     : multiply(b, gradient, false, op.getB(), !transposeB, op.getA(), sums));
  if (b.needs(op.getBMutable()))
    b.set(op.getBMutable(),
          transposeB ? multiply(b, gradient, true, op.getA(), transposeA, op.getB(), sums)
                     : multiply(b, op.getA(), !transposeA, gradient, false, op.getB(), sums));
  for (OpOperand &accumulator : op.getAccumulatorMutable())
    if (b.needs(accumulator))
      b.set(accumulator, b.getGradient());
  return success();
}

// Y = X Wᵀ + b                   dX = dY W     dW = dYᵀ X     db = the sum of dY's rows
static LogicalResult differentiate(LinearOp op, GradientBuilder &b) {
  Type sums = getElementType(op.getResult()), operands = getElementType(op.getInput());
  Value gradient = b.convert(b.getGradient(), operands);
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(), multiply(b, gradient, false, b.convert(op.getWeight(), operands),
                                         false, op.getInput(), sums));
  if (b.needs(op.getWeightMutable()))
    b.set(op.getWeightMutable(),
          multiply(b, gradient, true, op.getInput(), false, op.getWeight(), sums));
  for (OpOperand &bias : op.getBiasMutable())
    if (b.needs(bias))
      b.set(bias, b.sumToVector(b.getGradient(), getTensorType(op.getBias())));
  return success();
}

//===----------------------------------------------------------------------===//
// Rows by index
//===----------------------------------------------------------------------===//

/// Adds the result's gradient to those rows of `operand` that `ids` chose.
static LogicalResult scatter(Operation *op, GradientBuilder &b, OpOperand &operand, Value ids) {
  if (!b.needs(operand))
    return success();
  RankedTensorType type = getTensorType(operand.get());
  if (type.isDynamicDim(0))
    return op->emitOpError("reads rows by index: expected a static number of rows in operand ")
           << operand.getOperandNumber() << " to add gradients to, got " << type;
  Value sum = b.create<ScatterAddOp>(type.clone(getElementType(b.getGradient())), b.getGradient(),
                                     ids, /*initial=*/Value());
  b.set(operand, b.convert(sum, type.getElementType()));
  return success();
}

static LogicalResult differentiate(EmbeddingOp op, GradientBuilder &b) {
  return scatter(op, b, op.getTableMutable(), op.getIds());
}

static LogicalResult differentiate(GatherOp op, GradientBuilder &b) {
  return scatter(op, b, op.getInputMutable(), op.getIndices());
}

static LogicalResult differentiate(ScatterAddOp op, GradientBuilder &b) {
  if (b.needs(op.getRowsMutable()))
    b.set(op.getRowsMutable(),
          b.create<GatherOp>(op.getRows().getType(), b.getGradient(), op.getIds()));
  for (OpOperand &initial : op.getInitialMutable())
    if (b.needs(initial))
      b.set(initial, b.getGradient());
  return success();
}

//===----------------------------------------------------------------------===//
// Sums and their reverse
//===----------------------------------------------------------------------===//

/// A matrix of `type`, of static shape, whose rows are all the only row of `row`.
static Value repeatRow(GradientBuilder &b, Value row, RankedTensorType type) {
  // Where a loss is a sum its gradient is known: one.
  DenseElementsAttr constant;
  if (matchPattern(row, m_Constant(&constant)) && constant.isSplat())
    return b.create<arith::ConstantOp>(constant.resizeSplat(type));
  auto ids = RankedTensorType::get({type.getDimSize(0)}, IntegerType::get(b.getContext(), 32));
  Value zeros = b.create<arith::ConstantOp>(DenseElementsAttr::get(ids, APInt(32, 0)));
  return b.create<GatherOp>(type, row, zeros);
}

// Every row gets dY; of squares, times 2 x.
static LogicalResult differentiate(SumRowsOp op, GradientBuilder &b) {
  if (!b.needs(op.getInputMutable()))
    return success();
  RankedTensorType type = getTensorType(op.getInput());
  if (type.isDynamicDim(0))
    return op.emitOpError("expected a static number of rows for its gradient, got ") << type;
  Value gradient = repeatRow(b, b.getGradient(), type);
  if (op.getSquared()) {
    Value twice = b.create<arith::AddFOp>(op.getInput(), op.getInput());
    gradient = b.create<arith::MulFOp>(gradient, twice);
  }
  b.set(op.getInputMutable(), gradient);
  return success();
}

static LogicalResult differentiate(BroadcastColumnsOp op, GradientBuilder &b) {
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(),
          b.create<ReduceOp>(op.getInput().getType(), ReduceKind::Sum, b.getGradient()));
  return success();
}

// The largest channel of a row gets the row's gradient; equal ones share it.
static FailureOr<Value> differentiateMax(ReduceOp op, GradientBuilder &b) {
  Type type = op.getInput().getType();
  FailureOr<Value> zeros = b.makeSplat(type, 0), ones = b.makeSplat(type, 1);
  if (failed(zeros) || failed(ones))
    return failure();
  Value largest = b.create<BroadcastColumnsOp>(type, op.getResult());
  Value isLargest = b.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, op.getInput(), largest);
  Value marks = b.create<arith::SelectOp>(isLargest, *ones, *zeros);
  Value count = b.create<ReduceOp>(op.getType(), ReduceKind::Sum, marks);
  Value share = b.create<arith::DivFOp>(b.getGradient(), count);
  return b.create<arith::MulFOp>(b.create<BroadcastColumnsOp>(type, share), marks).getResult();
}

static LogicalResult differentiate(ReduceOp op, GradientBuilder &b) {
  if (!b.needs(op.getInputMutable()))
    return success();
  FailureOr<Value> gradient;
  if (op.getKind() == ReduceKind::Max) {
    gradient = differentiateMax(op, b);
  } else {
    Value column = b.getGradient();
    if (op.getKind() == ReduceKind::Mean) {
      FailureOr<Value> share =
          b.makeSplat(op.getType(), 1.0 / static_cast<double>(getChannels(op.getInput())));
      if (failed(share))
        return failure();
      column = b.create<arith::MulFOp>(column, *share);
    }
    gradient = b.create<BroadcastColumnsOp>(op.getInput().getType(), column).getResult();
  }
  if (failed(gradient))
    return failure();
  b.set(op.getInputMutable(), *gradient);
  return success();
}

// A range that the loss does not depend on has gradient zero.
static LogicalResult differentiate(SplitOp op, GradientBuilder &b) {
  if (!b.needs(op.getInputMutable()))
    return success();
  SmallVector<Value> parts;
  for (auto [i, result] : llvm::enumerate(op.getResults())) {
    Value gradient = b.getGradient(i);
    if (!gradient) {
      FailureOr<Value> zeros = b.makeSplat(result.getType(), 0);
      if (failed(zeros))
        return failure();
      gradient = *zeros;
    }
    parts.push_back(gradient);
  }
  b.set(op.getInputMutable(),
        b.create<tensor::ConcatOp>(op.getInput().getType(), /*dim=*/1, parts));
  return success();
}

void nyala::attachProductGradients(MLIRContext *context) {
  attachGradient<MatmulOp, differentiate>(context);
  attachGradient<LinearOp, differentiate>(context);
  attachGradient<EmbeddingOp, differentiate>(context);
  attachGradient<GatherOp, differentiate>(context);
  attachGradient<ScatterAddOp, differentiate>(context);
  attachGradient<SumRowsOp, differentiate>(context);
  attachGradient<BroadcastColumnsOp, differentiate>(context);
  attachGradient<ReduceOp, differentiate>(context);
  attachGradient<SplitOp, differentiate>(context);
}
