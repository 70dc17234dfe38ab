//===- ElementwiseNodes.cpp - Arithmetic and comparisons ------------------===//
#include "frontends/onnx/Node.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace nyala::onnx {
namespace {

/// Sets the output if all inputs are literals. False if they are not.
bool fold(Node &node) {
  std::optional<std::vector<Literal>> literals = node.findConstants();
  if (!literals)
    return false;
  std::optional<Literal> result = foldElementwise(node.getType().str(), *literals);
  if (!result)
    return false;
  node.setLiteral(*std::move(result));
  return true;
}

/// All inputs from `first` on, broadcast to one shape, of one element type.
SmallVector<Value> getInputs(Node &node, unsigned first = 0) {
  SmallVector<Value> values;
  for (unsigned i = first; i < node.getInputCount(); ++i)
    values.push_back(node.getInput(i));
  if (values.empty())
    node.fail("has no inputs");
  for (Value value : values)
    if (getElementType(value) != getElementType(values.front()))
      node.fail("has inputs of floats and of integers or booleans, expected one type");
  SmallVector<Value> all(values);
  for (unsigned i = 0; i < first; ++i)
    all.push_back(node.getInput(i));
  SmallVector<int64_t> shape = broadcastShapes(node, all);
  for (auto [i, value] : llvm::enumerate(values))
    value = getBroadcast(node, first + i, shape);
  return values;
}

void expectCount(Node &node, unsigned count) {
  if (node.getInputCount() != count)
    node.fail("has " + Twine(node.getInputCount()) + " inputs, expected " + Twine(count));
}

void expectNumbers(Node &node, Value value) {
  if (getElementType(value).isInteger(1))
    node.fail("computes with booleans, expected numbers");
}

template <typename FloatOp, typename IntegerOp> void buildBinary(Node &node) {
  expectCount(node, 2);
  if (fold(node))
    return;
  SmallVector<Value> inputs = getInputs(node);
  expectNumbers(node, inputs[0]);
  GraphBuilder &graph = node.getGraph();
  node.setOutput(isFloat(inputs[0]) ? graph.create<FloatOp>(inputs[0], inputs[1])
                                    : graph.create<IntegerOp>(inputs[0], inputs[1]));
}

/// Of any number of inputs, one after the other.
template <typename FloatOp, typename IntegerOp> void buildVariadic(Node &node) {
  if (node.getInputCount() == 2 && fold(node))
    return;
  SmallVector<Value> inputs = getInputs(node);
  expectNumbers(node, inputs[0]);
  GraphBuilder &graph = node.getGraph();
  Value result = inputs[0];
  for (Value input : llvm::drop_begin(inputs))
    result = isFloat(result) ? graph.create<FloatOp>(result, input)
                             : graph.create<IntegerOp>(result, input);
  node.setOutput(result);
}

void buildMean(Node &node) {
  GraphBuilder &graph = node.getGraph();
  SmallVector<Value> inputs = getInputs(node);
  if (!isFloat(inputs[0]))
    node.fail("has inputs of integers, expected floats");
  Value result = inputs[0];
  for (Value input : llvm::drop_begin(inputs))
    result = graph.create<arith::AddFOp>(result, input);
  node.setOutput(graph.create<arith::MulFOp>(
      result, graph.makeSplatLike(result, 1.0 / static_cast<double>(inputs.size()))));
}

template <typename Op> void buildUnary(Node &node) {
  expectCount(node, 1);
  if (!fold(node))
    node.setOutput(node.getGraph().create<Op>(node.getFloats(0)));
}

void buildReciprocal(Node &node) {
  if (fold(node))
    return;
  Value input = node.getFloats(0);
  GraphBuilder &graph = node.getGraph();
  node.setOutput(graph.create<arith::DivFOp>(graph.makeSplatLike(input, 1), input));
}

// Exponents that are known often are small.
void buildPow(Node &node) {
  expectCount(node, 2);
  if (fold(node))
    return;
  GraphBuilder &graph = node.getGraph();
  std::optional<Literal> exponent = node.findLiteral(1);
  Value base = node.getFloats(0);
  if (exponent && exponent->size() == 1 && exponent->shape.size() <= getShape(base).size()) {
    double number = exponent->getNumber(0);
    if (number == 1)
      return node.setOutput(base);
    if (number == 2)
      return node.setOutput(graph.create<arith::MulFOp>(base, base));
    if (number == 0.5)
      return node.setOutput(graph.create<math::SqrtOp>(base));
    return node.setOutput(graph.create<math::PowFOp>(base, graph.makeSplatLike(base, number)));
  }
  SmallVector<Value> inputs = getInputs(node);
  node.setOutput(graph.create<math::PowFOp>(inputs[0], inputs[1]));
}

template <arith::CmpFPredicate ofFloats, arith::CmpIPredicate ofIntegers>
void buildComparison(Node &node) {
  expectCount(node, 2);
  if (fold(node))
    return;
  SmallVector<Value> inputs = getInputs(node);
  GraphBuilder &graph = node.getGraph();
  node.setOutput(isFloat(inputs[0])
                     ? graph.create<arith::CmpFOp>(ofFloats, inputs[0], inputs[1])
                     : graph.create<arith::CmpIOp>(ofIntegers, inputs[0], inputs[1]));
}

template <typename Op> void buildLogical(Node &node) {
  expectCount(node, 2);
  if (fold(node))
    return;
  SmallVector<Value> inputs = getInputs(node);
  if (!getElementType(inputs[0]).isInteger(1))
    node.fail("has inputs of numbers, expected booleans");
  node.setOutput(node.getGraph().create<Op>(inputs[0], inputs[1]));
}

void buildNot(Node &node) {
  if (fold(node))
    return;
  Value input = node.getInput(0);
  if (!getElementType(input).isInteger(1))
    node.fail("has an input of numbers, expected booleans");
  GraphBuilder &graph = node.getGraph();
  node.setOutput(graph.create<arith::XOrIOp>(input, graph.makeSplatLike(input, 1)));
}

void buildWhere(Node &node) {
  expectCount(node, 3);
  if (fold(node))
    return;
  SmallVector<Value> inputs = getInputs(node, 1);
  if (!getElementType(node.getInput(0)).isInteger(1))
    node.fail("has a condition of numbers, expected booleans");
  Value condition = getBroadcast(node, 0, getShape(inputs[0]));
  node.setOutput(node.getGraph().create<arith::SelectOp>(condition, inputs[0], inputs[1]));
}

void buildExpand(Node &node) {
  std::vector<int64_t> wanted = node.getIntegers(1, "a shape");
  std::optional<int64_t> count = countElements(wanted);
  if (!count)
    node.fail("expands to shape " + formatShape(wanted) + ", which is too large");
  if (std::optional<Literal> literal = node.findConstant(0)) {
    // Zeros of the shape wanted, added.
    Literal zeros{.kind = literal->kind, .shape = wanted};
    if (*count <= kMaxLiteral && zeros.kind != ElementKind::Bool) {
      zeros.kind == ElementKind::Float ? zeros.floats.resize(*count)
                                       : zeros.integers.resize(*count);
      const Literal operands[] = {*literal, zeros};
      if (std::optional<Literal> result = foldElementwise("Add", operands))
        return node.setLiteral(*std::move(result));
    }
  }
  // Both ways: sizes of 1 in the shape wanted are those of the input.
  SmallVector<int64_t> shape{ArrayRef(wanted)};
  ArrayRef<int64_t> own = getShape(node.getInput(0));
  if (own.size() > shape.size())
    shape.insert(shape.begin(), own.size() - shape.size(), 1);
  for (auto [to, size] : llvm::zip(llvm::reverse(shape), llvm::reverse(own)))
    to = to == 1 ? size : to;
  node.setOutput(getBroadcast(node, 0, shape));
}

void buildCast(Node &node) {
  node.ignore({"saturate"}); // of types of 8 bits
  auto type = static_cast<int32_t>(node.getInteger("to", 0));
  bool toFloat = isFloatType(type), toBool = type == ::onnx::TensorProto::BOOL;
  if (!toFloat && !isIntegerType(type))
    node.fail("casts to type " + getTypeName(type) + ", which is not supported");
  if (std::optional<Literal> literal = node.findConstant(0))
    return node.setLiteral(convert(*std::move(literal), toFloat  ? ElementKind::Float
                                                        : toBool ? ElementKind::Bool
                                                                 : ElementKind::Integer));
  GraphBuilder &graph = node.getGraph();
  Value input = node.getInput(0);
  Builder &builder = graph.getBuilder();
  auto as = [&](Type element) {
    return cast<RankedTensorType>(input.getType()).clone(getShape(input), element);
  };
  bool fromBool = getElementType(input).isInteger(1);
  if (toBool && !fromBool) {
    Value zero = graph.makeSplatLike(input, 0);
    input = isFloat(input) ? graph.create<arith::CmpFOp>(arith::CmpFPredicate::UNE, input, zero)
                           : graph.create<arith::CmpIOp>(arith::CmpIPredicate::ne, input, zero);
  } else if (toFloat && !isFloat(input)) {
    input = fromBool ? graph.create<arith::UIToFPOp>(as(builder.getF32Type()), input)
                     : graph.create<arith::SIToFPOp>(as(builder.getF32Type()), input);
  } else if (!toFloat && !toBool && isFloat(input)) {
    input = graph.create<arith::FPToSIOp>(as(builder.getI32Type()), input);
  } else if (!toFloat && !toBool && fromBool) {
    input = graph.create<arith::ExtUIOp>(as(builder.getI32Type()), input);
  }
  node.setOutput(input);
}

} // namespace

