//===- TileArithmetic.cpp - Arithmetic of the tile emitter ----------------===//
//
// Everything that a kernel computes, out of operations that every x86-64 CPU
// has: kernels call no library, and a rounding or fused instruction is used
// only where the target names its feature.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/TileEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

VectorType TileEmitter::f32Vector(int64_t lanes) const {
  return VectorType::get(lanes, b.getF32Type());
}

Value TileEmitter::broadcast(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(b, VectorType::get(lanes, scalar.getType()), scalar);
}

Value TileEmitter::fma(Value x, Value y, Value z) {
  if (target.hasFeature("fma"))
    return math::FmaOp::create(b, x, y, z);
  return arith::AddFOp::create(b, arith::MulFOp::create(b, x, y), z);
}

bool TileEmitter::isRough(Value x) const {
  return rowBlock && target.hasFeature("avx512f") && x.getType() == f32Vector();
}

static Value callAvx512(ImplicitLocOpBuilder &b, StringRef name, ValueRange arguments) {
  auto intrinsic = b.getStringAttr("llvm.x86.avx512." + name);
  return LLVM::CallIntrinsicOp::create(b, arguments.front().getType(), intrinsic, arguments)
      .getResult(0);
}

// 2^x = 2^n * 2^f with n = round(x), 2^f by the polynomial of degree 3 on [-0.5, 0.5] whose largest
// relative error is least.
Value TileEmitter::exp2Roughly(Value x) {
  Type type = x.getType();
  Value n = math::RoundEvenOp::create(b, x);
  Value f = arith::SubFOp::create(b, x, n);
  Value p = constant(type, 0.055171669);
  for (double coefficient : {0.24261112, 0.69326099, 0.99992807})
    p = fma(p, f, constant(type, coefficient));
  return callAvx512(b, "mask.scalef.ps.512",
                    {p, n, p, intConstant(b.getI16Type(), -1),
                     intConstant(b.getI32Type(), 4 /* the current rounding */)});
}

// Of numbers below 2^120, whose reciprocal is a normal number.
Value TileEmitter::expOfActivation(Value x) {
  if (!isRough(x))
    return exp(x);
  x = arith::MulFOp::create(b, x, constant(x.getType(), 1.4426950408889634));
  return exp2Roughly(min(constant(x.getType(), 120), x));
}

// A division takes as long as 16 other operations. What rcp14 gives is within 2^-14, and one step
// of Newton's method squares that.
Value TileEmitter::divide(Value x, Value y) {
  if (!isRough(x))
    return arith::DivFOp::create(b, x, y);
  Type type = x.getType();
  Value inverse =
      callAvx512(b, "rcp14.ps.512", {y, constant(type, 0), intConstant(b.getI16Type(), -1)});
  Value error = fma(arith::NegFOp::create(b, y), inverse, constant(type, 2));
  return arith::MulFOp::create(b, x, arith::MulFOp::create(b, inverse, error));
}

Value TileEmitter::reduce(Value vector, function_ref<Value(Value, Value)> combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  for (; lanes > 1; lanes /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < lanes / 2; ++i) {
      low.push_back(i);
      high.push_back(i + lanes / 2);
    }
    vector = combine(vector::ShuffleOp::create(b, vector, vector, low),
                     vector::ShuffleOp::create(b, vector, vector, high));
  }
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
}

Value TileEmitter::reduceAdd(Value vector) {
  return reduce(vector, [&](Value l, Value r) { return arith::AddFOp::create(b, l, r); });
}

Value TileEmitter::reduceMax(Value vector) {
  return reduce(vector, [&](Value l, Value r) { return max(l, r); });
}

SmallVector<Value> TileEmitter::reduceAddEach(function_ref<SmallVector<Value>(int64_t)> vectors) {
  return reduceEach(0, kLanes, vectors,
                    [&](Value l, Value r) { return arith::AddFOp::create(b, l, r); });
}

