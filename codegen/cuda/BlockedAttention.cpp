//===- BlockedAttention.cpp - Attention of prompts on tensor cores --------===//
#include "codegen/cuda/BlockedAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

static constexpr int64_t kWarpRows = 16;  // of a fragment
static constexpr int64_t kPositions = 64; // of a block
static constexpr int64_t kDepth = 16;     // of a fragment
static constexpr int64_t kColumns = 8;    // of a fragment of sums
static constexpr int64_t kWarps = BlockedAttentionEmitter::kThreads / kWarp;
static constexpr int64_t kCopyBytes = 16;
/// Registers that queries may take.
static constexpr int64_t kQueryRegisters = 32;
/// A GPU has at most about this many multiprocessors: with fewer blocks than two for each, shorter
/// ones balance better.
static constexpr int64_t kManyBlocks = 300;

static int64_t getDim(Value matrix, int64_t heads) { return getChannels(matrix) / heads; }

/// What tensor cores multiply of a cache; null if that is not what attention is to be computed
/// with.
static FloatType getFactorType(Value cache) {
  Type element = getElementTypeOrSelf(cache);
  if (getBlocks(getTensorType(cache)))
    return Float16Type::get(cache.getContext());
  return element.isF16() || element.isBF16() ? cast<FloatType>(element) : FloatType();
}

bool BlockedAttentionEmitter::canRead(AttentionOp op) {
  int64_t kvHeads = op.getKvHeads();
  auto fits = [&](Value cache) {
    return getFactorType(cache) && HeadReader::getObstacle(cache, kvHeads).empty() &&
           getDim(cache, kvHeads) % kDepth == 0;
  };
  return fits(op.getKeys()) && fits(op.getValues()) &&
         getFactorType(op.getKeys()) == getFactorType(op.getValues());
}

/// Fragments of 16 rows that a warp has: two use what is loaded of keys and values twice, if
/// registers suffice and blocks are many.
static int64_t getGroups(AttentionOp op, int64_t maxRows) {
  int64_t heads = op.getHeads();
  bool isMany = heads * maxRows / (2 * kWarps * kWarpRows) >= kManyBlocks;
  return isMany && getDim(op.getResult(), heads) <= 128 ? 2 : 1;
}

int64_t BlockedAttentionEmitter::getBlockRows(AttentionOp op, int64_t maxRows) {
  return getGroups(op, maxRows) * kWarps * kWarpRows;
}

BlockedAttentionEmitter::BlockedAttentionEmitter(ThreadEmitter &e, AttentionOp op)
    : e(e), op(op), type(getFactorType(op.getKeys())), matrices(e, type), heads(op.getHeads()),
      group(heads / static_cast<int64_t>(op.getKvHeads())), queryDim(getDim(op.getQuery(), heads)),
      valueDim(getDim(op.getResult(), heads)), groups(getGroups(op, e.getMaxRows())),
      blockRows(getBlockRows(op, e.getMaxRows())) {
  queries = matrices.allocateFactors(blockRows, queryDim);
  keys = matrices.allocateFactors(kPositions, queryDim);
  values = matrices.allocateFactors(kPositions, valueDim);
  positions = e.allocateShared({blockRows}, e.b.getI32Type());
  sequences = e.allocateShared({blockRows}, e.b.getI32Type());
}

/// Row of the block that this lane has of a fragment.
Value BlockedAttentionEmitter::getBlockRow(int64_t group, int64_t half) {
  Value first = e.mul(e.getWarp(), groups * kWarpRows);
  Value inFragment = arith::DivUIOp::create(e.b, e.getLane(), e.index(4));
  return e.add(e.add(first, inFragment), group * kWarpRows + half * kColumns);
}

