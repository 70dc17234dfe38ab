//===- TiledAttention.cpp - Attention of prompts in tile registers --------===//
#include "codegen/cpu/TiledAttention.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

/// What stands for no score at all; its power of two is 0, whatever the maximum.
static constexpr double kLowest = -1.0e30;

bool TiledAttentionEmitter::supports(CpuTargetAttr target, AttentionOp op) {
  return target.hasFeature("amx-bf16") && roundsToBf16(target, op);
}

TiledAttentionEmitter::TiledAttentionEmitter(TileEmitter &e, AttentionOp op)
    : AttentionBlockEmitter(e, {kGroupRows, 1}, op.getMask()), op(op), heads(op.getHeads()),
      group(heads / static_cast<int64_t>(op.getKvHeads())),
      queryDim(getChannels(op.getQuery()) / heads), valueDim(getChannels(op.getResult()) / heads),
      steps(llvm::divideCeil(queryDim, kTileNumbers)),
      channelTiles(llvm::divideCeil(valueDim, kLanes)), keyReader(e, op.getKeys(), queryDim),
      valueReader(e, op.getValues(), valueDim) {
  int64_t groups = std::min(group, kHeads) * kRows / kGroupRows;
  auto allocateTiles = [&](int64_t outer, int64_t inner) {
    return e.allocateScratch({outer, inner, kLanes, kTileNumbers}, e.b.getBF16Type());
  };
  Type f32 = e.b.getF32Type();
  queries = allocateTiles(groups, steps);
  keys = allocateTiles(kPositions / kLanes, steps);
  values = allocateTiles(channelTiles, kPositions / kTileNumbers);
  probabilities = allocateTiles(2, kPositions / kTileNumbers);
  scores = e.allocateScratch({2, kPositions, kLanes}, f32);
  maxima = e.allocateScratch({groups, kLanes}, f32);
  sums = e.allocateScratch({groups, kLanes}, f32);
  weighted = e.allocateScratch({groups, channelTiles * kLanes, kLanes}, f32);
  result = e.allocateScratch({kGroupRows, channelTiles * kLanes}, f32);
}

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

/// 16 vectors of pairs of bf16, transposed, as the rows of a tile.
static void storeTransposed(TileEmitter &e, MutableArrayRef<Value> pairs, Value tiles, Value outer,
                            Value inner) {
  VectorType words = VectorType::get(kLanes, e.b.getI32Type());
  VectorType numbers = VectorType::get(2 * kLanes, e.b.getBF16Type());
  for (Value &vector : pairs)
    vector = vector::BitCastOp::create(e.b, words, vector);
  e.transpose(pairs);
  for (auto [i, vector] : llvm::enumerate(pairs))
    vector::StoreOp::create(e.b, vector::BitCastOp::create(e.b, numbers, vector), tiles,
                            ValueRange{outer, inner, e.index(i), e.index(0)});
}

/// The unit's queries of a head, in groups from `first` on, times the scale and log2(e): scores are
/// exponents of two.
void TiledAttentionEmitter::loadQueries(const AttentionUnit &unit, Value head, Value first) {
  Value last = arith::SubIOp::create(e.b, unit.count, e.index(1)), column = mul(head, queryDim);
  Value scale = e.constant(e.f32Vector(), op.getScale().convertToDouble() * 1.4426950408889634);
  Value zero = e.constant(e.f32Vector(), 0), buffer = e.getBuffer(op.getQuery());
  e.forRange(e.index(0), e.index(kRows / kGroupRows), 1, [&](Value inUnit) {
    for (int64_t step = 0; step < steps; ++step) {
      SmallVector<Value> pairs;
      for (int64_t i = 0; i < kGroupRows; ++i) {
        // Rows that are not there are the last one once more.
        Value from = add(unit.firstRow, minimum(add(mul(inUnit, kGroupRows), i), last));
        auto load = [&](int64_t channel) -> Value {
          if (channel >= queryDim)
            return zero;
          Value loaded =
              e.load(buffer, {from, add(column, channel)}, std::min(kLanes, queryDim - channel));
          return arith::MulFOp::create(e.b, loaded, scale);
        };
        pairs.push_back(
            roundToBf16(e, load(step * kTileNumbers), load(step * kTileNumbers + kLanes)));
      }
      storeTransposed(e, pairs, queries, add(first, inUnit), e.index(step));
    }
  });
}