Value TileEmitter::reduceEach(function_ref<Value(int64_t)> vector,
                              function_ref<Value(Value, Value)> combine) {
  auto vectors = [&](int64_t i) { return SmallVector<Value>{vector(i)}; };
  return reduceEach(0, kLanes, vectors, combine).front();
}

/// What `count` vectors reduce to, each of 16 / count parts that are still to be combined: those of
/// vector first + i begin at lane i * 16 / count. Two vectors of half as many are halved like in
/// reduce(), lower and upper halves of all parts in two vectors:
///   [a0 a1 b0 b1], [c0 c1 d0 d1]  ->  [a0 b0 c0 d0] + [a1 b1 c1 d1]
SmallVector<Value> TileEmitter::reduceEach(int64_t first, int64_t count,
                                           function_ref<SmallVector<Value>(int64_t)> vectors,
                                           function_ref<Value(Value, Value)> combine) {
  if (count == 1)
    return vectors(first);
  SmallVector<Value> left = reduceEach(first, count / 2, vectors, combine);
  SmallVector<Value> right = reduceEach(first + count / 2, count / 2, vectors, combine);
  int64_t part = kLanes / count; // lanes of a vector's parts from here on
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t lane = 0; lane < part; ++lane) {
      low.push_back(2 * part * i + lane);
      high.push_back(2 * part * i + part + lane);
    }
  SmallVector<Value> reduced;
  for (auto [l, r] : llvm::zip_equal(left, right))
    reduced.push_back(
        combine(vector::ShuffleOp::create(b, l, r, low), vector::ShuffleOp::create(b, l, r, high)));
  return reduced;
}

/// Two lanes of 32 bits, then of 64 bits, within each quarter of the vectors, which are then
/// exchanged: shuffles that every CPU has an instruction for.
void TileEmitter::transpose(MutableArrayRef<Value> vectors) {
  constexpr int64_t quarter = kLanes / 4;
  auto shuffle = [&](Value left, Value right, function_ref<int64_t(int64_t)> source) -> Value {
    SmallVector<int64_t> lanes;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      lanes.push_back(source(lane));
    return vector::ShuffleOp::create(b, left, right, lanes);
  };
  // Of each quarter of two vectors the lower or upper half, by units of 32 or 64 bits in turn.
  auto unpack = [&](Value left, Value right, int64_t unit, bool upper) {
    return shuffle(left, right, [&](int64_t lane) {
      int64_t base = lane / quarter * quarter, in = lane % quarter;
      int64_t side = in / unit % 2, from = in / (2 * unit) * unit + in % unit;
      return side * kLanes + base + from + (upper ? quarter / 2 : 0);
    });
  };
  // Two quarters of either vector: first, and first + step.
  auto exchange = [&](Value left, Value right, int64_t first, int64_t step) {
    return shuffle(left, right, [&](int64_t lane) {
      int64_t place = lane / quarter;
      return place / 2 * kLanes + (first + place % 2 * step) * quarter + lane % quarter;
    });
  };
  // Quarter q of columns[4 * g + c]: lane 4 * q + c of vectors 4 * g to 4 * g + 3.
  SmallVector<Value> columns(kLanes);
  for (int64_t g = 0; g < kLanes; g += 4) {
    for (int64_t upper : {0, 1}) {
      Value even = unpack(vectors[g], vectors[g + 1], 1, upper);
      Value odd = unpack(vectors[g + 2], vectors[g + 3], 1, upper);
      columns[g + 2 * upper] = unpack(even, odd, 2, false);
      columns[g + 2 * upper + 1] = unpack(even, odd, 2, true);
    }
  }
  for (int64_t c = 0; c < 4; ++c)
    for (int64_t half : {0, 1}) {
      Value left = exchange(columns[c], columns[4 + c], 2 * half, 1);
      Value right = exchange(columns[8 + c], columns[12 + c], 2 * half, 1);
      for (int64_t q : {0, 1})
        vectors[4 * (2 * half + q) + c] = exchange(left, right, q, 2);
    }
}

