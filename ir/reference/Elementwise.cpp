#include "ir/reference/Elementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

using namespace mlir;
using namespace nyala;
using namespace nyala::reference;

//===----------------------------------------------------------------------===//
// Number types
//===----------------------------------------------------------------------===//

static unsigned widthOf(Type type) { return type.isIndex() ? 64 : type.getIntOrFloatBitWidth(); }

/// Two's complement of `width` bits; of one bit, 0 or 1.
static int64_t wrap(int64_t value, unsigned width) {
  if (width == 1)
    return value & 1;
  return width >= 64 ? value : llvm::SignExtend64(static_cast<uint64_t>(value), width);
}

static uint64_t zeroExtend(int64_t value, unsigned width) {
  return static_cast<uint64_t>(value) & llvm::maskTrailingOnes<uint64_t>(std::min(width, 64u));
}

/// Like C's cast, but defined everywhere: NaN gives 0, values out of range the nearest integer.
static int64_t toInteger(double value) {
  if (std::isnan(value))
    return 0;
  constexpr double limit = 9223372036854775808.0; // 2^63
  if (value >= limit)
    return std::numeric_limits<int64_t>::max();
  return value < -limit ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(value);
}

double reference::roundTo(Type type, double value) {
  if (type.isF64())
    return value;
  if (type.isF32())
    return static_cast<float>(value);
  if (auto floatType = dyn_cast<FloatType>(type)) {
    APFloat number(value);
    bool losesInfo;
    number.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return number.convertToDouble();
  }
  return static_cast<double>(wrap(toInteger(value), widthOf(type)));
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

using FloatUnary = double (*)(double);
using FloatBinary = double (*)(double, double);
using IntegerBinary = uint64_t (*)(int64_t, int64_t);

static double maximum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : std::max(a, b);
}
static double minimum(double a, double b) { return -maximum(-a, -b); }

static const llvm::StringMap<FloatUnary> &floatUnaries() {
  static const llvm::StringMap<FloatUnary> table = {
      {"arith.negf", [](double x) { return -x; }},
      {"math.absf", [](double x) { return std::fabs(x); }},
      {"math.ceil", [](double x) { return std::ceil(x); }},
      {"math.cos", [](double x) { return std::cos(x); }},
      {"math.erf", [](double x) { return std::erf(x); }},
      {"math.exp", [](double x) { return std::exp(x); }},
      {"math.exp2", [](double x) { return std::exp2(x); }},
      {"math.floor", [](double x) { return std::floor(x); }},
      {"math.log", [](double x) { return std::log(x); }},
      {"math.log1p", [](double x) { return std::log1p(x); }},
      {"math.rsqrt", [](double x) { return 1.0 / std::sqrt(x); }},
      {"math.sin", [](double x) { return std::sin(x); }},
      {"math.sqrt", [](double x) { return std::sqrt(x); }},
      {"math.tanh", [](double x) { return std::tanh(x); }},
  };
  return table;
}

static const llvm::StringMap<FloatBinary> &floatBinaries() {
  static const llvm::StringMap<FloatBinary> table = {
      {"arith.addf", [](double a, double b) { return a + b; }},
      {"arith.divf", [](double a, double b) { return a / b; }},
      {"arith.maximumf", maximum},
      {"arith.maxnumf", [](double a, double b) { return std::fmax(a, b); }},
      {"arith.minimumf", minimum},
      {"arith.minnumf", [](double a, double b) { return std::fmin(a, b); }},
      {"arith.mulf", [](double a, double b) { return a * b; }},
      {"arith.subf", [](double a, double b) { return a - b; }},
      {"math.powf", [](double a, double b) { return std::pow(a, b); }},
  };
  return table;
}

// Wrapping, hence in unsigned arithmetic. Divisions are checked by the caller.
static const llvm::StringMap<IntegerBinary> &integerBinaries() {
  static const llvm::StringMap<IntegerBinary> table = {
      {"arith.addi", [](int64_t a, int64_t b) { return uint64_t(a) + uint64_t(b); }},
      {"arith.andi", [](int64_t a, int64_t b) { return uint64_t(a & b); }},
      {"arith.divsi", [](int64_t a, int64_t b) { return uint64_t(a / b); }},
      {"arith.maxsi", [](int64_t a, int64_t b) { return uint64_t(std::max(a, b)); }},
      {"arith.minsi", [](int64_t a, int64_t b) { return uint64_t(std::min(a, b)); }},
      {"arith.muli", [](int64_t a, int64_t b) { return uint64_t(a) * uint64_t(b); }},
      {"arith.ori", [](int64_t a, int64_t b) { return uint64_t(a | b); }},
      {"arith.remsi", [](int64_t a, int64_t b) { return uint64_t(a % b); }},
      {"arith.subi", [](int64_t a, int64_t b) { return uint64_t(a) - uint64_t(b); }},
      {"arith.xori", [](int64_t a, int64_t b) { return uint64_t(a ^ b); }},
  };
  return table;
}