Value BlockedAttentionEmitter::loadInt(Value buffer, Value row) {
  return arith::IndexCastOp::create(e.b, e.b.getIndexType(),
                                    memref::LoadOp::create(e.b, buffer, row));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void BlockedAttentionEmitter::emit(Value head, Value block, AttentionWriter write) {
  firstRow = e.mul(block, blockRows);
  Value rest = arith::SubIOp::create(e.b, e.getRows(), firstRow);
  count = arith::MinSIOp::create(e.b, rest, e.index(blockRows));
  loadRows();
  loadQueries(head);
  e.barrier();
  heldQueries.clear();
  if (queryDim / kDepth * 4 * groups <= kQueryRegisters)
    for (int64_t g = 0; g < groups; ++g) {
      Value row = e.mul(e.getWarp(), groups * kWarpRows);
      SmallVector<Fragment> &held = heldQueries.emplace_back();
      for (int64_t column = 0; column < queryDim; column += kDepth)
        held.push_back(matrices.loadLeft(queries, e.add(row, g * kWarpRows), column));
    }

  Value kvHead = arith::DivUIOp::create(e.b, head, e.index(group));
  SmallVector<Value> init{e.index(0)};
  llvm::append_range(init, flatten(getEmptyState()));
  auto loop = scf::WhileOp::create(
      e.b, TypeRange(ValueRange(init)), init,
      [&](OpBuilder &, Location, ValueRange carried) {
        OpBuilder::InsertionGuard guard(e.b);
        e.b.setInsertionPointToStart(carried.front().getParentBlock());
        Value more = arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, carried[0], count);
        scf::ConditionOp::create(e.b, more, carried);
      },
      [&](OpBuilder &, Location, ValueRange carried) {
        OpBuilder::InsertionGuard guard(e.b);
        e.b.setInsertionPointToStart(carried.front().getParentBlock());
        Run run = findRun(carried[0]);
        SmallVector<Value> next{run.end};
        llvm::append_range(next, flatten(emitRun(run, kvHead, unflatten(carried.drop_front()))));
        scf::YieldOp::create(e.b, next);
      });
  finish(unflatten(loop.getResults().drop_front()), head, write);
}

/// Positions and sequences of the block's rows. Rows that are not there are the last one once more.
void BlockedAttentionEmitter::loadRows() {
  e.forRange(e.getThread(), e.index(blockRows), kThreads, [&](Value row) {
    Value last = arith::SubIOp::create(e.b, count, e.index(1));
    Value from = e.add(firstRow, arith::MinSIOp::create(e.b, row, last));
    memref::StoreOp::create(e.b, memref::LoadOp::create(e.b, e.getBuffer(op.getPositions()), from),
                            positions, row);
    memref::StoreOp::create(e.b, memref::LoadOp::create(e.b, e.getBuffer(op.getSequences()), from),
                            sequences, row);
  });
}

/// Queries times the scale.
void BlockedAttentionEmitter::loadQueries(Value head) {
  constexpr int64_t width = kThreadColumns;
  Value scale = e.constant(getBinaryScale(op)), perRow = e.index(queryDim / width);
  Value last = arith::SubIOp::create(e.b, e.getRows(), e.index(1));
  e.forRange(e.getThread(), e.index(blockRows * queryDim / width), kThreads, [&](Value item) {
    e.beginRow();
    Value row = arith::DivUIOp::create(e.b, item, perRow);
    Value column = e.mul(arith::RemUIOp::create(e.b, item, perRow), width);
    Tile tile{arith::MinSIOp::create(e.b, e.add(firstRow, row), last),
              e.add(e.mul(head, queryDim), column), 0, width};
    SmallVector<Value> scaled;
    for (Value x : e.pull(op.getQuery(), tile))
      scaled.push_back(arith::MulFOp::create(e.b, x, scale));
    e.store(scaled, queries, Tile{row, column, 0, width});
  });
}

