//===- ReferenceTraining.cpp - Meanings of ops of training steps ----------===//
//
// Products, sums over rows, gradients of norms and activations, optimizers.
//
//===----------------------------------------------------------------------===//
#include "ir/TrainingOps.h"
#include "ir/reference/Checks.h"
#include "ir/reference/Formulas.h"

#include <cmath>

using namespace mlir;
using namespace nyala;
using reference::checkEqual;
using reference::checkIndex;
using reference::single;
using reference::Tensor;

using Results = FailureOr<SmallVector<Tensor>>;

/// Have all operands as many rows as the first? What types leave open.
static LogicalResult checkRows(Operation *op, ArrayRef<Tensor> operands) {
  for (const Tensor &operand : operands.drop_front())
    if (failed(checkEqual(op, "rows of the operands", operands[0].dim(0), operand.dim(0))))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Products and sums over rows
//===----------------------------------------------------------------------===//

Results MatmulOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &a = operands[0], &b = operands[1];
  bool transposeA = getTransposeA(), transposeB = getTransposeB();
  int64_t rows = a.dim(transposeA ? 1 : 0), depth = a.dim(transposeA ? 0 : 1);
  int64_t columns = b.dim(transposeB ? 0 : 1);
  if (failed(checkEqual(*this, "depth of the second operand", depth, b.dim(transposeB ? 1 : 0))) ||
      failed(reference::checkFits(*this, {rows, columns})))
    return failure();
  if (getAccumulator() &&
      (failed(checkEqual(*this, "rows of the accumulator", rows, operands[2].dim(0))) ||
       failed(checkEqual(*this, "columns of the accumulator", columns, operands[2].dim(1)))))
    return failure();
  Tensor result({rows, columns});
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double sum = getAccumulator() ? operands[2][i * columns + j] : 0.0;
      for (int64_t k = 0; k < depth; ++k)
        sum += (transposeA ? a[k * rows + i] : a[i * depth + k]) *
               (transposeB ? b[j * depth + k] : b[k * columns + j]);
      out[i * columns + j] = sum;
    }
  return single(std::move(result));
}

Results SumRowsOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  int64_t width = input.dim(1);
  Tensor result({1, width});
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < input.size(); ++i)
    out[i % width] += getSquared() ? input[i] * input[i] : input[i];
  return single(std::move(result));
}

Results ScatterAddOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &rows = operands[0], &ids = operands[1];
  int64_t width = rows.dim(1);
  if (failed(checkEqual(*this, "rows of the ids", rows.dim(0), ids.dim(0))))
    return failure();
  Tensor result = getInitial() ? operands[2] : Tensor(getType().getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < rows.dim(0); ++r) {
    FailureOr<int64_t> target = checkIndex(*this, "id", ids, r, result.dim(0));
    if (failed(target))
      return failure();
    for (int64_t i = 0; i < width; ++i)
      out[*target * width + i] += rows[r * width + i];
  }
  return single(std::move(result));
}

Results BroadcastColumnsOp::evaluate(ArrayRef<Tensor> operands) {
  int64_t rows = operands[0].dim(0), width = getChannels(getResult());
  Tensor result({rows, width});
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < result.size(); ++i)
    out[i] = operands[0][i / width];
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Gradients of norms, activations and softmax
//===----------------------------------------------------------------------===//

Results RmsNormGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &input = operands[1], &weight = operands[2];
  if (failed(checkRows(*this, operands.take_front(2))))
    return failure();
  int64_t width = weight.size();
  double epsilon = getEpsilon().convertToDouble();
  Tensor result(input.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t start = 0; start < input.size(); start += width) {
    ArrayRef<double> x = input.values().slice(start, width);
    double factor = reference::getRmsFactor(x, epsilon), sum = 0;
    for (int64_t i = 0; i < width; ++i)
      sum += gradient[start + i] * weight[i] * x[i];
    for (int64_t i = 0; i < width; ++i)
      out[start + i] = factor * (gradient[start + i] * weight[i] -
                                 x[i] * factor * factor * sum / static_cast<double>(width));
  }
  return single(std::move(result));
}

Results RmsNormWeightGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &input = operands[1];
  if (failed(checkRows(*this, operands)))
    return failure();
  Tensor result(getType().getShape());
  int64_t width = result.size();
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t start = 0; start < input.size(); start += width) {
    ArrayRef<double> x = input.values().slice(start, width);
    double factor = reference::getRmsFactor(x, getEpsilon().convertToDouble());
    for (int64_t i = 0; i < width; ++i)
      out[i] += gradient[start + i] * x[i] * factor;
  }
  return single(std::move(result));
}

