//===- CacheAttention.cpp - Attention over caches by parts ----------------===//
#include "codegen/cuda/CacheAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

using Predicate = arith::CmpIPredicate;

static constexpr int64_t kWarps = CacheAttentionEmitter::kThreads / kWarp;
/// Positions that a block takes at a time: a warp as many as it has lanes.
static constexpr int64_t kPositions = kWarps * kWarp;
/// A row that sees so many positions has one part: merging parts takes longer than as many again.
static constexpr int64_t kUndivided = 2 * kPositions;
/// Blocks that parts are to suffice for: two for each multiprocessor of a large GPU.
static constexpr int64_t kBlocks = 256;
/// Query heads of a block: their queries and weighted sums are up to 64 registers.
static constexpr int64_t kHeads = 4, kHeadsOfMany = 2;
/// Channels of a head from which blocks take fewer query heads.
static constexpr int64_t kManyChannels = 128;
/// Registers that a thread has for queries, sums and loads: of two blocks a multiprocessor, of one.
static constexpr int64_t kFewRegisters = 104, kRegisters = 168;
static constexpr int64_t kMostLoadRegisters = 64;
/// Channels of a head up to which two blocks a multiprocessor have registers enough.
static constexpr int64_t kFewChannels = 64;
/// Parts that are loaded together when they are merged.
static constexpr int64_t kPartsAtOnce = 8;

std::string CacheAttentionEmitter::getObstacle(AttentionOp op) {
  for (Value cache : {op.getKeys(), op.getValues()})
    if (std::string obstacle = HeadReader::getObstacle(cache, op.getKvHeads()); !obstacle.empty())
      return obstacle;
  return {};
}

/// Channels of a head of keys or values.
static int64_t getDim(AttentionOp op) {
  return std::max(getChannels(op.getQuery()), getChannels(op.getResult())) /
         static_cast<int64_t>(op.getHeads());
}

int64_t CacheAttentionEmitter::getHeadGroups(AttentionOp op) {
  int64_t kvHeads = op.getKvHeads(), heads = op.getHeads();
  int64_t most = getDim(op) > kManyChannels ? kHeadsOfMany : kHeads;
  return kvHeads * static_cast<int64_t>(llvm::divideCeil(heads / kvHeads, most));
}

/// Query heads of a block.
static int64_t getHeadsTogether(AttentionOp op) {
  return static_cast<int64_t>(
      llvm::divideCeil(op.getHeads(), CacheAttentionEmitter::getHeadGroups(op)));
}

/// Two quads take fewer loads and shuffles, and twice the registers: one only where that lets two
/// blocks share a multiprocessor.
static int64_t getQuads(AttentionOp op) {
  return getDim(op) <= kFewChannels && getHeadsTogether(op) == kHeads ? 1 : HeadReader::kMostQuads;
}

int64_t CacheAttentionEmitter::getParts(AttentionOp op) {
  int64_t slots = getTensorType(op.getKeys()).getDimSize(1);
  if (slots <= kUndivided)
    return 1;
  auto most = static_cast<int64_t>(llvm::bit_floor<uint64_t>(kBlocks / getHeadGroups(op)));
  return std::min<int64_t>(std::max<int64_t>(most, kPartsAtOnce),
                           llvm::divideCeil(slots, kPositions));
}

CacheAttentionEmitter::CacheAttentionEmitter(ThreadEmitter &e, AttentionOp op)
    : e(e), op(op), keys(e, op.getKeys(), op.getKvHeads(), getQuads(op)),
      values(e, op.getValues(), op.getKvHeads(), getQuads(op)),
      group(static_cast<int64_t>(op.getHeads()) / static_cast<int64_t>(op.getKvHeads())),
      together(getHeadsTogether(op)) {
  int64_t columns = together * values.getChannels();
  width = static_cast<int64_t>(llvm::PowerOf2Ceil(llvm::divideCeil(columns, kThreads)));
  Type f32 = e.b.getF32Type();
  warpMaxima = e.allocateShared({kWarps, together}, f32);
  warpSums = e.allocateShared({kWarps, together}, f32);
  warpWeighted = e.allocateShared({kWarps * values.getSlotsAtOnce(), columns}, f32);
}

