#include "ir/reference/LinalgOps.h"

#include "ir/reference/Checks.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::reference;

bool reference::isKnownLinalg(Operation *op) {
  return isa<linalg::TransposeOp, linalg::BroadcastOp, linalg::BatchMatmulOp>(op) &&
         op->getNumResults() == 1;
}

/// Element i of the result is that of `input` whose offset adds up from the result's indices, times
/// `strides`.
static Tensor gather(const Tensor &input, ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) {
  Tensor result(shape);
  MutableArrayRef<double> out = result.mutableValues();
  SmallVector<int64_t> indices(shape.size(), 0);
  int64_t source = 0;
  for (double &value : out) {
    value = input[source];
    for (size_t dim = shape.size(); dim-- > 0;) {
      source += strides[dim];
      if (++indices[dim] < shape[dim])
        break;
      source -= strides[dim] * shape[dim];
      indices[dim] = 0;
    }
  }
  return result;
}

static SmallVector<int64_t> getStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * shape[dim];
  return strides;
}

static FailureOr<Tensor> evaluateTranspose(linalg::TransposeOp op, ArrayRef<Tensor> operands) {
  SmallVector<int64_t> from = getStrides(operands[0].getShape()), shape, strides;
  for (int64_t dim : op.getPermutation()) {
    shape.push_back(operands[0].dim(dim));
    strides.push_back(from[dim]);
  }
  return gather(operands[0], shape, strides);
}

static FailureOr<Tensor> evaluateBroadcast(linalg::BroadcastOp op, ArrayRef<Tensor> operands) {
  SmallVector<int64_t> from = getStrides(operands[0].getShape());
  ArrayRef<int64_t> shape = operands[1].getShape();
  SmallVector<int64_t> strides;
  unsigned next = 0;
  for (auto [dim, size] : llvm::enumerate(shape)) {
    bool added = llvm::is_contained(op.getDimensions(), static_cast<int64_t>(dim));
    strides.push_back(added ? 0 : from[next]);
    if (!added && failed(checkEqual(op, "a size of the operand", size, operands[0].dim(next++))))
      return failure();
  }
  return gather(operands[0], shape, strides);
}

/// result[b, i, j] = initial[b, i, j] + sum_k a[b, i, k] * c[b, k, j]
static FailureOr<Tensor> evaluateProducts(linalg::BatchMatmulOp op, ArrayRef<Tensor> operands) {
  const Tensor &a = operands[0], &c = operands[1];
  if (op.hasUserDefinedMaps())
    return op.emitOpError("expected the indexing maps of products of plain matrices");
  Tensor result = operands[2];
  int64_t rows = a.dim(1), depth = a.dim(2), columns = c.dim(2);
  for (const auto &[what, expected, actual] :
       {std::tuple("matrices of the second operand", a.dim(0), c.dim(0)),
        {"rows of the second operand", depth, c.dim(1)},
        {"matrices of the result", a.dim(0), result.dim(0)},
        {"rows of the result", rows, result.dim(1)},
        {"columns of the result", columns, result.dim(2)}})
    if (failed(checkEqual(op, what, expected, actual)))
      return failure();
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t row = 0; row < a.dim(0) * rows; ++row) {
    double *to = out.data() + row * columns;
    const double *matrix = c.values().data() + row / rows * depth * columns;
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t j = 0; j < columns; ++j)
        to[j] += a[row * depth + k] * matrix[k * columns + j];
  }
  return result;
}

FailureOr<Tensor> reference::evaluateLinalg(Operation *op, ArrayRef<Tensor> operands) {
  if (auto transpose = dyn_cast<linalg::TransposeOp>(op))
    return evaluateTranspose(transpose, operands);
  if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op))
    return evaluateBroadcast(broadcast, operands);
  return evaluateProducts(cast<linalg::BatchMatmulOp>(op), operands);
}
