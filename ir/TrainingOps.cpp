//===- TrainingOps.cpp - Ops of training steps ----------------------------===//
//
// Verifiers, row domains and fusion. Costs are in interfaces/TrainingCosts.cpp,
// meanings in reference/ReferenceTraining.cpp, ReferenceSelfAttention.cpp and
// ReferenceLoss.cpp.
//
//===----------------------------------------------------------------------===//
#include "ir/TrainingOps.h"
#include "ir/OpChecks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace nyala;

/// All operands but those numbered `shared`.
static SmallVector<OpOperand *> operandsWithRows(Operation *op, ArrayRef<unsigned> shared = {}) {
  SmallVector<OpOperand *> operands;
  for (OpOperand &operand : op->getOpOperands())
    if (!llvm::is_contained(shared, operand.getOperandNumber()))
      operands.push_back(&operand);
  return operands;
}

//===----------------------------------------------------------------------===//
// Products and sums over rows
//===----------------------------------------------------------------------===//

LogicalResult MatmulOp::verify() {
  RankedTensorType a = getTensorType(getA()), b = getTensorType(getB());
  int64_t rows = a.getDimSize(getTransposeA() ? 1 : 0),
          depth = a.getDimSize(getTransposeA() ? 0 : 1);
  int64_t columns = b.getDimSize(getTransposeB() ? 0 : 1);
  RankedTensorType result = getType();
  if (failed(expectElementType(*this, getA(), getB(), "the second operand")) ||
      failed(expectEqual(*this, "depth of the second operand", depth,
                         b.getDimSize(getTransposeB() ? 1 : 0))) ||
      failed(expectEqual(*this, "rows of the result", rows, result.getDimSize(0))) ||
      failed(expectEqual(*this, "columns of the result", columns, result.getDimSize(1))))
    return failure();
  if (getAccumulator() && getAccumulator().getType() != result)
    return emitOpError("expected an accumulator of the result's type ")
           << result << ", got " << getAccumulator().getType();
  return success();
}

FusionKind MatmulOp::getFusionKind() { return FusionKind::Root; }

LogicalResult SumRowsOp::verify() {
  if (failed(expectElementType(*this, getInput(), getResult(), "the result")) ||
      failed(expectEqual(*this, "rows of the result", 1, getType().getDimSize(0))))
    return failure();
  return expectEqual(*this, "channels of the result", getChannels(getInput()),
                     getChannels(getResult()));
}

FusionKind SumRowsOp::getFusionKind() { return FusionKind::Root; }

LogicalResult ScatterAddOp::verify() {
  if (getInitial() && getInitial().getType() != getType())
    return emitOpError("expected an initial value of the result's type ")
           << getType() << ", got " << getInitial().getType();
  if (!getInitial() && getType().isDynamicDim(0))
    return emitOpError("expected a static number of rows without an initial value, got ")
           << getType();
  if (failed(expectRows(*this, getIds(), getRows(), "what is added")) ||
      failed(expectElementType(*this, getRows(), getResult(), "the result")))
    return failure();
  return expectEqual(*this, "channels of the result", getChannels(getRows()),
                     getChannels(getResult()));
}

FusionKind ScatterAddOp::getFusionKind() { return FusionKind::Root; }
OpOperand *ScatterAddOp::getUpdatedOperand(unsigned) {
  MutableOperandRange initial = getInitialMutable();
  return initial.empty() ? nullptr : &initial[0];
}

namespace {

// %s = nyala.scatter_add %r at %i          // one use
// %y = arith.addf %x, %s                   // %x: one use, so that the sum may lie in its place
//   ->
// %y = nyala.scatter_add %r at %i into %x
struct ScatterIntoSum : OpRewritePattern<arith::AddFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::AddFOp op, PatternRewriter &rewriter) const override {
    for (auto [sum, other] : {std::pair(op.getLhs(), op.getRhs()), {op.getRhs(), op.getLhs()}}) {
      auto scatter = sum.getDefiningOp<ScatterAddOp>();
      if (!scatter || scatter.getInitial() || !scatter->hasOneUse() || !other.hasOneUse())
        continue;
      rewriter.replaceOpWithNewOp<ScatterAddOp>(op, op.getType(), scatter.getRows(),
                                                scatter.getIds(), other);
      rewriter.eraseOp(scatter);
      return success();
    }
    return failure();
  }
};

} // namespace

void ScatterAddOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ScatterIntoSum>(context);
}

