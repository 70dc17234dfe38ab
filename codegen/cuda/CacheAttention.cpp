//===- CacheAttention.cpp - Attention over caches by parts ----------------===//
#include "codegen/cuda/CacheAttention.h"

#include "ir/AttentionOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

using Predicate = arith::CmpIPredicate;

static constexpr int64_t kWarps = CacheAttentionEmitter::kThreads / kWarp;
/// Positions of a warp: as many as it has lanes.
static constexpr int64_t kWarpPositions = kPartPositions / kWarps;
static_assert(kWarpPositions == kWarp);
/// Query heads of a block: their queries and weighted sums are 64 registers.
static constexpr int64_t kHeads = 4;
/// Registers of what a thread has asked for and not used yet.
static constexpr int64_t kLoadRegisters = 64;
/// Parts that are loaded together when they are merged.
static constexpr int64_t kPartsAtOnce = 8;

std::string CacheAttentionEmitter::getObstacle(AttentionOp op) {
  for (Value cache : {op.getKeys(), op.getValues()})
    if (std::string obstacle = HeadReader::getObstacle(cache, op.getKvHeads()); !obstacle.empty())
      return obstacle;
  return {};
}

int64_t CacheAttentionEmitter::getHeadGroups(AttentionOp op) {
  int64_t kvHeads = op.getKvHeads(), heads = op.getHeads();
  return kvHeads * static_cast<int64_t>(llvm::divideCeil(heads / kvHeads, kHeads));
}

int64_t CacheAttentionEmitter::getParts(AttentionOp op) {
  return static_cast<int64_t>(
      llvm::divideCeil(getTensorType(op.getKeys()).getDimSize(1), kPartPositions));
}

CacheAttentionEmitter::CacheAttentionEmitter(ThreadEmitter &e, AttentionOp op)
    : e(e), op(op), keys(e, op.getKeys(), op.getKvHeads()),
      values(e, op.getValues(), op.getKvHeads()),
      group(static_cast<int64_t>(op.getHeads()) / static_cast<int64_t>(op.getKvHeads())),
      together(static_cast<int64_t>(
          llvm::divideCeil(group, getHeadGroups(op) / static_cast<int64_t>(op.getKvHeads())))) {
  int64_t columns = together * values.getChannels();
  width = static_cast<int64_t>(llvm::PowerOf2Ceil(llvm::divideCeil(columns, kThreads)));
  Type f32 = e.b.getF32Type();
  warpMaxima = e.allocateShared({kWarps, together}, f32);
  warpSums = e.allocateShared({kWarps, together}, f32);
  warpWeighted = e.allocateShared({kWarps * values.getSlotsAtOnce(), columns}, f32);
}

bool CacheAttentionEmitter::isNarrow() const {
  return std::max(keys.getRegisters(), values.getRegisters()) < HeadReader::kLaneChannels;
}

