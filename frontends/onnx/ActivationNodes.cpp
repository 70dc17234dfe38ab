//===- ActivationNodes.cpp - Activation functions -------------------------===//
//
// Those that nyala.activation has become it, on rows; the others are arithmetic.
//
//===----------------------------------------------------------------------===//
#include "frontends/onnx/Node.h"
#include "ir/storage/Error.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace nyala::onnx {
namespace {

/// Rows of activations are tokens, those of images images.
Value activate(Node &node, ActivationKind kind) {
  GraphBuilder &graph = node.getGraph();
  Value input = node.getFloats(0);
  ArrayRef<int64_t> shape = getShape(input);
  size_t axis = shape.size() >= 4 ? 1 : shape.empty() ? 0 : shape.size() - 1;
  Value rows = graph.create<ActivationOp>(kind, graph.toMatrix(input, axis));
  return graph.reshape(rows, shape);
}

void buildRelu(Node &node) { node.setOutput(activate(node, ActivationKind::Relu)); }

void buildGelu(Node &node) {
  std::string approximate = node.getString("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    node.fail("has approximate " + quote(approximate) + ", expected none or tanh");
  node.setOutput(
      activate(node, approximate == "tanh" ? ActivationKind::GeluTanh : ActivationKind::Gelu));
}

/// Arithmetic with one tensor and numbers.
struct Formula {
  explicit Formula(Node &node) : graph(node.getGraph()), x(node.getFloats(0)) {}

  Value number(double value) { return graph.makeSplatLike(x, value); }
  Value add(Value a, Value b) { return graph.create<arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return graph.create<arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return graph.create<arith::MulFOp>(a, b); }
  Value div(Value a, Value b) { return graph.create<arith::DivFOp>(a, b); }
  Value max(Value a, Value b) { return graph.create<arith::MaximumFOp>(a, b); }
  Value min(Value a, Value b) { return graph.create<arith::MinimumFOp>(a, b); }
  Value exp(Value a) { return graph.create<math::ExpOp>(a); }
  Value tanh(Value a) { return graph.create<math::TanhOp>(a); }
  Value abs(Value a) { return graph.create<math::AbsFOp>(a); }
  /// `positive` where x > 0, else `other`.
  Value select(Value positive, Value other) {
    Value condition = graph.create<arith::CmpFOp>(arith::CmpFPredicate::OGT, x, number(0));
    return graph.create<arith::SelectOp>(condition, positive, other);
  }

  // By tanh, which neither overflows nor has a gradient that does.
  Value sigmoid() { return add(mul(tanh(mul(x, number(0.5))), number(0.5)), number(0.5)); }
  // log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))
  Value softplus() {
    Value rest = graph.create<math::Log1pOp>(exp(graph.create<arith::NegFOp>(abs(x))));
    return add(max(x, number(0)), rest);
  }
  // exp(min(x, 0)) - 1, which does not overflow where it is not selected
  Value expMinusOne() { return sub(exp(min(x, number(0))), number(1)); }
  Value hardSigmoid(double alpha, double beta) {
    return max(number(0), min(number(1), add(mul(x, number(alpha)), number(beta))));
  }

  GraphBuilder &graph;
  Value x;
};

void buildLeakyRelu(Node &node) {
  Formula f(node);
  node.setOutput(f.select(f.x, f.mul(f.x, f.number(node.getNumber("alpha", 0.01)))));
}

void buildPRelu(Node &node) {
  Formula f(node);
  Value slope = node.getFloats(1);
  node.setOutput(f.select(f.x, f.mul(f.x, f.graph.broadcast(slope, getShape(f.x)))));
}

void buildElu(Node &node) {
  Formula f(node);
  node.setOutput(f.select(f.x, f.mul(f.expMinusOne(), f.number(node.getNumber("alpha", 1.0)))));
}

void buildSelu(Node &node) {
  Formula f(node);
  double alpha = node.getNumber("alpha", 1.67326319217681884765625),
         gamma = node.getNumber("gamma", 1.05070102214813232421875);
  Value value = f.select(f.x, f.mul(f.expMinusOne(), f.number(alpha)));
  node.setOutput(f.mul(value, f.number(gamma)));
}

void buildSigmoid(Node &node) { node.setOutput(Formula(node).sigmoid()); }

void buildHardSigmoid(Node &node) {
  Formula f(node);
  node.setOutput(f.hardSigmoid(node.getNumber("alpha", 0.2), node.getNumber("beta", 0.5)));
}

void buildHardSwish(Node &node) {
  Formula f(node);
  node.setOutput(f.mul(f.x, f.hardSigmoid(1.0 / 6, 0.5)));
}

void buildSoftplus(Node &node) { node.setOutput(Formula(node).softplus()); }

void buildMish(Node &node) {
  Formula f(node);
  node.setOutput(f.mul(f.x, f.tanh(f.softplus())));
}

void buildSoftsign(Node &node) {
  Formula f(node);
  node.setOutput(f.div(f.x, f.add(f.number(1), f.abs(f.x))));
}

void buildTanh(Node &node) {
  Formula f(node);
  node.setOutput(f.tanh(f.x));
}

/// Limits are attributes until opset 10, then inputs.
void buildClip(Node &node) {
  Formula f(node);
  std::optional<double> limits[2];
  constexpr const char *names[] = {"min", "max"};
  for (auto [i, name] : llvm::enumerate(names))
    if (node.getOpset() < 11 && node.hasAttribute(name))
      limits[i] = node.getNumber(name, 0.0);
    else if (node.getOpset() >= 11 && node.hasInput(i + 1))
      limits[i] = node.getNumber(i + 1, name);
  Value value = f.x;
  if (limits[0])
    value = f.max(value, f.number(*limits[0]));
  if (limits[1])
    value = f.min(value, f.number(*limits[1]));
  node.setOutput(value);
}

} // namespace

void addActivations(NodeBuilders &builders) {
  builders["Clip"] = buildClip;
  builders["Elu"] = buildElu;
  builders["Gelu"] = buildGelu;
  builders["HardSigmoid"] = buildHardSigmoid;
  builders["HardSwish"] = buildHardSwish;
  builders["LeakyRelu"] = buildLeakyRelu;
  builders["Mish"] = buildMish;
  builders["PRelu"] = buildPRelu;
  builders["Relu"] = buildRelu;
  builders["Selu"] = buildSelu;
  builders["Sigmoid"] = buildSigmoid;
  builders["Softplus"] = buildSoftplus;
  builders["Softsign"] = buildSoftsign;
  builders["Tanh"] = buildTanh;
}

} // namespace nyala::onnx
