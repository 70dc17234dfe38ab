//===- ReferenceOps.cpp - Meanings of rows, products, activations ---------===//
//
// Plain loops in double, as the ops' documentation says. Rotary embeddings and
// attention are in ReferenceAttention.cpp.
//
//===----------------------------------------------------------------------===//
#include "ir/NyalaOps.h"
#include "ir/reference/Checks.h"
#include "ir/reference/Formulas.h"
#include "ir/reference/Interpreter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace nyala;
using reference::checkEqual;
using reference::checkIndex;
using reference::single;
using reference::Tensor;

using Results = FailureOr<SmallVector<Tensor>>;

LogicalResult reference::checkEqual(Operation *op, StringRef what, int64_t expected,
                                    int64_t actual) {
  if (expected == actual)
    return success();
  return op->emitOpError("expected ") << what << " to be " << expected << ", got " << actual;
}

LogicalResult reference::checkFits(Operation *op, ArrayRef<int64_t> shape) {
  if (fits(shape))
    return success();
  return op->emitOpError("has a result of shape [")
         << shape << "], too large to interpret: expected at most " << kMaxElements << " elements";
}

FailureOr<int64_t> reference::checkIndex(Operation *op, StringRef what, const Tensor &indices,
                                         int64_t i, int64_t size) {
  double index = indices[i];
  if (index >= 0 && index < static_cast<double>(size))
    return static_cast<int64_t>(index);
  return op->emitOpError(what) << " " << static_cast<int64_t>(index) << " of row " << i
                               << " is outside 0.." << size - 1;
}

//===----------------------------------------------------------------------===//
// Rows by index, movement
//===----------------------------------------------------------------------===//

Results PackOp::evaluate(ArrayRef<Tensor> operands) { return single(operands[0]); }

Results RequantizeOp::evaluate(ArrayRef<Tensor> operands) {
  Tensor result = operands[0];
  StoredFormat format = getFormat().getValue();
  SmallVector<float> row(result.rowSize());
  std::vector<uint8_t> stored(storedBytes(format, row.size()));
  for (int64_t r = 0; r < result.dim(0); ++r) {
    auto values = result.mutableValues().slice(r * result.rowSize(), result.rowSize());
    llvm::copy(values, row.begin());
    quantize(format, row.data(), stored.data(), row.size());
    dequantize(format, stored.data(), row.data(), row.size());
    llvm::copy(row, values.begin());
  }
  return single(std::move(result));
}

/// Row i of the result is row indices[i] of `table`.
static Results selectRows(Operation *op, StringRef what, const Tensor &table,
                          const Tensor &indices) {
  SmallVector<int64_t> shape(table.getShape());
  shape[0] = indices.size();
  int64_t width = Tensor::getNumElements(ArrayRef(shape).drop_front());
  Tensor result(shape);
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < indices.size(); ++i) {
    FailureOr<int64_t> row = checkIndex(op, what, indices, i, table.dim(0));
    if (failed(row))
      return failure();
    llvm::copy(table.row(*row), out.begin() + i * width);
  }
  return single(std::move(result));
}

Results EmbeddingOp::evaluate(ArrayRef<Tensor> operands) {
  return selectRows(*this, "token", operands[1], operands[0]);
}

Results GatherOp::evaluate(ArrayRef<Tensor> operands) {
  return selectRows(*this, "index", operands[0], operands[1]);
}

Results SplitOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  SmallVector<Tensor> results;
  int64_t offset = 0;
  for (Value value : getResults()) {
    int64_t width = cast<RankedTensorType>(value.getType()).getDimSize(1);
    Tensor result({input.dim(0), width});
    MutableArrayRef<double> out = result.mutableValues();
    for (int64_t r = 0; r < input.dim(0); ++r)
      llvm::copy(input.row(r).slice(offset, width), out.begin() + r * width);
    offset += width;
    results.push_back(std::move(result));
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Products and norms
//===----------------------------------------------------------------------===//

Results LinearOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0], &weight = operands[1];
  int64_t rows = input.dim(0), width = cast<RankedTensorType>(getType()).getDimSize(1);
  if (failed(checkEqual(*this, "rows of the weight", width, weight.dim(0))))
    return failure();
  Tensor result({rows, width});
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < rows; ++r) {
    ArrayRef<double> x = input.row(r);
    for (int64_t n = 0; n < width; ++n) {
      double bias = getBias() ? operands[2][n] : 0.0;
      out[r * width + n] =
          std::inner_product(x.begin(), x.end(), weight.row(n).begin(), 0.0) + bias;
    }
  }
  return single(std::move(result));
}

