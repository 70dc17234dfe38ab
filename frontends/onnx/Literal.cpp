#include "frontends/onnx/Literal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace nyala::onnx {

Literal Literal::makeIntegers(std::vector<int64_t> values) {
  Literal literal;
  literal.shape = {static_cast<int64_t>(values.size())};
  literal.integers = std::move(values);
  return literal;
}

std::optional<Literal> readLiteral(const OnnxTensor &tensor) {
  if (tensor.elements > kMaxLiteral)
    return std::nullopt;
  Literal literal;
  literal.shape = tensor.shape;
  int32_t type = tensor.proto.data_type();
  if (isFloatType(type) || type == ::onnx::TensorProto::DOUBLE) {
    literal.kind = ElementKind::Float;
    literal.floats = tensor.readFloats();
    return literal;
  }
  if (!isIntegerType(type))
    return std::nullopt;
  literal.kind = type == ::onnx::TensorProto::BOOL ? ElementKind::Bool : ElementKind::Integer;
  literal.integers = tensor.readIntegers();
  return literal;
}

Literal convert(Literal literal, ElementKind kind) {
  if (literal.kind == kind)
    return literal;
  if (kind == ElementKind::Float) {
    literal.floats.assign(literal.integers.begin(), literal.integers.end());
    literal.integers.clear();
  } else if (literal.kind == ElementKind::Float) {
    constexpr double limit = 9223372036854775808.0; // 2^63
    for (double value : literal.floats)
      literal.integers.push_back(kind == ElementKind::Bool ? value != 0
                                 : value >= limit          ? std::numeric_limits<int64_t>::max()
                                 : value >= -limit ? static_cast<int64_t>(value) // false of a NaN
                                                   : std::numeric_limits<int64_t>::min());
    literal.floats.clear();
  } else if (kind == ElementKind::Bool) {
    for (int64_t &value : literal.integers)
      value = value != 0;
  }
  literal.kind = kind;
  return literal;
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

/// Appends `count` elements of `from`, beginning at `first`.
static void append(Literal &to, const Literal &from, int64_t first, int64_t count) {
  if (from.kind == ElementKind::Float)
    to.floats.insert(to.floats.end(), from.floats.begin() + first,
                     from.floats.begin() + first + count);
  else
    to.integers.insert(to.integers.end(), from.integers.begin() + first,
                       from.integers.begin() + first + count);
}

static int64_t product(std::span<const int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes)
    result *= size;
  return result;
}

Literal pick(const Literal &literal, int64_t axis, std::span<const int64_t> indices,
             std::vector<int64_t> shape) {
  Literal result;
  result.kind = literal.kind;
  result.ofShape = literal.ofShape;
  result.shape = std::move(shape);
  std::span<const int64_t> from = literal.shape;
  int64_t outer = product(from.first(axis)), inner = product(from.subspan(axis + 1));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t index : indices)
      append(result, literal, (o * from[axis] + index) * inner, inner);
  return result;
}

