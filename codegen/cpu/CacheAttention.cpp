//===- CacheAttention.cpp - Attention over caches by rows -----------------===//
#include "codegen/cpu/CacheAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

PositionSpan nyala::cpu::getPositionSpan(TileEmitter &e, Value positions, Value row,
                                         MaskAttr mask) {
  PositionSpan span;
  Value last = e.loadIndex(positions, row), parts = e.index(kPartPositions);
  span.end = arith::AddIOp::create(e.b, last, e.index(1));
  span.first = e.index(0);
  if (int64_t window = mask.getWindow())
    span.first = arith::MaxSIOp::create(e.b, arith::SubIOp::create(e.b, span.end, e.index(window)),
                                        span.first);
  span.firstPart = e.b.createOrFold<arith::DivUIOp>(span.first, parts);
  span.endPart = arith::AddIOp::create(e.b, arith::DivUIOp::create(e.b, last, parts), e.index(1));
  return span;
}

//===----------------------------------------------------------------------===//
// SoftmaxState
//===----------------------------------------------------------------------===//

SoftmaxState SoftmaxState::getEmpty(TileEmitter &e, int64_t vectors) {
  Type f32 = e.b.getF32Type();
  return {e.constant(f32, -1.0e30), e.constant(f32, 0),
          SmallVector<Value>(vectors, e.constant(e.f32Vector(), 0))};
}

SoftmaxState SoftmaxState::merge(TileEmitter &e, const SoftmaxState &other) const {
  SoftmaxState both;
  both.maximum = e.max(maximum, other.maximum);
  Value factor = e.exp(arith::SubFOp::create(e.b, maximum, both.maximum));
  Value otherFactor = e.exp(arith::SubFOp::create(e.b, other.maximum, both.maximum));
  both.sum = e.fma(other.sum, otherFactor, arith::MulFOp::create(e.b, sum, factor));
  factor = e.broadcast(factor);
  otherFactor = e.broadcast(otherFactor);
  for (auto [mine, theirs] : llvm::zip_equal(weighted, other.weighted))
    both.weighted.push_back(e.fma(theirs, otherFactor, arith::MulFOp::create(e.b, mine, factor)));
  return both;
}

void SoftmaxState::finish(TileEmitter &e, Value destination, Value row, Value column,
                          int64_t channels) const {
  Value inverse = e.broadcast(arith::DivFOp::create(e.b, e.constant(e.b.getF32Type(), 1), sum));
  for (auto [v, vector] : llvm::enumerate(weighted)) {
    int64_t offset = static_cast<int64_t>(v) * kLanes;
    e.store(arith::MulFOp::create(e.b, vector, inverse), destination,
            {row, e.b.createOrFold<arith::AddIOp>(column, e.index(offset))},
            std::min(kLanes, channels - offset));
  }
}

SmallVector<Value> SoftmaxState::flatten() const {
  SmallVector<Value> values{maximum, sum};
  llvm::append_range(values, weighted);
  return values;
}

