//===- Arithmetic.cpp - Functions out of basic operations -----------------===//
#include "codegen/Arithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace nyala;

/// Same shape, elements of another type.
static Type withElements(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Type Arithmetic::toI32(Type type) {
  return withElements(type, IntegerType::get(type.getContext(), 32));
}

Value Arithmetic::index(int64_t value) { return arith::ConstantIndexOp::create(b, value); }
Value Arithmetic::add(Value l, Value r) { return b.createOrFold<arith::AddIOp>(l, r); }
Value Arithmetic::add(Value l, int64_t r) { return add(l, index(r)); }
Value Arithmetic::mul(Value l, int64_t r) { return b.createOrFold<arith::MulIOp>(l, index(r)); }

Value Arithmetic::constant(Type type, double value) {
  auto element = cast<FloatType>(getElementTypeOrSelf(type));
  TypedAttr attr = FloatAttr::get(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, type, attr);
}

Value Arithmetic::intConstant(Type type, int64_t value) {
  TypedAttr attr = IntegerAttr::get(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, type, attr);
}

// A comparison and a selection are one maxps; the ops of arith and their treatment of NaNs are not.
Value Arithmetic::max(Value x, Value y) {
  Value greater = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(b, greater, x, y);
}

Value Arithmetic::min(Value x, Value y) {
  Value less = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, y);
  return arith::SelectOp::create(b, less, x, y);
}

// Adding 1.5 * 2^23 rounds to nearest even and leaves the integer in the low bits.
Value Arithmetic::roundToIntegers(Value x) {
  Type type = toI32(x.getType());
  Value shifted = arith::AddFOp::create(b, x, constant(x.getType(), 12582912.0));
  return arith::SubIOp::create(b, arith::BitcastOp::create(b, type, shifted),
                               intConstant(type, 0x4b400000));
}

// e^x = 2^n * e^r with n = round(x / ln 2), r = x - n ln 2 (in two parts), e^r by its Taylor
// polynomial of degree 7 on [-0.35, 0.35]. n is found by adding 1.5 * 2^23, which rounds to nearest
// even and leaves n in the low bits, so that no rounding instruction is needed.
Value Arithmetic::exp(Value x) {
  Type type = x.getType(), intType = toI32(type);
  x = min(constant(type, 88.0), x);
  x = max(constant(type, -87.0), x);
  Value magic = constant(type, 12582912.0);
  Value shifted = arith::AddFOp::create(
      b, arith::MulFOp::create(b, x, constant(type, 1.4426950408889634)), magic);
  Value n = arith::SubFOp::create(b, shifted, magic);
  Value r = fma(n, constant(type, -0.693359375), x);
  r = fma(n, constant(type, 2.12194440e-4), r);
  Value p = constant(type, 1.0 / 5040);
  for (double coefficient : {1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0})
    p = fma(p, r, constant(type, coefficient));
  // 2^n: n's low bits into the exponent.
  Value bits = arith::BitcastOp::create(b, intType, shifted);
  Value exponent = arith::ShLIOp::create(b, bits, intConstant(intType, 23));
  Value scaled = arith::AddIOp::create(b, arith::BitcastOp::create(b, intType, p), exponent);
  return arith::BitcastOp::create(b, type, scaled);
}

// x = 2^n * m with m in [sqrt(1/2), sqrt(2)): log x = n ln 2 + 2 atanh(s), s = (m - 1) / (m + 1),
// by its Taylor polynomial of degree 9 on [-0.172, 0.172]. Subtracting sqrt(1/2)'s bits leaves n in
// the exponent's place.
Value Arithmetic::log(Value x) {
  Type type = x.getType(), intType = toI32(type);
  constexpr int64_t root = 0x3f3504f3;
  Value bits = arith::BitcastOp::create(b, intType, x);
  Value n = arith::ShRSIOp::create(b, arith::SubIOp::create(b, bits, intConstant(intType, root)),
                                   intConstant(intType, 23));
  Value shifted =
      arith::SubIOp::create(b, bits, arith::ShLIOp::create(b, n, intConstant(intType, 23)));
  Value m = arith::BitcastOp::create(b, type, shifted);
  Value one = constant(type, 1);
  Value s =
      arith::DivFOp::create(b, arith::SubFOp::create(b, m, one), arith::AddFOp::create(b, m, one));
  Value square = arith::MulFOp::create(b, s, s);
  Value p = constant(type, 2.0 / 9);
  for (double coefficient : {2.0 / 7, 2.0 / 5, 2.0 / 3})
    p = fma(p, square, constant(type, coefficient));
  Value logarithm =
      fma(arith::MulFOp::create(b, p, square), s, arith::MulFOp::create(b, s, constant(type, 2)));
  Value exponent = arith::SIToFPOp::create(b, type, n);
  logarithm = fma(exponent, constant(type, -2.12194440e-4), logarithm);
  logarithm = fma(exponent, constant(type, 0.693359375), logarithm);
  return arith::AddFOp::create(b, logarithm, arith::SubFOp::create(b, x, x));
}