/// Rows `first` and following of one sequence. Each warp looks at all rows; whole warps agree.
BlockedAttentionEmitter::Run BlockedAttentionEmitter::findRun(Value first) {
  IntegerType i32 = e.b.getI32Type();
  Value all = e.intConstant(i32, -1);
  auto reduce = [&](NVVM::ReduxKind kind, ArrayRef<Value> values) -> Value {
    Value combined = values[0];
    for (Value value : values.drop_front())
      combined = kind == NVVM::ReduxKind::MIN ? Value(arith::MinSIOp::create(e.b, combined, value))
                                              : Value(arith::MaxSIOp::create(e.b, combined, value));
    combined = NVVM::ReduxOp::create(e.b, i32, combined, kind, all);
    return arith::IndexCastOp::create(e.b, e.b.getIndexType(), combined);
  };
  Run run;
  run.first = first;
  Value sequence = memref::LoadOp::create(e.b, sequences, first);
  run.sequence = arith::IndexCastOp::create(e.b, e.b.getIndexType(), sequence);

  SmallVector<Value> rows, others;
  Value end = e.intConstant(i32, blockRows);
  for (int64_t i = 0; i < blockRows; i += kWarp) {
    rows.push_back(e.add(e.getLane(), i));
    Value isOther =
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne,
                              memref::LoadOp::create(e.b, sequences, rows.back()), sequence);
    Value isBehind = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sgt, rows.back(), first);
    others.push_back(arith::SelectOp::create(e.b, arith::AndIOp::create(e.b, isOther, isBehind),
                                             arith::IndexCastOp::create(e.b, i32, rows.back()),
                                             end));
  }
  run.end = reduce(NVVM::ReduxKind::MIN, others);

  SmallVector<Value> least, most;
  for (Value row : rows) {
    Value inRun = arith::AndIOp::create(
        e.b, arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, row, first),
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, row, run.end));
    Value position = memref::LoadOp::create(e.b, positions, row);
    least.push_back(arith::SelectOp::create(
        e.b, inRun, position, e.intConstant(i32, std::numeric_limits<int32_t>::max())));
    most.push_back(arith::SelectOp::create(e.b, inRun, position, e.intConstant(i32, 0)));
  }
  run.lowest = reduce(NVVM::ReduxKind::MIN, least);
  run.highest = reduce(NVVM::ReduxKind::MAX, most);
  run.to = e.add(run.highest, 1);
  run.from = e.index(0);
  if (int64_t window = op.getMask().getWindow())
    run.from = arith::MaxSIOp::create(e.b, e.add(run.lowest, 1 - window), run.from);
  return run;
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

BlockedAttentionEmitter::State BlockedAttentionEmitter::emitRun(const Run &run, Value kvHead,
                                                                const State &state) {
  Value begin = e.mul(arith::DivUIOp::create(e.b, run.from, e.index(kPositions)), kPositions);
  copyPositions(run, kvHead, begin, /*isKey=*/true);
  matrices.commitCopies();
  return unflatten(
      e.forRange(begin, run.to, kPositions, flatten(state), [&](Value first, ValueRange carried) {
        // Keys have come, and all warps are done with the last values.
        matrices.waitForCopies();
        e.barrier();
        copyPositions(run, kvHead, first, /*isKey=*/false);
        matrices.commitCopies();
        Scores scores(groups, SmallVector<Fragment>(kPositions / kColumns));
        emitScores(scores);
        // Values have come, and all warps are done with the keys.
        matrices.waitForCopies();
        e.barrier();
        Value next = e.add(first, kPositions);
        e.when(arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, next, run.to),
               [&] { copyPositions(run, kvHead, next, /*isKey=*/true); });
        matrices.commitCopies();
        mask(run, first, scores);
        State following = unflatten(carried);
        accumulate(following, scores);
        return flatten(following);
      }));
}

/// Slots that no row of the run sees repeat others, so that weights of 0 meet numbers.
Value BlockedAttentionEmitter::clampSlot(const Run &run, Value slot) {
  Value last = arith::SubIOp::create(e.b, run.to, e.index(1));
  return arith::MinSIOp::create(e.b, arith::MaxSIOp::create(e.b, slot, run.from), last);
}

