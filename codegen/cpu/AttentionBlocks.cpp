//===- AttentionBlocks.cpp - Blocks of rows and positions -----------------===//
#include "codegen/cpu/AttentionBlocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Value AttentionBlockEmitter::add(Value l, Value r) { return e.b.createOrFold<arith::AddIOp>(l, r); }
Value AttentionBlockEmitter::add(Value l, int64_t r) { return add(l, e.index(r)); }
Value AttentionBlockEmitter::mul(Value l, int64_t r) {
  return e.b.createOrFold<arith::MulIOp>(l, e.index(r));
}
Value AttentionBlockEmitter::minimum(Value l, Value r) { return arith::MinSIOp::create(e.b, l, r); }
Value AttentionBlockEmitter::floor(Value l, int64_t unit) {
  return mul(arith::DivUIOp::create(e.b, l, e.index(unit)), unit);
}
Value AttentionBlockEmitter::ceil(Value l, int64_t unit) { return floor(add(l, unit - 1), unit); }

Value AttentionBlockEmitter::getFirstPosition(Value row) {
  if (!window)
    return e.index(0);
  return arith::MaxSIOp::create(e.b, add(row, 1 - window), e.index(0));
}

Value AttentionBlockEmitter::emitMask(Value row, Value position) {
  auto ids = VectorType::get(kLanes, e.b.getI32Type());
  SmallVector<int32_t> lanes = llvm::to_vector(llvm::seq<int32_t>(kLanes));
  Value step = arith::ConstantOp::create(e.b, DenseElementsAttr::get(ids, ArrayRef(lanes)));
  // Lane i attends if position + i ≤ row: i ≤ row - position; and i > row - position - window.
  Value distance = arith::SubIOp::create(e.b, row, position);
  distance = e.broadcast(arith::IndexCastOp::create(e.b, e.b.getI32Type(), distance));
  Value mask = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, step, distance);
  if (!window)
    return mask;
  Value last = arith::SubIOp::create(e.b, distance, e.intConstant(ids, window));
  return arith::AndIOp::create(e.b, mask,
                               arith::CmpIOp::create(e.b, arith::CmpIPredicate::sgt, step, last));
}

Value AttentionBlockEmitter::allocateRows(int64_t rows, int64_t dims) {
  return e.allocateScratch({rows, static_cast<int64_t>(llvm::alignTo(dims, kLanes))},
                           e.b.getF32Type());
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void AttentionBlockEmitter::emitScores(Value left, Value row, Value panels, Value position,
                                       int64_t steps, Value destination, Value to, Value column) {
  SmallVector<Value> zeros(tile.rows * tile.vectors, e.constant(e.f32Vector(), 0));
  Value panel = arith::DivUIOp::create(e.b, position, e.index(getPanelColumns()));
  SmallVector<Value> rows;
  for (int64_t i = 0; i < tile.rows; ++i)
    rows.push_back(add(row, i));
  SmallVector<Value> sums = emitTileProduct(
      e, tile, zeros, e.index(0), e.index(steps),
      [&](int64_t i, Value k) -> Value {
        return memref::LoadOp::create(e.b, left, ValueRange{rows[i], k});
      },
      [&](Value k, int64_t v) { return e.load(panels, {panel, k, e.index(v * kLanes)}); });
  storeTile(sums, destination, Tile{to, tile.rows, column, tile.vectors});
}

void AttentionBlockEmitter::storeTile(ValueRange sums, Value destination, const Tile &at) {
  for (int64_t i = 0; i < at.rows; ++i)
    for (int64_t v = 0; v < at.vectors; ++v)
      e.store(sums[i * at.vectors + v], destination, {add(at.row, i), add(at.column, v * kLanes)});
}

SmallVector<Value> AttentionBlockEmitter::loadTile(Value source, const Tile &at) {
  SmallVector<Value> sums;
  for (int64_t i = 0; i < at.rows; ++i)
    for (int64_t v = 0; v < at.vectors; ++v)
      sums.push_back(e.load(source, {add(at.row, i), add(at.column, v * kLanes)}));
  return sums;
}

void AttentionBlockEmitter::forChannels(Value row, int64_t dims,
                                        function_ref<void(const Tile &)> body) {
  int64_t columns = getPanelColumns(), full = dims / columns * columns, rest = dims - full;
  if (full > 0)
    e.forRange(e.index(0), e.index(full), columns,
               [&](Value column) { body(Tile{row, tile.rows, column, tile.vectors}); });
  if (rest == 0)
    return;
  int64_t vectors = llvm::divideCeil(rest, kLanes);
  body(Tile{row, tile.rows, e.index(full), vectors, rest - (vectors - 1) * kLanes});
}