Results QuantizeOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  int64_t rows = input.dim(0), width = getChannels(getInput()), blocks = getChannels(getScales());
  Tensor values({rows, width}), scales({rows, blocks}), sums({rows, width / kSumChannels});
  MutableArrayRef<double> v = values.mutableValues(), s = scales.mutableValues(),
                          t = sums.mutableValues();
  for (int64_t block = 0; block < rows * blocks; ++block) {
    int64_t size = width / blocks;
    ArrayRef<double> x = input.values().slice(block * size, size);
    double largest = 0;
    for (double value : x)
      largest = std::max(largest, std::abs(value));
    s[block] = largest / 127;
    for (int64_t i = 0; i < size && largest > 0; ++i) {
      v[block * size + i] = std::nearbyint(x[i] * (127 / largest));
      t[(block * size + i) / kSumChannels] += v[block * size + i];
    }
  }
  return Results(SmallVector<Tensor>{values, scales, sums});
}

Results QuantizedLinearOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &values = operands[0], &scales = operands[1], &weight = operands[3];
  int64_t rows = values.dim(0), width = getChannels(getResult());
  if (failed(checkEqual(*this, "rows of the weight", width, weight.dim(0))))
    return failure();
  int64_t depth = getChannels(getValues()), block = depth / getChannels(getScales());
  Tensor result({rows, width});
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t n = 0; n < width; ++n) {
      double sum = getBias() ? operands[4][n] : 0.0;
      for (int64_t c = 0; c < depth; ++c)
        sum += weight.row(n)[c] * values.row(r)[c] * scales.row(r)[c / block];
      out[r * width + n] = sum;
    }
  return single(std::move(result));
}

Results RmsNormOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0], &weight = operands[1];
  int64_t width = weight.size();
  double epsilon = getEpsilon().convertToDouble();
  Tensor result(input.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t start = 0; start < input.size(); start += width) {
    ArrayRef<double> x = input.values().slice(start, width);
    double factor = reference::getRmsFactor(x, epsilon);
    for (int64_t i = 0; i < width; ++i)
      out[start + i] = x[i] * factor * weight[i];
  }
  return single(std::move(result));
}

Results LayerNormOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0], &weight = operands[1];
  int64_t width = input.dim(1);
  double epsilon = getEpsilon().convertToDouble();
  Tensor result(input.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < input.dim(0); ++r) {
    ArrayRef<double> x = input.row(r);
    auto [mean, factor] = reference::getStandardization(x, epsilon);
    for (int64_t i = 0; i < width; ++i)
      out[r * width + i] = (x[i] - mean) * factor * weight[i] + (getBias() ? operands[2][i] : 0.0);
  }
  return single(std::move(result));
}

//===----------------------------------------------------------------------===//
// Activations, softmax, reductions
//===----------------------------------------------------------------------===//

Results ActivationOp::evaluate(ArrayRef<Tensor> operands) {
  Tensor result = operands[0];
  for (double &value : result.mutableValues())
    value = reference::activate(getKind(), value);
  return single(std::move(result));
}

Results GatedActivationOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &gate = operands[0], &input = operands[1];
  if (failed(checkEqual(*this, "rows of the operand", gate.dim(0), input.dim(0))))
    return failure();
  Tensor result(gate.getShape());
  for (auto [out, g, x] : llvm::zip(result.mutableValues(), gate.values(), input.values()))
    out = reference::activate(getKind(), g) * x;
  return single(std::move(result));
}

Results SoftmaxOp::evaluate(ArrayRef<Tensor> operands) {
  Tensor result = operands[0];
  int64_t width = result.dim(1);
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < result.dim(0); ++r) {
    MutableArrayRef<double> row = out.slice(r * width, width);
    double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
    for (double value : row)
      maximum = std::max(maximum, value);
    for (double &value : row)
      sum += value = std::exp(value - maximum);
    for (double &value : row)
      value /= sum;
  }
  return single(std::move(result));
}

Results ReduceOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  Tensor result({input.dim(0), 1});
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t r = 0; r < input.dim(0); ++r) {
    ArrayRef<double> x = input.row(r);
    if (getKind() == ReduceKind::Max)
      out[r] = std::accumulate(x.begin(), x.end(), -std::numeric_limits<double>::infinity(),
                               [](double a, double b) { return std::max(a, b); });
    else
      out[r] = std::accumulate(x.begin(), x.end(), 0.0);
    if (getKind() == ReduceKind::Mean)
      out[r] /= static_cast<double>(input.dim(1));
  }
  return single(std::move(result));
}

Results TopKOp::evaluate(ArrayRef<Tensor> operands) {
  const Tensor &input = operands[0];
  int64_t rows = input.dim(0), channels = input.dim(1), count = getChannels(getValues());
  Tensor values({rows, count}), ids({rows, count});
  for (int64_t r = 0; r < rows; ++r) {
    auto getValue = [x = input.row(r)](int64_t channel) {
      return std::isnan(x[channel]) ? -std::numeric_limits<double>::infinity() : x[channel];
    };
    auto order = llvm::to_vector(llvm::seq(channels));
    llvm::stable_sort(order, [&](int64_t a, int64_t b) { return getValue(a) > getValue(b); });
    for (int64_t i = 0; i < count; ++i) {
      values.mutableValues()[r * count + i] = getValue(order[i]);
      ids.mutableValues()[r * count + i] = static_cast<double>(order[i]);
    }
  }
  return Results(SmallVector<Tensor>{values, ids});
}
