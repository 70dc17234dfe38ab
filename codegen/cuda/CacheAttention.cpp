//===- CacheAttention.cpp - Attention over caches by parts ----------------===//
#include "codegen/cuda/CacheAttention.h"

#include "codegen/cuda/HeadReader.h"
#include "codegen/cuda/LaneAttention.h"
#include "codegen/cuda/MatrixAttention.h"

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
  int64_t most =
      MatrixAttention::canRead(op) ? MatrixAttention::kMostHeads : LaneAttention::getMostHeads(op);
  return kvHeads * static_cast<int64_t>(llvm::divideCeil(heads / kvHeads, most));
}

int64_t CacheAttentionEmitter::getParts(AttentionOp op) {
  int64_t slots = getTensorType(op.getKeys()).getDimSize(1);
  if (slots <= kUndivided)
    return 1;
  int64_t blocks = MatrixAttention::canRead(op) ? MatrixAttention::kBlocks : LaneAttention::kBlocks;
  int64_t groups = std::max<int64_t>(getHeadGroups(op), 1);
  auto most = static_cast<int64_t>(llvm::bit_floor<uint64_t>(blocks / groups));
  return std::min<int64_t>(std::max<int64_t>(most, kPartsAtOnce),
                           llvm::divideCeil(slots, kPositions));
}

