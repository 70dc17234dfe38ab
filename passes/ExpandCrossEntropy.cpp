//===- ExpandCrossEntropy.cpp - Cross entropy by ranges of tokens ---------===//
//
// Logits of all rows are rows x vocabulary: more than all else that a step
// keeps. They are computed for one range of the vocabulary after the other.
//
//===----------------------------------------------------------------------===//
#include "ir/TrainingOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace nyala {
#define GEN_PASS_DEF_EXPANDCROSSENTROPY
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

/// On logits that are computed a second time, so that they are not one value with the first ones,
/// which would then have to be kept.
static constexpr llvm::StringLiteral kRecomputedAttr = "nyala.recomputed";

namespace {

/// Walks the ranges of the vocabulary.
class Ranges {
public:
  Ranges(OpBuilder &builder, Location loc, Value input, Value weight, Value targets, int64_t range)
      : builder(builder), loc(loc), input(input), weight(weight), targets(targets), range(range) {}

  /// Calls `body` with the rows of the weight of each range, and the targets counted from its
  /// first.
  void visit(function_ref<void(Value weight, Value targets)> body) {
    RankedTensorType type = getTensorType(weight);
    int64_t vocabulary = type.getDimSize(0), width = type.getDimSize(1);
    Value shifted = targets;
    for (int64_t first = 0; first < vocabulary; first += range) {
      int64_t size = std::min(range, vocabulary - first);
      Value part = weight;
      if (size < vocabulary)
        part = tensor::ExtractSliceOp::create(builder, loc, type.clone({size, width}), weight,
                                              ArrayRef<OpFoldResult>(indices({first, 0})),
                                              ArrayRef<OpFoldResult>(indices({size, width})),
                                              ArrayRef<OpFoldResult>(indices({1, 1})));
      // Each range's from those of the range before: so that all are shifted by the same kernel.
      if (first > 0) {
        auto ids = getTensorType(targets);
        Value step = arith::ConstantOp::create(
            builder, loc, DenseElementsAttr::get(ids, builder.getI32IntegerAttr(range)));
        shifted = arith::SubIOp::create(builder, loc, shifted, step);
      }
      body(part, shifted);
    }
  }

  bool isOne() const { return range >= getTensorType(weight).getDimSize(0); }

  Value getLogits(Value part) {
    auto type = RankedTensorType::get(
        {getTensorType(input).getDimSize(0), getTensorType(part).getDimSize(0)},
        builder.getF32Type());
    return LinearOp::create(builder, loc, type, input, part, /*bias=*/Value());
  }

private:
  SmallVector<OpFoldResult> indices(ArrayRef<int64_t> values) {
    return getAsIndexOpFoldResult(builder.getContext(), values);
  }

  OpBuilder &builder;
  Location loc;
  Value input, weight, targets;
  int64_t range;
};

struct ExpandCrossEntropy : nyala::impl::ExpandCrossEntropyBase<ExpandCrossEntropy> {
  using ExpandCrossEntropyBase::ExpandCrossEntropyBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (range < 1) {
      function.emitError("option 'range' of nyala-expand-cross-entropy must be positive, got ")
          << range.getValue();
      return signalPassFailure();
    }
    function.walk([&](CrossEntropyOp op) { expandForward(op); });
    function.walk([&](CrossEntropyGradientOp op) { expandBackward(op); });
  }

private:
  // %l, %s = nyala.cross_entropy %x, %w at %t
  //   ->
  // %w0 = tensor.extract_slice %w[0, 0] [range, K] [1, 1]
  // %z0 = nyala.linear %x, %w0
  // %s0, %p0 = nyala.log_sum_exp %z0 at %t
  // %w1 = …, %t1 = arith.subi %t, range
  // %z1 = nyala.linear %x, %w1
  // %s, %p = nyala.log_sum_exp %z1 at %t1 after %s0, %p0
  // %l = arith.subf %s, %p
  void expandForward(CrossEntropyOp op) {
    OpBuilder builder(op);
    Ranges ranges(builder, op.getLoc(), op.getInput(), op.getWeight(), op.getTargets(), range);
    Value sum, logit;
    ranges.visit([&](Value weight, Value targets) {
      auto next = LogSumExpOp::create(builder, op.getLoc(), op.getLogSumExp().getType(),
                                      op.getLoss().getType(), ranges.getLogits(weight), targets,
                                      sum, logit);
      sum = next.getLogSumExp();
      logit = next.getTargetLogit();
    });
    op.getLoss().replaceAllUsesWith(arith::SubFOp::create(builder, op.getLoc(), sum, logit));
    op.getLogSumExp().replaceAllUsesWith(sum);
    op.erase();
  }

  // %dx, %dw = nyala.cross_entropy_gradient %dl, %x, %w, %s at %t
  //   ->
  // %w0 = tensor.extract_slice %w[0, 0] [range, K] [1, 1]
  // %z0 = nyala.linear %x, %w0 {nyala.recomputed}
  // %d0 = nyala.logits_gradient %dl, %z0, %s at %t
  // %dw0 = nyala.matmul %d0, %x {transpose_a}
  // %dx0 = nyala.matmul %d0, %w0
  // %w1 = …, %dw1 = …
  // %dx = nyala.matmul %d1, %w1 plus %dx0
  // %dw = tensor.concat dim(0) %dw0, %dw1
  void expandBackward(CrossEntropyGradientOp op) {
    OpBuilder builder(op);
    Ranges ranges(builder, op.getLoc(), op.getInput(), op.getWeight(), op.getTargets(), range);
    bool wantsInput = !op.getInputGradient().use_empty();
    bool wantsWeight = !op.getWeightGradient().use_empty();
    Value inputGradient;
    SmallVector<Value> weightGradients;
    ranges.visit([&](Value weight, Value targets) {
      Value logits = ranges.getLogits(weight);
      if (!ranges.isOne())
        logits.getDefiningOp()->setAttr(kRecomputedAttr, builder.getUnitAttr());
      Value gradient = LogitsGradientOp::create(builder, op.getLoc(), op.getGradient(), logits,
                                                op.getLogSumExp(), targets);
      if (wantsWeight)
        weightGradients.push_back(MatmulOp::create(builder, op.getLoc(), weight.getType(), gradient,
                                                   op.getInput(), /*accumulator=*/Value(),
                                                   /*transpose_a=*/true, /*transpose_b=*/false));
      if (wantsInput)
        inputGradient =
            MatmulOp::create(builder, op.getLoc(), op.getInput().getType(), gradient, weight,
                             inputGradient, /*transpose_a=*/false, /*transpose_b=*/false);
    });
    if (wantsInput)
      op.getInputGradient().replaceAllUsesWith(inputGradient);
    if (wantsWeight) {
      Value whole = weightGradients.front();
      if (weightGradients.size() > 1)
        whole = tensor::ConcatOp::create(builder, op.getLoc(), op.getWeight().getType(), /*dim=*/0,
                                         weightGradients);
      op.getWeightGradient().replaceAllUsesWith(whole);
    }
    op.erase();
  }
};

} // namespace