void addElementwise(NodeBuilders &builders) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  builders["Abs"] = buildUnary<math::AbsFOp>;
  builders["Add"] = buildBinary<arith::AddFOp, arith::AddIOp>;
  builders["And"] = buildLogical<arith::AndIOp>;
  builders["Cast"] = buildCast;
  builders["Ceil"] = buildUnary<math::CeilOp>;
  builders["Cos"] = buildUnary<math::CosOp>;
  builders["Div"] = buildBinary<arith::DivFOp, arith::DivSIOp>;
  builders["Equal"] = buildComparison<F::OEQ, I::eq>;
  builders["Erf"] = buildUnary<math::ErfOp>;
  builders["Exp"] = buildUnary<math::ExpOp>;
  builders["Expand"] = buildExpand;
  builders["Floor"] = buildUnary<math::FloorOp>;
  builders["Greater"] = buildComparison<F::OGT, I::sgt>;
  builders["GreaterOrEqual"] = buildComparison<F::OGE, I::sge>;
  builders["Less"] = buildComparison<F::OLT, I::slt>;
  builders["LessOrEqual"] = buildComparison<F::OLE, I::sle>;
  builders["Log"] = buildUnary<math::LogOp>;
  builders["Max"] = buildVariadic<arith::MaximumFOp, arith::MaxSIOp>;
  builders["Mean"] = buildMean;
  builders["Min"] = buildVariadic<arith::MinimumFOp, arith::MinSIOp>;
  builders["Mul"] = buildBinary<arith::MulFOp, arith::MulIOp>;
  builders["Neg"] = buildUnary<arith::NegFOp>;
  builders["Not"] = buildNot;
  builders["Or"] = buildLogical<arith::OrIOp>;
  builders["Pow"] = buildPow;
  builders["Reciprocal"] = buildReciprocal;
  builders["Sin"] = buildUnary<math::SinOp>;
  builders["Sqrt"] = buildUnary<math::SqrtOp>;
  builders["Sub"] = buildBinary<arith::SubFOp, arith::SubIOp>;
  builders["Sum"] = buildVariadic<arith::AddFOp, arith::AddIOp>;
  builders["Where"] = buildWhere;
  builders["Xor"] = buildLogical<arith::XOrIOp>;
}

} // namespace nyala::onnx