SoftmaxState SoftmaxState::unflatten(ValueRange values) {
  return {values[0], values[1], SmallVector<Value>(values.drop_front(2))};
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

// Accumulators of values take half of 32 registers with AVX-512; of 16, two a vector, most with
// AVX.
int64_t CacheAttentionEmitter::getHeadsTogether() const {
  int64_t vectors = llvm::divideCeil(std::max(queryDim, valueDim), kLanes);
  int64_t most = e.getTarget().hasFeature("avx512f") ? 16 : 6;
  int64_t count = std::clamp<int64_t>(most / vectors, 1, 4);
  // As even as can be: five heads are three and two.
  return llvm::divideCeil(group, llvm::divideCeil(group, count));
}

void CacheAttentionEmitter::forHeads(Value row, Value kvHead,
                                     function_ref<void(const Heads &)> body) {
  Value factor = e.constant(e.f32Vector(), scale);
  Heads shared;
  shared.sequence = e.loadIndex(sequences, row);
  shared.keyColumn = arith::MulIOp::create(e.b, kvHead, e.index(queryDim));
  shared.valueColumn = arith::MulIOp::create(e.b, kvHead, e.index(valueDim));
  Value firstOfGroup = arith::MulIOp::create(e.b, kvHead, e.index(group));
  auto emit = [&](Value offset, int64_t count) {
    Heads heads = shared;
    heads.first = arith::AddIOp::create(e.b, firstOfGroup, offset);
    for (int64_t h = 0; h < count; ++h) {
      Value head = arith::AddIOp::create(e.b, heads.first, e.index(h));
      Value first = arith::MulIOp::create(e.b, head, e.index(queryDim));
      SmallVector<Value> &vectors = heads.queries.emplace_back();
      for (int64_t offset = 0; offset < queryDim; offset += kLanes) {
        Value column = arith::AddIOp::create(e.b, first, e.index(offset));
        Value loaded = e.load(query, {row, column}, std::min(kLanes, queryDim - offset));
        vectors.push_back(arith::MulFOp::create(e.b, loaded, factor));
      }
    }
    body(heads);
  };
  int64_t together = getHeadsTogether(), full = group / together * together;
  if (full == together)
    emit(e.index(0), together);
  else
    e.forRange(e.index(0), e.index(full), together, [&](Value offset) { emit(offset, together); });
  if (full < group)
    emit(e.index(full), group - full);
}

void CacheAttentionEmitter::emitRow(Value row, Value kvHead, Value destination) {
  PositionSpan span = getSpan(row);
  int64_t vectors = llvm::divideCeil(valueDim, kLanes);
  forHeads(row, kvHead, [&](const Heads &heads) {
    SmallVector<Value> init;
    for (int64_t h = 0; h < heads.size(); ++h)
      llvm::append_range(init, SoftmaxState::getEmpty(e, vectors).flatten());
    auto state = [&](ValueRange values, int64_t head) {
      return SoftmaxState::unflatten(values.slice(head * (vectors + 2), vectors + 2));
    };
    auto loop = scf::ForOp::create(e.b, span.firstPart, span.endPart, e.index(1), init);
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(loop.getBody());
      SmallVector<Value> next;
      Value part = loop.getInductionVar();
      Unit following{kvHead, arith::AddIOp::create(e.b, part, e.index(1))};
      for (auto [h, reduced] : llvm::enumerate(reducePart(heads, span, part, following)))
        llvm::append_range(next, state(loop.getRegionIterArgs(), h).merge(e, reduced).flatten());
      scf::YieldOp::create(e.b, next);
    }
    for (int64_t h = 0; h < heads.size(); ++h) {
      Value head = arith::AddIOp::create(e.b, heads.first, e.index(h));
      state(loop.getResults(), h)
          .finish(e, destination, row, arith::MulIOp::create(e.b, head, e.index(valueDim)),
                  valueDim);
    }
  });
}

