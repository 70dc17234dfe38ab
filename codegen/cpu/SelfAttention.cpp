//===- SelfAttention.cpp - Attention among the rows of a batch ------------===//
#include "codegen/cpu/SelfAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

std::string nyala::cpu::getSelfAttentionObstacle(Value rows) {
  if (getTensorType(rows).isDynamicDim(0))
    return "expected a fixed number of rows; run nyala-build-loss first";
  return {};
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Value SelfAttentionEmitter::add(Value l, Value r) { return e.b.createOrFold<arith::AddIOp>(l, r); }
Value SelfAttentionEmitter::add(Value l, int64_t r) { return add(l, e.index(r)); }
Value SelfAttentionEmitter::mul(Value l, int64_t r) {
  return e.b.createOrFold<arith::MulIOp>(l, e.index(r));
}
Value SelfAttentionEmitter::minimum(Value l, Value r) { return arith::MinSIOp::create(e.b, l, r); }
Value SelfAttentionEmitter::floor(Value l, int64_t unit) {
  return mul(arith::DivUIOp::create(e.b, l, e.index(unit)), unit);
}
Value SelfAttentionEmitter::ceil(Value l, int64_t unit) { return floor(add(l, unit - 1), unit); }

Value SelfAttentionEmitter::getFirstPosition(Value row) {
  if (!window)
    return e.index(0);
  return arith::MaxSIOp::create(e.b, add(row, 1 - window), e.index(0));
}

Value SelfAttentionEmitter::emitMask(Value row, Value position) {
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

//===----------------------------------------------------------------------===//
// Rows in memory
//===----------------------------------------------------------------------===//

HeadRows SelfAttentionEmitter::getHead(Value buffer, Value firstRow, Value head, int64_t dims) {
  return {buffer, firstRow, mul(head, dims), dims};
}

Value SelfAttentionEmitter::load(const HeadRows &head, Value row, Value channel, int64_t lanes) {
  return e.load(head.buffer, {add(head.firstRow, row), add(head.column, channel)}, lanes);
}

void SelfAttentionEmitter::store(Value vector, const HeadRows &head, Value row, Value channel,
                                 int64_t lanes) {
  e.store(vector, head.buffer, {add(head.firstRow, row), add(head.column, channel)}, lanes);
}

Value SelfAttentionEmitter::allocatePanels(int64_t dims) {
  return e.allocateScratch({getPaddedLength() / getPanelColumns(),
                            static_cast<int64_t>(llvm::alignTo(dims, kLanes)), getPanelColumns()},
                           e.b.getF32Type());
}

Value SelfAttentionEmitter::allocateRows(int64_t rows, int64_t dims) {
  return e.allocateScratch({rows, static_cast<int64_t>(llvm::alignTo(dims, kLanes))},
                           e.b.getF32Type());
}

void SelfAttentionEmitter::packPanels(const HeadRows &head, Value panels) {
  auto pack = [&](Value first, int64_t rows) {
    Value panel = arith::DivUIOp::create(e.b, first, e.index(getPanelColumns()));
    Value lane = arith::RemUIOp::create(e.b, first, e.index(getPanelColumns()));
    e.forColumns(head.dims, [&](Value channel, int64_t lanes) {
      SmallVector<Value> vectors(kLanes, e.constant(e.f32Vector(), 0));
      for (int64_t i = 0; i < rows; ++i)
        vectors[i] = load(head, add(first, i), channel, lanes);
      e.transpose(vectors);
      for (auto [i, vector] : llvm::enumerate(vectors))
        e.store(vector, panels, {panel, add(channel, i), lane});
    });
  };
  int64_t full = length / kLanes * kLanes;
  e.forRange(e.index(0), e.index(full), kLanes, [&](Value first) { pack(first, kLanes); });
  if (full < length)
    pack(e.index(full), length - full);
  e.forRange(e.index(llvm::alignTo(length, kLanes)), e.index(getPaddedLength()), kLanes,
             [&](Value first) { pack(first, 0); });
}

void SelfAttentionEmitter::copyRows(const HeadRows &head, Value first, int64_t count, double factor,
                                    Value destination) {
  Value rest = arith::SubIOp::create(e.b, e.index(length), first);
  Value present = minimum(e.index(count), rest);
  Value scaling = e.constant(e.f32Vector(), factor), zero = e.constant(e.f32Vector(), 0);
  auto copy = [&](Value row, bool inside) {
    e.forColumns(head.dims, [&](Value channel, int64_t lanes) {
      Value vector = zero;
      if (inside)
        vector = arith::MulFOp::create(e.b, load(head, add(first, row), channel, lanes), scaling);
      e.store(vector, destination, {row, channel});
    });
  };
  e.forRange(e.index(0), present, 1, [&](Value row) { copy(row, true); });
  e.forRange(present, e.index(count), 1, [&](Value row) { copy(row, false); });
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void SelfAttentionEmitter::emitScores(Value left, Value row, Value panels, Value position,
                                      int64_t dims, Value destination, Value column) {
  SmallVector<Value> zeros(tile.rows * tile.vectors, e.constant(e.f32Vector(), 0));
  Value panel = arith::DivUIOp::create(e.b, position, e.index(getPanelColumns()));
  SmallVector<Value> rows;
  for (int64_t i = 0; i < tile.rows; ++i)
    rows.push_back(add(row, i));
  SmallVector<Value> sums = emitTileProduct(
      e, tile, zeros, e.index(0), e.index(dims),
      [&](int64_t i, Value k) -> Value {
        return memref::LoadOp::create(e.b, left, ValueRange{rows[i], k});
      },
      [&](Value k, int64_t v) { return e.load(panels, {panel, k, e.index(v * kLanes)}); });
  storeTile(sums, destination, Tile{row, tile.rows, column, tile.vectors});
}

void SelfAttentionEmitter::storeTile(ValueRange sums, Value destination, const Tile &at) {
  for (int64_t i = 0; i < at.rows; ++i)
    for (int64_t v = 0; v < at.vectors; ++v)
      e.store(sums[i * at.vectors + v], destination, {add(at.row, i), add(at.column, v * kLanes)});
}

SmallVector<Value> SelfAttentionEmitter::loadTile(Value source, const Tile &at) {
  SmallVector<Value> sums;
  for (int64_t i = 0; i < at.rows; ++i)
    for (int64_t v = 0; v < at.vectors; ++v)
      sums.push_back(e.load(source, {add(at.row, i), add(at.column, v * kLanes)}));
  return sums;
}

void SelfAttentionEmitter::forChannels(Value row, int64_t dims,
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