static bool isCast(Operation *op) {
  return isa<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp, arith::FPToSIOp,
             arith::IndexCastOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>(op);
}

bool reference::isKnownElementwise(Operation *op) {
  StringRef name = op->getName().getStringRef();
  return floatUnaries().contains(name) || floatBinaries().contains(name) ||
         integerBinaries().contains(name) || isCast(op) ||
         isa<arith::SelectOp, arith::CmpFOp, arith::CmpIOp>(op);
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

static bool compareFloats(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::ORD:
    return !unordered;
  case P::UNO:
    return unordered;
  case P::OEQ:
    return a == b;
  case P::UEQ:
    return unordered || a == b;
  case P::ONE:
    return !unordered && a != b;
  case P::UNE:
    return a != b;
  case P::OLT:
    return a < b;
  case P::ULT:
    return unordered || a < b;
  case P::OLE:
    return a <= b;
  case P::ULE:
    return unordered || a <= b;
  case P::OGT:
    return a > b;
  case P::UGT:
    return unordered || a > b;
  case P::OGE:
    return a >= b;
  case P::UGE:
    return unordered || a >= b;
  }
  llvm_unreachable("unknown predicate");
}

static bool compareIntegers(arith::CmpIPredicate predicate, int64_t a, int64_t b, unsigned width) {
  auto number = [&](int64_t x) {
    return APInt(width, static_cast<uint64_t>(x), /*isSigned=*/true, /*implicitTrunc=*/true);
  };
  return arith::applyCmpPredicate(predicate, number(a), number(b));
}

/// What an op computes of elements of its first and second operand (the same if it has one).
/// nullopt: an integer division that has no result.
using ElementFunction = std::function<std::optional<double>(double, double)>;

static ElementFunction getElementFunction(Operation *op) {
  StringRef name = op->getName().getStringRef();
  unsigned width = widthOf(getElementTypeOrSelf(op->getOperand(0).getType()));
  if (auto unary = floatUnaries().find(name); unary != floatUnaries().end())
    return [fn = unary->second](double a, double) { return fn(a); };
  if (auto binary = floatBinaries().find(name); binary != floatBinaries().end())
    return binary->second;
  if (auto integer = integerBinaries().find(name); integer != integerBinaries().end()) {
    bool divides = isa<arith::DivSIOp, arith::RemSIOp>(op);
    return [=, fn = integer->second](double a, double b) -> std::optional<double> {
      int64_t x = toInteger(a), y = toInteger(b);
      if (divides && (y == 0 || (y == -1 && x == std::numeric_limits<int64_t>::min())))
        return std::nullopt;
      return static_cast<double>(wrap(static_cast<int64_t>(fn(x, y)), width));
    };
  }
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return [predicate = compare.getPredicate()](double a, double b) {
      return compareFloats(predicate, a, b);
    };
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return [predicate = compare.getPredicate(), width](double a, double b) {
      return compareIntegers(predicate, toInteger(a), toInteger(b), width);
    };
  if (isa<arith::UIToFPOp, arith::ExtUIOp>(op))
    return
        [width](double a, double) { return static_cast<double>(zeroExtend(toInteger(a), width)); };
  assert(isCast(op));
  // Rounding to the result's type does the rest.
  bool truncates = isa<arith::FPToSIOp>(op);
  return [truncates](double a, double) { return truncates ? std::trunc(a) : a; };
}

/// Elements of the second operand where the condition is zero, else of the first. The condition may
/// be a scalar beside tensors.
static Tensor select(const Tensor &condition, const Tensor &ifTrue, const Tensor &ifFalse) {
  bool scalar = condition.getShape().empty();
  Tensor result(ifTrue.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < result.size(); ++i)
    out[i] = condition[scalar ? 0 : i] != 0 ? ifTrue[i] : ifFalse[i];
  return result;
}

FailureOr<Tensor> reference::evaluateElementwise(Operation *op, ArrayRef<Tensor> operands) {
  bool isSelect = isa<arith::SelectOp>(op);
  const Tensor &first = operands.front(), &last = operands.back();
  for (const Tensor &operand : operands.drop_front(isSelect && first.getShape().empty()))
    if (operand.getShape() != last.getShape())
      return op->emitOpError("expected operands of one shape, got [")
             << operand.getShape() << "] and [" << last.getShape() << "]";
  if (isSelect)
    return select(first, operands[1], last);

  ElementFunction function = getElementFunction(op);
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  bool isFloat = isa<FloatType>(type);
  Tensor result(last.getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < result.size(); ++i) {
    std::optional<double> value = function(first[i], last[i]);
    if (!value)
      return op->emitOpError("divides ") << first[i] << " by " << last[i];
    out[i] = isFloat ? *value : roundTo(type, *value);
    if (!isFloat && std::fabs(out[i]) > 9007199254740992.0) // 2^53
      return op->emitOpError("has a result beyond 2^53, which the interpreter cannot hold");
  }
  return result;
}
