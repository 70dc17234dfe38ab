//===- MovementNodes.cpp - Slices, concatenations, look-ups ---------------===//
#include "frontends/onnx/Node.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace nyala::onnx {
namespace {

/// Most pieces that a selection of single elements is made of.
constexpr size_t kMaxPieces = 256;

/// Concatenates values that differ in dimension `axis` alone.
Value concatenateValues(GraphBuilder &graph, ArrayRef<Value> values, int64_t axis) {
  if (values.size() == 1)
    return values.front();
  SmallVector<int64_t> shape(getShape(values.front()));
  shape[axis] = 0;
  for (Value value : values)
    shape[axis] += getShape(value)[axis];
  return graph.create<tensor::ConcatOp>(graph.getTensor(shape, getElementType(values.front())),
                                        axis, values);
}

void buildConcat(Node &node) {
  if (node.getInputCount() == 0)
    node.fail("has no inputs");
  std::optional<std::vector<Literal>> literals = node.findConstants();
  SmallVector<SmallVector<int64_t>> shapes;
  SmallVector<Value> values;
  for (unsigned i = 0; i < node.getInputCount(); ++i)
    if (literals) {
      shapes.emplace_back(ArrayRef((*literals)[i].shape));
    } else {
      values.push_back(node.getInput(i));
      shapes.emplace_back(getShape(values.back()));
      if (getElementType(values.back()) != getElementType(values.front()))
        node.fail("has inputs of floats and of integers or booleans, expected one type");
    }
  int64_t axis = node.getAxis(node.getInteger("axis", 0), static_cast<int64_t>(shapes[0].size()));
  for (ArrayRef<int64_t> shape : shapes) {
    bool fits = shape.size() == shapes[0].size();
    for (size_t dim = 0; fits && dim < shape.size(); ++dim)
      fits = static_cast<int64_t>(dim) == axis || shape[dim] == shapes[0][dim];
    if (!fits)
      node.fail("has inputs of shapes " + formatShape(shapes[0]) + " and " + formatShape(shape) +
                ", which differ in more than dimension " + Twine(axis));
  }
  if (!literals)
    return node.setOutput(concatenateValues(node.getGraph(), values, axis));
  for (const Literal &literal : *literals)
    if (literal.kind != literals->front().kind)
      node.fail("has inputs of several types");
  node.setLiteral(concatenate(*literals, axis));
}

void buildSplit(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getInput(0);
  ArrayRef<int64_t> shape = getShape(input);
  int64_t axis = node.getAxis(node.getInteger("axis", 0), static_cast<int64_t>(shape.size()));
  auto count = static_cast<int64_t>(node.getOutputCount());
  node.ignore({"num_outputs"});
  std::vector<int64_t> sizes;
  if (std::optional<std::vector<int64_t>> attribute =
          node.getOpset() < 13 ? node.findIntegers("split") : std::nullopt)
    sizes = *attribute;
  else if (node.getOpset() >= 13 && node.hasInput(1))
    sizes = node.getIntegers(1, "sizes");
  else // equal parts, of which the last may be smaller
    for (int64_t i = 0, part = llvm::divideCeil(shape[axis], count); i < count; ++i)
      sizes.push_back(std::min(part, shape[axis] - i * part));
  int64_t offset = 0;
  bool fits = static_cast<int64_t>(sizes.size()) == count;
  for (int64_t size : sizes) {
    fits &= size > 0 && size <= shape[axis] - offset;
    offset += fits ? size : 0;
  }
  if (!fits || offset != shape[axis])
    node.fail("splits " + Twine(shape[axis]) + " elements into parts of " + formatShape(sizes) +
              " for " + Twine(count) + " outputs");
  SmallVector<int64_t> offsets(shape.size(), 0), ones(shape.size(), 1), part(shape);
  for (auto [i, size] : llvm::enumerate(sizes)) {
    part[axis] = size;
    node.setOutput(i, {.value = graph.slice(input, offsets, part, ones)});
    offsets[axis] += size;
  }
}

/// One dimension of a slice.
struct Range {
  int64_t first, count, step;
};

/// Elements from `start` to before `end` of `size`, both counted from the end if negative.
Range makeRange(Node &node, int64_t start, int64_t end, int64_t step, int64_t size) {
  if (step == 0 || step == std::numeric_limits<int64_t>::min())
    node.fail("has steps of " + Twine(step) + ", expected another number");
  auto clamp = [&](int64_t value, int64_t least, int64_t most) {
    if (value < 0)
      value = value < -size ? -1 : value + size;
    return std::clamp(value, least, most);
  };
  if (step > 0) {
    int64_t first = clamp(start, 0, size), last = clamp(end, 0, size);
    return {first, first < last ? (last - first - 1) / step + 1 : 0, step};
  }
  int64_t first = clamp(start, -1, size - 1), last = clamp(end, -1, size - 1);
  return {first, first > last ? (first - last - 1) / -step + 1 : 0, step};
}

void buildSlice(Node &node) {
  GraphBuilder &graph = node.getGraph();
  bool attributes = node.getOpset() < 10;
  auto read = [&](StringRef name, unsigned index) -> std::optional<std::vector<int64_t>> {
    if (attributes)
      return node.findIntegers(name);
    if (node.hasInput(index))
      return node.getIntegers(index, name);
    return std::nullopt;
  };
  std::optional<std::vector<int64_t>> starts = read("starts", 1), ends = read("ends", 2),
                                      axes = read("axes", 3), steps;
  if (!attributes)
    steps = read("steps", 4);
  std::optional<Literal> literal = node.findConstant(0);
  Value input = literal ? Value() : node.getInput(0);
  SmallVector<int64_t> shape(literal ? ArrayRef(literal->shape) : getShape(input));
  if (!starts || !ends || starts->size() != ends->size() || starts->size() > shape.size() ||
      (axes && axes->size() != starts->size()) || (steps && steps->size() != starts->size()))
    node.fail("has starts, ends, axes and steps of which there are not as many");
  auto rank = static_cast<int64_t>(shape.size());
  if (axes)
    node.getAxes(*axes, rank); // throws for two of one
  SmallVector<int64_t> offsets(shape.size(), 0), sizes(shape), strides(shape.size(), 1);
  for (size_t i = 0; i < starts->size(); ++i) {
    int64_t axis = node.getAxis(axes ? (*axes)[i] : static_cast<int64_t>(i), rank);
    Range range = makeRange(node, (*starts)[i], (*ends)[i], steps ? (*steps)[i] : 1, shape[axis]);
    if (literal) {
      std::vector<int64_t> indices;
      indices.reserve(range.count);
      for (int64_t k = 0; k < range.count; ++k)
        indices.push_back(range.first + k * range.step);
      std::vector<int64_t> result = literal->shape;
      result[axis] = range.count;
      literal = pick(*literal, axis, indices, std::move(result));
      continue;
    }
    if (range.step < 0)
      node.fail("has steps of " + Twine(range.step) + ", which are not supported");
    if (range.count == 0)
      node.fail("takes nothing of dimension " + Twine(axis) + " of shape " + formatShape(shape));
    offsets[axis] = range.first;
    sizes[axis] = range.count;
    strides[axis] = range.count == 1 ? 1 : range.step;
  }
  if (literal)
    return node.setLiteral(*std::move(literal));
  node.setOutput(graph.slice(input, offsets, sizes, strides));
}

/// Pieces of `input` at known indices along `axis`: neighbours together.
Value select(Node &node, Value input, int64_t axis, ArrayRef<int64_t> indices) {
  GraphBuilder &graph = node.getGraph();
  SmallVector<int64_t> offsets(getShape(input).size(), 0), ones(offsets.size(), 1),
      sizes(getShape(input));
  SmallVector<Value> pieces;
  for (size_t i = 0; i < indices.size();) {
    size_t end = i + 1;
    while (end < indices.size() && indices[end] == indices[end - 1] + 1)
      ++end;
    offsets[axis] = indices[i];
    sizes[axis] = static_cast<int64_t>(end - i);
    pieces.push_back(graph.slice(input, offsets, sizes, ones));
    i = end;
    if (pieces.size() > kMaxPieces)
      node.fail("takes more than " + Twine(kMaxPieces) + " pieces, which is not supported");
  }
  return concatenateValues(graph, pieces, axis);
}

/// Rows of a table, a weight or not, at computed indices: nyala.embedding of a matrix.
Value lookUp(Node &node, Value table, Value ids, int64_t axis, ArrayRef<int64_t> shape) {
  GraphBuilder &graph = node.getGraph();
  if (axis != 0 || !isFloat(table) || !getElementType(ids).isInteger(32))
    node.fail("takes elements at computed indices, which is supported of rows of floats alone");
  Value rows = graph.toMatrix(table, 1);
  Value flat = graph.reshape(ids, *countElements(getShape(ids)));
  RankedTensorType type = graph.getFloats({getShape(flat)[0], getShape(rows)[1]});
  return graph.reshape(graph.create<EmbeddingOp>(type, flat, rows), shape);
}

void buildGather(Node &node) {
  GraphBuilder &graph = node.getGraph();
  std::optional<Literal> data = node.findConstant(0), indices = node.findConstant(1);
  if (indices && indices->kind != ElementKind::Integer)
    node.fail("has indices that are no integers");
  bool folds = data && indices;
  Value input = folds ? Value() : node.getInput(0);
  SmallVector<int64_t> from(folds ? ArrayRef(data->shape) : getShape(input));
  SmallVector<int64_t> at(indices ? ArrayRef(indices->shape) : getShape(node.getInput(1)));
  int64_t axis = node.getAxis(node.getInteger("axis", 0), static_cast<int64_t>(from.size()));
  SmallVector<int64_t> shape(ArrayRef(from).take_front(axis));
  shape.append(at);
  llvm::append_range(shape, ArrayRef(from).drop_front(axis + 1));
  if (!indices)
    return node.setOutput(lookUp(node, input, node.getInput(1), axis, shape));
  for (int64_t &index : indices->integers) {
    index += index < 0 ? from[axis] : 0;
    if (index < 0 || index >= from[axis])
      node.fail("takes an element outside the " + Twine(from[axis]) + " of dimension " +
                Twine(axis));
  }
  if (folds) {
    std::optional<int64_t> count = countElements(shape);
    if (!count || *count > kMaxLiteral)
      node.fail("computes a constant of shape " + formatShape(shape) + ", which is too large");
    return node.setLiteral(pick(*data, axis, indices->integers, ArrayRef(shape).vec()));
  }
  if (indices->integers.empty())
    node.fail("takes nothing");
  node.setOutput(graph.reshape(select(node, input, axis, indices->integers), shape));
}

/// Constant pads: into a tensor of one number.
void buildPad(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0);
  ArrayRef<int64_t> shape = getShape(input);
  std::string mode = node.getString("mode", "constant");
  if (mode != "constant")
    node.fail("has mode " + quote(mode) + ", which is not supported, expected constant");
  bool attributes = node.getOpset() < 11;
  std::vector<int64_t> pads;
  if (!attributes)
    pads = node.getIntegers(1, "pads");
  else if (std::optional<std::vector<int64_t>> found = node.findIntegers("pads"))
    pads = *found;
  double number = attributes         ? node.getNumber("value", 0.0)
                  : node.hasInput(2) ? node.getNumber(2, "a value")
                                     : 0;
  auto all = llvm::seq<int64_t>(static_cast<int64_t>(shape.size()));
  std::vector<int64_t> axes(all.begin(), all.end());
  if (!attributes && node.hasInput(3))
    axes = node.getIntegers(3, "axes");
  node.getAxes(axes, static_cast<int64_t>(shape.size())); // throws for two of one
  if (pads.size() != 2 * axes.size())
    node.fail("has " + Twine(pads.size()) + " pads, expected two for each of " +
              Twine(axes.size()) + " dimensions");
  // Negative pads cut.
  SmallVector<int64_t> cut(shape.size(), 0), left(shape), offsets(shape.size(), 0), whole(shape),
      ones(shape.size(), 1);
  for (auto [i, stated] : llvm::enumerate(axes)) {
    int64_t axis = node.getAxis(stated, static_cast<int64_t>(shape.size()));
    int64_t before = pads[i], after = pads[i + axes.size()];
    if (std::max(std::abs(before), std::abs(after)) > kMaxElements)
      node.fail("has pads " + formatShape(pads) + ", which are too large");
    cut[axis] = std::max<int64_t>(-before, 0);
    left[axis] -= cut[axis] + std::max<int64_t>(-after, 0);
    offsets[axis] = std::max<int64_t>(before, 0);
    whole[axis] += before + after;
    if (left[axis] <= 0)
      node.fail("cuts all of dimension " + Twine(axis));
  }
  Value kept = graph.slice(input, cut, left, ones);
  if (left == whole)
    return node.setOutput(kept);
  auto attribute = [&](ArrayRef<int64_t> values) {
    return getAsIndexOpFoldResult(graph.getBuilder().getContext(), values);
  };
  node.setOutput(
      graph.create<tensor::InsertSliceOp>(kept, graph.makeSplat(graph.getFloats(whole), number),
                                          attribute(offsets), attribute(left), attribute(ones)));
}

// [A, B] -> [r, A, s, B] -> [r A, s B]
void buildTile(Node &node) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getInput(0);
  ArrayRef<int64_t> shape = getShape(input);
  std::vector<int64_t> repeats = node.getIntegers(1, "repeats");
  SmallVector<int64_t> ones, repeated, result;
  if (repeats.size() != shape.size())
    node.fail("has " + Twine(repeats.size()) + " repeats, expected one for each of " +
              Twine(shape.size()) + " dimensions");
  for (auto [size, count] : llvm::zip(shape, repeats)) {
    ones.append({1, size});
    repeated.append({count, size});
  }
  graph.getTensor(repeated, getElementType(input)); // not too large
  for (auto [size, count] : llvm::zip(shape, repeats))
    result.push_back(count * size);
  node.setOutput(graph.reshape(graph.broadcast(graph.reshape(input, ones), repeated), result));
}

} // namespace

void addMovements(NodeBuilders &builders) {
  builders["Concat"] = buildConcat;
  builders["Gather"] = buildGather;
  builders["Pad"] = buildPad;
  builders["Slice"] = buildSlice;
  builders["Split"] = buildSplit;
  builders["Tile"] = buildTile;
}

} // namespace nyala::onnx