Results LayerNormGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &input = operands[1], &weight = operands[2];
  if (failed(checkRows(*this, operands.take_front(2))))
    return failure();
  int64_t width = input.dim(1);
  Tensor result(input.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < input.dim(0); ++r) {
    ArrayRef<double> x = input.row(r), dy = gradient.row(r);
    auto [mean, factor] = reference::getStandardization(x, getEpsilon().convertToDouble());
    double meanG = 0, meanGz = 0;
    for (int64_t i = 0; i < width; ++i) {
      double g = dy[i] * weight[i] / static_cast<double>(width);
      meanG += g;
      meanGz += g * (x[i] - mean) * factor;
    }
    for (int64_t i = 0; i < width; ++i)
      out[r * width + i] = factor * (dy[i] * weight[i] - meanG - (x[i] - mean) * factor * meanGz);
  }
  return single(std::move(result));
}

Results LayerNormWeightGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &input = operands[1];
  if (failed(checkRows(*this, operands)))
    return failure();
  Tensor result(getType().getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < input.dim(0); ++r) {
    ArrayRef<double> x = input.row(r);
    auto [mean, factor] = reference::getStandardization(x, getEpsilon().convertToDouble());
    for (int64_t i = 0; i < result.size(); ++i)
      out[i] += gradient.row(r)[i] * (x[i] - mean) * factor;
  }
  return single(std::move(result));
}

Results ActivationGradientOp::evaluate(ArrayRef<Tensor> operands) {
  if (failed(checkRows(*this, operands)))
    return failure();
  Tensor result = operands[0];
  for (auto [out, x] : llvm::zip_equal(result.mutableValues(), operands[1].values()))
    out *= reference::differentiateActivation(getKind(), x);
  return single(std::move(result));
}

Results GatedActivationGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &gate = operands[1], &input = operands[2];
  if (failed(checkRows(*this, operands)))
    return failure();
  Tensor gateGradient(gate.getShape()), inputGradient(gate.getShape());
  for (auto [dGate, dInput, dy, g, x] :
       llvm::zip_equal(gateGradient.mutableValues(), inputGradient.mutableValues(),
                       gradient.values(), gate.values(), input.values())) {
    dGate = dy * x * reference::differentiateActivation(getKind(), g);
    dInput = dy * reference::activate(getKind(), g);
  }
  return Results(SmallVector<Tensor>{gateGradient, inputGradient});
}

Results SoftmaxGradientOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gradient = operands[0], &output = operands[1];
  if (failed(checkRows(*this, operands)))
    return failure();
  int64_t width = output.dim(1);
  Tensor result(output.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < output.dim(0); ++r) {
    double sum = reference::dot(gradient.row(r), output.row(r));
    for (int64_t i = 0; i < width; ++i)
      out[r * width + i] = output.row(r)[i] * (gradient.row(r)[i] - sum);
  }
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Optimizers
//===----------------------------------------------------------------------===//

Results AdamWOp::evaluate(ArrayRef<Tensor> operands) {
  if (failed(checkRows(*this, operands.take_front(4))))
    return failure();
  Tensor weight = operands[0], mean = operands[1], variance = operands[2];
  double rate = operands[4][0], scale = operands[5][0];
  double correction1 = operands[6][0], correction2 = operands[7][0];
  double beta1 = getBeta1().convertToDouble(), beta2 = getBeta2().convertToDouble();
  double epsilon = getEpsilon().convertToDouble(), decay = getWeightDecay().convertToDouble();
  if (!std::isfinite(scale))
    return Results(SmallVector<Tensor>{weight, mean, variance});
  for (auto [w, m, v, gradient] : llvm::zip_equal(weight.mutableValues(), mean.mutableValues(),
                                                  variance.mutableValues(), operands[3].values())) {
    double g = scale * gradient;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    w -= rate * decay * w + rate * (m / correction1) / (std::sqrt(v / correction2) + epsilon);
  }
  return Results(SmallVector<Tensor>{weight, mean, variance});
}

Results SgdOp::evaluate(ArrayRef<Tensor> operands) {
  if (failed(checkRows(*this, operands.take_front(3))))
    return failure();
  Tensor weight = operands[0], velocity = operands[1];
  double rate = operands[3][0], scale = operands[4][0];
  double momentum = getMomentum().convertToDouble(), decay = getWeightDecay().convertToDouble();
  if (!std::isfinite(scale))
    return Results(SmallVector<Tensor>{weight, velocity});
  for (auto [w, v, gradient] :
       llvm::zip_equal(weight.mutableValues(), velocity.mutableValues(), operands[2].values())) {
    v = momentum * v + scale * gradient + decay * w;
    w -= rate * v;
  }
  return Results(SmallVector<Tensor>{weight, velocity});
}