Value TileEmitter::halfToFloat(Value bits) {
  auto shape = cast<VectorType>(bits.getType());
  VectorType f32 = f32Vector(shape.getDimSize(0));
  if (target.hasFeature("f16c")) {
    Value half = arith::BitcastOp::create(b, shape.clone(b.getF16Type()), bits);
    return arith::ExtFOp::create(b, f32, half);
  }
  // Magnitude bits moved to an f32's place and scaled by 2^112 (the difference of the biases) give
  // normal and subnormal halves exactly. Weights have no infinities.
  Type i32 = toI32(f32);
  Value wide = arith::ExtUIOp::create(b, i32, bits);
  Value magnitude = arith::ShLIOp::create(
      b, arith::AndIOp::create(b, wide, intConstant(i32, 0x7fff)), intConstant(i32, 13));
  Value scaled =
      arith::MulFOp::create(b, arith::BitcastOp::create(b, f32, magnitude), constant(f32, 0x1p112));
  Value sign = arith::ShLIOp::create(b, arith::AndIOp::create(b, wide, intConstant(i32, 0x8000)),
                                     intConstant(i32, 16));
  Value joined = arith::OrIOp::create(b, arith::BitcastOp::create(b, i32, scaled), sign);
  return arith::BitcastOp::create(b, f32, joined);
}

Value TileEmitter::floatToHalf(Value x) {
  auto f32 = cast<VectorType>(x.getType());
  VectorType f16 = f32.clone(b.getF16Type());
  if (target.hasFeature("f16c"))
    return arith::TruncFOp::create(b, f16, x);
  auto i32 = cast<VectorType>(toI32(f32));
  auto c = [&](int64_t value) { return intConstant(i32, value); };
  auto add = [&](Value l, Value r) -> Value { return arith::AddIOp::create(b, l, r); };
  auto shiftRight = [&](Value v, int64_t bits) -> Value {
    return arith::ShRUIOp::create(b, v, c(bits));
  };
  Value bits = arith::BitcastOp::create(b, i32, x);
  Value magnitude = arith::AndIOp::create(b, bits, c(0x7fffffff));
  auto select = [&](arith::CmpIPredicate predicate, int64_t bound, Value yes, Value no) -> Value {
    return arith::SelectOp::create(b, arith::CmpIOp::create(b, predicate, magnitude, c(bound)), yes,
                                   no);
  };
  // Normal halves: the exponent's bias changes by 112; adding half a unit less one, and one more if
  // the last bit that stays is set, rounds to nearest even.
  Value odd = arith::AndIOp::create(b, shiftRight(magnitude, 13), c(1));
  Value normal = shiftRight(add(add(magnitude, odd), c(0xfff - (int64_t(112) << 23))), 13);
  // Subnormal ones (below 2^-14) are integers of 2^-24, the last place of 0.5: adding 0.5 rounds.
  Value half =
      arith::AddFOp::create(b, arith::BitcastOp::create(b, f32, magnitude), constant(f32, 0.5));
  Value subnormal = arith::SubIOp::create(b, arith::BitcastOp::create(b, i32, half), c(0x3f000000));
  Value result = select(arith::CmpIPredicate::ult, 0x38800000, subnormal, normal);
  result = select(arith::CmpIPredicate::uge, 0x47800000, c(0x7c00), result);
  result = select(arith::CmpIPredicate::ugt, 0x7f800000, c(0x7e00), result);
  Value sign = arith::AndIOp::create(b, shiftRight(bits, 16), c(0x8000));
  Value joined = arith::OrIOp::create(b, result, sign);
  return arith::BitcastOp::create(b, f16,
                                  arith::TruncIOp::create(b, f32.clone(b.getI16Type()), joined));
}
