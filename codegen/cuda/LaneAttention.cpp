//===- LaneAttention.cpp - A warp's attention by lanes --------------------===//
#include "codegen/cuda/LaneAttention.h"

#include "codegen/cuda/AttentionWriter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

using Predicate = arith::CmpIPredicate;

/// Query heads of a block: their queries and weighted sums are up to 64 registers.
static constexpr int64_t kHeads = 4, kHeadsOfMany = 2;
/// Channels of a head from which blocks take fewer query heads.
static constexpr int64_t kManyChannels = 128;
/// Registers that a thread has for queries, sums and loads: of two blocks a multiprocessor, of one.
static constexpr int64_t kFewRegisters = 104, kRegisters = 168;
static constexpr int64_t kMostLoadRegisters = 64;
/// Channels of a head up to which two blocks a multiprocessor have registers enough.
static constexpr int64_t kFewChannels = 64;

/// Channels of a head of keys or values.
static int64_t getDim(AttentionOp op) {
  return std::max(getChannels(op.getQuery()), getChannels(op.getResult())) /
         static_cast<int64_t>(op.getHeads());
}

int64_t LaneAttention::getMostHeads(AttentionOp op) {
  return getDim(op) > kManyChannels ? kHeadsOfMany : kHeads;
}

/// Two quads take fewer loads and shuffles, and twice the registers: one only where that lets two
/// blocks share a multiprocessor.
static int64_t getQuads(AttentionOp op, int64_t together) {
  return getDim(op) <= kFewChannels && together == kHeads ? 1 : HeadReader::kMostQuads;
}

LaneAttention::LaneAttention(ThreadEmitter &e, AttentionOp op, int64_t warps, int64_t together)
    : e(e), op(op), keys(e, op.getKeys(), op.getKvHeads(), getQuads(op, together)),
      values(e, op.getValues(), op.getKvHeads(), getQuads(op, together)), warps(warps),
      together(together) {
  Type f32 = e.b.getF32Type();
  sums.maxima = e.allocateShared({warps, together}, f32);
  sums.sums = e.allocateShared({warps, together}, f32);
  sums.partials = values.getSlotsAtOnce();
  sums.headStride = values.getChannels();
  sums.weighted = e.allocateShared({warps * sums.partials, together * sums.headStride}, f32);
}

bool LaneAttention::needsFewRegisters() const {
  return getDim(op) <= kFewChannels &&
         std::max(keys.getRegisters(), values.getRegisters()) < keys.getLaneChannels();
}

static Value compare(ThreadEmitter &e, Predicate predicate, Value l, Value r) {
  return arith::CmpIOp::create(e.b, predicate, l, r);
}

/// Times the scale.
void LaneAttention::loadQueries(const SharedHeads &heads) {
  Value scale = e.constant(getBinaryScale(op)), zero = e.constant(0);
  for (int64_t h = 0; h < together; ++h) {
    Value head = arith::MinSIOp::create(e.b, e.add(heads.first, e.index(h)), heads.last);
    SmallVector<Value> &query = queries.emplace_back();
    for (int64_t quad = 0; quad * HeadReader::kQuad < keys.getLaneChannels(); ++quad) {
      Tile tile{heads.row, e.add(e.mul(head, keys.getChannels()), keys.getChannel(quad)), 0,
                HeadReader::kQuad};
      for (Value x : e.pull(op.getQuery(), tile)) {
        Value scaled = arith::MulFOp::create(e.b, x, scale);
        if (Value isMine = keys.hasChannels())
          scaled = arith::SelectOp::create(e.b, isMine, scaled, zero);
        query.push_back(scaled);
      }
    }
  }
}

void LaneAttention::reduce(const SharedHeads &heads, const Positions &positions) {
  loadQueries(heads);
  int64_t channels = values.getLaneChannels();
  SmallVector<Value> init(together * (2 + channels), e.constant(0));
  std::fill_n(init.begin(), together, e.constant(kNoMaximum));
  auto unflatten = [&](ValueRange flat) {
    return State{SmallVector<Value>(flat.take_front(together)),
                 SmallVector<Value>(flat.slice(together, together)),
                 SmallVector<Value>(flat.drop_front(2 * together))};
  };
  Value first = e.add(positions.from, e.mul(e.getWarp(), kWarp));
  State state = unflatten(
      e.forRange(first, positions.to, warps * kWarp, init, [&](Value position, ValueRange carried) {
        State next =
            addPositions(heads, {positions.sequence, position, positions.to}, unflatten(carried));
        SmallVector<Value> flat(next.maxima);
        llvm::append_range(flat, next.sums);
        llvm::append_range(flat, next.weighted);
        return flat;
      }));
  store(std::move(state));
}