/// Brings one head of the slots of a block of positions to shared memory, or asks for it.
void BlockedAttentionEmitter::copyPositions(const Run &run, Value kvHead, Value first, bool isKey) {
  Value cache = isKey ? op.getKeys() : op.getValues();
  if (getBlocks(getTensorType(cache)))
    widenBlocks(run, kvHead, first, isKey);
  else
    copyFloats(run, kvHead, first, isKey);
}

void BlockedAttentionEmitter::copyFloats(const Run &run, Value kvHead, Value first, bool isKey) {
  Value cache = isKey ? op.getKeys() : op.getValues();
  int64_t dim = isKey ? queryDim : valueDim, width = kCopyBytes / 2;
  int64_t slots = getTensorType(cache).getDimSize(1), channels = getChannels(cache);
  Value base = e.mul(run.sequence, slots), head = e.mul(kvHead, dim), perRow = e.index(dim / width);
  int64_t items = kPositions * dim / width;
  for (int64_t i = 0; i < items; i += kThreads) {
    Value item = e.add(e.getThread(), i);
    auto copy = [&] {
      Value row = arith::DivUIOp::create(e.b, item, perRow);
      Value column = e.mul(arith::RemUIOp::create(e.b, item, perRow), width);
      Value slot = clampSlot(run, e.add(first, row));
      Value element = e.add(e.mul(e.add(base, slot), channels), e.add(head, column));
      matrices.copyAsync(e.getAddress(e.getBuffer(cache), e.mul(element, 2)), isKey ? keys : values,
                         row, column);
    };
    if (i + kThreads <= items)
      copy();
    else
      e.when(arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, item, e.index(items)), copy);
  }
}

void BlockedAttentionEmitter::widenBlocks(const Run &run, Value kvHead, Value first, bool isKey) {
  HeadReader reader(e, isKey ? op.getKeys() : op.getValues(), op.getKvHeads(),
                    HeadReader::kMostQuads);
  constexpr int64_t count = HeadReader::kQuad;
  Value firstRow = e.mul(e.getWarp(), kPositions / kWarps);
  auto place = reader.getPlace(run.sequence, kvHead, e.add(first, firstRow), run.to);
  SmallVector<Value> rows;
  SmallVector<HeadReader::Stored> stored;
  for (int64_t i = 0; i < kPositions / kWarps; i += reader.getSlotsAtOnce()) {
    rows.push_back(e.add(e.add(firstRow, reader.getSlotOfLane()), i));
    stored.push_back(reader.load(place, i / reader.getSlotsAtOnce()));
  }
  auto store = [&] {
    for (auto [row, slot] : llvm::zip_equal(rows, stored)) {
      HeadReader::Numbers numbers = reader.widen(slot);
      for (Value &value : numbers.values)
        value = arith::MulFOp::create(e.b, value, numbers.scale);
      for (int64_t half = 0; half < HeadReader::kMostQuads; ++half)
        e.store(ArrayRef(numbers.values).slice(half * count, count), isKey ? keys : values,
                Tile{row, reader.getChannel(half), 0, count});
    }
  };
  if (Value isMine = reader.hasChannels())
    e.when(isMine, store);
  else
    store();
}

/// scores[group][columns] = queries * keys^T.
void BlockedAttentionEmitter::emitScores(Scores &scores) {
  Value firstRow = e.mul(e.getWarp(), groups * kWarpRows);
  for (int64_t column = 0; column < queryDim; column += kDepth) {
    SmallVector<Fragment> left;
    for (int64_t g = 0; g < groups; ++g)
      left.push_back(heldQueries.empty()
                         ? matrices.loadLeft(queries, e.add(firstRow, g * kWarpRows), column)
                         : heldQueries[g][column / kDepth]);
    for (int64_t position = 0; position < kPositions; position += 2 * kColumns) {
      auto right = matrices.loadRight(keys, position, column);
      for (int64_t g = 0; g < groups; ++g)
        for (int64_t half = 0; half < 2; ++half) {
          Fragment &sums = scores[g][position / kColumns + half];
          sums = matrices.multiply(left[g], right[half], sums);
        }
    }
  }
}