/// The first `count` positions of a block. Positions beyond the last row's are that one once more.
void TiledAttentionEmitter::packKeys(const AttentionUnit &unit, Value block, Value count) {
  Value last = arith::SubIOp::create(e.b, unit.end, e.index(1)),
        column = mul(unit.kvHead, queryDim);
  e.forRange(e.index(0), count, 1, [&](Value i) {
    SmallVector<Value> slot =
        loadSlot(keyReader, queryDim, unit, minimum(add(block, i), last), column);
    for (int64_t step = 0; step < steps; ++step)
      vector::StoreOp::create(
          e.b, roundToBf16(e, slot[2 * step], slot[2 * step + 1]), keys,
          ValueRange{arith::DivUIOp::create(e.b, i, e.index(kLanes)), e.index(step),
                     arith::RemUIOp::create(e.b, i, e.index(kLanes)), e.index(0)});
  });
}

void TiledAttentionEmitter::packValues(const AttentionUnit &unit, Value block, Value count) {
  Value last = arith::SubIOp::create(e.b, unit.end, e.index(1)),
        column = mul(unit.kvHead, valueDim);
  e.forRange(e.index(0), count, kTileNumbers, [&](Value first) {
    SmallVector<SmallVector<Value>> slots;
    for (int64_t i = 0; i < kTileNumbers; ++i)
      slots.push_back(
          loadSlot(valueReader, valueDim, unit, minimum(add(block, add(first, i)), last), column));
    for (int64_t v = 0; v < channelTiles; ++v) {
      SmallVector<Value> pairs;
      for (int64_t i = 0; i < kTileNumbers; i += 2)
        pairs.push_back(roundPairs(slots[i][v], slots[i + 1][v]));
      storeTransposed(e, pairs, values, e.index(v),
                      arith::DivUIOp::create(e.b, first, e.index(kTileNumbers)));
    }
  });
}

/// Of each lane the numbers of both vectors, in bf16, beside each other.
Value TiledAttentionEmitter::roundPairs(Value first, Value second) {
  return interleavePairs(e, roundToBf16(e, first, second));
}

//===----------------------------------------------------------------------===//
// Units
//===----------------------------------------------------------------------===//

void TiledAttentionEmitter::emit(Value first, Value count, Value kvHead, Value destination) {
  AttentionUnit unit = makeUnit(op, first, count, kvHead);
  forHeads(kvHead, group, kHeads,
           [&](Value firstHead, int64_t heads) { emitHeads(unit, firstHead, heads, destination); });
}

void TiledAttentionEmitter::emitHeads(const AttentionUnit &unit, Value firstHead, int64_t count,
                                      Value destination) {
  constexpr int64_t perHead = kRows / kGroupRows;
  Value zero = e.constant(e.f32Vector(), 0), groups = e.index(count * perHead);
  for (int64_t h = 0; h < count; ++h)
    loadQueries(unit, add(firstHead, h), e.index(h * perHead));
  e.forRange(e.index(0), groups, 1, [&](Value number) {
    e.store(e.constant(e.f32Vector(), kLowest), maxima, {number, e.index(0)});
    e.store(zero, sums, {number, e.index(0)});
    e.forRange(e.index(0), e.index(channelTiles * kLanes), 1,
               [&](Value channel) { e.store(zero, weighted, {number, channel, e.index(0)}); });
  });

  Value begin = floor(getFirstPosition(unit.position), kPositions);
  e.forRange(begin, unit.end, kPositions, [&](Value block) {
    Value rest = arith::SubIOp::create(e.b, unit.end, block);
    Value positions = minimum(ceil(rest, kTileNumbers), e.index(kPositions));
    packKeys(unit, block, positions);
    packValues(unit, block, positions);
    e.forRange(e.index(0), groups, 2, [&](Value number) {
      Value inUnit = mul(arith::RemUIOp::create(e.b, number, e.index(perHead)), kGroupRows);
      Value position = add(unit.position, inUnit);
      Value sees = arith::AndIOp::create(
          e.b, seesBlock(position, kPairRows, block, kPositions),
          arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, inUnit, unit.count));
      auto branch = scf::IfOp::create(e.b, sees, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(branch.thenBlock());
      emitPair(number, position, block);
    });
  });

  for (int64_t h = 0; h < count; ++h)
    e.forRange(e.index(0), unit.count, kGroupRows, [&](Value row) {
      Value number = add(arith::DivUIOp::create(e.b, row, e.index(kGroupRows)), h * perHead);
      storeResult(unit, number, row, add(firstHead, h), destination);
    });
}

