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

namespace {

/// A batch of matrices, or of their transposes.
struct Matrices {
  Matrices(const Tensor &tensor, bool transposed)
      : tensor(tensor), rows(tensor.dim(transposed ? 2 : 1)),
        columns(tensor.dim(transposed ? 1 : 2)), rowStep(transposed ? 1 : columns),
        columnStep(transposed ? rows : 1) {}
  /// Element (i, k) of matrix b.
  double at(int64_t b, int64_t i, int64_t k) const {
    return tensor[b * rows * columns + i * rowStep + k * columnStep];
  }
  const Tensor &tensor;
  int64_t rows, columns, rowStep, columnStep;
};

} // namespace

/// result[b, i, j] = initial[b, i, j] + sum_k a[b, i, k] * c[b, k, j]
static FailureOr<Tensor> evaluateProducts(linalg::BatchMatmulOp op, ArrayRef<Tensor> operands) {
  bool transposeA = isa<linalg::BatchMatmulTransposeAOp>(op.getOperation()),
       transposeC = isa<linalg::BatchMatmulTransposeBOp>(op.getOperation());
  if (op.hasUserDefinedMaps() && !transposeA && !transposeC)
    return op.emitOpError("expected the indexing maps of products of matrices, of which one may be "
                          "transposed");
  Matrices a(operands[0], transposeA), c(operands[1], transposeC);
  Tensor result = operands[2];
  for (const auto &[what, expected, actual] :
       {std::tuple("matrices of the second operand", a.tensor.dim(0), c.tensor.dim(0)),
        {"rows of the second operand", a.columns, c.rows},
        {"matrices of the result", a.tensor.dim(0), result.dim(0)},
        {"rows of the result", a.rows, result.dim(1)},
        {"columns of the result", c.columns, result.dim(2)}})
    if (failed(checkEqual(op, what, expected, actual)))
      return failure();
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t row = 0; row < a.tensor.dim(0) * a.rows; ++row) {
    double *to = out.data() + row * c.columns;
    int64_t matrix = row / a.rows;
    for (int64_t k = 0; k < a.columns; ++k)
      for (int64_t j = 0; j < c.columns; ++j)
        to[j] += a.at(matrix, row % a.rows, k) * c.at(matrix, k, j);
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
