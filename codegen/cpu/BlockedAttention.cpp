//===- BlockedAttention.cpp - Attention over caches by blocks -------------===//
#include "codegen/cpu/BlockedAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

BlockedAttentionEmitter::BlockedAttentionEmitter(TileEmitter &e, AttentionOp op)
    : AttentionBlockEmitter(e, getProductTile(e.getTarget()), op.getMask()), op(op),
      heads(op.getHeads()), group(heads / static_cast<int64_t>(op.getKvHeads())),
      queryDim(getChannels(op.getQuery()) / heads), valueDim(getChannels(op.getResult()) / heads),
      isPaired(roundsToBf16(e.getTarget(), op)), keyReader(e, op.getKeys(), queryDim),
      valueReader(e, op.getValues(), valueDim) {
  int64_t rows = std::min(group, kHeads) * kRows, channels = padChannels(valueDim);
  Type f32 = e.b.getF32Type();
  queries = allocateFactor({rows, getSteps(padChannels(queryDim))});
  keys = allocateFactor(
      {kPositions / getPanelColumns(), getSteps(padChannels(queryDim)), getPanelColumns()});
  values = allocateFactor({getSteps(kPositions), channels});
  scores = allocateRows(tile.rows, kPositions);
  probabilities = isPaired ? allocateFactor({tile.rows, getSteps(kPositions)}) : scores;
  maxima = e.allocateScratch({rows}, f32);
  sums = allocateRows(rows, kLanes);
  tops = e.allocateScratch({tile.rows}, f32);
  corrections = e.allocateScratch({tile.rows}, f32);
  weighted = allocateRows(rows, channels);
}

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

Value BlockedAttentionEmitter::allocateFactor(ArrayRef<int64_t> shape) {
  return e.allocateScratch(shape, isPaired ? Type(e.b.getI32Type()) : e.b.getF32Type());
}

void BlockedAttentionEmitter::storeFactor(Value low, Value high, Value destination, Value row,
                                          Value column) {
  if (!isPaired) {
    e.store(low, destination, {row, column});
    e.store(high, destination, {row, add(column, kLanes)});
    return;
  }
  Value pairs = vector::BitCastOp::create(e.b, VectorType::get(kLanes, e.b.getI32Type()),
                                          roundToBf16(e, low, high));
  e.store(pairs, destination, {row, arith::DivUIOp::create(e.b, column, e.index(2))});
}

/// A row of queries times the scale, at row `row` of the factor.
void BlockedAttentionEmitter::loadQueries(const AttentionUnit &unit, Value head, Value row) {
  Value last = arith::SubIOp::create(e.b, unit.count, e.index(1)), first = mul(head, queryDim);
  Value scale = e.constant(e.f32Vector(), op.getScale().convertToDouble());
  Value zero = e.constant(e.f32Vector(), 0), buffer = e.getBuffer(op.getQuery());
  // Rows that are not there are the last one once more.
  e.forRange(e.index(0), e.index(kRows), 1, [&](Value i) {
    Value from = add(unit.firstRow, minimum(i, last)), to = add(row, i);
    auto load = [&](int64_t channel) -> Value {
      if (channel >= queryDim)
        return zero;
      Value loaded =
          e.load(buffer, {from, add(first, channel)}, std::min(kLanes, queryDim - channel));
      return arith::MulFOp::create(e.b, loaded, scale);
    };
    for (int64_t channel = 0; channel < queryDim; channel += 2 * kLanes)
      storeFactor(load(channel), load(channel + kLanes), queries, to, e.index(channel));
  });
}

/// keys[panel][step][position]. Positions beyond the last row's are that one once more.
void BlockedAttentionEmitter::packKeys(const AttentionUnit &unit, Value block) {
  Value last = arith::SubIOp::create(e.b, unit.end, e.index(1)),
        column = mul(unit.kvHead, queryDim);
  VectorType pairs = VectorType::get(kLanes, e.b.getI32Type());
  e.forRange(e.index(0), e.index(kPositions), kLanes, [&](Value first) {
    SmallVector<SmallVector<Value>> slots;
    for (int64_t i = 0; i < kLanes; ++i)
      slots.push_back(
          loadSlot(keyReader, queryDim, unit, minimum(add(block, add(first, i)), last), column));
    Value panel = arith::DivUIOp::create(e.b, first, e.index(getPanelColumns()));
    Value lane = arith::RemUIOp::create(e.b, first, e.index(getPanelColumns()));
    int64_t perVector = isPaired ? 2 : 1;
    for (size_t v = 0; v < slots.front().size(); v += perVector) {
      SmallVector<Value> vectors;
      for (ArrayRef<Value> slot : slots)
        vectors.push_back(isPaired ? Value(vector::BitCastOp::create(
                                         e.b, pairs, roundToBf16(e, slot[v], slot[v + 1])))
                                   : slot[v]);
      e.transpose(vectors);
      for (auto [i, vector] : llvm::enumerate(vectors))
        e.store(vector, keys, {panel, e.index(v / perVector * kLanes + i), lane});
    }
  });
}

