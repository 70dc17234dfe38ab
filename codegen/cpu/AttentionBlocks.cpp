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

void AttentionBlockEmitter::forHeads(Value kvHead, int64_t group, int64_t most,
                                     function_ref<void(Value, int64_t)> body) {
  Value first = mul(kvHead, group);
  int64_t full = group / most * most;
  if (full > 0)
    e.forRange(e.index(0), e.index(full), most,
               [&](Value offset) { body(add(first, offset), most); });
  if (full < group)
    body(add(first, full), group - full);
}

Value AttentionBlockEmitter::seesBlock(Value position, int64_t rows, Value block,
                                       int64_t positions) {
  Value sees =
      arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, block, add(position, rows - 1));
  if (!window)
    return sees;
  Value begins = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sgt, add(block, positions),
                                       getFirstPosition(position));
  return arith::AndIOp::create(e.b, sees, begins);
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
// Units
//===----------------------------------------------------------------------===//

bool nyala::cpu::roundsToBf16(CpuTargetAttr target, AttentionOp op) {
  auto holdsFloats = [](Value cache) {
    RankedTensorType type = getTensorType(cache);
    return !getBlocks(type) && type.getElementType().isF32();
  };
  return target.hasFeature("avx512bf16") && !holdsFloats(op.getKeys()) &&
         !holdsFloats(op.getValues());
}

Value AttentionBlockEmitter::areConsecutive(AttentionOp op, Value first, Value count) {
  Value yes = arith::ConstantOp::create(e.b, e.b.getBoolAttr(true));
  auto loop = scf::ForOp::create(e.b, e.index(1), count, e.index(1), yes);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(loop.getBody());
  auto follows = [&](Value ids, int64_t step) -> Value {
    Value here = e.loadIndex(ids, add(first, loop.getInductionVar()));
    Value before = e.loadIndex(
        ids, arith::SubIOp::create(e.b, add(first, loop.getInductionVar()), e.index(1)));
    return arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, here, add(before, step));
  };
  Value both =
      arith::AndIOp::create(e.b, follows(op.getPositions(), 1), follows(op.getSequences(), 0));
  scf::YieldOp::create(e.b, ValueRange{arith::AndIOp::create(e.b, loop.getRegionIterArg(0), both)});
  return loop.getResult(0);
}

AttentionUnit AttentionBlockEmitter::makeUnit(AttentionOp op, Value first, Value count,
                                              Value kvHead) {
  AttentionUnit unit{first,
                     count,
                     kvHead,
                     e.loadIndex(op.getSequences(), first),
                     e.loadIndex(op.getPositions(), first),
                     {}};
  unit.end = add(unit.position, count);
  return unit;
}

/// The vectors of one head of a slot, padded with zeros to padChannels().
SmallVector<Value> AttentionBlockEmitter::loadSlot(SlotReader &cache, int64_t channels,
                                                   const AttentionUnit &unit, Value slot,
                                                   Value column) {
  SmallVector<Value> vectors(padChannels(channels) / kLanes, e.constant(e.f32Vector(), 0));
  cache.forParts(unit.sequence, slot, column, [&](const SlotReader::Part &part) {
    for (auto [v, vector] : llvm::enumerate(part.vectors))
      vectors[part.first + v] =
          part.scale ? Value(arith::MulFOp::create(e.b, vector, part.scale)) : vector;
  });
  return vectors;
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