void CacheAttentionEmitter::emitPart(Value row, const PositionSpan &span, const Unit &unit,
                                     const Unit &next, const PartsLayout &layout,
                                     Value destination) {
  forHeads(row, unit.kvHead, [&](const Heads &heads) {
    for (auto [h, state] : llvm::enumerate(reducePart(heads, span, unit.part, next))) {
      Value head = arith::AddIOp::create(e.b, heads.first, e.index(h));
      Value first = arith::AddIOp::create(
          e.b, arith::MulIOp::create(e.b, head, e.index(layout.getHeadColumns())),
          arith::MulIOp::create(e.b, unit.part, e.index(layout.getPartColumns())));
      auto at = [&](int64_t column) -> Value {
        return e.b.createOrFold<arith::AddIOp>(first, e.index(column));
      };
      for (auto [v, vector] : llvm::enumerate(state.weighted)) {
        int64_t offset = static_cast<int64_t>(v) * kLanes;
        e.store(vector, destination, {row, at(offset)}, std::min(kLanes, valueDim - offset));
      }
      memref::StoreOp::create(e.b, state.maximum, destination,
                              ValueRange{row, at(layout.getMaximumColumn())});
      memref::StoreOp::create(e.b, state.sum, destination,
                              ValueRange{row, at(layout.getSumColumn())});
    }
  });
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

SmallVector<SoftmaxState> CacheAttentionEmitter::reducePart(const Heads &heads,
                                                            const PositionSpan &span, Value part,
                                                            const Unit &next) {
  Value size = e.index(kPartPositions);
  Value begin = arith::MulIOp::create(e.b, part, size);
  Value from = arith::MaxSIOp::create(e.b, begin, span.first);
  Value to = arith::MinSIOp::create(e.b, arith::AddIOp::create(e.b, begin, size), span.end);
  SmallVector<Value> maxima = emitScores(heads, begin, from, to);
  SmallVector<Value> sums = emitExponentials(maxima, begin, from, to);
  SmallVector<Value> weighted = emitWeightedSums(heads, begin, from, to, next);
  int64_t vectors = llvm::divideCeil(valueDim, kLanes);
  SmallVector<SoftmaxState> states;
  for (int64_t h = 0; h < heads.size(); ++h)
    states.push_back(
        {maxima[h], sums[h], SmallVector<Value>(ArrayRef(weighted).slice(h * vectors, vectors))});
  return states;
}

/// scores[h][s - begin] = query h · keys[s] for s in [from, to) of the part at `begin`; returns the
/// maximum of each head. Sixteen positions at a time; those outside the range take the score of its
/// first or last one, which changes no maximum.
SmallVector<Value> CacheAttentionEmitter::emitScores(const Heads &heads, Value begin, Value from,
                                                     Value to) {
  Value lanes = e.index(kLanes);
  Value low = arith::SubIOp::create(e.b, from, begin), high = arith::SubIOp::create(e.b, to, begin);
  Value start = arith::MulIOp::create(e.b, arith::DivUIOp::create(e.b, low, lanes), lanes);
  Value last = arith::SubIOp::create(e.b, to, e.index(1));
  SmallVector<Value> init(heads.size(), e.constant(e.f32Vector(), -1.0e30));
  auto loop = scf::ForOp::create(e.b, start, high, lanes, init);
  {
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    Value first = arith::AddIOp::create(e.b, begin, loop.getInductionVar());
    for (int64_t lane = 0; lane < kLanes; ++lane)
      prefetch(values, heads, heads.valueColumn, arith::AddIOp::create(e.b, first, e.index(lane)));
    Value end = arith::AddIOp::create(e.b, first, lanes);
    Value isWhole = arith::AndIOp::create(
        e.b, arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, first, from),
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, end, to));
    auto branch = scf::IfOp::create(e.b, TypeRange(ValueRange(init)), isWhole,
                                    /*withElseRegion=*/true);
    for (bool whole : {true, false}) {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(whole ? branch.thenBlock() : branch.elseBlock());
      SmallVector<Value> vectors = e.reduceAddEach([&](int64_t lane) {
        Value s = arith::AddIOp::create(e.b, first, e.index(lane));
        if (!whole)
          s = arith::MinSIOp::create(e.b, arith::MaxSIOp::create(e.b, s, from), last);
        return emitProducts(heads, s);
      });
      scf::YieldOp::create(e.b, vectors);
    }
    SmallVector<Value> next;
    for (auto [h, vector] : llvm::enumerate(branch.getResults())) {
      e.store(vector, scores, {e.index(h), loop.getInductionVar()});
      next.push_back(e.max(loop.getRegionIterArg(h), vector));
    }
    scf::YieldOp::create(e.b, next);
  }
  SmallVector<Value> maxima;
  for (Value vector : loop.getResults())
    maxima.push_back(e.reduceMax(vector));
  return maxima;
}

/// Asks for one head of a slot. Of one row the memory is cold, and heads of slots are too far apart
/// for a processor to see what comes: so while a part has its scores computed, its values are asked
/// for, and the next part's keys while its values are added up.
void CacheAttentionEmitter::prefetch(SlotReader &cache, const Heads &heads, Value column,
                                     Value slot) {
  slot = arith::MinSIOp::create(e.b, slot, e.index(cache.getSlots() - 1));
  cache.prefetch(heads.sequence, slot, column);
}

/// Products of each query and the key at a position, added up to one vector; those of a block
/// before they are scaled.
SmallVector<Value> CacheAttentionEmitter::emitProducts(const Heads &heads, Value position) {
  auto addProduct = [&](Value sum, Value l, Value r) {
    return sum ? e.fma(l, r, sum) : Value(arith::MulFOp::create(e.b, l, r));
  };
  SmallVector<Value> sums(heads.size());
  keys.forParts(heads.sequence, position, heads.keyColumn, [&](const SlotReader::Part &part) {
    for (auto [query, sum] : llvm::zip_equal(heads.queries, sums)) {
      Value inner = part.scale ? Value() : sum;
      for (auto [v, key] : llvm::enumerate(part.vectors))
        inner = addProduct(inner, query[part.first + v], key);
      sum = part.scale ? addProduct(sum, inner, part.scale) : inner;
    }
  });
  return sums;
}

