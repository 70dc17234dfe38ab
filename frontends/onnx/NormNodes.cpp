//===- NormNodes.cpp - Normalizations -------------------------------------===//
#include "frontends/onnx/Node.h"
#include "ir/ConvolutionOps.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace nyala::onnx {
namespace {

/// An input with one number for each of `channels`.
Value getVector(Node &node, unsigned index, int64_t channels) {
  Value vector = node.getFloats(index);
  if (getShape(vector) != ArrayRef(channels))
    node.fail("has input " + quote(node.getName(index)) + " of shape " +
              formatShape(getShape(vector)) + ", expected " + formatShape(channels));
  return vector;
}

FloatAttr getFloatAttr(GraphBuilder &graph, double number) {
  return graph.getBuilder().getF32FloatAttr(static_cast<float>(number));
}

void buildBatchNorm(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0, 2);
  ArrayRef<int64_t> shape = getShape(input);
  if (shape.size() > 5)
    node.fail("normalizes a tensor of shape " + formatShape(shape) +
              ", expected at most 5 dimensions");
  node.expectInteger("spatial", 1);
  node.expectInteger("training_mode", 0);
  node.setOutput(
      graph.create<BatchNormOp>(input, getVector(node, 1, shape[1]), getVector(node, 2, shape[1]),
                                getVector(node, 3, shape[1]), getVector(node, 4, shape[1]),
                                getFloatAttr(graph, node.getNumber("epsilon", 1e-5)),
                                getFloatAttr(graph, node.getNumber("momentum", 0.9))));
}

void buildLocalResponseNorm(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0, 3);
  int64_t size = node.getInteger("size", 0);
  if (size < 1 || size > kMaxWindow || getShape(input).size() > 5)
    node.fail("has size " + Twine(size) + " and an input of shape " + formatShape(getShape(input)) +
              ", expected a positive size and at most 5 dimensions");
  node.setOutput(
      graph.create<LocalResponseNormOp>(input, graph.getBuilder().getI64IntegerAttr(size),
                                        getFloatAttr(graph, node.getNumber("alpha", 1e-4)),
                                        getFloatAttr(graph, node.getNumber("beta", 0.75)),
                                        getFloatAttr(graph, node.getNumber("bias", 1.0))));
}

/// Rows of `matrix` with mean 0 and variance 1.
Value standardize(GraphBuilder &graph, Value matrix, double epsilon) {
  RankedTensorType vector = graph.getFloats(getShape(matrix)[1]);
  return graph.create<LayerNormOp>(matrix, graph.makeSplat(vector, 1), Value(),
                                   getFloatAttr(graph, epsilon));
}

/// `value * scale + bias`, where these have one number for each element of dimension 1.
Value scaleChannels(GraphBuilder &graph, Value value, Value scale, Value bias) {
  SmallVector<int64_t> perChannel(getShape(value).size() - 1, 1);
  perChannel[0] = getShape(value)[1];
  Value factor = graph.broadcast(graph.reshape(scale, perChannel), getShape(value));
  Value summand = graph.broadcast(graph.reshape(bias, perChannel), getShape(value));
  return graph.create<arith::AddFOp>(graph.create<arith::MulFOp>(value, factor), summand);
}

void buildInstanceNorm(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0, 3);
  ArrayRef<int64_t> shape = getShape(input);
  Value rows = standardize(graph, graph.toMatrix(input, 2), node.getNumber("epsilon", 1e-5));
  node.setOutput(scaleChannels(graph, graph.reshape(rows, shape), getVector(node, 1, shape[1]),
                               getVector(node, 2, shape[1])));
}

// Until opset 20 scale and bias are those of groups, since then those of channels.
void buildGroupNorm(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0, 3);
  ArrayRef<int64_t> shape = getShape(input);
  int64_t groups = node.getInteger("num_groups", 0);
  if (groups < 1 || shape[1] % groups != 0)
    node.fail("has " + Twine(groups) + " groups, expected a divisor of the " + Twine(shape[1]) +
              " channels");
  node.ignore({"stash_type"});
  int64_t size = *countElements(shape.drop_front()) / groups;
  Value rows = standardize(graph, graph.reshape(input, {shape[0] * groups, size}),
                           node.getNumber("epsilon", 1e-5));
  bool ofGroups = node.getOpset() < 21;
  Value value =
      ofGroups ? graph.reshape(rows, {shape[0], groups, size}) : graph.reshape(rows, shape);
  int64_t count = ofGroups ? groups : shape[1];
  node.setOutput(graph.reshape(
      scaleChannels(graph, value, getVector(node, 1, count), getVector(node, 2, count)), shape));
}

void buildLayerNorm(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0, 1);
  ArrayRef<int64_t> shape = getShape(input);
  auto rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.getAxis(node.getInteger("axis", -1), rank);
  node.ignore({"stash_type"});
  auto getParameter = [&](unsigned index) {
    Value value = node.getFloats(index);
    if (getShape(value) != shape.drop_front(axis))
      node.fail("has input " + quote(node.getName(index)) + " of shape " +
                formatShape(getShape(value)) + ", expected " + formatShape(shape.drop_front(axis)));
    return graph.reshape(value, *countElements(shape.drop_front(axis)));
  };
  Value bias = node.hasInput(2) ? getParameter(2) : Value();
  Value rows = graph.create<LayerNormOp>(graph.toMatrix(input, axis), getParameter(1), bias,
                                         getFloatAttr(graph, node.getNumber("epsilon", 1e-5)));
  node.setOutput(graph.reshape(rows, shape));
}

} // namespace

void addNorms(NodeBuilders &builders) {
  builders["BatchNormalization"] = buildBatchNorm;
  builders["GroupNormalization"] = buildGroupNorm;
  builders["InstanceNormalization"] = buildInstanceNorm;
  builders["LRN"] = buildLocalResponseNorm;
  builders["LayerNormalization"] = buildLayerNorm;
}

} // namespace nyala::onnx
