//===- AttentionModels.cpp - Kernels of attention -------------------------===//
//
// Attention with a running softmax (Milakov and Gimelshein 2018): positions are
// taken in blocks that start at multiples of kPositions, so that the order of
// additions depends on positions alone, not on how rows are computed together.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/SlotAccess.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// Positions of a block: scores stay in the L1 cache.
constexpr int64_t kPositions = 128;

/// One row and one head.
class HeadEmitter {
public:
  HeadEmitter(TileEmitter &e, AttentionOp op, const Tile &tile)
      : e(e), op(op), queryDim(getChannels(op.getQuery()) / op.getHeads()),
        valueDim(getChannels(op.getResult()) / op.getHeads()), keys(e, op.getKeys(), queryDim),
        values(e, op.getValues(), valueDim) {
    scores = e.allocateScratch({kPositions}, e.b.getF32Type());
    Value head = arith::DivUIOp::create(e.b, tile.column, e.index(valueDim));
    Value kvHead = arith::DivUIOp::create(e.b, head, e.index(op.getHeads() / op.getKvHeads()));
    keyColumn = arith::MulIOp::create(e.b, kvHead, e.index(queryDim));
    valueColumn = arith::MulIOp::create(e.b, kvHead, e.index(valueDim));
    sequence = loadIndex(op.getSequences(), tile.row);
    position = loadIndex(op.getPositions(), tile.row);

    Value queryColumn = arith::MulIOp::create(e.b, head, e.index(queryDim));
    Value scale = e.constant(e.f32Vector(), op.getScale().convertToDouble());
    Value queryBuffer = e.getBuffer(op.getQuery());
    for (int64_t offset = 0; offset < queryDim; offset += kLanes) {
      Value column = arith::AddIOp::create(e.b, queryColumn, e.index(offset));
      Value loaded = e.load(queryBuffer, {tile.row, column}, std::min(kLanes, queryDim - offset));
      query.push_back(arith::MulFOp::create(e.b, loaded, scale));
    }
  }

  SmallVector<Value> emit() {
    Value end = arith::AddIOp::create(e.b, position, e.index(1));
    Value first = e.index(0);
    if (int64_t window = op.getMask().getWindow()) {
      Value start = arith::SubIOp::create(e.b, end, e.index(window));
      first = arith::MaxSIOp::create(e.b, start, first);
    }
    Value blockSize = e.index(kPositions);
    Value firstBlock =
        arith::MulIOp::create(e.b, arith::DivUIOp::create(e.b, first, blockSize), blockSize);
    int64_t vectors = llvm::divideCeil(valueDim, kLanes);
    // Running maximum, sum of exponentials, weighted sum of values.
    SmallVector<Value> init{e.constant(e.b.getF32Type(), -1.0e30), e.constant(e.b.getF32Type(), 0)};
    init.append(vectors, e.constant(e.f32Vector(), 0));
    auto loop = scf::ForOp::create(e.b, firstBlock, end, blockSize, init);
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(loop.getBody());
      Value block = loop.getInductionVar();
      Value from = arith::MaxSIOp::create(e.b, block, first);
      Value to = arith::MinSIOp::create(e.b, arith::AddIOp::create(e.b, block, blockSize), end);
      scf::YieldOp::create(e.b, emitBlock(block, from, to, loop.getRegionIterArgs()));
    }
    Value inverse = arith::DivFOp::create(e.b, e.constant(e.b.getF32Type(), 1), loop.getResult(1));
    SmallVector<Value> result;
    for (int64_t v = 0; v < vectors; ++v)
      result.push_back(arith::MulFOp::create(e.b, loop.getResult(2 + v), e.broadcast(inverse)));
    return result;
  }