bool CacheAttentionEmitter::needsFewRegisters() const {
  return getDim(op) <= kFewChannels &&
         std::max(keys.getRegisters(), values.getRegisters()) < keys.getLaneChannels();
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
  bool isOne = getParts(op) == 1;
  if (isOne)
    return emitRow(headGroup, row, write);
  Span span = getSpan(row);
  workspace = e.allocateWorkspace(e.getMaxRows() * getHeadGroups(op) * getParts(op) * together *
                                  (values.getChannels() + 2) * 4);
  auto padded = static_cast<int64_t>(llvm::alignTo(getParts(op), kPartsAtOnce));
  factors = e.allocateShared({together, padded}, e.b.getF32Type());
  total = e.allocateShared({together}, e.b.getF32Type());
  e.when(compare(Predicate::slt, part, span.parts), [&] {
    e.beginRow();
    beginGroup(headGroup, row);
    Value from = add(span.first, arith::ShLIOp::create(e.b, part, span.shift));
    Value size = arith::ShLIOp::create(e.b, e.index(1), span.shift);
    Value to = arith::MinSIOp::create(e.b, add(from, size), span.end);
    State state = reduce(span.sequence, from, to);
    auto branch = scf::IfOp::create(e.b, compare(Predicate::eq, span.parts, e.index(1)),
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    finish(state, write);
    e.b.setInsertionPointToStart(branch.elseBlock());
    publish(state, part);
    Value counter = add(mul(row, getHeadGroups(op)), headGroup);
    e.when(e.isLastBlock(counter, span.parts), [&] { finish(mergeParts(span.parts), write); });
  });
}

void CacheAttentionEmitter::emitRow(Value headGroup, Value row, AttentionWriter write) {
  Span span = getSpan(row);
  e.beginRow();
  beginGroup(headGroup, row);
  finish(reduce(span.sequence, span.first, span.end), write);
}

CacheAttentionEmitter::Span CacheAttentionEmitter::getSpan(Value row) {
  auto load = [&](Value ids) -> Value {
    Value id = memref::LoadOp::create(e.b, e.getBuffer(ids), row);
    return arith::IndexCastOp::create(e.b, e.b.getIndexType(), id);
  };
  Span span;
  bool isAlone = getTensorType(op.getKeys()).getDimSize(0) == 1;
  span.sequence = isAlone ? e.index(0) : load(op.getSequences());
  span.end = add(load(op.getPositions()), 1);
  span.first = e.index(0);
  int64_t window = op.getMask().getWindow();
  if (window)
    span.first = arith::MaxSIOp::create(e.b, add(span.end, -window), span.first);

  // The smallest parts that are not too many.
  Value count = arith::SubIOp::create(e.b, span.end, span.first);
  int64_t most = getTensorType(op.getKeys()).getDimSize(1), shift = llvm::Log2_64(kPositions);
  if (window)
    most = std::min(most, window);
  auto select = [&](Predicate predicate, int64_t limit, int64_t chosen) {
    span.shift = arith::SelectOp::create(e.b, compare(predicate, count, e.index(limit)),
                                         e.index(chosen), span.shift);
  };
  span.shift = e.index(shift);
  for (int64_t limit = getParts(op) * kPositions; limit < most; limit *= 2)
    select(Predicate::sgt, limit, ++shift);
  select(Predicate::sle, kUndivided, llvm::Log2_64(kUndivided));
  Value lastOfAll = arith::SubIOp::create(e.b, count, e.index(1));
  span.parts = add(arith::ShRUIOp::create(e.b, lastOfAll, span.shift), 1);
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
    for (int64_t quad = 0; quad * HeadReader::kQuad < keys.getLaneChannels(); ++quad) {
      Tile tile{row, add(mul(head, keys.getChannels()), keys.getChannel(quad)), 0,
                HeadReader::kQuad};
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

/// The softmax over positions [from, to), merged.
CacheAttentionEmitter::State CacheAttentionEmitter::reduce(Value sequence, Value from, Value to) {
  int64_t channels = values.getLaneChannels();
  SmallVector<Value> init(together * (2 + channels), e.constant(0));
  std::fill_n(init.begin(), together, e.constant(kNoMaximum));
  auto unflatten = [&](ValueRange flat) {
    return WarpState{SmallVector<Value>(flat.take_front(together)),
                     SmallVector<Value>(flat.slice(together, together)),
                     SmallVector<Value>(flat.drop_front(2 * together))};
  };
  Value first = add(from, mul(e.getWarp(), kWarp));
  WarpState state =
      unflatten(e.forRange(first, to, kPositions, init, [&](Value position, ValueRange carried) {
        WarpState next = addPositions({sequence, position, to}, unflatten(carried));
        SmallVector<Value> flat(next.maxima);
        llvm::append_range(flat, next.sums);
        llvm::append_range(flat, next.weighted);
        return flat;
      }));
  for (Value &sum : state.sums)
    sum = e.addLanes(sum);
  e.when(compare(Predicate::eq, e.getLane(), e.index(0)), [&] {
    Tile tile{e.getWarp(), e.index(0), 0, together};
    e.store(state.maxima, warpMaxima, tile);
    e.store(state.sums, warpSums, tile);
  });
  Value slot = add(mul(e.getWarp(), values.getSlotsAtOnce()), values.getSlotOfLane());
  auto store = [&] {
    constexpr int64_t count = HeadReader::kQuad;
    for (int64_t h = 0; h < together; ++h)
      for (int64_t quad = 0; quad * count < channels; ++quad) {
        Tile tile{slot, values.getChannel(quad), h * values.getChannels(), count};
        e.store(ArrayRef(state.weighted).slice(h * channels + quad * count, count), warpWeighted,
                tile);
      }
  };
  if (Value isMine = values.hasChannels())
    e.when(isMine, store);
  else
    store();
  e.barrier();
  return mergeWarps();
}

/// Sums over the lanes of a slot of what `leaf` computes of each head for slots number `first` … +
/// 2 * mask - 1, which are read one after the other: a lane keeps one half of each pair of values,
/// so that in the end it holds the sums of the slot number lane % lanes.
SmallVector<Value> CacheAttentionEmitter::addSlots(int64_t first, int64_t mask,
                                                   function_ref<SmallVector<Value>(int64_t)> leaf) {
  if (mask == 0)
    return leaf(first);
  SmallVector<Value> low = addSlots(first, mask / 2, leaf);
  SmallVector<Value> high = addSlots(first + mask, mask / 2, leaf);
  Value bit = arith::RemUIOp::create(e.b, arith::DivUIOp::create(e.b, e.getLane(), e.index(mask)),
                                     e.index(2));
  Value isHigh = compare(Predicate::ne, bit, e.index(0));
  for (auto [l, h] : llvm::zip_equal(low, high)) {
    Value kept = arith::SelectOp::create(e.b, isHigh, h, l);
    Value given = arith::SelectOp::create(e.b, isHigh, l, h);
    l = arith::AddFOp::create(e.b, kept, e.shuffleXor(given, mask));
  }
  return low;
}

/// The weight of the slot of values that this lane reads as number `number`, from the lane that has
/// it.
Value CacheAttentionEmitter::getWeight(Value weights, int64_t number) {
  Type i32 = e.b.getI32Type();
  if (keys.getLanes() == values.getLanes()) {
    // Lane `number` of those that share a slot.
    Value clamp = e.intConstant(i32, ((kWarp - keys.getLanes()) << 8) | (kWarp - 1));
    return NVVM::ShflOp::create(e.b, weights.getType(), e.intConstant(i32, -1), weights,
                                e.intConstant(i32, number), clamp, NVVM::ShflKind::idx,
                                /*return_value_and_is_valid=*/UnitAttr());
  }
  Value slot = add(values.getSlotOfLane(), number * values.getSlotsAtOnce());
  Value atOnce = e.index(keys.getSlotsAtOnce());
  Value source = add(mul(arith::RemUIOp::create(e.b, slot, atOnce), keys.getLanes()),
                     arith::DivUIOp::create(e.b, slot, atOnce));
  return gpu::ShuffleOp::create(e.b, weights, arith::IndexCastOp::create(e.b, i32, source),
                                e.intConstant(i32, kWarp), gpu::ShuffleMode::IDX)
      .getShuffleResult();
}

CacheAttentionEmitter::WarpState CacheAttentionEmitter::addPositions(const Slots &slots,
                                                                     const WarpState &state) {
  int64_t channels = values.getLaneChannels();
  // A window of loads runs ahead of what is used: values are asked for while scores are computed.
  int64_t registers = needsFewRegisters() ? kFewRegisters : kRegisters;
  int64_t room =
      std::clamp(registers - together * (2 * channels + 4), 2 * channels, kMostLoadRegisters);
  int64_t ahead = room / std::max(keys.getRegisters(), values.getRegisters());
  int64_t loads = keys.getLanes() + values.getLanes();
  auto keyPlace = keys.getPlace(slots.sequence, kvHead, slots.first, slots.end);
  auto valuePlace = values.getPlace(slots.sequence, kvHead, slots.first, slots.end);
  SmallVector<HeadReader::Stored> stored;
  auto use = [&](int64_t number) -> const HeadReader::Stored & {
    for (auto i = static_cast<int64_t>(stored.size()); i < std::min(number + ahead, loads); ++i)
      stored.push_back(i < keys.getLanes() ? keys.load(keyPlace, i)
                                           : values.load(valuePlace, i - keys.getLanes()));
    return stored[number];
  };
  // Of each head the score of one position: that of load lane % lanes, slot lane / lanes.
  SmallVector<Value> scores = addSlots(0, keys.getLanes() / 2, [&](int64_t number) {
    HeadReader::Numbers key = keys.widen(use(number));
    SmallVector<Value> sums;
    for (const SmallVector<Value> &query : queries) {
      Value sum;
      for (auto [q, k] : llvm::zip_equal(query, key.values))
        sum = sum ? e.fma(q, k, sum) : Value(arith::MulFOp::create(e.b, q, k));
      sums.push_back(key.scale ? Value(arith::MulFOp::create(e.b, sum, key.scale)) : sum);
    }
    return sums;
  });

  Value loadOfLane = arith::RemUIOp::create(e.b, e.getLane(), e.index(keys.getLanes()));
  Value position =
      add(slots.first, add(mul(loadOfLane, keys.getSlotsAtOnce()), keys.getSlotOfLane()));
  Value isSeen = compare(Predicate::slt, position, slots.end);
  WarpState next;
  SmallVector<Value> weights;
  for (auto [h, score] : llvm::enumerate(scores)) {
    score = arith::SelectOp::create(e.b, isSeen, score, e.constant(kNoMaximum));
    Value maximum = arith::MaxNumFOp::create(e.b, state.maxima[h], e.maxLanes(score));
    Value factor = exp2(e, arith::SubFOp::create(e.b, state.maxima[h], maximum));
    Value power = exp2(e, arith::SubFOp::create(e.b, score, maximum));
    weights.push_back(arith::SelectOp::create(e.b, isSeen, power, e.constant(0)));
    next.maxima.push_back(maximum);
    next.sums.push_back(e.fma(state.sums[h], factor, weights.back()));
    for (Value sum : ArrayRef(state.weighted).slice(h * channels, channels))
      next.weighted.push_back(arith::MulFOp::create(e.b, sum, factor));
  }

  for (int64_t i = 0; i < values.getLanes(); ++i) {
    HeadReader::Numbers value = values.widen(use(keys.getLanes() + i));
    for (int64_t h = 0; h < together; ++h) {
      Value weight = getWeight(weights[h], i);
      if (value.scale)
        weight = arith::MulFOp::create(e.b, weight, value.scale);
      for (int64_t c = 0; c < channels; ++c) {
        Value &sum = next.weighted[h * channels + c];
        sum = e.fma(value.values[c], weight, sum);
      }
    }
  }
  return next;
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

CacheAttentionEmitter::State CacheAttentionEmitter::mergeParts(Value parts) {
  int64_t columns = together * values.getChannels();
  Value lastPart = arith::SubIOp::create(e.b, parts, e.index(1));
  Value rounds = arith::DivUIOp::create(e.b, add(parts, kPartsAtOnce - 1), e.index(kPartsAtOnce));
  Value padded = mul(rounds, kPartsAtOnce);
  Value column = add(mul(mergedHead, values.getChannels()), mergedChannel);
  using Batch = SmallVector<SmallVector<Value>>;
  auto loadBatch = [&](Value first) {
    Batch loaded;
    for (int64_t i = 0; i < kPartsAtOnce; ++i) {
      Value part = arith::MinSIOp::create(e.b, add(first, i), lastPart);
      loaded.push_back(loadNumbers(e, width, getPartAddress(part, column)));
    }
    return loaded;
  };
  auto addBatch = [&](Value first, const Batch &loaded, SmallVector<Value> sums) {
    for (auto [i, numbers] : llvm::enumerate(loaded)) {
      Value part = add(first, static_cast<int64_t>(i));
      Value factor = memref::LoadOp::create(e.b, factors, ValueRange{mergedHead, part});
      for (auto [sum, x] : llvm::zip_equal(sums, numbers))
        sum = e.fma(x, factor, sum);
    }
    return sums;
  };
  Batch firstBatch = loadBatch(e.index(0));

  // Of each head a warp: the largest maximum, factors that bring parts to it, the sum.
  e.when(compare(Predicate::slt, e.getWarp(), e.index(together)), [&] {
    Value head = e.getWarp();
    auto loadOf = [&](Value part, int64_t column) -> Value {
      Value address = getPartAddress(part, add(head, column));
      return loadNumbers(e, 1, address).front();
    };
    Value maximum = e.maxLanes(
        e.forRange(e.getLane(), parts, kWarp, e.constant(kNoMaximum),
                   [&](Value part, ValueRange carried) -> SmallVector<Value> {
                     return {arith::MaxNumFOp::create(e.b, carried[0], loadOf(part, columns))};
                   })
            .front());
    SmallVector<Value> sum =
        e.forRange(e.getLane(), padded, kWarp, e.constant(0),
                   [&](Value part, ValueRange carried) -> SmallVector<Value> {
                     Value isThere = compare(Predicate::slt, part, parts);
                     Value from = arith::MinSIOp::create(e.b, part, lastPart);
                     Value factor =
                         exp2(e, arith::SubFOp::create(e.b, loadOf(from, columns), maximum));
                     factor = arith::SelectOp::create(e.b, isThere, factor, e.constant(0));
                     memref::StoreOp::create(e.b, factor, factors, ValueRange{head, part});
                     return {e.fma(loadOf(from, columns + together), factor, carried[0])};
                   });
    Value whole = e.addLanes(sum.front());
    e.when(compare(Predicate::eq, e.getLane(), e.index(0)),
           [&] { memref::StoreOp::create(e.b, whole, total, head); });
  });
  e.barrier();

  State state;
  state.sum = memref::LoadOp::create(e.b, total, mergedHead);
  state.weighted = addBatch(e.index(0), firstBatch, SmallVector<Value>(width, e.constant(0)));
  state.weighted =
      e.forRange(e.index(kPartsAtOnce), padded, kPartsAtOnce, state.weighted,
                 [&](Value first, ValueRange carried) {
                   return addBatch(first, loadBatch(first), SmallVector<Value>(carried));
                 });
  return state;
}