/// values[step][channel].
void BlockedAttentionEmitter::packValues(const AttentionUnit &unit, Value block) {
  Value last = arith::SubIOp::create(e.b, unit.end, e.index(1)),
        column = mul(unit.kvHead, valueDim);
  int64_t perStep = isPaired ? 2 : 1;
  e.forRange(e.index(0), e.index(getSteps(kPositions)), 1, [&](Value step) {
    SmallVector<SmallVector<Value>> slots;
    for (int64_t i = 0; i < perStep; ++i)
      slots.push_back(loadSlot(valueReader, valueDim, unit,
                               minimum(add(block, add(mul(step, perStep), i)), last), column));
    for (size_t v = 0; v < slots.front().size(); ++v) {
      Value vector = slots[0][v];
      if (isPaired) {
        Value both = interleavePairs(e, roundToBf16(e, slots[0][v], slots[1][v]));
        vector = vector::BitCastOp::create(e.b, VectorType::get(kLanes, e.b.getI32Type()), both);
      }
      e.store(vector, values, {step, e.index(v * kLanes)});
    }
  });
}

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

void BlockedAttentionEmitter::emit(Value first, Value count, Value kvHead, Value destination) {
  AttentionUnit unit = makeUnit(op, first, count, kvHead);
  forHeads(kvHead, group, kHeads,
           [&](Value firstHead, int64_t heads) { emitHeads(unit, firstHead, heads, destination); });
}

