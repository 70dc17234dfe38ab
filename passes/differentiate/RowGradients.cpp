//===- RowGradients.cpp - Gradients of norms, activations, attention ------===//
//
// Ops whose gradient is an op of its own (ir/TrainingOps.td has the formulas).
//
//===----------------------------------------------------------------------===//
#include "ir/TrainingOps.h"
#include "passes/differentiate/GradientBuilder.h"
#include "passes/differentiate/GradientModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace nyala;

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(RmsNormOp op, GradientBuilder &b) {
  Value gradient = b.getGradient();
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(),
          b.create<RmsNormGradientOp>(op.getType(), gradient, op.getInput(), op.getWeight(),
                                      op.getEpsilon(), op.getGroups()));
  if (b.needs(op.getWeightMutable()))
    b.set(op.getWeightMutable(),
          b.create<RmsNormWeightGradientOp>(op.getWeight().getType(), gradient, op.getInput(),
                                            op.getEpsilon(), op.getGroups()));
  return success();
}

static LogicalResult differentiate(LayerNormOp op, GradientBuilder &b) {
  Value gradient = b.getGradient();
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(), b.create<LayerNormGradientOp>(op.getType(), gradient, op.getInput(),
                                                              op.getWeight(), op.getEpsilon()));
  if (b.needs(op.getWeightMutable()))
    b.set(op.getWeightMutable(),
          b.create<LayerNormWeightGradientOp>(op.getWeight().getType(), gradient, op.getInput(),
                                              op.getEpsilon()));
  for (OpOperand &bias : op.getBiasMutable())
    if (b.needs(bias))
      b.set(bias, b.sumToVector(gradient, getTensorType(op.getBias())));
  return success();
}

//===----------------------------------------------------------------------===//
// Rotations: the inverse rotation of the gradient
//===----------------------------------------------------------------------===//

static LogicalResult differentiate(RopeOp op, GradientBuilder &b) {
  if (!b.needs(op.getInputMutable()))
    return success();
  RankedTensorType type = getTensorType(op.getInput());
  auto tableType = type.clone({type.getDimSize(0), static_cast<int64_t>(op.getDims())});
  Value table = b.create<RopeTableOp>(tableType, op.getPositions(), op.getBaseAttr(),
                                      op.getDimsAttr(), op.getScaleAttr(), op.getFactorsAttr());
  b.set(op.getInputMutable(), b.create<RotateOp>(type, op.getPairing(), b.getGradient(), table,
                                                 op.getHeads(), /*inverse=*/true));
  return success();
}

static LogicalResult differentiate(RotateOp op, GradientBuilder &b) {
  if (b.needs(op.getTableMutable()))
    return op.emitOpError("has no gradient with respect to its table; expected one that does not "
                          "depend on what is trained");
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(), b.create<RotateOp>(op.getType(), op.getPairing(), b.getGradient(),
                                                   op.getTable(), op.getHeads(), !op.getInverse()));
  return success();
}

//===----------------------------------------------------------------------===//
// Activations and softmax
//===----------------------------------------------------------------------===//

// What relu gives is positive where its input is: the result, which the next layer's gradient needs
// anyway, tells as much as the input, which then need not be kept.
static LogicalResult differentiate(ActivationOp op, GradientBuilder &b) {
  Value input = op.getKind() == ActivationKind::Relu ? op.getResult() : op.getInput();
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(),
          b.create<ActivationGradientOp>(op.getType(), op.getKind(), b.getGradient(), input));
  return success();
}

static LogicalResult differentiate(GatedActivationOp op, GradientBuilder &b) {
  auto gradient = b.create<GatedActivationGradientOp>(op.getType(), op.getType(), op.getKind(),
                                                      b.getGradient(), op.getGate(), op.getInput());
  if (b.needs(op.getGateMutable()))
    b.set(op.getGateMutable(), gradient.getGateGradient());
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(), gradient.getInputGradient());
  return success();
}

static LogicalResult differentiate(SoftmaxOp op, GradientBuilder &b) {
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(),
          b.create<SoftmaxGradientOp>(op.getType(), b.getGradient(), op.getResult()));
  return success();
}

