//===- SelfAttentionModels.cpp - Kernel of self_attention -----------------===//
//
// A work item is one head of one sequence. For a tile of rows at a time: scores
// of all positions up to the last row's in scratch, their softmax, and its
// product with the values.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/SelfAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

class ForwardEmitter : SelfAttentionEmitter {
public:
  ForwardEmitter(TileEmitter &e, SelfAttentionOp op) : SelfAttentionEmitter(e, op), op(op) {}

  void emit(Value item, ArrayRef<Value> destinations) {
    Value sequence = arith::DivUIOp::create(e.b, item, e.index(heads));
    head = arith::RemUIOp::create(e.b, item, e.index(heads));
    firstRow = mul(sequence, length);
    Value kvHead = arith::DivUIOp::create(e.b, head, e.index(heads / kvHeads));
    HeadRows query = getHead(e.getBuffer(op.getQuery()), firstRow, head, keyDim);
    HeadRows keys = getHead(e.getBuffer(op.getKeys()), firstRow, kvHead, keyDim);
    values = getHead(e.getBuffer(op.getValues()), firstRow, kvHead, valueDim);
    panels = allocatePanels(keyDim);
    queries = allocateRows(tile.rows, keyDim);
    scores = allocateRows(tile.rows, getPaddedLength());
    sums = e.allocateScratch({tile.rows}, e.b.getF32Type());
    weighted = allocateRows(tile.rows, valueDim);
    result = destinations[0] ? getHead(destinations[0], firstRow, head, valueDim) : HeadRows();
    logSumExp = destinations[1];

    packPanels(keys, panels);
    e.forRange(e.index(0), e.index(length), tile.rows, [&](Value first) {
      copyRows(query, first, tile.rows, scale, queries);
      emitRows(first);
    });
  }

private:
  /// Rows [first, first + tile.rows); those beyond the sequence are computed from zeros.
  void emitRows(Value first) {
    int64_t columns = getPanelColumns();
    Value begin = floor(getFirstPosition(first), columns);
    Value end = ceil(add(first, tile.rows), columns);
    e.forRange(begin, end, columns, [&](Value column) {
      emitScores(queries, e.index(0), panels, column, keyDim, scores, e.index(0), column);
    });
    Value present = minimum(e.index(tile.rows), arith::SubIOp::create(e.b, e.index(length), first));
    e.forRange(e.index(0), present, 1, [&](Value row) { emitSoftmax(first, row, begin, end); });
    if (!result.buffer)
      return;
    Value last = add(first, present);
    forChannels(e.index(0), valueDim,
                [&](const Tile &at) { emitWeighted(getFirstPosition(first), last, at); });
    e.forRange(e.index(0), present, 1, [&](Value row) {
      Value sum = e.broadcast(memref::LoadOp::create(e.b, sums, row));
      e.forColumns(valueDim, [&](Value channel, int64_t lanes) {
        Value vector = e.load(weighted, {row, channel});
        store(arith::DivFOp::create(e.b, vector, sum), result, add(first, row), channel, lanes);
      });
    });
  }

  /// scores = exp(scores - maximum) where row `row` of the tile attends, else 0, in columns [begin,
  /// end); keeps their sum.
  void emitSoftmax(Value first, Value row, Value begin, Value end) {
    Value at = add(first, row);
    Value lowest = e.constant(e.f32Vector(), -3.0e38);
    auto maxima = scf::ForOp::create(e.b, begin, end, e.index(kLanes), ValueRange{lowest});
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(maxima.getBody());
      Value column = maxima.getInductionVar();
      Value score =
          arith::SelectOp::create(e.b, emitMask(at, column), e.load(scores, {row, column}), lowest);
      scf::YieldOp::create(e.b, ValueRange{e.max(score, maxima.getRegionIterArg(0))});
    }
    Value maximum = e.reduceMax(maxima.getResult(0)), top = e.broadcast(maximum);
    Value zero = e.constant(e.f32Vector(), 0);
    auto powers = scf::ForOp::create(e.b, begin, end, e.index(kLanes), ValueRange{zero});
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(powers.getBody());
      Value column = powers.getInductionVar();
      Value power = e.exp(arith::SubFOp::create(e.b, e.load(scores, {row, column}), top));
      power = arith::SelectOp::create(e.b, emitMask(at, column), power, zero);
      e.store(power, scores, {row, column});
      scf::YieldOp::create(
          e.b, ValueRange{arith::AddFOp::create(e.b, powers.getRegionIterArg(0), power)});
    }
    Value sum = e.reduceAdd(powers.getResult(0));
    memref::StoreOp::create(e.b, sum, sums, row);
    if (logSumExp)
      memref::StoreOp::create(e.b, arith::AddFOp::create(e.b, maximum, e.log(sum)), logSumExp,
                              ValueRange{add(firstRow, at), head});
  }

  /// weighted = sum over positions [begin, end) of scores * values, channels `at`.
  void emitWeighted(Value begin, Value end, const Tile &at) {
    SmallVector<Value> zeros(at.rows * at.vectors, e.constant(e.f32Vector(), 0));
    SmallVector<Value> products = emitTileProduct(
        e, {at.rows, at.vectors}, zeros, begin, end,
        [&](int64_t i, Value position) -> Value {
          return memref::LoadOp::create(e.b, scores, ValueRange{e.index(i), position});
        },
        [&](Value position, int64_t v) {
          return load(values, position, add(at.column, v * kLanes), at.lanes(v));
        });
    storeTile(products, weighted, at);
  }

  SelfAttentionOp op;
  Value head, firstRow, panels, queries, scores, sums, weighted, logSumExp;
  HeadRows values, result;
};

struct SelfAttentionModel : CpuTileOpInterface::ExternalModel<SelfAttentionModel, SelfAttentionOp> {
  std::string getObstacle(Operation *operation) const {
    return getSelfAttentionObstacle(cast<SelfAttentionOp>(operation).getQuery());
  }

  std::optional<int64_t> getItems(Operation *operation) const {
    auto op = cast<SelfAttentionOp>(operation);
    return getTensorType(op.getQuery()).getDimSize(0) / op.getLength() * op.getHeads();
  }

  void emitItem(Operation *operation, TileEmitter &e, Value item,
                ArrayRef<Value> destinations) const {
    ForwardEmitter(e, cast<SelfAttentionOp>(operation)).emit(item, destinations);
  }
};

} // namespace

void nyala::cpu::attachSelfAttentionModels(MLIRContext *context) {
  SelfAttentionOp::attachInterface<SelfAttentionModel>(*context);
  attachSelfAttentionGradientModel(context);
}