void BlockedAttentionEmitter::emitHeads(const AttentionUnit &unit, Value firstHead, int64_t count,
                                        Value destination) {
  Value zero = e.constant(e.f32Vector(), 0), rows = e.index(count * kRows);
  for (int64_t h = 0; h < count; ++h)
    loadQueries(unit, add(firstHead, h), e.index(h * kRows));
  e.forRange(e.index(0), rows, 1, [&](Value row) {
    memref::StoreOp::create(e.b, e.constant(e.b.getF32Type(), -1.0e30), maxima, row);
    e.store(zero, sums, {row, e.index(0)});
    e.forColumns(padChannels(valueDim),
                 [&](Value channel, int64_t) { e.store(zero, weighted, {row, channel}); });
  });

  Value begin = floor(getFirstPosition(unit.position), kPositions);
  e.forRange(begin, unit.end, kPositions, [&](Value block) {
    packKeys(unit, block);
    packValues(unit, block);
    e.forRange(e.index(0), rows, tile.rows, [&](Value row) {
      Value inUnit = arith::RemUIOp::create(e.b, row, e.index(kRows));
      Value position = add(unit.position, inUnit);
      Value sees = seesBlock(position, tile.rows, block, kPositions);
      auto branch = scf::IfOp::create(e.b, sees, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(branch.thenBlock());
      emitTile(row, position, block);
    });
  });

  for (int64_t h = 0; h < count; ++h) {
    Value first = mul(add(firstHead, h), valueDim);
    e.forRange(e.index(0), unit.count, 1, [&](Value row) {
      Value from = add(row, h * kRows);
      Value sum = e.reduceAdd(e.load(sums, {from, e.index(0)}));
      Value inverse = e.broadcast(arith::DivFOp::create(e.b, e.constant(e.b.getF32Type(), 1), sum));
      e.forColumns(valueDim, [&](Value channel, int64_t lanes) {
        Value vector = arith::MulFOp::create(e.b, e.load(weighted, {from, channel}), inverse);
        e.store(vector, destination, {add(unit.firstRow, row), add(first, channel)}, lanes);
      });
    });
  }
}

//===----------------------------------------------------------------------===//
// Tiles of rows
//===----------------------------------------------------------------------===//

/// Rows of scratch from `row` on, of which the first is at position `position`, and a block of
/// positions.
void BlockedAttentionEmitter::emitTile(Value row, Value position, Value block) {
  // Positions of the block up to the last row's: of others the scores are not looked at.
  Value limit =
      minimum(arith::SubIOp::create(e.b, add(position, tile.rows), block), e.index(kPositions));
  e.forRange(e.index(0), limit, getPanelColumns(), [&](Value column) {
    emitScores(queries, row, keys, column, getSteps(padChannels(queryDim)), scores, e.index(0),
               column);
  });
  emitMaxima(row, position, block);
  e.forRange(e.index(0), e.index(tile.rows), 1,
             [&](Value i) { emitSoftmax(add(row, i), i, add(position, i), block); });
  emitWeighted(row, limit);
}

/// weighted = weighted * correction + probabilities · values, over the block's first positions.
void BlockedAttentionEmitter::emitWeighted(Value row, Value positions) {
  Value steps = positions;
  if (isPaired) // of an odd number of positions, the next one's probability is zero
    steps = arith::DivUIOp::create(e.b, add(positions, 1), e.index(2));
  forChannels(row, valueDim, [&](const Tile &at) {
    SmallVector<Value> old = loadTile(weighted, at);
    for (int64_t i = 0; i < at.rows; ++i) {
      Value correction =
          e.broadcast(memref::LoadOp::create(e.b, corrections, ValueRange{e.index(i)}));
      for (Value &vector : MutableArrayRef(old).slice(i * at.vectors, at.vectors))
        vector = arith::MulFOp::create(e.b, vector, correction);
    }
    SmallVector<Value> products = emitTileProduct(
        e, {at.rows, at.vectors}, old, e.index(0), steps,
        [&](int64_t i, Value step) -> Value {
          return memref::LoadOp::create(e.b, probabilities, ValueRange{e.index(i), step});
        },
        [&](Value step, int64_t v) { return e.load(values, {step, add(at.column, v * kLanes)}); });
    storeTile(products, weighted, at);
  });
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// Scores of a row of the tile and whether the row attends to their positions, vector by vector.
SmallVector<std::pair<Value, Value>>
BlockedAttentionEmitter::loadScores(Value inTile, Value position, Value block) {
  SmallVector<std::pair<Value, Value>> vectors;
  for (int64_t column = 0; column < kPositions; column += kLanes)
    vectors.push_back(
        {e.load(scores, {inTile, e.index(column)}), emitMask(position, add(block, column))});
  return vectors;
}

/// Maxima of the tile's rows with those of this block, and what is corrected for that: lanes are
/// rows.
void BlockedAttentionEmitter::emitMaxima(Value row, Value position, Value block) {
  e.forRange(e.index(0), e.index(tile.rows), 1, [&](Value i) {
    Value top = e.constant(e.f32Vector(), -1.0e30);
    for (auto [vector, mask] : loadScores(i, add(position, i), block))
      top = e.max(top, arith::SelectOp::create(e.b, mask, vector, top));
    memref::StoreOp::create(e.b, e.reduceMax(top), tops, i);
  });
  Value old = e.load(maxima, {row}, tile.rows);
  Value maximum = e.max(e.load(tops, {e.index(0)}, tile.rows), old);
  e.store(maximum, maxima, {row}, tile.rows);
  e.store(e.exp(arith::SubFOp::create(e.b, old, maximum)), corrections, {e.index(0)}, tile.rows);
}

/// probabilities = exp(scores - the row's maximum so far), zeros where it does not attend.
void BlockedAttentionEmitter::emitSoftmax(Value row, Value inTile, Value position, Value block) {
  Value zero = e.constant(e.f32Vector(), 0);
  Value top = e.broadcast(memref::LoadOp::create(e.b, maxima, row));
  Value correction = e.broadcast(memref::LoadOp::create(e.b, corrections, inTile));
  Value sum = arith::MulFOp::create(e.b, e.load(sums, {row, e.index(0)}), correction);
  SmallVector<Value> powers;
  for (auto [vector, mask] : loadScores(inTile, position, block)) {
    Value power = e.exp(arith::SubFOp::create(e.b, vector, top));
    powers.push_back(arith::SelectOp::create(e.b, mask, power, zero));
    sum = arith::AddFOp::create(e.b, sum, powers.back());
  }
  e.store(sum, sums, {row, e.index(0)});
  for (size_t v = 0; v < powers.size(); v += 2)
    storeFactor(powers[v], powers[v + 1], probabilities, inTile, e.index(v * kLanes));
}