Value CacheAttentionEmitter::add(Value l, Value r) { return e.b.createOrFold<arith::AddIOp>(l, r); }
Value CacheAttentionEmitter::add(Value l, int64_t r) { return add(l, e.index(r)); }
Value CacheAttentionEmitter::mul(Value l, int64_t r) {
  return e.b.createOrFold<arith::MulIOp>(l, e.index(r));
}
Value CacheAttentionEmitter::compare(Predicate predicate, Value l, Value r) {
  return arith::CmpIOp::create(e.b, predicate, l, r);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void CacheAttentionEmitter::emitPart(Value headGroup, Value part, Value row,
                                     AttentionWriter write) {
  Span span = getSpan(row);
  bool isOne = getParts(op) == 1;
  if (!isOne) {
    int64_t bytes = e.getMaxRows() * getHeadGroups(op) * getParts(op) * together *
                    (values.getChannels() + 2) * 4;
    workspace = e.allocateWorkspace(bytes);
    factors = e.allocateShared(
        {together, static_cast<int64_t>(llvm::alignTo(getParts(op), kPartsAtOnce))},
        e.b.getF32Type());
    total = e.allocateShared({together}, e.b.getF32Type());
    last = e.allocateShared({1}, e.b.getI32Type());
  }
  Value isSeen = arith::AndIOp::create(e.b, compare(Predicate::sge, part, span.firstPart),
                                       compare(Predicate::slt, part, span.endPart));
  e.when(isSeen, [&] {
    e.beginRow();
    beginGroup(headGroup, row);
    State state = reducePart(span, part);
    if (isOne)
      return finish(state, write);
    Value parts = arith::SubIOp::create(e.b, span.endPart, span.firstPart);
    auto branch = scf::IfOp::create(e.b, compare(Predicate::eq, parts, e.index(1)),
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    finish(state, write);
    e.b.setInsertionPointToStart(branch.elseBlock());
    publish(state, part);
    e.when(isLast(parts), [&] { finish(mergeParts(span), write); });
  });
}

void CacheAttentionEmitter::emitParts(Value headGroup, Value row, AttentionWriter write) {
  Span span = getSpan(row);
  e.beginRow();
  beginGroup(headGroup, row);
  SmallVector<Value> init(width + 2, e.constant(0));
  init[0] = e.constant(kNoMaximum);
  auto unflatten = [](ValueRange values) {
    return State{values[0], values[1], SmallVector<Value>(values.drop_front(2))};
  };
  State all = unflatten(
      e.forRange(span.firstPart, span.endPart, 1, init, [&](Value part, ValueRange carried) {
        State before = unflatten(carried), here = reducePart(span, part);
        e.barrier(); // the next part writes where this one was read
        Value maximum = arith::MaxNumFOp::create(e.b, before.maximum, here.maximum);
        Value old = exp2(e, arith::SubFOp::create(e.b, before.maximum, maximum));
        Value fresh = exp2(e, arith::SubFOp::create(e.b, here.maximum, maximum));
        auto merge = [&](Value l, Value r) -> Value {
          return e.fma(r, fresh, arith::MulFOp::create(e.b, l, old));
        };
        SmallVector<Value> next{maximum, merge(before.sum, here.sum)};
        for (auto [l, r] : llvm::zip_equal(before.weighted, here.weighted))
          next.push_back(merge(l, r));
        return next;
      }));
  finish(all, write);
}

CacheAttentionEmitter::Span CacheAttentionEmitter::getSpan(Value row) {
  auto load = [&](Value ids) -> Value {
    Value id = memref::LoadOp::create(e.b, e.getBuffer(ids), row);
    return arith::IndexCastOp::create(e.b, e.b.getIndexType(), id);
  };
  Span span;
  Value position = load(op.getPositions());
  bool isAlone = getTensorType(op.getKeys()).getDimSize(0) == 1;
  span.sequence = isAlone ? e.index(0) : load(op.getSequences());
  span.end = add(position, 1);
  span.first = e.index(0);
  if (int64_t window = op.getMask().getWindow())
    span.first = arith::MaxSIOp::create(e.b, add(span.end, -window), span.first);
  Value size = e.index(kPartPositions);
  span.firstPart = e.b.createOrFold<arith::DivUIOp>(span.first, size);
  span.endPart = add(arith::DivUIOp::create(e.b, position, size), 1);
  return span;
}

/// Loads queries, times the scale. Of the last group heads may be missing: the last one stands in
/// for them, and is not stored.
void CacheAttentionEmitter::beginGroup(Value headGroup, Value row) {
  this->row = row;
  this->headGroup = headGroup;
  int64_t groups = getHeadGroups(op) / static_cast<int64_t>(op.getKvHeads());
  kvHead = e.b.createOrFold<arith::DivUIOp>(headGroup, e.index(groups));
  Value inGroup = e.b.createOrFold<arith::RemUIOp>(headGroup, e.index(groups));
  firstHead = add(mul(kvHead, group), mul(inGroup, together));
  Value lastHead = add(mul(kvHead, group), group - 1);

  Value scale = e.constant(getBinaryScale(op)), zero = e.constant(0);
  queries.clear();
  for (int64_t h = 0; h < together; ++h) {
    Value head = add(firstHead, h);
    if (groups * together != group)
      head = arith::MinSIOp::create(e.b, head, lastHead);
    SmallVector<Value> &query = queries.emplace_back();
    for (int64_t half = 0; half < 2; ++half) {
      Tile tile{row, add(mul(head, keys.getChannels()), keys.getChannel(half)), 0,
                HeadReader::kLaneChannels / 2};
      for (Value x : e.pull(op.getQuery(), tile)) {
        Value scaled = arith::MulFOp::create(e.b, x, scale);
        if (Value isMine = keys.hasChannels())
          scaled = arith::SelectOp::create(e.b, isMine, scaled, zero);
        query.push_back(scaled);
      }
    }
  }

  int64_t channels = values.getChannels();
  Value column = mul(e.getThread(), width);
  isMerging = compare(Predicate::slt, column, e.index(together * channels));
  column = arith::MinSIOp::create(e.b, column, e.index(together * channels - width));
  mergedHead = arith::DivUIOp::create(e.b, column, e.index(channels));
  mergedChannel = arith::RemUIOp::create(e.b, column, e.index(channels));
}

void CacheAttentionEmitter::finish(const State &state, AttentionWriter write) {
  Value inverse = arith::DivFOp::create(e.b, e.constant(1), state.sum);
  SmallVector<Value> elements;
  for (Value x : state.weighted)
    elements.push_back(arith::MulFOp::create(e.b, x, inverse));
  Value head = add(firstHead, mergedHead), lastHead = add(mul(kvHead, group), group - 1);
  Value isThere = arith::AndIOp::create(e.b, isMerging, compare(Predicate::sle, head, lastHead));
  head = arith::MinSIOp::create(e.b, head, lastHead);
  e.beginRow();
  write(Tile{row, add(mul(head, values.getChannels()), mergedChannel), 0, width}, elements,
        isThere);
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

/// Slots that the row does not see repeat others, so that weights of 0 meet numbers.
Value CacheAttentionEmitter::clampSlot(const Span &span, Value slot) {
  Value last = arith::SubIOp::create(e.b, span.end, e.index(1));
  slot = arith::MinSIOp::create(e.b, slot, last);
  return op.getMask().getWindow() ? Value(arith::MaxSIOp::create(e.b, slot, span.first)) : slot;
}

CacheAttentionEmitter::State CacheAttentionEmitter::reducePart(const Span &span, Value part) {
  Value first = add(mul(part, kPartPositions), mul(e.getWarp(), kWarpPositions));
  Value isSeen =
      arith::AndIOp::create(e.b, compare(Predicate::slt, first, span.end),
                            compare(Predicate::sgt, add(first, kWarpPositions), span.first));
  int64_t weighted = together * HeadReader::kLaneChannels;
  SmallVector<Type> types(2 * together + weighted, e.b.getF32Type());
  auto branch = scf::IfOp::create(e.b, types, isSeen, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    WarpState state = reduceWarp(span, first);
    SmallVector<Value> flat(state.maxima);
    llvm::append_range(flat, state.sums);
    llvm::append_range(flat, state.weighted);
    scf::YieldOp::create(e.b, flat);
    e.b.setInsertionPointToStart(branch.elseBlock());
    flat.assign(types.size(), e.constant(0));
    std::fill_n(flat.begin(), together, e.constant(kNoMaximum));
    scf::YieldOp::create(e.b, flat);
  }
  ValueRange state = branch.getResults();
  e.when(compare(Predicate::eq, e.getLane(), e.index(0)), [&] {
    Tile tile{e.getWarp(), e.index(0), 0, together};
    e.store(SmallVector<Value>(state.take_front(together)), warpMaxima, tile);
    e.store(SmallVector<Value>(state.slice(together, together)), warpSums, tile);
  });
  Value slot = add(mul(e.getWarp(), values.getSlotsAtOnce()), values.getSlotOfLane());
  auto store = [&] {
    for (int64_t h = 0; h < together; ++h)
      for (int64_t half = 0; half < 2; ++half) {
        constexpr int64_t count = HeadReader::kLaneChannels / 2;
        int64_t index = 2 * together + (2 * h + half) * count;
        Tile tile{slot, values.getChannel(half), h * values.getChannels(), count};
        e.store(SmallVector<Value>(state.slice(index, count)), warpWeighted, tile);
      }
  };
  if (Value isMine = values.hasChannels())
    e.when(isMine, store);
  else
    store();
  e.barrier();
  return mergeWarps();
}

/// Sums over the lanes of a slot of lists of values, a value for each of the slots that are read
/// one after the other: at each step a lane keeps one half of the list, so that in the end it holds
/// the sum of the slot number lane % lanes. Steps from `least` lanes apart to `most`.
Value CacheAttentionEmitter::addSlots(SmallVector<Value> list, int64_t least, int64_t most) {
  for (int64_t mask = most; mask >= least; mask /= 2) {
    size_t half = list.size() / 2;
    Value bit = arith::RemUIOp::create(e.b, arith::DivUIOp::create(e.b, e.getLane(), e.index(mask)),
                                       e.index(2));
    Value isHigh = compare(Predicate::ne, bit, e.index(0));
    for (size_t i = 0; i < half; ++i) {
      Value kept = arith::SelectOp::create(e.b, isHigh, list[half + i], list[i]);
      Value given = arith::SelectOp::create(e.b, isHigh, list[i], list[half + i]);
      list[i] = arith::AddFOp::create(e.b, kept, e.shuffleXor(given, mask));
    }
    list.truncate(half);
  }
  return list.front();
}

/// Of each head the score of one position: that of load lane % lanes, slot lane / lanes.
SmallVector<Value> CacheAttentionEmitter::emitScores(const Span &span, Value first) {
  int64_t loads = keys.getLanes(), atOnce = keys.getSlotsAtOnce();
  int64_t chunk = std::min<int64_t>(loads, 8);
  SmallVector<HeadReader::Stored> stored;
  SmallVector<SmallVector<Value>> sums(together);
  for (int64_t begin = 0; begin < loads; begin += chunk) {
    // As many loads under way as there are registers for.
    int64_t ahead = std::max(begin + chunk, kLoadRegisters / keys.getRegisters());
    while (static_cast<int64_t>(stored.size()) < std::min(loads, ahead)) {
      auto number = static_cast<int64_t>(stored.size());
      Value slot = add(add(first, keys.getSlotOfLane()), number * atOnce);
      stored.push_back(keys.load(span.sequence, kvHead, clampSlot(span, slot)));
    }
    SmallVector<SmallVector<Value>> products(together);
    for (int64_t i = begin; i < begin + chunk; ++i) {
      HeadReader::Numbers key = keys.widen(stored[i]);
      for (auto [query, list] : llvm::zip_equal(queries, products)) {
        Value sum;
        for (auto [q, k] : llvm::zip_equal(query, key.values))
          sum = sum ? e.fma(q, k, sum) : Value(arith::MulFOp::create(e.b, q, k));
        list.push_back(key.scale ? Value(arith::MulFOp::create(e.b, sum, key.scale)) : sum);
      }
    }
    for (auto [list, sum] : llvm::zip_equal(products, sums))
      sum.push_back(addSlots(list, 1, chunk / 2));
  }
  SmallVector<Value> scores;
  for (const SmallVector<Value> &sum : sums)
    scores.push_back(addSlots(sum, chunk, loads / 2));
  return scores;
}

CacheAttentionEmitter::WarpState CacheAttentionEmitter::reduceWarp(const Span &span, Value first) {
  SmallVector<Value> scores = emitScores(span, first);
  // Values are asked for while weights are computed.
  int64_t loads = values.getLanes(), atOnce = values.getSlotsAtOnce();
  SmallVector<HeadReader::Stored> stored;
  int64_t ahead = kLoadRegisters / values.getRegisters();
  auto load = [&](int64_t end) {
    while (static_cast<int64_t>(stored.size()) < std::min(end, loads)) {
      auto number = static_cast<int64_t>(stored.size());
      Value slot = add(add(first, values.getSlotOfLane()), number * atOnce);
      stored.push_back(values.load(span.sequence, kvHead, clampSlot(span, slot)));
    }
  };
  load(ahead);

  Value lanes = e.index(keys.getLanes());
  Value position =
      add(first, add(mul(arith::RemUIOp::create(e.b, e.getLane(), lanes), keys.getSlotsAtOnce()),
                     keys.getSlotOfLane()));
  Value isSeen = arith::AndIOp::create(e.b, compare(Predicate::slt, position, span.end),
                                       compare(Predicate::sge, position, span.first));
  WarpState state;
  SmallVector<Value> weights;
  for (Value score : scores) {
    score = arith::SelectOp::create(e.b, isSeen, score, e.constant(kNoMaximum));
    state.maxima.push_back(e.maxLanes(score));
    Value power = exp2(e, arith::SubFOp::create(e.b, score, state.maxima.back()));
    weights.push_back(arith::SelectOp::create(e.b, isSeen, power, e.constant(0)));
    state.sums.push_back(e.addLanes(weights.back()));
  }

  constexpr int64_t channels = HeadReader::kLaneChannels;
  state.weighted.assign(together * channels, Value());
  Value warp = e.intConstant(e.b.getI32Type(), kWarp);
  for (int64_t i = 0; i < loads; ++i) {
    load(i + ahead);
    // The lane that has the weight of this lane's slot.
    Value slot = add(values.getSlotOfLane(), i * atOnce);
    Value keySlots = e.index(keys.getSlotsAtOnce());
    Value source = add(mul(arith::RemUIOp::create(e.b, slot, keySlots), keys.getLanes()),
                       arith::DivUIOp::create(e.b, slot, keySlots));
    source = arith::IndexCastOp::create(e.b, e.b.getI32Type(), source);
    HeadReader::Numbers value = values.widen(stored[i]);
    for (int64_t h = 0; h < together; ++h) {
      Value weight = gpu::ShuffleOp::create(e.b, weights[h], source, warp, gpu::ShuffleMode::IDX)
                         .getShuffleResult();
      if (value.scale)
        weight = arith::MulFOp::create(e.b, weight, value.scale);
      for (int64_t c = 0; c < channels; ++c) {
        Value &sum = state.weighted[h * channels + c];
        sum = sum ? e.fma(value.values[c], weight, sum)
                  : Value(arith::MulFOp::create(e.b, value.values[c], weight));
      }
    }
  }
  return state;
}

CacheAttentionEmitter::State CacheAttentionEmitter::mergeWarps() {
  SmallVector<Value> maxima, sums;
  for (int64_t w = 0; w < kWarps; ++w) {
    maxima.push_back(memref::LoadOp::create(e.b, warpMaxima, ValueRange{e.index(w), mergedHead}));
    sums.push_back(memref::LoadOp::create(e.b, warpSums, ValueRange{e.index(w), mergedHead}));
  }
  State state{maxima.front(), e.constant(0), SmallVector<Value>(width, e.constant(0))};
  for (Value maximum : maxima)
    state.maximum = arith::MaxNumFOp::create(e.b, state.maximum, maximum);
  Value column = add(mul(mergedHead, values.getChannels()), mergedChannel);
  for (int64_t w = 0; w < kWarps; ++w) {
    Value factor = exp2(e, arith::SubFOp::create(e.b, maxima[w], state.maximum));
    state.sum = e.fma(sums[w], factor, state.sum);
    for (int64_t slot = 0; slot < values.getSlotsAtOnce(); ++slot) {
      Tile tile{e.index(w * values.getSlotsAtOnce() + slot), column, 0, width};
      for (auto [sum, x] : llvm::zip_equal(state.weighted, e.load(warpWeighted, tile)))
        sum = e.fma(x, factor, sum);
    }
  }
  return state;
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Workspace of a part: of all heads weighted sums, then maxima, then sums.
Value CacheAttentionEmitter::getPartAddress(Value part, Value column) {
  int64_t numbers = together * (values.getChannels() + 2);
  Value block = add(mul(row, getHeadGroups(op)), headGroup);
  Value offset = add(mul(add(mul(block, getParts(op)), part), numbers), column);
  Type pointer = workspace.getType(), f32 = e.b.getF32Type();
  Value number = arith::IndexCastOp::create(e.b, e.b.getI64Type(), offset);
  return LLVM::GEPOp::create(e.b, pointer, f32, workspace, ArrayRef<LLVM::GEPArg>{number});
}

static void storeNumbers(ThreadEmitter &e, ArrayRef<Value> numbers, Value address) {
  for (auto [i, number] : llvm::enumerate(numbers)) {
    Value at = LLVM::GEPOp::create(e.b, address.getType(), e.b.getF32Type(), address,
                                   ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    LLVM::StoreOp::create(e.b, number, at);
  }
}

static SmallVector<Value> loadNumbers(ThreadEmitter &e, int64_t count, Value address) {
  SmallVector<Value> numbers;
  for (int64_t i = 0; i < count; ++i) {
    Value at = LLVM::GEPOp::create(e.b, address.getType(), e.b.getF32Type(), address,
                                   ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    numbers.push_back(LLVM::LoadOp::create(e.b, e.b.getF32Type(), at));
  }
  return numbers;
}

void CacheAttentionEmitter::publish(const State &state, Value part) {
  int64_t channels = values.getChannels();
  e.when(isMerging, [&] {
    Value column = add(mul(mergedHead, channels), mergedChannel);
    storeNumbers(e, state.weighted, getPartAddress(part, column));
    e.when(compare(Predicate::eq, mergedChannel, e.index(0)), [&] {
      Value maximum = add(mergedHead, together * channels);
      storeNumbers(e, state.maximum, getPartAddress(part, maximum));
      storeNumbers(e, state.sum, getPartAddress(part, add(maximum, together)));
    });
  });
}

/// Is this block the last of `parts` to come by? What the others have published can be read then.
/// The order, for all of the device: stores of this block, barrier, fence, count; count, fence,
/// barrier, loads of the last block.
Value CacheAttentionEmitter::isLast(Value parts) {
  Type i32 = e.b.getI32Type();
  e.barrier();
  e.when(compare(Predicate::eq, e.getThread(), e.index(0)), [&] {
    auto fence = [&] { LLVM::FenceOp::create(e.b, LLVM::AtomicOrdering::acq_rel, "device"); };
    Value counter = e.getCounter(add(mul(row, getHeadGroups(op)), headGroup));
    fence();
    Value before =
        LLVM::AtomicRMWOp::create(e.b, LLVM::AtomicBinOp::add, counter, e.intConstant(i32, 1),
                                  LLVM::AtomicOrdering::monotonic, "device");
    fence();
    Value least =
        arith::IndexCastOp::create(e.b, i32, arith::SubIOp::create(e.b, parts, e.index(1)));
    Value isLast = compare(Predicate::eq, before, least);
    e.when(isLast, [&] { LLVM::StoreOp::create(e.b, e.intConstant(i32, 0), counter); });
    memref::StoreOp::create(e.b, arith::ExtUIOp::create(e.b, i32, isLast), last, e.index(0));
  });
  e.barrier();
  return compare(Predicate::ne, memref::LoadOp::create(e.b, last, e.index(0)),
                 e.intConstant(i32, 0));
}

CacheAttentionEmitter::State CacheAttentionEmitter::mergeParts(const Span &span) {
  int64_t columns = together * values.getChannels();
  Value parts = arith::SubIOp::create(e.b, span.endPart, span.firstPart);
  Value rounds = arith::DivUIOp::create(e.b, add(parts, kPartsAtOnce - 1), e.index(kPartsAtOnce));
  Value padded = mul(rounds, kPartsAtOnce);
  // Of each head a warp: the largest maximum, factors that bring parts to it, the sum.
  e.when(compare(Predicate::slt, e.getWarp(), e.index(together)), [&] {
    Value head = e.getWarp();
    auto loadOf = [&](Value part, int64_t column) -> Value {
      Value address = getPartAddress(add(span.firstPart, part), add(head, column));
      return loadNumbers(e, 1, address).front();
    };
    Value maximum = e.maxLanes(
        e.forRange(e.getLane(), parts, kWarp, e.constant(kNoMaximum),
                   [&](Value part, ValueRange carried) -> SmallVector<Value> {
                     return {arith::MaxNumFOp::create(e.b, carried[0], loadOf(part, columns))};
                   })
            .front());
    SmallVector<Value> sum = e.forRange(
        e.getLane(), padded, kWarp, e.constant(0),
        [&](Value part, ValueRange carried) -> SmallVector<Value> {
          Value isThere = compare(Predicate::slt, part, parts);
          Value from =
              arith::MinSIOp::create(e.b, part, arith::SubIOp::create(e.b, parts, e.index(1)));
          Value factor = exp2(e, arith::SubFOp::create(e.b, loadOf(from, columns), maximum));
          factor = arith::SelectOp::create(e.b, isThere, factor, e.constant(0));
          memref::StoreOp::create(e.b, factor, factors, ValueRange{head, part});
          return {e.fma(loadOf(from, columns + together), factor, carried[0])};
        });
    Value whole = e.addLanes(sum.front());
    e.when(compare(Predicate::eq, e.getLane(), e.index(0)),
           [&] { memref::StoreOp::create(e.b, whole, total, head); });
  });
  e.barrier();

  Value column = add(mul(mergedHead, values.getChannels()), mergedChannel);
  Value lastPart = arith::SubIOp::create(e.b, span.endPart, e.index(1));
  SmallVector<Value> init(width, e.constant(0));
  State state;
  state.sum = memref::LoadOp::create(e.b, total, mergedHead);
  state.weighted =
      e.forRange(e.index(0), padded, kPartsAtOnce, init, [&](Value first, ValueRange carried) {
        SmallVector<Value> sums(carried);
        SmallVector<SmallVector<Value>> loaded;
        for (int64_t i = 0; i < kPartsAtOnce; ++i) {
          Value part = arith::MinSIOp::create(e.b, add(span.firstPart, add(first, i)), lastPart);
          loaded.push_back(loadNumbers(e, width, getPartAddress(part, column)));
        }
        for (auto [i, numbers] : llvm::enumerate(loaded)) {
          Value factor = memref::LoadOp::create(
              e.b, factors, ValueRange{mergedHead, add(first, static_cast<int64_t>(i))});
          for (auto [sum, x] : llvm::zip_equal(sums, numbers))
            sum = e.fma(x, factor, sum);
        }
        return sums;
      });
  return state;
}