/// weighted / sum, of the rows of a group that there are.
void TiledAttentionEmitter::storeResult(const AttentionUnit &unit, Value number, Value firstRow,
                                        Value head, Value destination) {
  Value inverse =
      arith::DivFOp::create(e.b, e.constant(e.f32Vector(), 1), e.load(sums, {number, e.index(0)}));
  e.forRange(e.index(0), e.index(channelTiles * kLanes), kLanes, [&](Value channel) {
    SmallVector<Value> vectors;
    for (int64_t i = 0; i < kLanes; ++i)
      vectors.push_back(arith::MulFOp::create(
          e.b, e.load(weighted, {number, add(channel, i), e.index(0)}), inverse));
    e.transpose(vectors);
    for (auto [i, vector] : llvm::enumerate(vectors))
      e.store(vector, result, {e.index(i), channel});
  });
  Value rest = arith::SubIOp::create(e.b, unit.count, firstRow), column = mul(head, valueDim);
  e.forRange(e.index(0), minimum(rest, e.index(kGroupRows)), 1, [&](Value i) {
    Value to = add(add(unit.firstRow, firstRow), i);
    e.forColumns(valueDim, [&](Value channel, int64_t lanes) {
      e.store(e.load(result, {i, channel}), destination, {to, add(column, channel)}, lanes);
    });
  });
}

//===----------------------------------------------------------------------===//
// Pairs of groups
//===----------------------------------------------------------------------===//

/// Groups `number` and the next one, whose first row is at position `position`, and a block of
/// positions.
void TiledAttentionEmitter::emitPair(Value number, Value position, Value block) {
  Value rest = arith::SubIOp::create(e.b, add(position, kPairRows), block);
  Value positions = minimum(ceil(rest, kTileNumbers), e.index(kPositions));
  emitScores(number, positions);
  for (int64_t half = 0; half < 2; ++half)
    emitSoftmax(half, add(number, half), add(position, half * kGroupRows), block, positions);
  emitWeighted(number, positions);
}

/// sums[i][j] += left(i) * right(j): tiles of `memory` at two places each.
static void multiplyTiles(TileEmitter &e, MutableArrayRef<Value> sums, Value left,
                          ArrayRef<SmallVector<Value>> leftAt, Value right,
                          ArrayRef<SmallVector<Value>> rightAt) {
  auto type = amx::TileType::get({16, 32}, e.b.getBF16Type());
  SmallVector<Value> a, b;
  for (ArrayRef<Value> at : leftAt)
    a.push_back(amx::TileLoadOp::create(e.b, type, left, at));
  for (ArrayRef<Value> at : rightAt)
    b.push_back(amx::TileLoadOp::create(e.b, type, right, at));
  for (auto [i, l] : llvm::enumerate(a))
    for (auto [j, r] : llvm::enumerate(b)) {
      Value &sum = sums[i * b.size() + j];
      sum = amx::TileMulFOp::create(e.b, sum.getType(), l, r, sum);
    }
}

static amx::TileType getSumTile(TileEmitter &e) {
  return amx::TileType::get({kLanes, kLanes}, e.b.getF32Type());
}

