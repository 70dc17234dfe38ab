//===- ReductionNodes.cpp - Reductions and softmax ------------------------===//
#include "frontends/onnx/Node.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;

namespace nyala::onnx {
namespace {

/// Dimensions `axes`, ascending, behind the others.
SmallVector<int64_t> moveLast(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> permutation;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(axes, dim))
      permutation.push_back(dim);
  permutation.append(axes.begin(), axes.end());
  return permutation;
}

/// Attribute until opset `last`, then the second input; all axes if absent, unless that means none.
std::vector<int64_t> readAxes(Node &node, int64_t last, int64_t rank) {
  std::vector<int64_t> axes;
  if (std::optional<std::vector<int64_t>> attribute =
          node.getOpset() <= last ? node.findIntegers("axes") : std::nullopt)
    axes = *attribute;
  else if (node.getOpset() > last && node.hasInput(1))
    axes = node.getIntegers(1, "axes");
  if (!axes.empty())
    return node.getAxes(axes, rank);
  if (node.getOpset() > last && node.getInteger("noop_with_empty_axes", 0) != 0)
    return {};
  auto all = llvm::seq<int64_t>(rank);
  return {all.begin(), all.end()};
}

Value reduce(Node &node, ReduceKind kind, bool negated = false) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0);
  ArrayRef<int64_t> shape = getShape(input);
  auto rank = static_cast<int64_t>(shape.size());
  std::vector<int64_t> axes = readAxes(node, node.getType() == "ReduceSum" ? 12 : 17, rank);
  bool keep = node.getInteger("keepdims", 1) != 0;
  SmallVector<int64_t> result;
  for (auto [dim, size] : llvm::enumerate(shape))
    if (!llvm::is_contained(axes, static_cast<int64_t>(dim)))
      result.push_back(size);
    else if (keep)
      result.push_back(1);
  if (negated)
    input = graph.create<arith::NegFOp>(input);
  Value last = graph.transpose(input, moveLast(axes, rank));
  Value rows = graph.toMatrix(last, rank - axes.size());
  Value reduced = graph.create<ReduceOp>(graph.getFloats({getShape(rows)[0], 1}), kind, rows);
  if (negated)
    reduced = graph.create<arith::NegFOp>(reduced);
  return graph.reshape(reduced, result);
}

template <ReduceKind kind> void buildReduce(Node &node) { node.setOutput(reduce(node, kind)); }
// min(x) = -max(-x)
void buildReduceMin(Node &node) { node.setOutput(reduce(node, ReduceKind::Max, true)); }

// Until opset 12 over all dimensions from the axis on, since then over the axis.
Value softmax(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0, 1);
  auto rank = static_cast<int64_t>(getShape(input).size());
  bool flat = node.getOpset() < 13;
  int64_t axis = node.getAxis(node.getInteger("axis", flat ? 1 : -1), rank);
  SmallVector<int64_t> permutation = moveLast(axis, rank);
  if (flat)
    permutation = moveLast({}, rank);
  Value last = graph.transpose(input, permutation);
  Value rows = graph.create<SoftmaxOp>(graph.toMatrix(last, flat ? axis : rank - 1));
  return graph.transpose(graph.reshape(rows, getShape(last)), invertPermutationVector(permutation));
}

void buildSoftmax(Node &node) { node.setOutput(softmax(node)); }
void buildLogSoftmax(Node &node) {
  node.setOutput(node.getGraph().create<math::LogOp>(softmax(node)));
}

} // namespace

void addReductions(NodeBuilders &builders) {
  builders["LogSoftmax"] = buildLogSoftmax;
  builders["ReduceMax"] = buildReduce<ReduceKind::Max>;
  builders["ReduceMean"] = buildReduce<ReduceKind::Mean>;
  builders["ReduceMin"] = buildReduceMin;
  builders["ReduceSum"] = buildReduce<ReduceKind::Sum>;
  builders["Softmax"] = buildSoftmax;
}

} // namespace nyala::onnx