LogicalResult BroadcastColumnsOp::verify() {
  if (failed(expectElementType(*this, getInput(), getResult(), "the result")))
    return failure();
  return expectRows(*this, getInput(), getResult(), "the result");
}

OpOperand &BroadcastColumnsOp::getRowOperand() { return getInputMutable(); }
SmallVector<OpOperand *> BroadcastColumnsOp::getRowOperands() { return operandsWithRows(*this); }
// A tile needs a column that is not its own.
FusionKind BroadcastColumnsOp::getFusionKind() { return FusionKind::RowReduction; }

//===----------------------------------------------------------------------===//
// Gradients of norms, activations and softmax
//===----------------------------------------------------------------------===//

static LogicalResult verifyNormGradient(Operation *op, Value input, int64_t groups, Value weight) {
  int64_t width;
  if (failed(expectHeads(op, getChannels(input), groups, "the operand", width)))
    return failure();
  return expectEqual(op, "elements of the weight", width, getTensorType(weight).getDimSize(0));
}

LogicalResult RmsNormGradientOp::verify() {
  return verifyNormGradient(*this, getInput(), getGroups(), getWeight());
}
OpOperand &RmsNormGradientOp::getRowOperand() { return getInputMutable(); }
SmallVector<OpOperand *> RmsNormGradientOp::getRowOperands() { return operandsWithRows(*this, 2); }
FusionKind RmsNormGradientOp::getFusionKind() { return FusionKind::RowReduction; }

LogicalResult RmsNormWeightGradientOp::verify() {
  return verifyNormGradient(*this, getInput(), getGroups(), getResult());
}
FusionKind RmsNormWeightGradientOp::getFusionKind() { return FusionKind::Root; }

LogicalResult LayerNormGradientOp::verify() {
  return verifyNormGradient(*this, getInput(), /*groups=*/1, getWeight());
}
OpOperand &LayerNormGradientOp::getRowOperand() { return getInputMutable(); }
SmallVector<OpOperand *> LayerNormGradientOp::getRowOperands() {
  return operandsWithRows(*this, 2);
}
FusionKind LayerNormGradientOp::getFusionKind() { return FusionKind::RowReduction; }

LogicalResult LayerNormWeightGradientOp::verify() {
  return verifyNormGradient(*this, getInput(), /*groups=*/1, getResult());
}
FusionKind LayerNormWeightGradientOp::getFusionKind() { return FusionKind::Root; }

OpOperand &ActivationGradientOp::getRowOperand() { return getInputMutable(); }
SmallVector<OpOperand *> ActivationGradientOp::getRowOperands() { return operandsWithRows(*this); }
FusionKind ActivationGradientOp::getFusionKind() { return FusionKind::ColumnLocal; }

OpOperand &GatedActivationGradientOp::getRowOperand() { return getGateMutable(); }
SmallVector<OpOperand *> GatedActivationGradientOp::getRowOperands() {
  return operandsWithRows(*this);
}
FusionKind GatedActivationGradientOp::getFusionKind() { return FusionKind::ColumnLocal; }

OpOperand &SoftmaxGradientOp::getRowOperand() { return getGradientMutable(); }
SmallVector<OpOperand *> SoftmaxGradientOp::getRowOperands() { return operandsWithRows(*this); }
FusionKind SoftmaxGradientOp::getFusionKind() { return FusionKind::RowReduction; }

//===----------------------------------------------------------------------===//
// Attention among the rows of a batch
//===----------------------------------------------------------------------===//

/// Heads, rows and the length of sequences; of a forward op or its gradient.
template <typename Op> static LogicalResult verifySelfAttention(Op op) {
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads(), length = op.getLength();
  int64_t keyDim, kvKeyDim, valueDim, kvValueDim;
  if (failed(expectHeads(op, getChannels(op.getQuery()), heads, "the query", keyDim)) ||
      failed(expectHeads(op, getChannels(op.getKeys()), kvHeads, "the keys", kvKeyDim)) ||
      failed(expectHeads(op, getChannels(op.getResult()), heads, "the result", valueDim)) ||
      failed(expectHeads(op, getChannels(op.getValues()), kvHeads, "the values", kvValueDim)) ||
      failed(expectEqual(op, "channels of a head of the keys", keyDim, kvKeyDim)) ||
      failed(expectEqual(op, "channels of a head of the values", valueDim, kvValueDim)) ||
      failed(expectEqual(op, "channels of log_sum_exp", heads, getChannels(op.getLogSumExp()))))
    return failure();
  if (heads % kvHeads != 0)
    return op.emitOpError("expected heads to be a multiple of the ")
           << kvHeads << " key-value heads, got " << heads;
  for (Value value : {op.getKeys(), op.getValues(), op.getResult(), op.getLogSumExp()})
    if (failed(expectRows(op, op.getQuery(), value, "keys, values and results")) ||
        failed(expectElementType(op, op.getQuery(), value, "keys, values and results")))
      return failure();
  if (length <= 0)
    return op.emitOpError("expected a positive length of sequences, got ") << length;
  int64_t rows = getTensorType(op.getQuery()).getDimSize(0);
  if (!ShapedType::isDynamic(rows) && rows % length != 0)
    return op.emitOpError("expected rows to be a multiple of the length ")
           << length << " of sequences, got " << rows;
  return success();
}

