//===- MatrixAttention.cpp - A warp's attention on tensor cores -----------===//
#include "codegen/cuda/MatrixAttention.h"

#include "codegen/cuda/AttentionWriter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <numeric>

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

static constexpr int64_t kRows = 16;   // of a fragment
static constexpr int64_t kDepth = 16;  // of a fragment
static constexpr int64_t kColumns = 8; // of a fragment of sums
static constexpr int64_t kChunk = 8;   // channels that are copied at once
static constexpr int64_t kBytes = 2;   // of a channel
/// Positions of a warp at a time: more leave room for fewer warps, and no more copies under way.
static constexpr int64_t kTile = 16;
/// Lanes 4g + t of equal t are so far apart.
static constexpr int64_t kApart = 4;
/// Channels of a head up to which two blocks a multiprocessor have registers and memory enough.
static constexpr int64_t kFewChannels = 128;
/// Weights are up to 2^14, so that f16 has those down to 2^-28 of the largest with all their bits.
static constexpr double kHeadroom = 14;

bool MatrixAttention::canRead(AttentionOp op) {
  int64_t kvHeads = op.getKvHeads();
  return llvm::all_of(ArrayRef<Value>{op.getKeys(), op.getValues()}, [&](Value cache) {
    return getElementTypeOrSelf(cache).isF16() && nyala::getChannels(cache) / kvHeads % kDepth == 0;
  });
}

MatrixAttention::Cache MatrixAttention::getCache(Value cache, int64_t kvHeads) {
  int64_t channels = nyala::getChannels(cache);
  return {e.getBuffer(cache), matrices.allocateFactors(warps * kTile, channels / kvHeads),
          getTensorType(cache).getDimSize(1), channels, channels / kvHeads};
}

MatrixAttention::MatrixAttention(ThreadEmitter &e, AttentionOp op, int64_t warps, int64_t together)
    : e(e), op(op), matrices(e, Float16Type::get(op.getContext())), together(together),
      warps(warps), keys(getCache(op.getKeys(), op.getKvHeads())),
      values(getCache(op.getValues(), op.getKvHeads())) {
  group = arith::DivUIOp::create(e.b, e.getLane(), e.index(kApart));
  inGroup = arith::RemUIOp::create(e.b, e.getLane(), e.index(kApart));
  Type f32 = e.b.getF32Type();
  sums.maxima = e.allocateShared({warps, together}, f32);
  sums.sums = e.allocateShared({warps, together}, f32);
  sums.partials = 1;
  // As long as the warp's tile of values, which is done with by then.
  auto tiles = cast<MemRefType>(values.tiles.getType());
  int64_t numbers = tiles.getNumElements() / warps * kBytes / sizeof(float);
  sums.headStride = numbers / kMostHeads;
  sums.weighted = e.reuseShared(values.tiles, {warps, numbers}, f32);
}

bool MatrixAttention::needsFewRegisters() const {
  return std::max(keys.channels, values.channels) <= kFewChannels;
}

Value MatrixAttention::getFirstRow() { return e.mul(e.getWarp(), kTile); }
Value MatrixAttention::isLess(Value l, Value r) {
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, l, r);
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Columns 2h and 2h + 1 are head h: queries rounded to f16, and what that leaves of them.
void MatrixAttention::loadQueries(const SharedHeads &heads) {
  Value column = arith::DivUIOp::create(e.b, group, e.index(2));
  Value head = e.add(heads.first, arith::MinSIOp::create(e.b, column, e.index(together - 1)));
  head = arith::MinSIOp::create(e.b, head, heads.last);
  Value isRest = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne,
                                       arith::RemUIOp::create(e.b, group, e.index(2)), e.index(0));
  Value scale = e.constant(getBinaryScale(op));
  Value first = e.add(e.mul(head, keys.channels), e.mul(inGroup, 2));
  for (int64_t channel = 0; channel < keys.channels; channel += kDepth) {
    Fragment &fragment = queries.emplace_back();
    for (int64_t half = 0; half < kDepth; half += kDepth / 2) {
      SmallVector<Value> pair = e.pull(op.getQuery(), Tile{heads.row, first, channel + half, 2});
      for (Value &x : pair) {
        x = arith::MulFOp::create(e.b, x, scale);
        Value rounded = e.roundTo(e.b.getF16Type(), x);
        x = arith::SelectOp::create(e.b, isRest, arith::SubFOp::create(e.b, x, rounded), rounded);
      }
      fragment.push_back(matrices.pack(pair[0], pair[1]));
    }
  }
}

