//===- GraphLoss.cpp - The loss of a graph without tokens -----------------===//
//
// Of images, or of what else a graph's inputs are, to classes: cross entropy of
// the scores that a final softmax would turn into probabilities.
//
//===----------------------------------------------------------------------===//
#include "ir/ImageGradientOps.h"
#include "ir/TrainingOps.h"
#include "passes/LossFunction.h"
#include "passes/States.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace nyala;

/// The result named `logits`; the only one, whatever its name.
static FailureOr<Value> findOutput(LossFunction &loss) {
  if (loss.terminator->getNumOperands() == 1)
    return loss.terminator->getOperand(0);
  for (OpOperand &operand : loss.terminator->getOpOperands()) {
    auto name = loss.function.getResultAttrOfType<StringAttr>(operand.getOperandNumber(),
                                                              NyalaDialect::kResultAttr);
    if (name && name.getValue() == "logits")
      return operand.get();
  }
  return loss.function.emitOpError("has ")
         << loss.terminator->getNumOperands() << " results; expected one, or one marked "
         << NyalaDialect::kResultAttr << " = \"logits\", to compute the loss of";
}

/// The softmax, or its logarithm, that `value` is a view or a permutation of; null if there is
/// none.
static SoftmaxOp findSoftmax(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto softmax = dyn_cast<SoftmaxOp>(op))
      return softmax;
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, linalg::TransposeOp, math::LogOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return {};
}

static Value reshape(OpBuilder &builder, Location loc, Value value,
                     ArrayRef<ReassociationIndices> groups) {
  return tensor::CollapseShapeOp::create(builder, loc, value, groups);
}

/// Rows of scores, one a class: what a final softmax has for its input. Without one, classes are
/// the last dimension, or of images (four dimensions) the channels of each pixel.
///
///   %z: tensor<NxCxHxWxf32>
///   %t = linalg.transpose ins(%z) outs(%e) permutation = [0, 2, 3, 1]
///   %rows = tensor.collapse_shape %t [[0, 1, 2], [3]] : … into tensor<NHWxCxf32>
static FailureOr<Value> findScores(LossFunction &loss, Value output) {
  if (SoftmaxOp softmax = findSoftmax(output))
    return softmax.getInput();
  auto type = dyn_cast<RankedTensorType>(output.getType());
  if (!type || !type.getElementType().isF32() || !type.hasStaticShape() || type.getRank() < 2 ||
      type.getRank() > 4)
    return loss.function.emitOpError("expected scores of classes to compute the loss of, a static "
                                     "tensor of f32 with 2 to 4 dimensions, got ")
           << output.getType();
  OpBuilder &builder = loss.builder;
  builder.setInsertionPoint(loss.terminator);
  Location loc = output.getLoc();
  if (type.getRank() == 2)
    return output;
  if (type.getRank() == 3) {
    auto view = output.getDefiningOp<tensor::ExpandShapeOp>();
    bool ofMatrix = view && view.getSrcType().getRank() == 2 &&
                    view.getSrcType().getDimSize(1) == type.getDimSize(2);
    return ofMatrix ? view.getSrc() : reshape(builder, loc, output, {{0, 1}, {2}});
  }
  if (type.getDimSize(2) == 1 && type.getDimSize(3) == 1)
    return reshape(builder, loc, output, {{0}, {1, 2, 3}});
  ArrayRef<int64_t> shape = type.getShape();
  Value empty = tensor::EmptyOp::create(builder, loc,
                                        ArrayRef<int64_t>{shape[0], shape[2], shape[3], shape[1]},
                                        type.getElementType());
  Value last =
      linalg::TransposeOp::create(builder, loc, output, empty, ArrayRef<int64_t>{0, 2, 3, 1})
          ->getResult(0);
  return reshape(builder, loc, last, {{0, 1, 2}, {3}});
}

