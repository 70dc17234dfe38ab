//===- ConstantNodes.cpp - What depends on no input -----------------------===//
#include "frontends/onnx/Node.h"

#include <cmath>

using namespace mlir;

namespace nyala::onnx {
namespace {

Literal makeFloats(std::vector<double> values) {
  Literal literal;
  literal.kind = ElementKind::Float;
  literal.shape = {static_cast<int64_t>(values.size())};
  literal.floats = std::move(values);
  return literal;
}

/// Stored floats are a weight, but one number is part of a formula.
void buildConstant(Node &node) {
  if (std::optional<std::vector<double>> values = node.findNumbers("value_floats"))
    return node.setLiteral(makeFloats(*std::move(values)));
  if (std::optional<std::vector<int64_t>> values = node.findIntegers("value_ints"))
    return node.setLiteral(Literal::makeIntegers(*std::move(values)));
  for (bool isFloat : {true, false})
    if (node.hasAttribute(isFloat ? "value_float" : "value_int")) {
      Literal literal = isFloat ? makeFloats({node.getNumber("value_float", 0.0)})
                                : Literal::makeIntegers({node.getInteger("value_int", 0)});
      literal.shape.clear();
      return node.setLiteral(std::move(literal));
    }
  OnnxTensor tensor = node.getTensor("value");
  if (isFloatType(tensor.proto.data_type()) && tensor.elements > 1)
    return node.setOutput(0, {.stored = node.getGraph().keep(std::move(tensor))});
  std::optional<Literal> literal = readLiteral(tensor);
  if (!literal)
    node.fail("is of type " + getTypeName(tensor.proto.data_type()) + " with " +
              Twine(tensor.elements) + " elements, expected a weight of type float, float16 or " +
              "bfloat16, or at most " + Twine(kMaxLiteral) + " numbers");
  node.setLiteral(*std::move(literal));
}

// A weight if it is of floats and of a shape that is stated, not computed of another's.
void buildConstantOfShape(Node &node) {
  Literal shape = node.getLiteral(0, "a shape");
  std::optional<int64_t> count = countElements(shape.integers);
  if (shape.kind != ElementKind::Integer || shape.shape.size() > 1 || !count)
    node.fail("has no shape as input 0, expected integers that are not negative");
  Literal value = makeFloats({0});
  if (node.hasAttribute("value")) {
    std::optional<Literal> stated = readLiteral(node.getTensor("value"));
    if (!stated || stated->size() != 1)
      node.fail("has a value that is not one number");
    value = *std::move(stated);
  }
  if (value.kind == ElementKind::Float && !shape.ofShape && !shape.integers.empty())
    return node.setOutput(
        0, {.generated = Generator{.shape = shape.integers, .mean = value.floats[0]}});
  if (*count > kMaxLiteral)
    node.fail("computes a constant of shape " + formatShape(shape.integers) +
              ", expected at most " + Twine(kMaxLiteral) + " elements");
  Literal result{.kind = value.kind, .shape = shape.integers, .ofShape = shape.ofShape};
  if (value.kind == ElementKind::Float)
    result.floats.assign(*count, value.floats[0]);
  else
    result.integers.assign(*count, value.integers[0]);
  node.setLiteral(std::move(result));
}

/// Random weights. Numbers are uniform, of the mean and deviation asked for; the seed is the
/// file's, if it is a number that is positive, else one of the output's name.
void buildRandom(Node &node, double mean, double deviation) {
  std::optional<std::vector<int64_t>> shape = node.findIntegers("shape");
  if (!shape || !countElements(*shape))
    node.fail("has no attribute 'shape' of sizes");
  node.ignore({"dtype"});
  double seed = node.getNumber("seed", 0.0);
  if (!std::isfinite(mean) || !(deviation > 0) || !std::isfinite(deviation))
    node.fail("has a spread that is not positive");
  bool stated = seed > 0 && seed < 4294967296.0;
  node.setOutput(
      0, {.generated = Generator{.shape = *shape,
                                 .mean = mean,
                                 .deviation = deviation,
                                 .seed = stated ? static_cast<uint32_t>(seed) : node.getHash()}});
}

void buildRandomNormal(Node &node) {
  buildRandom(node, node.getNumber("mean", 0.0), node.getNumber("scale", 1.0));
}

void buildRandomUniform(Node &node) {
  double low = node.getNumber("low", 0.0), high = node.getNumber("high", 1.0);
  buildRandom(node, (low + high) / 2, (high - low) / std::sqrt(12.0));
}

void buildShape(Node &node) {
  SmallVector<int64_t> shape = node.getInputShape();
  auto rank = static_cast<int64_t>(shape.size());
  auto limit = [&](StringRef name, int64_t otherwise) {
    int64_t value = node.getInteger(name, otherwise);
    return std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank);
  };
  int64_t start = limit("start", 0), end = std::max(start, limit("end", rank));
  Literal literal =
      Literal::makeIntegers(std::vector<int64_t>(shape.begin() + start, shape.begin() + end));
  literal.ofShape = true;
  node.setLiteral(std::move(literal));
}

void buildSize(Node &node) {
  Literal literal = Literal::makeIntegers({*countElements(node.getInputShape())});
  literal.shape.clear();
  literal.ofShape = true;
  node.setLiteral(std::move(literal));
}

void buildRange(Node &node) {
  Literal bounds[3];
  constexpr const char *names[] = {"a start", "a limit", "a step"};
  for (auto [i, name] : llvm::enumerate(names)) {
    bounds[i] = node.getLiteral(i, name);
    if (bounds[i].kind != ElementKind::Integer || bounds[i].size() != 1)
      node.fail("has " + Twine(name) + " that is not one integer");
  }
  int64_t start = bounds[0].integers[0], limit = bounds[1].integers[0],
          step = bounds[2].integers[0];
  double count = step == 0 ? -1
                           : std::ceil((static_cast<double>(limit) - static_cast<double>(start)) /
                                       static_cast<double>(step));
  if (step == 0 || count > static_cast<double>(kMaxLiteral))
    node.fail("has a step of " + Twine(step) + ", expected one that gives at most " +
              Twine(kMaxLiteral) + " elements");
  Literal literal = Literal::makeIntegers({});
  for (int64_t i = 0; static_cast<double>(i) < count; ++i)
    literal.integers.push_back(start + i * step);
  literal.shape = {literal.size()};
  literal.ofShape = llvm::any_of(bounds, [](const Literal &bound) { return bound.ofShape; });
  node.setLiteral(std::move(literal));
}

} // namespace

void addConstants(NodeBuilders &builders) {
  builders["Constant"] = buildConstant;
  builders["ConstantOfShape"] = buildConstantOfShape;
  builders["RandomNormal"] = buildRandomNormal;
  builders["RandomUniform"] = buildRandomUniform;
  builders["Range"] = buildRange;
  builders["Shape"] = buildShape;
  builders["Size"] = buildSize;
}

} // namespace nyala::onnx