/// Asks for positions `first` … of this warp; zeros stand for those from positions.to on.
void MatrixAttention::copyTile(const Cache &cache, const SharedHeads &heads,
                               const Positions &positions, Value first) {
  int64_t chunks = cache.channels / kChunk, lanes = std::gcd(chunks, kWarp), rows = kWarp / lanes;
  Value rowOfLane = arith::DivUIOp::create(e.b, e.getLane(), e.index(lanes));
  Value column = e.mul(arith::RemUIOp::create(e.b, e.getLane(), e.index(lanes)), kChunk);
  Value row = e.add(getFirstRow(), rowOfLane), slot = e.add(first, rowOfLane);
  Value element = e.add(e.mul(e.add(e.mul(positions.sequence, cache.slots), slot), cache.stride),
                        e.add(e.mul(heads.kvHead, cache.channels), column));
  Value source = e.getAddress(cache.buffer, e.mul(element, kBytes));
  for (int64_t i = 0; i < kTile; i += rows) {
    Value isThere = isLess(e.add(slot, i), positions.to);
    Type i32 = e.b.getI32Type();
    Value bytes = arith::SelectOp::create(e.b, isThere, e.intConstant(i32, kChunk * kBytes),
                                          e.intConstant(i32, 0));
    for (int64_t c = 0; c < cache.channels; c += lanes * kChunk) {
      auto offset = static_cast<int32_t>((i * cache.stride + c) * kBytes);
      Value from = LLVM::GEPOp::create(e.b, source.getType(), e.b.getI8Type(), source,
                                       ArrayRef<LLVM::GEPArg>{offset});
      matrices.copyAsync(from, cache.tiles, e.add(row, i), e.add(column, c), bytes);
    }
  }
  matrices.commitCopies();
}

/// Of the two tiles that have been asked for, the first has come, for all lanes.
void MatrixAttention::awaitTile() {
  matrices.waitForCopies(/*pending=*/1);
  syncWarp();
}