//===----------------------------------------------------------------------===//
// Attention and loss: log_sum_exp is kept for the gradient alone
//===----------------------------------------------------------------------===//

/// Fails if the loss depends on the second result.
static LogicalResult expectNoSumGradient(Operation *op, GradientBuilder &b) {
  if (!b.getGradient(1))
    return success();
  return op->emitOpError("has no gradient of its log_sum_exp; expected a loss that does not depend "
                         "on it");
}

static LogicalResult differentiate(SelfAttentionOp op, GradientBuilder &b) {
  if (failed(expectNoSumGradient(op, b)))
    return failure();
  auto gradient = b.create<SelfAttentionGradientOp>(
      op.getQuery().getType(), op.getKeys().getType(), op.getValues().getType(), b.getGradient(),
      op.getQuery(), op.getKeys(), op.getValues(), op.getResult(), op.getLogSumExp(), op.getHeads(),
      op.getKvHeads(), op.getScale(), op.getLength(), op.getMask());
  for (OpOperand &operand : op->getOpOperands())
    if (b.needs(operand))
      b.set(operand, gradient->getResult(operand.getOperandNumber()));
  return success();
}

static LogicalResult differentiate(CrossEntropyOp op, GradientBuilder &b) {
  if (failed(expectNoSumGradient(op, b)))
    return failure();
  auto gradient = b.create<CrossEntropyGradientOp>(
      op.getInput().getType(), op.getWeight().getType(), b.getGradient(), op.getInput(),
      op.getWeight(), op.getLogSumExp(), op.getTargets());
  if (b.needs(op.getInputMutable()))
    b.set(op.getInputMutable(), gradient.getInputGradient());
  if (b.needs(op.getWeightMutable()))
    b.set(op.getWeightMutable(), gradient.getWeightGradient());
  return success();
}

// With gradients s of the sum and t of the target's logit: dz = s softmax(z) + t onehot. That of
// the loss, their difference, is one op, since t = -s; else dz = -t (softmax(z) - onehot) + (s + t)
// softmax(z).
static LogicalResult differentiate(LogSumExpOp op, GradientBuilder &b) {
  if (op.getPreviousSum())
    return op.emitOpError("has no gradient where it continues another; expected one of all logits "
                          "(nyala-differentiate comes before nyala-expand-cross-entropy)");
  if (!b.needs(op.getLogitsMutable()))
    return success();
  Value sum = b.getGradient(0), logit = b.getGradient(1);
  auto gradientAt = [&](Value gradient, Value targets) {
    return b.create<LogitsGradientOp>(gradient, op.getLogits(), op.getLogSumExp(), targets)
        .getResult();
  };
  auto negated = logit ? logit.getDefiningOp<arith::NegFOp>() : arith::NegFOp();
  if (sum && negated && negated.getOperand() == sum) {
    b.set(op.getLogitsMutable(), gradientAt(sum, op.getTargets()));
    return success();
  }
  auto ids = getTensorType(op.getTargets());
  if (failed(b.expectStatic(op.getTargets())))
    return failure();
  Value none = b.create<arith::ConstantOp>(DenseElementsAttr::get(ids, APInt::getAllOnes(32)));
  Value result;
  if (logit) {
    result = gradientAt(b.create<arith::NegFOp>(logit), op.getTargets());
    sum = sum ? b.create<arith::AddFOp>(sum, logit).getResult() : logit;
  }
  Value rest = gradientAt(sum, none);
  b.set(op.getLogitsMutable(), result ? b.create<arith::AddFOp>(result, rest).getResult() : rest);
  return success();
}

void nyala::attachRowGradients(MLIRContext *context) {
  attachGradient<RmsNormOp, differentiate>(context);
  attachGradient<LayerNormOp, differentiate>(context);
  attachGradient<RopeOp, differentiate>(context);
  attachGradient<RotateOp, differentiate>(context);
  attachGradient<ActivationOp, differentiate>(context);
  attachGradient<GatedActivationOp, differentiate>(context);
  attachGradient<SoftmaxOp, differentiate>(context);
  attachGradient<SelfAttentionOp, differentiate>(context);
  attachGradient<CrossEntropyOp, differentiate>(context);
  attachGradient<LogSumExpOp, differentiate>(context);
}
