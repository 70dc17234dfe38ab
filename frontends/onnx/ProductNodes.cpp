//===- ProductNodes.cpp - Matrix products ---------------------------------===//
#include "frontends/onnx/Node.h"
#include "ir/TrainingOps.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace nyala::onnx {
namespace {

void expectDepth(Node &node, int64_t left, int64_t right) {
  if (left != right)
    node.fail("multiplies matrices of which one has " + Twine(left) + " columns, the other " +
              Twine(right) + " rows, expected as many");
}

/// `value * factor`
Value scale(GraphBuilder &graph, Value value, double factor) {
  if (factor == 1)
    return value;
  return graph.create<arith::MulFOp>(value, graph.makeSplatLike(value, factor));
}

/// A bias for each column: of shape [N], [1, N] or [1, 1, N] …; null if it is another tensor.
Value findBias(GraphBuilder &graph, Value bias, int64_t columns) {
  ArrayRef<int64_t> shape = getShape(bias);
  if (shape.empty() || shape.back() != columns || countElements(shape) != columns)
    return {};
  return graph.reshape(bias, columns);
}

// Y = alpha A B + beta C. What a linear layer is becomes nyala.linear, which has its weight as
// transposed B.
void buildGemm(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value a = node.getFloats(0, 2), b = node.getFloats(1, 2);
  bool transposeA = node.getInteger("transA", 0) != 0,
       transposeB = node.getInteger("transB", 0) != 0;
  double alpha = node.getNumber("alpha", 1.0), beta = node.getNumber("beta", 1.0);
  ArrayRef<int64_t> left = getShape(a), right = getShape(b);
  if (left.size() != 2 || right.size() != 2)
    node.fail("multiplies tensors of shapes " + formatShape(left) + " and " + formatShape(right) +
              ", expected matrices");
  expectDepth(node, left[transposeA ? 0 : 1], right[transposeB ? 1 : 0]);
  RankedTensorType type = graph.getFloats({left[transposeA ? 1 : 0], right[transposeB ? 0 : 1]});
  Value bias = node.hasInput(2) ? node.getFloats(2) : Value();

  if (transposeB && !transposeA && alpha == 1 && (!bias || beta == 1)) {
    Value vector = bias ? findBias(graph, bias, type.getDimSize(1)) : Value();
    if (!bias || vector)
      return node.setOutput(graph.create<LinearOp>(type, a, b, vector));
  }
  Value product =
      scale(graph, graph.create<MatmulOp>(type, a, b, Value(), transposeA, transposeB), alpha);
  if (bias && beta != 0)
    product = graph.create<arith::AddFOp>(
        product, scale(graph, getBroadcast(node, 2, type.getShape()), beta));
  node.setOutput(product);
}

/// Products of as many matrices: batches are broadcast.
Value multiplyBatches(Node &node, Value a, Value b) {
  GraphBuilder &graph = node.getGraph();
  auto leading = [&](Value value) { return getShape(value).drop_back(2); };
  auto last = [&](Value value, unsigned i) { return getShape(value).take_back(2)[i]; };
  int64_t rows = last(a, 0), depth = last(a, 1), columns = last(b, 1);
  SmallVector<int64_t> batch;
  for (Value value : {a, b}) {
    ArrayRef<int64_t> own = leading(value);
    if (own.size() > batch.size())
      batch.insert(batch.begin(), own.size() - batch.size(), 1);
    for (auto [to, size] : llvm::zip(llvm::reverse(batch), llvm::reverse(own)))
      to = to == 1 ? size : to;
  }
  auto flatten = [&](Value value, int64_t height, int64_t width) {
    SmallVector<int64_t> shape(batch);
    shape.append({height, width});
    value = graph.broadcast(value, shape);
    return graph.reshape(value, {*countElements(batch), height, width});
  };
  a = flatten(a, rows, depth);
  b = flatten(b, depth, columns);
  RankedTensorType type = graph.getFloats({getShape(a)[0], rows, columns});
  Value product = graph.create<linalg::BatchMatmulOp>(TypeRange(type), ValueRange{a, b},
                                                      ValueRange{graph.makeSplat(type, 0)});
  batch.append({rows, columns});
  return graph.reshape(product, batch);
}

/// The weight that the matrix `value` is the transpose of; null if it is none.
Value findTransposed(Value value) {
  auto transpose = value.getDefiningOp<linalg::TransposeOp>();
  bool isWeight = transpose && transpose.getInput().getDefiningOp<LoadOp>();
  return isWeight && getShape(value).size() == 2 ? transpose.getInput() : Value();
}

// A matrix on the right: all rows of the left one at a time. Else a batch of products.
void buildMatMul(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value a = node.getFloats(0, 1), b = node.getFloats(1, 1);
  bool vectorA = getShape(a).size() == 1, vectorB = getShape(b).size() == 1;
  if (vectorA)
    a = graph.reshape(a, {1, getShape(a)[0]});
  if (vectorB)
    b = graph.reshape(b, {getShape(b)[0], 1});
  expectDepth(node, getShape(a).back(), getShape(b).take_back(2)[0]);
  SmallVector<int64_t> shape;
  Value product;
  if (getShape(b).size() == 2) {
    Value rows = graph.toMatrix(a, getShape(a).size() - 1);
    RankedTensorType type = graph.getFloats({getShape(rows)[0], getShape(b)[1]});
    if (Value weight = findTransposed(b))
      product = graph.create<LinearOp>(type, rows, weight, Value());
    else
      product = graph.create<MatmulOp>(type, rows, b, Value(), false, false);
    shape.assign(getShape(a).drop_back());
    shape.push_back(getShape(b)[1]);
  } else {
    product = multiplyBatches(node, a, b);
    shape.assign(getShape(product));
  }
  if (vectorB)
    shape.pop_back();
  if (vectorA)
    shape.erase(shape.end() - (vectorB ? 1 : 2));
  node.setOutput(graph.reshape(product, shape));
}

} // namespace

void addProducts(NodeBuilders &builders) {
  builders["Gemm"] = buildGemm;
  builders["MatMul"] = buildMatMul;
}

} // namespace nyala::onnx