private:
  Value loadIndex(Value ids, Value row) {
    return arith::IndexCastOp::create(e.b, e.b.getIndexType(),
                                      memref::LoadOp::create(e.b, e.getBuffer(ids), row));
  }

  /// Positions [from, to) of the block at `block`; `state` as in emit().
  SmallVector<Value> emitBlock(Value block, Value from, Value to, ValueRange state) {
    Value oldMaximum = state[0], oldSum = state[1];
    Value maximum = emitScores(block, from, to, oldMaximum);
    Value correction = e.exp(arith::SubFOp::create(e.b, oldMaximum, maximum));
    Value sum = emitExponentials(block, from, to, maximum);
    SmallVector<Value> next{maximum, e.fma(oldSum, correction, sum)};
    SmallVector<Value> weighted;
    for (Value old : state.drop_front(2))
      weighted.push_back(arith::MulFOp::create(e.b, old, e.broadcast(correction)));
    llvm::append_range(next, emitWeightedSum(block, from, to, weighted));
    return next;
  }

  /// scores[s - block] = query · keys[s] for s in [from, to); returns the running maximum. Sixteen
  /// positions at a time; those outside the range take the score of its first or last one, which
  /// changes no maximum.
  Value emitScores(Value block, Value from, Value to, Value maximum) {
    Value low = arith::SubIOp::create(e.b, from, block);
    Value lanes = e.index(kLanes);
    Value start = arith::MulIOp::create(e.b, arith::DivUIOp::create(e.b, low, lanes), lanes);
    Value high = arith::SubIOp::create(e.b, to, block);
    Value last = arith::SubIOp::create(e.b, to, e.index(1));
    auto loop = scf::ForOp::create(e.b, start, high, lanes, e.broadcast(maximum));
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(loop.getBody());
      Value first = arith::AddIOp::create(e.b, block, loop.getInductionVar());
      Value vector = e.reduceAddEach([&](int64_t lane) {
        Value s = arith::AddIOp::create(e.b, first, e.index(lane));
        s = arith::MinSIOp::create(e.b, arith::MaxSIOp::create(e.b, s, from), last);
        return emitProducts(s);
      });
      e.store(vector, scores, loop.getInductionVar());
      scf::YieldOp::create(e.b, ValueRange{e.max(loop.getRegionIterArg(0), vector)});
    }
    return e.reduceMax(loop.getResult(0));
  }

  /// Products of the query and the key at position s, added up to one vector; those of a block
  /// before they are scaled.
  Value emitProducts(Value s) {
    auto addProduct = [&](Value sum, Value l, Value r) {
      return sum ? e.fma(l, r, sum) : Value(arith::MulFOp::create(e.b, l, r));
    };
    Value sum;
    keys.forParts(sequence, s, keyColumn, [&](const SlotReader::Part &part) {
      Value inner = part.scale ? Value() : sum;
      for (auto [v, key] : llvm::enumerate(part.vectors))
        inner = addProduct(inner, query[part.first + v], key);
      sum = part.scale ? addProduct(sum, inner, part.scale) : inner;
    });
    return sum;
  }

  /// scores[i] = e^(scores[i] - maximum) for the positions of the block, 0 for its others; returns
  /// their sum.
  Value emitExponentials(Value block, Value from, Value to, Value maximum) {
    Value low = arith::SubIOp::create(e.b, from, block);
    Value high = arith::SubIOp::create(e.b, to, block);
    Value top = e.broadcast(maximum);
    auto loop = scf::ForOp::create(e.b, e.index(0), high, e.index(kLanes),
                                   ValueRange{e.constant(e.f32Vector(), 0)});
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(loop.getBody());
      Value i = loop.getInductionVar();
      Value power = e.exp(arith::SubFOp::create(e.b, e.load(scores, i), top));
      Value lanes = vector::StepOp::create(e.b, VectorType::get(kLanes, e.b.getIndexType()));
      Value at = arith::AddIOp::create(e.b, lanes, e.broadcast(i));
      Value inside = arith::AndIOp::create(
          e.b, arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, at, e.broadcast(high)),
          arith::CmpIOp::create(e.b, arith::CmpIPredicate::uge, at, e.broadcast(low)));
      power = arith::SelectOp::create(e.b, inside, power, e.constant(e.f32Vector(), 0));
      e.store(power, scores, i);
      scf::YieldOp::create(e.b,
                           ValueRange{arith::AddFOp::create(e.b, loop.getRegionIterArg(0), power)});
    }
    return e.reduceAdd(loop.getResult(0));
  }

  /// weighted + sum_s scores[s - block] * values[s]; of blocks (scores[s - block] * scale) *
  /// integer.
  SmallVector<Value> emitWeightedSum(Value block, Value from, Value to, ValueRange weighted) {
    auto loop = scf::ForOp::create(e.b, from, to, e.index(1), weighted);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    Value s = loop.getInductionVar();
    Value score = e.broadcast(
        memref::LoadOp::create(e.b, scores, ValueRange{arith::SubIOp::create(e.b, s, block)}));
    SmallVector<Value> next;
    values.forParts(sequence, s, valueColumn, [&](const SlotReader::Part &part) {
      Value weight = part.scale ? Value(arith::MulFOp::create(e.b, score, part.scale)) : score;
      for (auto [v, value] : llvm::enumerate(part.vectors))
        next.push_back(e.fma(weight, value, loop.getRegionIterArgs()[part.first + v]));
    });
    scf::YieldOp::create(e.b, next);
    return SmallVector<Value>(loop.getResults());
  }

  TileEmitter &e;
  AttentionOp op;
  int64_t queryDim, valueDim;
  SlotReader keys, values;
  Value scores, keyColumn, valueColumn, sequence, position;
  SmallVector<Value> query;
};

/// A work item is one head of one row.
struct AttentionModel : CpuTileOpInterface::ExternalModel<AttentionModel, AttentionOp> {
  std::string getObstacle(Operation *operation) const {
    auto op = cast<AttentionOp>(operation);
    for (Value cache : {op.getKeys(), op.getValues()}) {
      int64_t channels = getChannels(cache) / static_cast<int64_t>(op.getKvHeads());
      if (getBlocks(getTensorType(cache)) && channels % kLanes != 0)
        return "reads heads of " + std::to_string(channels) +
               " channels from a cache in blocks: expected a multiple of 16";
    }
    return {};
  }

  int64_t getTileColumns(Operation *operation) const {
    auto op = cast<AttentionOp>(operation);
    return getChannels(op) / op.getHeads();
  }

  SmallVector<Value> emitTile(Operation *op, TileEmitter &e, unsigned, const Tile &tile) const {
    return HeadEmitter(e, cast<AttentionOp>(op), tile).emit();
  }
};

} // namespace

void nyala::cpu::attachAttentionModels(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionModel>(*context);
}
