#include "frontends/onnx/Node.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using ::onnx::AttributeProto;

namespace nyala::onnx {

Node::Node(GraphBuilder &graph, size_t index, const llvm::StringSet<> &used)
    : graph(graph), proto(graph.getFile().getGraph().node(static_cast<int>(index))), index(index),
      used(used), set(proto.output_size()) {
  std::string output = proto.output_size() > 0 ? proto.output(0) : "";
  std::string name = proto.name().empty() ? "of output " + quote(output) : quote(proto.name());
  graph.setNode("node " + name + " (" + quote(proto.op_type()) + ")",
                proto.name().empty() ? output : proto.name());
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

bool Node::hasInput(unsigned index) const {
  return index < getInputCount() && !proto.input(static_cast<int>(index)).empty();
}

StringRef Node::getName(unsigned index) const {
  if (!hasInput(index))
    fail("has no input " + Twine(index) + ", which it needs");
  return proto.input(static_cast<int>(index));
}

Value Node::getInput(unsigned index) const { return graph.getValue(getName(index)); }

Value Node::getFloats(unsigned index, int64_t rank) const {
  Value value = getInput(index);
  if (!isFloat(value))
    fail("has input " + quote(getName(index)) + " of integers, expected floats");
  if (static_cast<int64_t>(getShape(value).size()) < rank)
    fail("has input " + quote(getName(index)) + " of shape " + formatShape(getShape(value)) +
         ", expected at least " + Twine(rank) + " dimensions");
  return value;
}

std::optional<Literal> Node::findLiteral(unsigned index) const {
  return graph.findLiteral(getName(index));
}

std::optional<Literal> Node::findConstant(unsigned index) const {
  if (graph.get(getName(index)).isWeight())
    return std::nullopt;
  return findLiteral(index);
}

SmallVector<int64_t> Node::getInputShape(unsigned index) const {
  const Definition &definition = graph.get(getName(index));
  if (definition.value)
    return SmallVector<int64_t>(getShape(definition.value));
  if (definition.literal)
    return SmallVector<int64_t>(ArrayRef(definition.literal->shape));
  return SmallVector<int64_t>(
      ArrayRef(definition.stored ? definition.stored->shape : definition.generated->shape));
}

Literal Node::getLiteral(unsigned index, StringRef what) const {
  if (std::optional<Literal> literal = findLiteral(index))
    return *std::move(literal);
  fail("has " + what + " " + quote(getName(index)) +
       " that are computed, expected constants (shapes must be known at compile time)");
}

std::vector<int64_t> Node::getIntegers(unsigned index, StringRef what) const {
  Literal literal = getLiteral(index, what);
  if (literal.kind != ElementKind::Integer || literal.shape.size() > 1)
    fail("has " + what + " " + quote(getName(index)) + ", expected a list of integers");
  return literal.integers;
}

double Node::getNumber(unsigned index, StringRef what) const {
  Literal literal = getLiteral(index, what);
  if (literal.size() != 1)
    fail("has " + what + " " + quote(getName(index)) + " of " + Twine(literal.size()) +
         " elements, expected one");
  return literal.getNumber(0);
}

std::optional<std::vector<Literal>> Node::findConstants() const {
  std::vector<Literal> literals;
  if (getInputCount() == 0)
    return std::nullopt;
  for (unsigned i = 0; i < getInputCount(); ++i) {
    std::optional<Literal> literal = findConstant(i);
    if (!literal)
      return std::nullopt;
    literals.push_back(*std::move(literal));
  }
  return literals;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const AttributeProto *Node::find(StringRef name) {
  seen.insert(name);
  for (const AttributeProto &attribute : proto.attribute())
    if (attribute.name() == name) {
      if (!attribute.ref_attr_name().empty())
        fail("has attribute " + quote(name) + " that refers to a function's");
      return &attribute;
    }
  return nullptr;
}

const AttributeProto *Node::find(StringRef name, AttributeProto::AttributeType type) {
  const AttributeProto *attribute = find(name);
  if (attribute && attribute->type() != type)
    fail("has attribute " + quote(name) + " of type " +
         StringRef(AttributeProto::AttributeType_Name(attribute->type())).lower() + ", expected " +
         StringRef(AttributeProto::AttributeType_Name(type)).lower());
  return attribute;
}

int64_t Node::getInteger(StringRef name, int64_t otherwise) {
  const AttributeProto *attribute = find(name, AttributeProto::INT);
  return attribute ? attribute->i() : otherwise;
}

double Node::getNumber(StringRef name, double otherwise) {
  const AttributeProto *attribute = find(name, AttributeProto::FLOAT);
  return attribute ? static_cast<double>(attribute->f()) : otherwise;
}

std::string Node::getString(StringRef name, StringRef otherwise) {
  const AttributeProto *attribute = find(name, AttributeProto::STRING);
  return attribute ? attribute->s() : otherwise.str();
}

std::optional<std::vector<int64_t>> Node::findIntegers(StringRef name) {
  const AttributeProto *attribute = find(name, AttributeProto::INTS);
  if (!attribute)
    return std::nullopt;
  return std::vector<int64_t>(attribute->ints().begin(), attribute->ints().end());
}

std::optional<std::vector<double>> Node::findNumbers(StringRef name) {
  const AttributeProto *attribute = find(name, AttributeProto::FLOATS);
  if (!attribute)
    return std::nullopt;
  return std::vector<double>(attribute->floats().begin(), attribute->floats().end());
}

OnnxTensor Node::getTensor(StringRef name) {
  if (!find(name, AttributeProto::TENSOR))
    fail("has no attribute " + quote(name) + ", which it needs");
  return graph.getFile().getAttributeTensor(index, name);
}

void Node::expectInteger(StringRef name, int64_t expected) {
  int64_t actual = getInteger(name, expected);
  if (actual != expected)
    fail("has attribute " + quote(name) + " = " + Twine(actual) +
         ", which is not supported, expected " + Twine(expected));
}

int64_t Node::getAxis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    fail("has axis " + Twine(axis) + " of a tensor of " + Twine(rank) + " dimensions");
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> Node::getAxes(std::vector<int64_t> axes, int64_t rank) const {
  for (int64_t &axis : axes)
    axis = getAxis(axis, rank);
  llvm::sort(axes);
  if (llvm::unique(axes) != axes.end())
    fail("has axes of which two are the same");
  return axes;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

uint32_t Node::getHash() const {
  return static_cast<uint32_t>(llvm::xxh3_64bits(getOutputCount() > 0 ? proto.output(0) : ""));
}

bool Node::isUsed(unsigned output) const {
  return output < getOutputCount() && used.contains(proto.output(static_cast<int>(output)));
}

void Node::setOutput(unsigned index, Definition definition) {
  if (index >= getOutputCount())
    fail("has no output " + Twine(index));
  set[index] = true;
  const std::string &name = proto.output(static_cast<int>(index));
  if (!name.empty())
    graph.define(name, std::move(definition));
}

void Node::setLiteral(Literal literal) {
  std::optional<int64_t> elements = countElements(literal.shape);
  if (!elements || *elements != literal.size() || *elements > kMaxLiteral)
    fail("computes a constant of shape " + formatShape(literal.shape) + ", expected at most " +
         Twine(kMaxLiteral) + " elements");
  setOutput(0, {.literal = std::move(literal)});
}

void Node::forward(unsigned index) {
  // A copy: a weight that is forwarded before it is loaded must not be loaded twice.
  Definition &definition = graph.get(getName(index));
  if (!definition.literal)
    getInput(index);
  setOutput(0, graph.get(getName(index)));
}

void Node::finish() {
  for (const AttributeProto &attribute : proto.attribute())
    if (!seen.contains(attribute.name()))
      graph.warn("attribute " + quote(attribute.name()) + " is not known and has no effect");
  for (unsigned i = 0; i < getOutputCount(); ++i)
    if (!set[i] && isUsed(i))
      fail("has output " + quote(proto.output(static_cast<int>(i))) +
           " that is read, which is not supported");
}

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

SmallVector<int64_t> broadcastShapes(Node &node, ArrayRef<Value> values) {
  SmallVector<int64_t> shape;
  for (Value value : values) {
    ArrayRef<int64_t> own = getShape(value);
    if (own.size() > shape.size())
      shape.insert(shape.begin(), own.size() - shape.size(), 1);
    for (auto [to, size] : llvm::zip(llvm::reverse(shape), llvm::reverse(own))) {
      if (to != size && to != 1 && size != 1)
        node.fail("has inputs of shapes " + formatShape(getShape(values.front())) + " and " +
                  formatShape(own) + ", which do not fit together");
      to = to == 1 ? size : to;
    }
  }
  return shape;
}

Value getBroadcast(Node &node, unsigned index, ArrayRef<int64_t> shape) {
  GraphBuilder &graph = node.getGraph();
  Value value = node.getInput(index);
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if (auto splat = dyn_cast<SplatElementsAttr>(constant.getValue()))
      return graph.create<arith::ConstantOp>(SplatElementsAttr::get(
          graph.getTensor(shape, splat.getElementType()), splat.getSplatValue<Attribute>()));
  return graph.broadcast(value, shape);
}

} // namespace nyala::onnx