LogicalResult SelfAttentionOp::verify() { return verifySelfAttention(*this); }
FusionKind SelfAttentionOp::getFusionKind() { return FusionKind::Root; }

LogicalResult SelfAttentionGradientOp::verify() { return verifySelfAttention(*this); }
FusionKind SelfAttentionGradientOp::getFusionKind() { return FusionKind::Root; }

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

static LogicalResult verifyCrossEntropy(Operation *op, Value input, Value weight, Value targets) {
  if (failed(expectRows(op, input, targets, "the targets")))
    return failure();
  return expectEqual(op, "columns of the weight", getChannels(input), getChannels(weight));
}

LogicalResult CrossEntropyOp::verify() {
  if (failed(expectRows(*this, getInput(), getLoss(), "the results")) ||
      failed(expectRows(*this, getInput(), getLogSumExp(), "the results")))
    return failure();
  return verifyCrossEntropy(*this, getInput(), getWeight(), getTargets());
}
OpOperand &CrossEntropyOp::getRowOperand() { return getInputMutable(); }
SmallVector<OpOperand *> CrossEntropyOp::getRowOperands() { return operandsWithRows(*this, 1); }
FusionKind CrossEntropyOp::getFusionKind() { return FusionKind::Root; }

LogicalResult CrossEntropyGradientOp::verify() {
  if (failed(expectRows(*this, getInput(), getGradient(), "the gradient")))
    return failure();
  return verifyCrossEntropy(*this, getInput(), getWeight(), getTargets());
}
FusionKind CrossEntropyGradientOp::getFusionKind() { return FusionKind::Root; }

LogicalResult LogSumExpOp::verify() {
  if (!getPreviousSum() != !getPreviousLogit())
    return emitOpError("expected both previous values or none");
  for (Value value : getOperation()->getOperands())
    if (failed(expectRows(*this, getLogits(), value, "all operands")))
      return failure();
  for (Value value : getResults())
    if (failed(expectRows(*this, getLogits(), value, "the results")))
      return failure();
  return success();
}
OpOperand &LogSumExpOp::getRowOperand() { return getLogitsMutable(); }
SmallVector<OpOperand *> LogSumExpOp::getRowOperands() { return operandsWithRows(*this); }
FusionKind LogSumExpOp::getFusionKind() { return FusionKind::RowReduction; }

LogicalResult LogitsGradientOp::verify() {
  if (failed(expectRows(*this, getLogits(), getTargets(), "the targets")))
    return failure();
  return expectRows(*this, getLogits(), getGradient(), "the gradient");
}
OpOperand &LogitsGradientOp::getRowOperand() { return getLogitsMutable(); }
SmallVector<OpOperand *> LogitsGradientOp::getRowOperands() { return operandsWithRows(*this); }
FusionKind LogitsGradientOp::getFusionKind() { return FusionKind::ColumnLocal; }

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

OpOperand &AdamWOp::getRowOperand() { return getWeightMutable(); }
SmallVector<OpOperand *> AdamWOp::getRowOperands() { return operandsWithRows(*this, {4, 5, 6, 7}); }
FusionKind AdamWOp::getFusionKind() { return FusionKind::ColumnLocal; }
OpOperand *AdamWOp::getUpdatedOperand(unsigned result) {
  return &getOperation()->getOpOperand(result);
}

OpOperand &SgdOp::getRowOperand() { return getWeightMutable(); }
SmallVector<OpOperand *> SgdOp::getRowOperands() { return operandsWithRows(*this, {3, 4}); }
FusionKind SgdOp::getFusionKind() { return FusionKind::ColumnLocal; }
OpOperand *SgdOp::getUpdatedOperand(unsigned result) {
  return &getOperation()->getOpOperand(result);
}

#define GET_OP_CLASSES
#include "ir/TrainingOps.cpp.inc"
