//===- ShapeNodes.cpp - Other shapes of the same elements -----------------===//
#include "frontends/onnx/Node.h"

using namespace mlir;

namespace nyala::onnx {
namespace {

/// Sets the output: the elements of input 0 in another shape.
void setShape(Node &node, ArrayRef<int64_t> shape) {
  if (std::optional<Literal> literal = node.findConstant(0)) {
    literal->shape = shape.vec();
    return node.setLiteral(*std::move(literal));
  }
  node.setOutput(node.getGraph().reshape(node.getInput(0), shape));
}

/// A shape that the file states for its own batch becomes that for the batch wanted: its first size
/// is the file's batch, or a multiple of it and all elements are then accounted for.
void rewriteBatch(Node &node, std::vector<int64_t> &shape, ArrayRef<int64_t> from) {
  auto [stated, wanted] = node.getGraph().getBatch();
  if (stated == wanted || shape.empty() || shape[0] <= 0 || shape[0] % stated != 0)
    return;
  std::optional<int64_t> count = countElements(shape), all = countElements(from);
  bool open = llvm::is_contained(shape, -1);
  bool isBatch = shape[0] == stated && !from.empty() && from[0] == wanted;
  bool isMultiple = count && all && *count % stated == 0 && *count / stated * wanted == *all;
  if (open ? isBatch : isMultiple)
    shape[0] = shape[0] / stated * wanted;
}

void buildReshape(Node &node) {
  SmallVector<int64_t> from = node.getInputShape();
  std::vector<int64_t> shape;
  if (std::optional<std::vector<int64_t>> attribute = node.findIntegers("shape"))
    shape = *attribute;
  else
    shape = node.getIntegers(1, "a shape");
  bool copyZeros = node.getInteger("allowzero", 0) == 0;
  for (auto [i, size] : llvm::enumerate(shape))
    if (size == 0 && copyZeros && i < from.size())
      size = from[i];
  if (!node.getLiteral(1, "a shape").ofShape)
    rewriteBatch(node, shape, from);
  if (llvm::count(shape, -1) == 1) {
    auto open = llvm::find(shape, -1);
    *open = 1;
    std::optional<int64_t> known = countElements(shape), all = countElements(from);
    if (known && all && *known > 0 && *all % *known == 0)
      *open = *all / *known;
  }
  std::optional<int64_t> count = countElements(shape);
  if (!count || count != countElements(from))
    node.fail("gives a tensor of shape " + formatShape(from) + " the shape " + formatShape(shape) +
              ", expected as many elements");
  setShape(node, shape);
}

void buildFlatten(Node &node) {
  SmallVector<int64_t> shape = node.getInputShape();
  auto rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.getInteger("axis", 1);
  if (axis != rank)
    axis = node.getAxis(axis, rank);
  ArrayRef<int64_t> sizes(shape);
  setShape(node, {*countElements(sizes.take_front(axis)), *countElements(sizes.drop_front(axis))});
}

/// Attribute until opset 12, then the second input.
std::optional<std::vector<int64_t>> readAxes(Node &node) {
  if (node.getOpset() < 13)
    return node.findIntegers("axes");
  if (node.hasInput(1))
    return node.getIntegers(1, "axes");
  return std::nullopt;
}

void buildSqueeze(Node &node) {
  SmallVector<int64_t> from = node.getInputShape(), shape;
  std::optional<std::vector<int64_t>> axes = readAxes(node);
  if (axes)
    axes = node.getAxes(*axes, static_cast<int64_t>(from.size()));
  for (auto [dim, size] : llvm::enumerate(from)) {
    bool dropped = axes ? llvm::is_contained(*axes, static_cast<int64_t>(dim)) : size == 1;
    if (dropped && size != 1)
      node.fail("drops dimension " + Twine(dim) + " of shape " + formatShape(from) +
                ", expected one of size 1");
    if (!dropped)
      shape.push_back(size);
  }
  setShape(node, shape);
}

void buildUnsqueeze(Node &node) {
  SmallVector<int64_t> from = node.getInputShape(), shape;
  std::optional<std::vector<int64_t>> axes = readAxes(node);
  if (!axes)
    node.fail("has no axes");
  auto rank = static_cast<int64_t>(from.size() + axes->size());
  axes = node.getAxes(*axes, rank);
  auto next = from.begin();
  for (int64_t dim = 0; dim < rank; ++dim)
    shape.push_back(llvm::is_contained(*axes, dim) ? 1 : *next++);
  setShape(node, shape);
}

void buildTranspose(Node &node) {
  Value input = node.getInput(0);
  auto rank = static_cast<int64_t>(getShape(input).size());
  std::vector<int64_t> permutation;
  if (std::optional<std::vector<int64_t>> attribute = node.findIntegers("perm"))
    permutation = *attribute;
  else
    for (int64_t dim = rank; dim-- > 0;)
      permutation.push_back(dim);
  std::vector<int64_t> sorted = node.getAxes(permutation, rank); // throws for two of one
  if (static_cast<int64_t>(sorted.size()) != rank || llvm::is_contained(permutation, -1))
    node.fail("has permutation " + formatShape(permutation) + " of " + Twine(rank) + " dimensions");
  node.setOutput(node.getGraph().transpose(input, permutation));
}

// Dropout leaves everything where nothing is trained; its mask is not computed.
void buildIdentity(Node &node) {
  node.ignore({"ratio", "seed"});
  if (node.getType() == "Dropout" && node.hasInput(2) && node.getNumber(2, "training_mode") != 0)
    node.fail("is in training mode, which is not supported");
  node.forward(0);
}

} // namespace

void addShapes(NodeBuilders &builders) {
  builders["Dropout"] = buildIdentity;
  builders["Flatten"] = buildFlatten;
  builders["Identity"] = buildIdentity;
  builders["Reshape"] = buildReshape;
  builders["Squeeze"] = buildSqueeze;
  builders["Transpose"] = buildTranspose;
  builders["Unsqueeze"] = buildUnsqueeze;
}

} // namespace nyala::onnx