/// Sums over the lanes of a slot of what `leaf` computes of each head for slots number `first` … +
/// 2 * mask - 1, which are read one after the other: a lane keeps one half of each pair of values,
/// so that in the end it holds the sums of the slot number lane % lanes.
SmallVector<Value> LaneAttention::addSlots(int64_t first, int64_t mask,
                                           function_ref<SmallVector<Value>(int64_t)> leaf) {
  if (mask == 0)
    return leaf(first);
  SmallVector<Value> low = addSlots(first, mask / 2, leaf);
  SmallVector<Value> high = addSlots(first + mask, mask / 2, leaf);
  Value bit = arith::RemUIOp::create(e.b, arith::DivUIOp::create(e.b, e.getLane(), e.index(mask)),
                                     e.index(2));
  Value isHigh = compare(e, Predicate::ne, bit, e.index(0));
  for (auto [l, h] : llvm::zip_equal(low, high)) {
    Value kept = arith::SelectOp::create(e.b, isHigh, h, l);
    Value given = arith::SelectOp::create(e.b, isHigh, l, h);
    l = arith::AddFOp::create(e.b, kept, e.shuffleXor(given, mask));
  }
  return low;
}

/// The weight of the slot of values that this lane reads as number `number`, from the lane that has
/// it.
Value LaneAttention::getWeight(Value weights, int64_t number) {
  Type i32 = e.b.getI32Type();
  if (keys.getLanes() == values.getLanes()) {
    // Lane `number` of those that share a slot.
    Value clamp = e.intConstant(i32, ((kWarp - keys.getLanes()) << 8) | (kWarp - 1));
    return NVVM::ShflOp::create(e.b, weights.getType(), e.intConstant(i32, -1), weights,
                                e.intConstant(i32, number), clamp, NVVM::ShflKind::idx,
                                /*return_value_and_is_valid=*/UnitAttr());
  }
  Value slot = e.add(values.getSlotOfLane(), number * values.getSlotsAtOnce());
  Value atOnce = e.index(keys.getSlotsAtOnce());
  Value source = e.add(e.mul(arith::RemUIOp::create(e.b, slot, atOnce), keys.getLanes()),
                       arith::DivUIOp::create(e.b, slot, atOnce));
  return gpu::ShuffleOp::create(e.b, weights, arith::IndexCastOp::create(e.b, i32, source),
                                e.intConstant(i32, kWarp), gpu::ShuffleMode::IDX)
      .getShuffleResult();
}

/// The next 32 positions of this warp, from positions.from on.
LaneAttention::State LaneAttention::addPositions(const SharedHeads &heads,
                                                 const Positions &positions, const State &state) {
  int64_t channels = values.getLaneChannels();
  // A window of loads runs ahead of what is used: values are asked for while scores are computed.
  int64_t registers = needsFewRegisters() ? kFewRegisters : kRegisters;
  int64_t room =
      std::clamp(registers - together * (2 * channels + 4), 2 * channels, kMostLoadRegisters);
  int64_t ahead = room / std::max(keys.getRegisters(), values.getRegisters());
  int64_t loads = keys.getLanes() + values.getLanes();
  auto keyPlace = keys.getPlace(positions.sequence, heads.kvHead, positions.from, positions.to);
  auto valuePlace = values.getPlace(positions.sequence, heads.kvHead, positions.from, positions.to);
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
      e.add(positions.from, e.add(e.mul(loadOfLane, keys.getSlotsAtOnce()), keys.getSlotOfLane()));
  Value isSeen = compare(e, Predicate::slt, position, positions.to);
  State next;
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

void LaneAttention::store(State state) {
  for (Value &sum : state.sums)
    sum = e.addLanes(sum);
  e.when(compare(e, Predicate::eq, e.getLane(), e.index(0)), [&] {
    Tile tile{e.getWarp(), e.index(0), 0, together};
    e.store(state.maxima, sums.maxima, tile);
    e.store(state.sums, sums.sums, tile);
  });
  Value slot = e.add(e.mul(e.getWarp(), values.getSlotsAtOnce()), values.getSlotOfLane());
  auto store = [&] {
    constexpr int64_t count = HeadReader::kQuad;
    int64_t channels = values.getLaneChannels();
    for (int64_t h = 0; h < together; ++h)
      for (int64_t quad = 0; quad * count < channels; ++quad) {
        Tile tile{slot, values.getChannel(quad), h * sums.headStride, count};
        e.store(ArrayRef(state.weighted).slice(h * channels + quad * count, count), sums.weighted,
                tile);
      }
  };
  if (Value isMine = values.hasChannels())
    e.when(isMine, store);
  else
    store();
}
