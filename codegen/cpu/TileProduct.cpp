//===- TileProduct.cpp - Small products in registers ----------------------===//
#include "codegen/cpu/TileProduct.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

// A vector of 16 takes one of 32 registers with AVX-512, two of 16 with AVX, four of 16 without.
// Rows divide kBlock (SelfAttention.h).
ProductTile nyala::cpu::getProductTile(CpuTargetAttr target) {
  if (target.hasFeature("avx512f"))
    return {8, 2};
  return {target.hasFeature("avx2") ? 4 : 2, 1};
}

static VectorType getPairs(TileEmitter &e) {
  return VectorType::get(2 * kLanes, e.b.getBF16Type());
}

static Value callBf16(TileEmitter &e, StringRef name, Type type, ValueRange arguments) {
  auto intrinsic = e.b.getStringAttr("llvm.x86.avx512bf16." + name);
  return LLVM::CallIntrinsicOp::create(e.b, type, intrinsic, arguments).getResult(0);
}

Value nyala::cpu::roundToBf16(TileEmitter &e, Value low, Value high) {
  return callBf16(e, "cvtne2ps2bf16.512", getPairs(e), {high, low});
}

Value nyala::cpu::interleavePairs(TileEmitter &e, Value numbers) {
  SmallVector<int64_t> lanes;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    lanes.append({lane, lane + kLanes});
  return vector::ShuffleOp::create(e.b, numbers, numbers, lanes);
}

Value nyala::cpu::multiplyAdd(TileEmitter &e, Value x, Value y, Value sum) {
  if (isa<FloatType>(getElementTypeOrSelf(x)))
    return e.fma(x, y, sum);
  x = vector::BitCastOp::create(e.b, getPairs(e), x);
  y = vector::BitCastOp::create(e.b, getPairs(e), y);
  return callBf16(e, "dpbf16ps.512", sum.getType(), {sum, x, y});
}

SmallVector<Value> nyala::cpu::emitTileProduct(TileEmitter &e, ProductTile tile, ValueRange sums,
                                               Value begin, Value end,
                                               function_ref<Value(int64_t, Value)> left,
                                               function_ref<Value(Value, int64_t)> right) {
  auto loop = scf::ForOp::create(e.b, begin, end, e.index(1), sums);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(loop.getBody());
  Value k = loop.getInductionVar();
  SmallVector<Value> vectors, next;
  for (int64_t v = 0; v < tile.vectors; ++v)
    vectors.push_back(right(k, v));
  for (int64_t i = 0; i < tile.rows; ++i) {
    Value factor = e.broadcast(left(i, k));
    for (int64_t v = 0; v < tile.vectors; ++v)
      next.push_back(multiplyAdd(e, factor, vectors[v], loop.getRegionIterArgs()[next.size()]));
  }
  scf::YieldOp::create(e.b, next);
  return SmallVector<Value>(loop.getResults());
}