void MatrixAttention::syncWarp() {
  NVVM::SyncWarpOp::create(e.b, e.intConstant(e.b.getI32Type(), -1));
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

void MatrixAttention::reduce(const SharedHeads &heads, const Positions &positions) {
  Value first = e.add(positions.from, e.mul(e.getWarp(), kTile));
  copyTile(keys, heads, positions, first);
  copyTile(values, heads, positions, first);
  loadQueries(heads);

  SmallVector<Value> init{e.constant(kNoMaximum)};
  init.append(1 + values.channels / kRows * 4, e.constant(0));
  auto unflatten = [](ValueRange flat) {
    State state{flat[0], flat[1], {}};
    for (flat = flat.drop_front(2); !flat.empty(); flat = flat.drop_front(4))
      state.weighted.emplace_back(flat.take_front(4));
    return state;
  };
  int64_t step = warps * kTile;
  auto body = [&](Value position, ValueRange carried) {
    Value next = e.add(position, step);
    awaitTile();
    std::array<Value, 2> scores = getScores();
    syncWarp();
    copyTile(keys, heads, positions, next);
    auto [state, weights] = weigh(unflatten(carried), scores, position, positions.to);
    awaitTile();
    addValues(state, weights);
    syncWarp();
    copyTile(values, heads, positions, next);
    SmallVector<Value> flat{state.maximum, state.sum};
    for (const Fragment &fragment : state.weighted)
      llvm::append_range(flat, fragment);
    return flat;
  };
  State state = unflatten(e.forRange(first, positions.to, step, init, body));
  matrices.waitForCopies();
  syncWarp();
  store(state);
}

/// Of this lane's head, for positions g and g + 8 of the tile.
std::array<Value, 2> MatrixAttention::getScores() {
  // Two sums, because a product waits for the one before it to be added.
  std::array<Fragment, 2> sums;
  for (auto [i, query] : llvm::enumerate(queries)) {
    Fragment left = matrices.loadLeft(keys.tiles, getFirstRow(), static_cast<int64_t>(i) * kDepth);
    sums[i % 2] = matrices.multiply(left, query, sums[i % 2]);
  }
  auto getScore = [&](int64_t half) {
    Value score;
    for (const Fragment &fragment : sums) {
      if (fragment.empty())
        continue;
      Value both = arith::AddFOp::create(e.b, fragment[2 * half], fragment[2 * half + 1]);
      score = score ? Value(arith::AddFOp::create(e.b, score, both)) : both;
    }
    return score;
  };
  return {getScore(0), getScore(1)};
}

/// The tile's weights, and the state relative to the same maximum.
std::pair<MatrixAttention::State, std::array<Value, 2>>
MatrixAttention::weigh(const State &state, std::array<Value, 2> scores, Value first, Value to) {
  for (auto [half, score] : llvm::enumerate(scores)) {
    Value position = e.add(e.add(first, group), static_cast<int64_t>(half) * kColumns);
    score = arith::SelectOp::create(e.b, isLess(position, to), score, e.constant(kNoMaximum));
  }
  Value most = arith::MaxNumFOp::create(e.b, scores[0], scores[1]);
  most = arith::SubFOp::create(e.b, e.maxLanes(most, kWarp, kApart), e.constant(kHeadroom));
  State next{arith::MaxNumFOp::create(e.b, state.maximum, most), {}, {}};
  auto power = [&](Value x) { return exp2(e, arith::SubFOp::create(e.b, x, next.maximum)); };
  std::array<Value, 2> weights{power(scores[0]), power(scores[1])};
  Value factor = power(state.maximum);
  next.sum = e.fma(state.sum, factor, arith::AddFOp::create(e.b, weights[0], weights[1]));
  for (const Fragment &fragment : state.weighted) {
    Fragment &scaled = next.weighted.emplace_back();
    for (Value x : fragment)
      scaled.push_back(arith::MulFOp::create(e.b, x, factor));
  }
  return {next, weights};
}

/// Half of a right fragment from the weights of positions g, which lanes 4g + t have of head t:
/// column g is a part of head g / 2 for positions 2t and 2t + 1, of lanes 8t + g / 2 and 4 further.
Value MatrixAttention::transpose(Value weight) {
  Type i32 = e.b.getI32Type();
  Value rest = arith::SubFOp::create(e.b, weight, e.roundTo(e.b.getF16Type(), weight));
  Value parts = LLVM::BitcastOp::create(e.b, i32, matrices.pack(weight, rest));
  Value source = e.add(e.mul(inGroup, 2 * kApart), arith::DivUIOp::create(e.b, group, e.index(2)));
  Value shift = e.mul(arith::RemUIOp::create(e.b, group, e.index(2)), 16);
  shift = arith::IndexCastOp::create(e.b, i32, shift);
  auto fetch = [&](int64_t lanes) -> Value {
    Value lane = arith::IndexCastOp::create(e.b, i32, e.add(source, lanes));
    Value fetched =
        gpu::ShuffleOp::create(e.b, parts, lane, e.intConstant(i32, kWarp), gpu::ShuffleMode::IDX)
            .getShuffleResult();
    return arith::ShRUIOp::create(e.b, fetched, shift);
  };
  Value low = arith::AndIOp::create(e.b, fetch(0), e.intConstant(i32, 0xffff));
  Value high = arith::ShLIOp::create(e.b, fetch(kApart), e.intConstant(i32, 16));
  Value pair = arith::OrIOp::create(e.b, low, high);
  return LLVM::BitcastOp::create(e.b, VectorType::get(2, e.b.getF16Type()), pair);
}

void MatrixAttention::addValues(State &state, std::array<Value, 2> weights) {
  Fragment right{transpose(weights[0]), transpose(weights[1])};
  for (auto [i, sums] : llvm::enumerate(state.weighted)) {
    Fragment left =
        matrices.loadLeftTransposed(values.tiles, getFirstRow(), static_cast<int64_t>(i) * kRows);
    sums = matrices.multiply(left, right, sums);
  }
}

void MatrixAttention::store(const State &state) {
  Value sum = e.addLanes(state.sum, kWarp, kApart);
  auto storeHead = [&] {
    for (auto [i, fragment] : llvm::enumerate(state.weighted))
      for (int64_t half = 0; half < 2; ++half) {
        Value both = arith::AddFOp::create(e.b, fragment[2 * half], fragment[2 * half + 1]);
        Tile tile{e.getWarp(), e.add(e.mul(inGroup, sums.headStride), group),
                  static_cast<int64_t>(i) * kRows + half * kColumns, 1};
        e.store(both, sums.weighted, tile);
      }
    Value isFirst = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, group, e.index(0));
    e.when(isFirst, [&] {
      Tile tile{e.getWarp(), inGroup, 0, 1};
      e.store(state.maximum, sums.maxima, tile);
      e.store(sum, sums.sums, tile);
    });
  };
  if (together < kMostHeads)
    e.when(isLess(inGroup, e.index(together)), storeHead);
  else
    storeHead();
}
