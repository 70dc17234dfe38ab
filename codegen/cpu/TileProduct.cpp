//===- TileProduct.cpp - Small products in registers ----------------------===//
#include "codegen/cpu/TileProduct.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

// A vector of 16 takes one of 32 registers with AVX-512, two of 16 with AVX, four of 16 without.
// Rows divide kRowBlock of self-attention.
ProductTile nyala::cpu::getProductTile(CpuTargetAttr target) {
  if (target.hasFeature("avx512f"))
    return {8, 2};
  return {target.hasFeature("avx2") ? 4 : 2, 1};
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
      next.push_back(e.fma(factor, vectors[v], loop.getRegionIterArgs()[next.size()]));
  }
  scf::YieldOp::create(e.b, next);
  return SmallVector<Value>(loop.getResults());
}

// Four times, vectors i and i + 8 are interleaved to 2 i and 2 i + 1: a bit of the row's number
// moves to the lane's each time.
SmallVector<Value> nyala::cpu::transpose(TileEmitter &e, SmallVector<Value> vectors) {
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < kLanes / 2; ++i) {
    low.append({i, i + kLanes});
    high.append({i + kLanes / 2, i + kLanes + kLanes / 2});
  }
  for (int64_t bit = 1; bit < kLanes; bit *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < kLanes / 2; ++i)
      for (ArrayRef<int64_t> lanes : {ArrayRef(low), ArrayRef(high)})
        next.push_back(vector::ShuffleOp::create(e.b, vectors[i], vectors[i + kLanes / 2], lanes));
    vectors = std::move(next);
  }
  return vectors;
}