/// The scores of the block's first positions.
void TiledAttentionEmitter::emitScores(Value number, Value positions) {
  e.forRange(e.index(0), positions, 2 * kLanes, [&](Value first) {
    SmallVector<Value> tiles;
    for (int64_t i = 0; i < 4; ++i)
      tiles.push_back(amx::TileZeroOp::create(e.b, getSumTile(e)));
    Value tile = arith::DivUIOp::create(e.b, first, e.index(kLanes)), zero = e.index(0);
    for (int64_t step = 0; step < steps; ++step) {
      Value k = e.index(step);
      multiplyTiles(e, tiles, keys, {{tile, k, zero, zero}, {add(tile, 1), k, zero, zero}}, queries,
                    {{number, k, zero, zero}, {add(number, 1), k, zero, zero}});
    }
    for (auto [i, sum] : llvm::enumerate(tiles))
      amx::TileStoreOp::create(e.b, scores,
                               ValueRange{e.index(i % 2), add(first, i / 2 * kLanes), zero}, sum);
  });
}

/// weighted += values · probabilities of the block's first positions.
void TiledAttentionEmitter::emitWeighted(Value number, Value positions) {
  Value zero = e.index(0);
  Value count = arith::DivUIOp::create(e.b, positions, e.index(kTileNumbers));
  auto emitTiles = [&](Value first, int64_t tiles) {
    auto at = [&](int64_t i) {
      return SmallVector<Value>{add(number, i % 2), mul(add(first, i / 2), kLanes), zero};
    };
    SmallVector<Value> old;
    for (int64_t i = 0; i < 2 * tiles; ++i)
      old.push_back(amx::TileLoadOp::create(e.b, getSumTile(e), weighted, at(i)));
    auto loop = scf::ForOp::create(e.b, zero, count, e.index(1), old);
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(loop.getBody());
      Value k = loop.getInductionVar();
      SmallVector<SmallVector<Value>> left;
      for (int64_t i = 0; i < tiles; ++i)
        left.push_back({add(first, i), k, zero, zero});
      SmallVector<Value> next(loop.getRegionIterArgs());
      multiplyTiles(e, next, values, left, probabilities,
                    {{zero, k, zero, zero}, {e.index(1), k, zero, zero}});
      scf::YieldOp::create(e.b, next);
    }
    for (auto [i, sum] : llvm::enumerate(loop.getResults()))
      amx::TileStoreOp::create(e.b, weighted, at(i), sum);
  };
  int64_t full = channelTiles / 2 * 2;
  if (full > 0)
    e.forRange(zero, e.index(full), 2, [&](Value first) { emitTiles(first, 2); });
  if (full < channelTiles)
    emitTiles(e.index(full), 1);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// kLowest in place of scores of positions that rows do not attend to.
void TiledAttentionEmitter::maskScores(int64_t half, Value position, Value block, Value positions) {
  auto ids = VectorType::get(kLanes, e.b.getI32Type());
  SmallVector<int32_t> lanes = llvm::to_vector(llvm::seq<int32_t>(kLanes));
  Value rows = arith::ConstantOp::create(e.b, DenseElementsAttr::get(ids, ArrayRef(lanes)));
  Value offset = arith::SubIOp::create(e.b, position, block);
  // The block's last position that each row attends to.
  Value last = arith::AddIOp::create(
      e.b, rows, e.broadcast(arith::IndexCastOp::create(e.b, e.b.getI32Type(), offset)));
  e.forRange(e.index(0), positions, 1, [&](Value i) {
    Value here = e.broadcast(arith::IndexCastOp::create(e.b, e.b.getI32Type(), i));
    Value attends = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, here, last);
    if (window) {
      Value before = arith::SubIOp::create(e.b, last, e.intConstant(ids, window));
      attends = arith::AndIOp::create(
          e.b, attends, arith::CmpIOp::create(e.b, arith::CmpIPredicate::sgt, here, before));
    }
    SmallVector<Value> at = {e.index(half), i, e.index(0)};
    Value lowest = e.constant(e.f32Vector(), kLowest);
    e.store(arith::SelectOp::create(e.b, attends, e.load(scores, at), lowest), scores, at);
  });
}