// A linear layer without bias that computes the scores becomes part of the loss, as a decoder's
// head does: scores of many classes then never exist at once. Else:
//
// %p = nyala.softmax %z
// return %p
//   ->
// %s, %t = nyala.log_sum_exp %z at %targets
// %l = arith.subf %s, %t
// %m = arith.mulf %l, %loss_weights
// %loss = nyala.sum_rows %m
// return %loss
LogicalResult nyala::buildGraphLoss(func::FuncOp function) {
  LossFunction loss(function);
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape() || type.getRank() == 0)
      return function.emitOpError("expected inputs of static shape and a leading dimension, which "
                                  "is the batch, got ")
             << argument.getType();
    function.setArgAttr(argument.getArgNumber(), NyalaDialect::kMaxRowsAttr,
                        loss.builder.getI64IntegerAttr(type.getDimSize(0)));
  }
  FailureOr<Value> output = findOutput(loss);
  if (failed(output))
    return failure();
  FailureOr<Value> scores = findScores(loss, *output);
  if (failed(scores))
    return failure();
  int64_t rows = getTensorType(*scores).getDimSize(0);
  LossFunction::Targets targets = loss.addTargets(rows);
  OpBuilder &builder = loss.builder;
  builder.setInsertionPoint(loss.terminator);
  Location loc = scores->getLoc();
  auto column = getTensorType(targets.weights);
  Value losses;
  auto head = scores->getDefiningOp<LinearOp>();
  if (head && !head.getBias()) {
    losses = CrossEntropyOp::create(builder, loc, column, column, head.getInput(), head.getWeight(),
                                    targets.ids)
                 .getLoss();
  } else {
    auto sums = LogSumExpOp::create(builder, loc, column, column, *scores, targets.ids,
                                    /*previous_sum=*/Value(), /*previous_logit=*/Value());
    losses = arith::SubFOp::create(builder, loc, sums.getLogSumExp(), sums.getTargetLogit());
  }
  loss.returnSum(loc, losses, targets.weights);
  loss.makeWeightsStates();
  loss.finish();
  // A softmax that joined the loss, other results.
  SmallVector<Operation *> ops = llvm::to_vector(llvm::make_pointer_range(loss.body));
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
  return success();
}

/// The state whose only row `vector` is; null if it is something else.
static BlockArgument findState(func::FuncOp function, Value vector) {
  auto view = vector.getDefiningOp<tensor::CollapseShapeOp>();
  auto argument = view ? dyn_cast<BlockArgument>(view.getSrc()) : BlockArgument();
  if (!argument || !function.getArgAttr(argument.getArgNumber(), NyalaDialect::kStateAttr))
    return {};
  return argument;
}

// %y = nyala.batch_norm %x scale %s bias %b mean %m variance %v {momentum = 0.9 : f32}
// return %loss
//   ->
// %y, %bm, %bv = nyala.batch_norm_training %x scale %s bias %b
// %row = tensor.expand_shape %bm
// %m1 = nyala.moving_average %m, %row {momentum = 0.9 : f32}
// return %loss, %m1, %v1 {nyala.state = "…"}
void nyala::useBatchStatistics(func::FuncOp function) {
  LossFunction loss(function);
  OpBuilder &builder = loss.builder;
  // Two norms may share statistics: the second goes on from what the first makes of them.
  llvm::MapVector<BlockArgument, Value> averages;
  for (auto norm : llvm::make_early_inc_range(loss.body.getOps<BatchNormOp>())) {
    builder.setInsertionPoint(norm);
    Type vector = norm.getScale().getType();
    auto training = BatchNormTrainingOp::create(builder, norm.getLoc(), norm.getType(), vector,
                                                vector, norm.getInput(), norm.getScale(),
                                                norm.getBias(), norm.getEpsilon());
    builder.setInsertionPoint(loss.terminator);
    for (auto [known, current] : {std::pair(norm.getMean(), training.getMean()),
                                  {norm.getVariance(), training.getVariance()}}) {
      BlockArgument state = findState(function, known);
      if (!state)
        continue;
      Value row = tensor::ExpandShapeOp::create(builder, norm.getLoc(), state.getType(), current,
                                                ArrayRef<ReassociationIndices>{{0, 1}});
      Value &average = averages[state];
      average = MovingAverageOp::create(builder, norm.getLoc(), average ? average : Value(state),
                                        row, norm.getMomentum());
    }
    norm.replaceAllUsesWith(training.getResult());
    norm.erase();
  }
  for (auto [state, average] : averages) {
    unsigned index = loss.terminator->getNumOperands();
    loss.terminator->insertOperands(index, average);
    updateFunctionType(function);
    function.setResultAttr(index, NyalaDialect::kStateAttr,
                           function.getArgAttr(state.getArgNumber(), NyalaDialect::kStateAttr));
  }
  for (Operation &op : llvm::make_early_inc_range(loss.body))
    if (isa<tensor::CollapseShapeOp>(op) && isOpTriviallyDead(&op))
      op.erase();
}
