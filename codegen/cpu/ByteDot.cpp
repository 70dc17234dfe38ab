//===- ByteDot.cpp - Sums of products of bytes ----------------------------===//
#include "codegen/cpu/ByteDot.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

static constexpr int64_t kHalves = 2;
static constexpr int64_t kHalfLanes = kLanes / kHalves;

ByteDotEmitter::ByteDotEmitter(TileEmitter &e, int64_t largestWeight)
    : e(e), byNibbles(largestWeight > 127) {
  // vpmaddubsw adds two products.
  constexpr int64_t largestActivation = 128, largestSum = 32767;
  int64_t largest = byNibbles ? 15 : largestWeight;
  maxPending = largestSum / (2 * largestActivation * largest);
  CpuTargetAttr target = e.getTarget();
  if (target.hasFeature("avx512vnni") && target.hasFeature("avx512f"))
    unit = Unit::Vnni512;
  else if (target.hasFeature("avxvnni"))
    unit = Unit::Vnni256;
  else if (target.hasFeature("avx2"))
    unit = Unit::Avx2;
}

Value ByteDotEmitter::loadActivations(Value values, Value row, Value column) {
  auto bytes = VectorType::get(4, e.b.getI8Type());
  Value loaded = vector::LoadOp::create(e.b, bytes, values, ValueRange{row, column});
  Value quad = vector::BitCastOp::create(e.b, VectorType::get(1, e.b.getI32Type()), loaded);
  return e.broadcast(vector::ExtractOp::create(e.b, quad, ArrayRef<int64_t>{0}));
}

void ByteDotEmitter::add(Sum &sum, Value weights, Value activations) {
  switch (unit) {
  case Unit::Vnni512:
    sum.total = dot("llvm.x86.avx512.vpdpbusd.512", sum.total, weights, activations);
    return;
  case Unit::Vnni256: {
    for (int64_t half = 0; half < kHalves; ++half)
      sum.total = setHalf(sum.total, half,
                          dot("llvm.x86.avx512.vpdpbusd.256", getHalf(sum.total, half),
                              getHalf(weights, half), getHalf(activations, half)));
    return;
  }
  case Unit::Avx2:
    return addPairs(sum, weights, activations);
  case Unit::None:
    sum.total = addBytes(sum.total, weights, activations);
    return;
  }
  llvm_unreachable("unknown unit");
}

Value ByteDotEmitter::finish(Sum &sum) {
  if (sum.pending > 0)
    flushPairs(sum);
  return sum.total;
}

static VectorType typeAs(Value vector, Type element) {
  auto type = cast<VectorType>(vector.getType());
  int64_t bits = type.getNumElements() * type.getElementTypeBitWidth();
  return VectorType::get(bits / element.getIntOrFloatBitWidth(), element);
}

Value ByteDotEmitter::bytesOf(Value vector) {
  return vector::BitCastOp::create(e.b, typeAs(vector, e.b.getI8Type()), vector);
}

Value ByteDotEmitter::call(StringRef intrinsic, Type type, ValueRange arguments) {
  return LLVM::CallIntrinsicOp::create(e.b, type, e.b.getStringAttr(intrinsic), arguments)
      .getResult(0);
}

Value ByteDotEmitter::dot(StringRef intrinsic, Value total, Value weights, Value activations) {
  return call(intrinsic, total.getType(), {total, bytesOf(weights), bytesOf(activations)});
}

Value ByteDotEmitter::getHalf(Value vector, int64_t half) {
  return vector::ExtractStridedSliceOp::create(e.b, vector, ArrayRef<int64_t>{half * kHalfLanes},
                                               ArrayRef<int64_t>{kHalfLanes}, ArrayRef<int64_t>{1});
}

Value ByteDotEmitter::setHalf(Value vector, int64_t half, Value part) {
  return vector::InsertStridedSliceOp::create(
      e.b, part, vector, ArrayRef<int64_t>{half * kHalfLanes}, ArrayRef<int64_t>{1});
}

/// vpmaddubsw adds pairs of products in 16 bits, saturating: as many as never reach that are added
/// up there. Bytes of the full range are taken by nibbles.
void ByteDotEmitter::addPairs(Sum &sum, Value weights, Value activations) {
  auto type = cast<VectorType>(weights.getType());
  SmallVector<Value> parts = {weights};
  if (byNibbles) {
    Value mask = e.intConstant(type, 0x0f0f0f0f);
    Value shifted = arith::ShRUIOp::create(e.b, weights, e.intConstant(type, 4));
    parts = {arith::AndIOp::create(e.b, weights, mask), arith::AndIOp::create(e.b, shifted, mask)};
  }
  SmallVector<Value, 4> pairs;
  for (Value part : parts)
    for (int64_t half = 0; half < kHalves; ++half) {
      Value bytes = bytesOf(getHalf(part, half));
      pairs.push_back(call("llvm.x86.avx2.pmadd.ub.sw", typeAs(bytes, e.b.getI16Type()),
                           {bytes, bytesOf(getHalf(activations, half))}));
    }
  if (sum.pending == maxPending)
    flushPairs(sum);
  if (sum.pending++ == 0) {
    sum.pairs = std::move(pairs);
    return;
  }
  for (auto [pair, product] : llvm::zip_equal(sum.pairs, pairs))
    pair = arith::AddIOp::create(e.b, pair, product);
}

void ByteDotEmitter::flushPairs(Sum &sum) {
  for (auto [i, pair] : llvm::enumerate(sum.pairs)) {
    int64_t half = i % kHalves;
    Value factor = e.intConstant(pair.getType(), i < kHalves ? 1 : 16);
    Value products = call("llvm.x86.avx2.pmadd.wd", typeAs(pair, e.b.getI32Type()), {pair, factor});
    sum.total =
        setHalf(sum.total, half, arith::AddIOp::create(e.b, getHalf(sum.total, half), products));
  }
  sum.pending = 0;
}

Value ByteDotEmitter::addBytes(Value total, Value weights, Value activations) {
  Type type = weights.getType();
  auto constant = [&](int64_t value) { return e.intConstant(type, value); };
  for (int64_t byte = 0; byte < 4; ++byte) {
    Value weight = arith::AndIOp::create(
        e.b, arith::ShRUIOp::create(e.b, weights, constant(8 * byte)), constant(255));
    Value activation = arith::ShRSIOp::create(
        e.b, arith::ShLIOp::create(e.b, activations, constant(24 - 8 * byte)), constant(24));
    total = arith::AddIOp::create(e.b, total, arith::MulIOp::create(e.b, weight, activation));
  }
  return total;
}
