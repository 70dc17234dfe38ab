//===- TileProduct.cpp - Small products in registers ----------------------===//
#include "codegen/cpu/TileProduct.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

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