/// Scores of positions that a row does not see become -infinity. Blocks of positions that all rows
/// see are left alone.
void BlockedAttentionEmitter::mask(const Run &run, Value first, Scores &scores) {
  auto compare = [&](arith::CmpIPredicate predicate, Value l, Value r) -> Value {
    return arith::CmpIOp::create(e.b, predicate, l, r);
  };
  int64_t window = op.getMask().getWindow();
  Value isPartial = compare(arith::CmpIPredicate::sgt, e.add(first, kPositions - 1), run.lowest);
  auto orIf = [&](Value condition) { isPartial = arith::OrIOp::create(e.b, isPartial, condition); };
  orIf(compare(arith::CmpIPredicate::sgt, run.first, e.index(0)));
  orIf(compare(arith::CmpIPredicate::slt, run.end, e.index(blockRows)));
  if (window)
    orIf(compare(arith::CmpIPredicate::sle, first, e.add(run.highest, -window)));

  SmallVector<Value> flat;
  for (const SmallVector<Fragment> &fragments : scores)
    for (const Fragment &fragment : fragments)
      llvm::append_range(flat, fragment);
  auto branch = scf::IfOp::create(e.b, TypeRange(ValueRange(flat)), isPartial,
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(e.b, flat);
    e.b.setInsertionPointToStart(branch.thenBlock());
    Value least = e.constant(-std::numeric_limits<double>::infinity());
    Value column = e.mul(arith::RemUIOp::create(e.b, e.getLane(), e.index(4)), 2);
    Value lanePosition = e.add(first, column);
    SmallVector<Value> masked;
    size_t next = 0;
    for (int64_t g = 0; g < groups; ++g) {
      // Relative to the lane's first position, so that columns compare with constants.
      SmallVector<Value> above, below;
      for (int64_t half = 0; half < 2; ++half) {
        Value row = getBlockRow(g, half), position = loadInt(positions, row);
        Value inRun = arith::AndIOp::create(e.b, compare(arith::CmpIPredicate::sge, row, run.first),
                                            compare(arith::CmpIPredicate::slt, row, run.end));
        Value last = arith::SelectOp::create(e.b, inRun, position, e.index(-1));
        above.push_back(arith::SubIOp::create(e.b, last, lanePosition));
        if (window)
          below.push_back(arith::SubIOp::create(e.b, e.add(position, 1 - window), lanePosition));
      }
      for (int64_t c = 0; c < kPositions / kColumns; ++c)
        for (int64_t i = 0; i < 4; ++i) {
          Value offset = e.index(c * kColumns + i % 2);
          Value isSeen = compare(arith::CmpIPredicate::sle, offset, above[i / 2]);
          if (window)
            isSeen = arith::AndIOp::create(
                e.b, isSeen, compare(arith::CmpIPredicate::sge, offset, below[i / 2]));
          masked.push_back(arith::SelectOp::create(e.b, isSeen, flat[next++], least));
        }
    }
    scf::YieldOp::create(e.b, masked);
  }
  size_t next = 0;
  for (SmallVector<Fragment> &fragments : scores)
    for (Fragment &fragment : fragments)
      for (Value &value : fragment)
        value = branch.getResult(next++);
}