// Quadrant n = round(x * 2/pi) by adding 1.5 * 2^52, r = x - n * pi/2 in two parts; Taylor
// polynomials on [-pi/4, pi/4] with an error below 1e-9.
std::pair<Value, Value> Arithmetic::sineCosine(Value x) {
  Type type = x.getType();
  auto c = [&](double value) { return constant(type, value); };
  auto add = [&](Value l, Value r) -> Value { return arith::AddFOp::create(b, l, r); };
  auto sub = [&](Value l, Value r) -> Value { return arith::SubFOp::create(b, l, r); };
  auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(b, l, r); };
  Value magic = c(6755399441055744.0);
  Value shifted = add(mul(x, c(0.63661977236758134)), magic);
  Value n = sub(shifted, magic);
  Value r = sub(x, mul(n, c(1.5707963267341256)));
  r = sub(r, mul(n, c(6.0771005065061922e-11)));
  Value square = mul(r, r);
  auto polynomial = [&](ArrayRef<double> coefficients) {
    Value p = c(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      p = add(mul(p, square), c(coefficient));
    return p;
  };
  Value sine = mul(r, polynomial({1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040,
                                  1.0 / 120, -1.0 / 6, 1.0}));
  Value cosine = polynomial({-1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320,
                             -1.0 / 720, 1.0 / 24, -0.5, 1.0});
  // sin and cos swap in odd quadrants; sin is negative in 2 and 3, cos in 1 and 2.
  Type i64 = withElements(type, b.getI64Type());
  Value bits = arith::BitcastOp::create(b, i64, shifted);
  auto isSet = [&](Value value, int64_t bit) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                 arith::AndIOp::create(b, value, intConstant(i64, bit)),
                                 intConstant(i64, 0));
  };
  Value odd = isSet(bits, 1);
  Value sineNegative = isSet(bits, 2);
  Value cosineNegative = isSet(arith::AddIOp::create(b, bits, intConstant(i64, 1)), 2);
  auto pick = [&](Value ifOdd, Value ifEven, Value negative) -> Value {
    Value value = arith::SelectOp::create(b, odd, ifOdd, ifEven);
    Value signedValue =
        arith::SelectOp::create(b, negative, arith::NegFOp::create(b, value), value);
    return arith::TruncFOp::create(b, withElements(type, b.getF32Type()), signedValue);
  };
  return {pick(cosine, sine, sineNegative), pick(sine, cosine, cosineNegative)};
}

Value Arithmetic::divide(Value x, Value y) { return arith::DivFOp::create(b, x, y); }

Value Arithmetic::activation(ActivationKind kind, Value x) {
  Type type = x.getType();
  auto add = [&](Value l, Value r) -> Value { return arith::AddFOp::create(b, l, r); };
  auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(b, l, r); };
  auto negate = [&](Value v) -> Value { return arith::NegFOp::create(b, v); };
  Value one = constant(type, 1);
  switch (kind) {
  case ActivationKind::Silu:
    return divide(x, add(one, expOfActivation(negate(x))));
  case ActivationKind::GeluTanh: {
    // x/2 (1 + tanh u) = x / (1 + e^(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3)
    Value u = mul(x, fma(mul(x, x), constant(type, 0.044715 * 0.7978845608028654),
                         constant(type, 0.7978845608028654)));
    return divide(x, add(one, expOfActivation(mul(u, constant(type, -2)))));
  }
  case ActivationKind::Gelu: {
    Value erf = math::ErfOp::create(b, mul(x, constant(type, 0.7071067811865476)));
    return mul(mul(x, constant(type, 0.5)), add(one, erf));
  }
  case ActivationKind::Relu:
    return max(x, constant(type, 0));
  }
  llvm_unreachable("unknown activation");
}
