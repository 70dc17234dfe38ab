//===- ReferenceLoss.cpp - Meanings of losses and their gradients ---------===//
#include "ir/TrainingOps.h"
#include "ir/reference/Checks.h"
#include "ir/reference/Formulas.h"

#include <cmath>
#include <vector>

using namespace mlir;
using namespace nyala;
using reference::checkEqual;
using reference::checkIndex;
using reference::single;
using reference::Tensor;

using Results = FailureOr<SmallVector<Tensor>>;

/// The product of a row with each row of the head's weight.
static std::vector<double> getLogits(ArrayRef<double> row, const Tensor &weight) {
  std::vector<double> logits(weight.dim(0));
  for (int64_t v = 0; v < weight.dim(0); ++v)
    logits[v] = reference::dot(row, weight.row(v));
  return logits;
}

Results CrossEntropyOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0], &weight = operands[1], &targets = operands[2];
  int64_t rows = input.dim(0);
  if (failed(checkEqual(*this, "rows of the targets", rows, targets.dim(0))))
    return failure();
  Tensor loss({rows, 1}), logSumExp({rows, 1});
  for (int64_t r = 0; r < rows; ++r) {
    FailureOr<int64_t> target = checkIndex(*this, "target", targets, r, weight.dim(0));
    if (failed(target))
      return failure();
    std::vector<double> logits = getLogits(input.row(r), weight);
    double sum = reference::logSumExp(logits);
    logSumExp.mutableValues()[r] = sum;
    loss.mutableValues()[r] = sum - logits[*target];
  }
  return Results(SmallVector<Tensor>{loss, logSumExp});
}

Results CrossEntropyGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &input = operands[1], &weight = operands[2];
  const Tensor &logSumExp = operands[3], &targets = operands[4];
  int64_t rows = input.dim(0), width = input.dim(1);
  for (const Tensor &column : {gradient, logSumExp, targets})
    if (failed(checkEqual(*this, "rows of gradient, log_sum_exp and targets", rows, column.dim(0))))
      return failure();
  Tensor dInput(input.getShape()), dWeight(weight.getShape());
  MutableArrayRef<double> dx = dInput.mutableValues(), dw = dWeight.mutableValues();
  for (int64_t r = 0; r < rows; ++r) {
    FailureOr<int64_t> target = checkIndex(*this, "target", targets, r, weight.dim(0));
    if (failed(target))
      return failure();
    std::vector<double> logits = getLogits(input.row(r), weight);
    for (int64_t v = 0; v < weight.dim(0); ++v) {
      double d = gradient[r] * (std::exp(logits[v] - logSumExp[r]) - (v == *target ? 1.0 : 0.0));
      for (int64_t i = 0; i < width; ++i) {
        dx[r * width + i] += d * weight[v * width + i];
        dw[v * width + i] += d * input[r * width + i];
      }
    }
  }
  return Results(SmallVector<Tensor>{dInput, dWeight});
}

Results LogSumExpOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &logits = operands[0], &targets = operands[1];
  int64_t rows = logits.dim(0), width = logits.dim(1);
  for (const Tensor &operand : operands.drop_front())
    if (failed(checkEqual(*this, "rows of the operands", rows, operand.dim(0))))
      return failure();
  Tensor logSumExp({rows, 1}), targetLogit({rows, 1});
  for (int64_t r = 0; r < rows; ++r) {
    ArrayRef<double> row = logits.row(r);
    // The previous sum is one more value: exp(log(sum)).
    double sum = reference::logSumExp(row), logit = 0;
    if (getPreviousSum()) {
      sum = reference::logSumExp({operands[2][r], sum});
      logit = operands[3][r];
    }
    double target = targets[r];
    if (target >= 0 && target < static_cast<double>(width))
      logit = row[static_cast<size_t>(target)];
    logSumExp.mutableValues()[r] = sum;
    targetLogit.mutableValues()[r] = logit;
  }
  return Results(SmallVector<Tensor>{logSumExp, targetLogit});
}

Results LogitsGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &logits = operands[1], &logSumExp = operands[2];
  const Tensor &targets = operands[3];
  int64_t rows = logits.dim(0), width = logits.dim(1);
  for (const Tensor &operand : operands)
    if (failed(checkEqual(*this, "rows of the operands", rows, operand.dim(0))))
      return failure();
  Tensor result(logits.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t v = 0; v < width; ++v) {
      double isTarget = static_cast<double>(v) == targets[r] ? 1.0 : 0.0;
      out[r * width + v] =
          gradient[r] * (std::exp(logits[r * width + v] - logSumExp[r]) - isTarget);
    }
  return single(std::move(result));
}