/// The online softmax, and weights * values.
void BlockedAttentionEmitter::accumulate(State &state, Scores &scores) {
  SmallVector<SmallVector<Fragment>> weights;
  for (auto [rows, fragments] : llvm::zip_equal(state, scores)) {
    SmallVector<Value, 2> factors;
    for (int64_t half = 0; half < 2; ++half) {
      Value maximum = rows.maxima[half];
      for (const Fragment &fragment : fragments)
        for (Value score : {fragment[2 * half], fragment[2 * half + 1]})
          maximum = arith::MaxNumFOp::create(e.b, maximum, score);
      maximum = e.maxLanes(maximum, 4);
      factors.push_back(exp2(e, arith::SubFOp::create(e.b, rows.maxima[half], maximum)));
      rows.maxima[half] = maximum;
      Value sum;
      for (Fragment &fragment : fragments)
        for (Value *score : {&fragment[2 * half], &fragment[2 * half + 1]}) {
          *score = exp2(e, arith::SubFOp::create(e.b, *score, maximum));
          sum = sum ? Value(arith::AddFOp::create(e.b, sum, *score)) : *score;
        }
      rows.sums[half] = e.fma(rows.sums[half], factors[half], sum);
    }
    for (Fragment &fragment : rows.weighted)
      for (int64_t i = 0; i < 4; ++i)
        fragment[i] = arith::MulFOp::create(e.b, fragment[i], factors[i / 2]);
    SmallVector<Fragment> &rounded = weights.emplace_back();
    for (size_t i = 0; i < fragments.size(); i += 2)
      rounded.push_back(matrices.round(fragments[i], fragments[i + 1]));
  }
  for (int64_t position = 0; position < kPositions; position += kDepth)
    for (int64_t channel = 0; channel < valueDim; channel += 2 * kColumns) {
      auto right = matrices.loadRightTransposed(values, position, channel);
      for (int64_t g = 0; g < groups; ++g)
        for (int64_t half = 0; half < 2; ++half) {
          Fragment &sums = state[g].weighted[channel / kColumns + half];
          sums = matrices.multiply(weights[g][position / kDepth], right[half], sums);
        }
    }
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

BlockedAttentionEmitter::State BlockedAttentionEmitter::getEmptyState() {
  Value zero = e.constant(0), least = e.constant(kNoMaximum);
  Rows rows{{least, least}, {zero, zero}, {}};
  rows.weighted.assign(valueDim / kColumns, Fragment(4, zero));
  return State(groups, rows);
}

SmallVector<Value> BlockedAttentionEmitter::flatten(const State &state) {
  SmallVector<Value> flat;
  for (const Rows &rows : state) {
    llvm::append_range(flat, rows.maxima);
    llvm::append_range(flat, rows.sums);
    for (const Fragment &fragment : rows.weighted)
      llvm::append_range(flat, fragment);
  }
  return flat;
}

BlockedAttentionEmitter::State BlockedAttentionEmitter::unflatten(ValueRange values) {
  State state;
  auto take = [&](size_t count) {
    ValueRange taken = values.take_front(count);
    values = values.drop_front(count);
    return taken;
  };
  for (int64_t g = 0; g < groups; ++g) {
    Rows &rows = state.emplace_back();
    llvm::append_range(rows.maxima, take(2));
    llvm::append_range(rows.sums, take(2));
    for (int64_t c = 0; c < valueDim / kColumns; ++c)
      llvm::append_range(rows.weighted.emplace_back(), take(4));
  }
  return state;
}

void BlockedAttentionEmitter::finish(const State &state, Value head, AttentionWriter write) {
  Value inFragment = e.mul(arith::RemUIOp::create(e.b, e.getLane(), e.index(4)), 2);
  Value column = e.add(e.mul(head, valueDim), inFragment);
  for (auto [g, rows] : llvm::enumerate(state))
    for (int64_t half = 0; half < 2; ++half) {
      Value sum = e.addLanes(rows.sums[half], 4);
      Value inverse = arith::DivFOp::create(e.b, e.constant(1), sum);
      Value row = getBlockRow(static_cast<int64_t>(g), half);
      Value isThere = arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, row, count);
      // What is computed from the result reads no row beyond the last.
      Value last = arith::SubIOp::create(e.b, count, e.index(1));
      Value to = e.add(firstRow, arith::MinSIOp::create(e.b, row, last));
      e.beginRow();
      for (auto [c, fragment] : llvm::enumerate(rows.weighted)) {
        SmallVector<Value> elements;
        for (int64_t i = 0; i < 2; ++i)
          elements.push_back(arith::MulFOp::create(e.b, fragment[2 * half + i], inverse));
        Tile tile{to, column, static_cast<int64_t>(c) * kColumns, 2};
        write(tile, elements, isThere);
      }
    }
}