CacheAttentionEmitter::CacheAttentionEmitter(ThreadEmitter &e, AttentionOp op)
    : e(e), op(op), channels(getChannels(op.getValues()) / static_cast<int64_t>(op.getKvHeads())),
      group(static_cast<int64_t>(op.getHeads()) / static_cast<int64_t>(op.getKvHeads())),
      together(static_cast<int64_t>(llvm::divideCeil(op.getHeads(), getHeadGroups(op)))) {
  width = static_cast<int64_t>(llvm::PowerOf2Ceil(llvm::divideCeil(together * channels, kThreads)));
  if (MatrixAttention::canRead(op))
    attention = std::make_unique<MatrixAttention>(e, op, kWarps, together);
  else
    attention = std::make_unique<LaneAttention>(e, op, kWarps, together);
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
                                  (channels + 2) * 4);
  auto padded = static_cast<int64_t>(llvm::alignTo(getParts(op), kPartsAtOnce));
  factors = e.allocateShared({together, padded}, e.b.getF32Type());
  total = e.allocateShared({together}, e.b.getF32Type());
  e.when(compare(Predicate::slt, part, span.parts), [&] {
    e.beginRow();
    beginGroup(headGroup, row);
    Value from = e.add(span.first, arith::ShLIOp::create(e.b, part, span.shift));
    Value size = arith::ShLIOp::create(e.b, e.index(1), span.shift);
    Value to = arith::MinSIOp::create(e.b, e.add(from, size), span.end);
    State state = reduce(span.sequence, from, to);
    auto branch = scf::IfOp::create(e.b, compare(Predicate::eq, span.parts, e.index(1)),
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    finish(state, write);
    e.b.setInsertionPointToStart(branch.elseBlock());
    publish(state, part);
    Value counter = e.add(e.mul(row, getHeadGroups(op)), headGroup);
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
  span.end = e.add(load(op.getPositions()), 1);
  span.first = e.index(0);
  int64_t window = op.getMask().getWindow();
  if (window)
    span.first = arith::MaxSIOp::create(e.b, e.add(span.end, -window), span.first);

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
  span.parts = e.add(arith::ShRUIOp::create(e.b, lastOfAll, span.shift), 1);
  return span;
}

void CacheAttentionEmitter::beginGroup(Value headGroup, Value row) {
  this->row = row;
  this->headGroup = headGroup;
  int64_t groups = getHeadGroups(op) / static_cast<int64_t>(op.getKvHeads());
  kvHead = e.b.createOrFold<arith::DivUIOp>(headGroup, e.index(groups));
  Value inGroup = e.b.createOrFold<arith::RemUIOp>(headGroup, e.index(groups));
  firstHead = e.add(e.mul(kvHead, group), e.mul(inGroup, together));
  lastHead = e.add(e.mul(kvHead, group), group - 1);

  Value column = e.mul(e.getThread(), width);
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
  Value head = e.add(firstHead, mergedHead);
  Value isThere = arith::AndIOp::create(e.b, isMerging, compare(Predicate::sle, head, lastHead));
  head = arith::MinSIOp::create(e.b, head, lastHead);
  e.beginRow();
  write(Tile{row, e.add(e.mul(head, channels), mergedChannel), 0, width}, elements, isThere);
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

/// The softmax over positions [from, to), merged.
CacheAttentionEmitter::State CacheAttentionEmitter::reduce(Value sequence, Value from, Value to) {
  attention->reduce({row, kvHead, firstHead, lastHead}, {sequence, from, to});
  e.barrier();
  return mergeWarps();
}

CacheAttentionEmitter::State CacheAttentionEmitter::mergeWarps() {
  const WarpSums &sums = attention->getSums();
  SmallVector<Value> maxima, totals;
  for (int64_t w = 0; w < kWarps; ++w) {
    maxima.push_back(memref::LoadOp::create(e.b, sums.maxima, ValueRange{e.index(w), mergedHead}));
    totals.push_back(memref::LoadOp::create(e.b, sums.sums, ValueRange{e.index(w), mergedHead}));
  }
  State state{maxima.front(), e.constant(0), SmallVector<Value>(width, e.constant(0))};
  for (Value maximum : maxima)
    state.maximum = arith::MaxNumFOp::create(e.b, state.maximum, maximum);
  Value column = e.add(e.mul(mergedHead, sums.headStride), mergedChannel);
  for (int64_t w = 0; w < kWarps; ++w) {
    Value factor = exp2(e, arith::SubFOp::create(e.b, maxima[w], state.maximum));
    state.sum = e.fma(totals[w], factor, state.sum);
    for (int64_t i = 0; i < sums.partials; ++i) {
      Tile tile{e.index(w * sums.partials + i), column, 0, width};
      for (auto [sum, x] : llvm::zip_equal(state.weighted, e.load(sums.weighted, tile)))
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
  int64_t numbers = together * (channels + 2);
  Value block = e.add(e.mul(row, getHeadGroups(op)), headGroup);
  Value offset = e.add(e.mul(e.add(e.mul(block, getParts(op)), part), numbers), column);
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
  e.when(isMerging, [&] {
    Value column = e.add(e.mul(mergedHead, channels), mergedChannel);
    storeNumbers(e, state.weighted, getPartAddress(part, column));
    e.when(compare(Predicate::eq, mergedChannel, e.index(0)), [&] {
      Value maximum = e.add(mergedHead, together * channels);
      storeNumbers(e, state.maximum, getPartAddress(part, maximum));
      storeNumbers(e, state.sum, getPartAddress(part, e.add(maximum, together)));
    });
  });
}

CacheAttentionEmitter::State CacheAttentionEmitter::mergeParts(Value parts) {
  int64_t columns = together * channels;
  Value lastPart = arith::SubIOp::create(e.b, parts, e.index(1));
  Value rounds = arith::DivUIOp::create(e.b, e.add(parts, kPartsAtOnce - 1), e.index(kPartsAtOnce));
  Value padded = e.mul(rounds, kPartsAtOnce);
  Value column = e.add(e.mul(mergedHead, channels), mergedChannel);
  using Batch = SmallVector<SmallVector<Value>>;
  auto loadBatch = [&](Value first) {
    Batch loaded;
    for (int64_t i = 0; i < kPartsAtOnce; ++i) {
      Value part = arith::MinSIOp::create(e.b, e.add(first, i), lastPart);
      loaded.push_back(loadNumbers(e, width, getPartAddress(part, column)));
    }
    return loaded;
  };
  auto addBatch = [&](Value first, const Batch &loaded, SmallVector<Value> sums) {
    for (auto [i, numbers] : llvm::enumerate(loaded)) {
      Value part = e.add(first, static_cast<int64_t>(i));
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
      Value address = getPartAddress(part, e.add(head, column));
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