/// scores[h][i] = e^(scores[h][i] - maximum of h) for the positions [from, to) of the part, 0 for
/// others of the same vectors; returns their sums.
SmallVector<Value> CacheAttentionEmitter::emitExponentials(ValueRange maxima, Value begin,
                                                           Value from, Value to) {
  Value lanes = e.index(kLanes);
  Value low = arith::SubIOp::create(e.b, from, begin), high = arith::SubIOp::create(e.b, to, begin);
  Value start = arith::MulIOp::create(e.b, arith::DivUIOp::create(e.b, low, lanes), lanes);
  Value zero = e.constant(e.f32Vector(), 0);
  SmallVector<Value> tops;
  for (Value maximum : maxima)
    tops.push_back(e.broadcast(maximum));
  auto loop = scf::ForOp::create(e.b, start, high, lanes, SmallVector<Value>(maxima.size(), zero));
  {
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    Value i = loop.getInductionVar();
    Value step = vector::StepOp::create(e.b, VectorType::get(kLanes, e.b.getIndexType()));
    Value at = arith::AddIOp::create(e.b, step, e.broadcast(i));
    Value inside = arith::AndIOp::create(
        e.b, arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, at, e.broadcast(high)),
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::uge, at, e.broadcast(low)));
    SmallVector<Value> next;
    for (auto [h, top] : llvm::enumerate(tops)) {
      Value score = e.load(scores, {e.index(h), i});
      Value power = e.exp(arith::SubFOp::create(e.b, score, top));
      power = arith::SelectOp::create(e.b, inside, power, zero);
      e.store(power, scores, {e.index(h), i});
      next.push_back(arith::AddFOp::create(e.b, loop.getRegionIterArg(h), power));
    }
    scf::YieldOp::create(e.b, next);
  }
  SmallVector<Value> sums;
  for (Value vector : loop.getResults())
    sums.push_back(e.reduceAdd(vector));
  return sums;
}

/// Of each head sum_s scores[h][s - begin] * values[s] over [from, to); of blocks (scores[h][s -
/// begin] * scale) * integer.
SmallVector<Value> CacheAttentionEmitter::emitWeightedSums(const Heads &heads, Value begin,
                                                           Value from, Value to, const Unit &next) {
  int64_t vectors = llvm::divideCeil(valueDim, kLanes);
  SmallVector<Value> zeros(heads.size() * vectors, e.constant(e.f32Vector(), 0));
  Value nextColumn = arith::MulIOp::create(e.b, next.kvHead, e.index(queryDim));
  Value nextBegin = arith::MulIOp::create(e.b, next.part, e.index(kPartPositions));
  auto loop = scf::ForOp::create(e.b, from, to, e.index(1), zeros);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(loop.getBody());
  Value s = loop.getInductionVar(), i = arith::SubIOp::create(e.b, s, begin);
  prefetch(keys, heads, nextColumn, arith::AddIOp::create(e.b, nextBegin, i));
  SmallVector<Value> weights;
  for (int64_t h = 0; h < heads.size(); ++h)
    weights.push_back(e.broadcast(memref::LoadOp::create(e.b, scores, ValueRange{e.index(h), i})));
  SmallVector<Value> sums(zeros.size());
  values.forParts(heads.sequence, s, heads.valueColumn, [&](const SlotReader::Part &part) {
    for (auto [h, weight] : llvm::enumerate(weights)) {
      Value scaled = part.scale ? Value(arith::MulFOp::create(e.b, weight, part.scale)) : weight;
      for (auto [v, value] : llvm::enumerate(part.vectors)) {
        size_t number = h * vectors + part.first + v;
        sums[number] = e.fma(scaled, value, loop.getRegionIterArg(number));
      }
    }
  });
  scf::YieldOp::create(e.b, sums);
  return SmallVector<Value>(loop.getResults());
}