/// probabilities = 2^(scores - the row's maximum so far): rounding to bf16 adds twenty times the
/// error of exp2Roughly().
void TiledAttentionEmitter::emitSoftmax(int64_t half, Value number, Value position, Value block,
                                        Value positions) {
  constexpr int64_t unroll = 4;
  // Do all rows attend to all positions?
  Value isMasked = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sgt, add(block, positions),
                                         add(position, 1));
  if (window)
    isMasked = arith::OrIOp::create(
        e.b, isMasked,
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, block,
                              getFirstPosition(add(position, kGroupRows - 1))));
  auto ifTrue = [&](Value condition, function_ref<void()> body) {
    auto branch = scf::IfOp::create(e.b, condition, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    body();
  };
  ifTrue(isMasked, [&] { maskScores(half, position, block, positions); });

  auto load = [&](Value first, int64_t i) {
    return e.load(scores, {e.index(half), add(first, i), e.index(0)});
  };
  auto forPositions = [&](Value init, int64_t step,
                          function_ref<void(Value, MutableArrayRef<Value>)> body) {
    auto loop = scf::ForOp::create(e.b, e.index(0), positions, e.index(step),
                                   SmallVector<Value>(unroll, init));
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> carried(loop.getRegionIterArgs());
    body(loop.getInductionVar(), carried);
    scf::YieldOp::create(e.b, carried);
    return SmallVector<Value>(loop.getResults());
  };
  Value old = e.load(maxima, {number, e.index(0)});
  SmallVector<Value> tops =
      forPositions(old, 2 * unroll, [&](Value first, MutableArrayRef<Value> tops) {
        for (int64_t i = 0; i < 2 * unroll; ++i)
          tops[i % unroll] = e.max(load(first, i), tops[i % unroll]);
      });
  Value top = e.max(e.max(tops[0], tops[1]), e.max(tops[2], tops[3]));
  e.store(top, maxima, {number, e.index(0)});

  Value grown = arith::CmpFOp::create(e.b, arith::CmpFPredicate::UNE, top, old);
  grown = vector::ReductionOp::create(e.b, vector::CombiningKind::OR, grown);
  ifTrue(grown, [&] {
    Value correction = e.exp2Roughly(arith::SubFOp::create(e.b, old, top));
    auto scale = [&](Value buffer, ValueRange at) {
      e.store(arith::MulFOp::create(e.b, e.load(buffer, at), correction), buffer, at);
    };
    scale(sums, {number, e.index(0)});
    e.forRange(e.index(0), e.index(channelTiles * kLanes), 1,
               [&](Value channel) { scale(weighted, {number, channel, e.index(0)}); });
  });

  SmallVector<Value> totals = forPositions(
      e.constant(e.f32Vector(), 0), 2 * unroll, [&](Value first, MutableArrayRef<Value> totals) {
        Value tile = arith::DivUIOp::create(e.b, first, e.index(kTileNumbers));
        Value pair = arith::DivUIOp::create(
            e.b, arith::RemUIOp::create(e.b, first, e.index(kTileNumbers)), e.index(2));
        for (int64_t i = 0; i < unroll; ++i) {
          Value powers[2];
          for (int64_t j = 0; j < 2; ++j)
            powers[j] = e.exp2Roughly(arith::SubFOp::create(e.b, load(first, 2 * i + j), top));
          totals[i] = arith::AddFOp::create(e.b, totals[i],
                                            arith::AddFOp::create(e.b, powers[0], powers[1]));
          vector::StoreOp::create(e.b, roundPairs(powers[0], powers[1]), probabilities,
                                  ValueRange{e.index(half), tile, add(pair, i), e.index(0)});
        }
      });
  Value sum = e.load(sums, {number, e.index(0)});
  for (Value total : totals)
    sum = arith::AddFOp::create(e.b, sum, total);
  e.store(sum, sums, {number, e.index(0)});
}