Literal concatenate(std::span<const Literal> literals, int64_t axis) {
  Literal result;
  result.kind = literals.front().kind;
  result.shape = literals.front().shape;
  result.shape[axis] = 0;
  for (const Literal &literal : literals) {
    result.shape[axis] += literal.shape[axis];
    result.ofShape |= literal.ofShape;
  }
  int64_t outer = product(std::span<const int64_t>(result.shape).first(axis));
  for (int64_t o = 0; o < outer; ++o)
    for (const Literal &literal : literals)
      append(result, literal, o * (literal.size() / outer), literal.size() / outer);
  return result;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

namespace {

using FloatFunction = double (*)(double, double);
/// Nullopt: there is no result.
using IntegerFunction = std::optional<int64_t> (*)(int64_t, int64_t);

int64_t wrap(uint64_t value) { return static_cast<int64_t>(value); }

std::optional<int64_t> divide(int64_t a, int64_t b) {
  if (b == 0 || (b == -1 && a == std::numeric_limits<int64_t>::min()))
    return std::nullopt;
  return a / b;
}

/// The remainder has the divisor's sign.
std::optional<int64_t> modulo(int64_t a, int64_t b) {
  if (!divide(a, b))
    return std::nullopt;
  int64_t remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

/// Results have the operands' kind.
struct Arithmetic {
  size_t operands;
  FloatFunction ofFloats;
  IntegerFunction ofIntegers; ///< null: for floats alone
};

const std::map<std::string_view, Arithmetic> &getArithmetic() {
  static const std::map<std::string_view, Arithmetic> table = {
      {"Add",
       {2, [](double a, double b) { return a + b; },
        [](int64_t a, int64_t b) { return std::optional(wrap(uint64_t(a) + uint64_t(b))); }}},
      {"Sub",
       {2, [](double a, double b) { return a - b; },
        [](int64_t a, int64_t b) { return std::optional(wrap(uint64_t(a) - uint64_t(b))); }}},
      {"Mul",
       {2, [](double a, double b) { return a * b; },
        [](int64_t a, int64_t b) { return std::optional(wrap(uint64_t(a) * uint64_t(b))); }}},
      {"Div", {2, [](double a, double b) { return a / b; }, divide}},
      {"Mod", {2, [](double a, double b) { return std::fmod(a, b); }, modulo}},
      {"Min",
       {2, [](double a, double b) { return std::min(a, b); },
        [](int64_t a, int64_t b) { return std::optional(std::min(a, b)); }}},
      {"Max",
       {2, [](double a, double b) { return std::max(a, b); },
        [](int64_t a, int64_t b) { return std::optional(std::max(a, b)); }}},
      {"Pow", {2, [](double a, double b) { return std::pow(a, b); }, nullptr}},
      {"Neg",
       {1, [](double a, double) { return -a; },
        [](int64_t a, int64_t) { return std::optional(wrap(-uint64_t(a))); }}},
      {"Abs",
       {1, [](double a, double) { return std::fabs(a); },
        [](int64_t a, int64_t) { return std::optional(a < 0 ? wrap(-uint64_t(a)) : a); }}},
      {"Sqrt", {1, [](double a, double) { return std::sqrt(a); }, nullptr}},
      {"Reciprocal", {1, [](double a, double) { return 1 / a; }, nullptr}},
      {"Floor", {1, [](double a, double) { return std::floor(a); }, nullptr}},
      {"Ceil", {1, [](double a, double) { return std::ceil(a); }, nullptr}},
  };
  return table;
}

/// Results are bool.
const std::map<std::string_view, bool (*)(double, double)> &getComparisons() {
  static const std::map<std::string_view, bool (*)(double, double)> table = {
      {"Equal", [](double a, double b) { return a == b; }},
      {"Greater", [](double a, double b) { return a > b; }},
      {"GreaterOrEqual", [](double a, double b) { return a >= b; }},
      {"Less", [](double a, double b) { return a < b; }},
      {"LessOrEqual", [](double a, double b) { return a <= b; }},
      {"And", [](double a, double b) { return a != 0 && b != 0; }},
      {"Or", [](double a, double b) { return a != 0 || b != 0; }},
      {"Not", [](double a, double) { return a == 0; }},
  };
  return table;
}

/// The shape that all of `operands` can be broadcast to.
std::optional<std::vector<int64_t>> broadcastShapes(std::span<const Literal> operands) {
  std::vector<int64_t> shape;
  for (const Literal &operand : operands) {
    if (operand.shape.size() > shape.size())
      shape.insert(shape.begin(), operand.shape.size() - shape.size(), 1);
    for (size_t i = 0; i < operand.shape.size(); ++i) {
      int64_t size = operand.shape[operand.shape.size() - 1 - i], &to = shape[shape.size() - 1 - i];
      if (to != size && to != 1 && size != 1)
        return std::nullopt;
      to = to == 1 ? size : to;
    }
  }
  std::optional<int64_t> count = countElements(shape);
  if (!count || *count > kMaxLiteral)
    return std::nullopt;
  return shape;
}

/// The element of an operand that element `index` of a result of `shape` is computed of.
int64_t getIndex(const Literal &operand, std::span<const int64_t> shape, int64_t index) {
  int64_t place = 0, stride = 1;
  for (size_t i = 0; i < operand.shape.size(); ++i) {
    int64_t within = index % shape[shape.size() - 1 - i];
    int64_t size = operand.shape[operand.shape.size() - 1 - i];
    index /= shape[shape.size() - 1 - i];
    place += (size == 1 ? 0 : within) * stride;
    stride *= size;
  }
  return place;
}

} // namespace

std::optional<Literal> foldElementwise(std::string_view op, std::span<const Literal> operands) {
  auto arithmetic = getArithmetic().find(op);
  auto comparison = getComparisons().find(op);
  bool isArithmetic = arithmetic != getArithmetic().end();
  bool isComparison = comparison != getComparisons().end();
  size_t expected = op == "Where"  ? 3
                    : op == "Not"  ? 1
                    : isArithmetic ? arithmetic->second.operands
                                   : 2;
  if ((!isArithmetic && !isComparison && op != "Where") || operands.size() != expected)
    return std::nullopt;
  std::optional<std::vector<int64_t>> shape = broadcastShapes(operands);
  if (!shape || operands.back().kind != operands[operands.size() == 3 ? 1 : 0].kind ||
      (op == "Where" && operands[0].kind != ElementKind::Bool))
    return std::nullopt;

  Literal result;
  result.shape = *shape;
  result.kind = isComparison ? ElementKind::Bool : operands.back().kind;
  for (const Literal &operand : operands)
    result.ofShape |= operand.ofShape;
  for (int64_t i = 0, end = product(*shape); i < end; ++i) {
    int64_t a = getIndex(operands.front(), *shape, i), b = getIndex(operands.back(), *shape, i);
    if (op == "Where") {
      bool first = operands[0].integers[a] != 0;
      append(result, operands[first ? 1 : 2], first ? getIndex(operands[1], *shape, i) : b, 1);
    } else if (isComparison) {
      result.integers.push_back(
          comparison->second(operands.front().getNumber(a), operands.back().getNumber(b)));
    } else if (result.kind == ElementKind::Float) {
      result.floats.push_back(
          arithmetic->second.ofFloats(operands.front().floats[a], operands.back().floats[b]));
    } else {
      std::optional<int64_t> value;
      if (arithmetic->second.ofIntegers)
        value = arithmetic->second.ofIntegers(operands.front().integers[a],
                                              operands.back().integers[b]);
      if (!value)
        return std::nullopt;
      result.integers.push_back(*value);
    }
  }
  return result;
}

} // namespace nyala::onnx
