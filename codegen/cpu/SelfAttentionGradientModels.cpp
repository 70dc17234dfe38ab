//===- SelfAttentionGradientModels.cpp - Gradient of self_attention -------===//
//
// A work item is one key-value head of one sequence, with all heads of queries
// that share it one after the other, so that gradients of keys and values are
// added up in one place and order. Blocks of rows meet blocks of positions (Dao
// 2023, algorithm 2); for each pair five products, of which tiles beyond the
// diagonal are left out:
//
//   P = exp(Q Kᵀ - log_sum_exp), D = P * (G Vᵀ - g · result),
//   dV += Pᵀ G, dK += Dᵀ Q, dQ += D K
//
// where Q has been scaled.
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

class GradientEmitter : SelfAttentionEmitter {
public:
  GradientEmitter(TileEmitter &e, SelfAttentionGradientOp op)
      : SelfAttentionEmitter(e, op), op(op) {}

  void emit(Value item, ArrayRef<Value> destinations) {
    firstRow = mul(arith::DivUIOp::create(e.b, item, e.index(kvHeads)), length);
    Value kvHead = arith::RemUIOp::create(e.b, item, e.index(kvHeads));
    keys = getHead(e.getBuffer(op.getKeys()), firstRow, kvHead, keyDim);
    HeadRows values = getHead(e.getBuffer(op.getValues()), firstRow, kvHead, valueDim);
    allocate();
    packPanels(keys, keyPanels);
    packPanels(values, valuePanels);
    clear(keyGradients, getPaddedLength(), keyDim);
    clear(valueGradients, getPaddedLength(), valueDim);

    int64_t group = heads / kvHeads;
    e.forRange(e.index(0), e.index(group), 1, [&](Value number) {
      Value head = add(mul(kvHead, group), number);
      e.forRange(e.index(0), e.index(length), kBlock,
                 [&](Value first) { emitRows(head, first, destinations[0]); });
    });
    storeRows(keyGradients, 1, destinations[1], kvHead, e.index(0), e.index(length), keyDim);
    storeRows(valueGradients, 1, destinations[2], kvHead, e.index(0), e.index(length), valueDim);
  }

private:
  void allocate() {
    keyPanels = allocatePanels(keyDim);
    valuePanels = allocatePanels(valueDim);
    keyGradients = allocateRows(getPaddedLength(), keyDim);
    valueGradients = allocateRows(getPaddedLength(), valueDim);
    queries = allocateRows(kBlock, keyDim);
    gradients = allocateRows(kBlock, valueDim);
    queryGradients = allocateRows(kBlock, keyDim);
    probabilities = allocateRows(kBlock, kBlock);
    differences = allocateRows(kBlock, kBlock);
    logSums = e.allocateScratch({kBlock}, e.b.getF32Type());
    dots = e.allocateScratch({kBlock}, e.b.getF32Type());
  }

  void clear(Value rows, int64_t count, int64_t dims) {
    Value zero = e.constant(e.f32Vector(), 0);
    e.forRange(e.index(0), e.index(count), 1, [&](Value row) {
      e.forColumns(dims, [&](Value column, int64_t) { e.store(zero, rows, {row, column}); });
    });
  }

  /// Writes `factor` times the first `count` rows of scratch to rows from `first` of `head`.
  void storeRows(Value rows, double factor, Value destination, Value head, Value first, Value count,
                 int64_t dims) {
    if (!destination)
      return;
    HeadRows target = getHead(destination, firstRow, head, dims);
    e.forRange(e.index(0), count, 1, [&](Value row) {
      e.forColumns(dims, [&](Value channel, int64_t lanes) {
        Value vector = e.load(rows, {row, channel});
        vector = arith::MulFOp::create(e.b, vector, e.constant(e.f32Vector(), factor));
        store(vector, target, add(first, row), channel, lanes);
      });
    });
  }

  /// Rows [first, first + kBlock) of one head; those beyond the sequence are zeros, which add
  /// nothing.
  void emitRows(Value head, Value first, Value destination) {
    HeadRows query = getHead(e.getBuffer(op.getQuery()), firstRow, head, keyDim);
    HeadRows gradient = getHead(e.getBuffer(op.getGradient()), firstRow, head, valueDim);
    HeadRows result = getHead(e.getBuffer(op.getResult()), firstRow, head, valueDim);
    copyRows(query, first, kBlock, scale, queries);
    copyRows(gradient, first, kBlock, 1, gradients);
    clear(queryGradients, kBlock, keyDim);
    Value present = minimum(e.index(kBlock), arith::SubIOp::create(e.b, e.index(length), first));
    Value sums = e.getBuffer(op.getLogSumExp()), zero = e.constant(e.b.getF32Type(), 0);
    e.forRange(e.index(0), present, 1, [&](Value row) {
      Value at = add(first, row);
      Value sum = memref::LoadOp::create(e.b, sums, ValueRange{add(firstRow, at), head});
      memref::StoreOp::create(e.b, sum, logSums, row);
      Value dot = e.sumColumns(e.index(0), valueDim, [&](Value channel, int64_t lanes) -> Value {
        return arith::MulFOp::create(e.b, load(gradient, at, channel, lanes),
                                     load(result, at, channel, lanes));
      });
      memref::StoreOp::create(e.b, dot, dots, row);
    });
    e.forRange(present, e.index(kBlock), 1, [&](Value row) {
      memref::StoreOp::create(e.b, zero, logSums, row);
      memref::StoreOp::create(e.b, zero, dots, row);
    });
    e.forRange(floor(getFirstPosition(first), kBlock), add(first, kBlock), kBlock,
               [&](Value position) { emitBlock(first, position, destination); });
    storeRows(queryGradients, scale, destination, head, first, present, keyDim);
  }

  /// Rows [first, first + kBlock) and positions [position, position + kBlock).
  void emitBlock(Value first, Value position, Value destination) {
    Value ahead = arith::SubIOp::create(e.b, first, position); // row 0 is at this column
    e.forRange(e.index(0), e.index(kBlock), tile.rows, [&](Value row) {
      Value columns =
          minimum(ceil(add(add(ahead, row), tile.rows), getPanelColumns()), e.index(kBlock));
      e.forRange(e.index(0), columns, getPanelColumns(), [&](Value column) {
        Value at = add(position, column);
        emitScores(queries, row, keyPanels, at, keyDim, probabilities, row, column);
        emitScores(gradients, row, valuePanels, at, valueDim, differences, row, column);
      });
      e.forRange(row, add(row, tile.rows), 1,
                 [&](Value at) { emitDifferences(first, at, position, columns); });
    });
    // A position's gradients come from the rows at and behind it.
    Value behind = arith::SubIOp::create(e.b, position, first);
    e.forRange(e.index(0), e.index(kBlock), tile.rows, [&](Value column) {
      Value begin = arith::MaxSIOp::create(e.b, add(behind, column), e.index(0));
      Value at = add(position, column);
      addTransposed(probabilities, gradients, begin, column, valueGradients, at, valueDim);
      addTransposed(differences, queries, begin, column, keyGradients, at, keyDim);
    });
    if (destination)
      addQueryGradients(ahead, position);
  }

  /// Probabilities from scores, and gradients of scores from those of probabilities, in the first
  /// `columns` columns of row `row` of the block.
  void emitDifferences(Value first, Value row, Value position, Value columns) {
    Value at = add(first, row), zero = e.constant(e.f32Vector(), 0);
    Value sum = e.broadcast(memref::LoadOp::create(e.b, logSums, row));
    Value dot = e.broadcast(memref::LoadOp::create(e.b, dots, row));
    e.forRange(e.index(0), columns, kLanes, [&](Value column) {
      Value mask = emitMask(at, add(position, column));
      Value power = e.exp(arith::SubFOp::create(e.b, e.load(probabilities, {row, column}), sum));
      power = arith::SelectOp::create(e.b, mask, power, zero);
      Value difference = arith::SubFOp::create(e.b, e.load(differences, {row, column}), dot);
      e.store(power, probabilities, {row, column});
      e.store(arith::MulFOp::create(e.b, power, difference), differences, {row, column});
    });
  }

  /// sums[at + i] += sum over rows r ≥ begin of the block of factors[r, column + i] * rows[r].
  void addTransposed(Value factors, Value rows, Value begin, Value column, Value sums, Value at,
                     int64_t dims) {
    SmallVector<Value> columns;
    for (int64_t i = 0; i < tile.rows; ++i)
      columns.push_back(add(column, i));
    forChannels(at, dims, [&](const Tile &channels) {
      SmallVector<Value> products = emitTileProduct(
          e, {channels.rows, channels.vectors}, loadTile(sums, channels), begin, e.index(kBlock),
          [&](int64_t i, Value row) -> Value {
            return memref::LoadOp::create(e.b, factors, ValueRange{row, columns[i]});
          },
          [&](Value row, int64_t v) {
            return e.load(rows, {row, add(channels.column, v * kLanes)});
          });
      storeTile(products, sums, channels);
    });
  }

  void addQueryGradients(Value ahead, Value position) {
    Value present = minimum(e.index(kBlock), arith::SubIOp::create(e.b, e.index(length), position));
    e.forRange(e.index(0), e.index(kBlock), tile.rows, [&](Value row) {
      Value end = minimum(add(add(ahead, row), tile.rows), present);
      SmallVector<Value> rows;
      for (int64_t i = 0; i < tile.rows; ++i)
        rows.push_back(add(row, i));
      forChannels(row, keyDim, [&](const Tile &channels) {
        SmallVector<Value> products = emitTileProduct(
            e, {channels.rows, channels.vectors}, loadTile(queryGradients, channels), e.index(0),
            end,
            [&](int64_t i, Value column) -> Value {
              return memref::LoadOp::create(e.b, differences, ValueRange{rows[i], column});
            },
            [&](Value column, int64_t v) {
              return load(keys, add(position, column), add(channels.column, v * kLanes),
                          channels.lanes(v));
            });
        storeTile(products, queryGradients, channels);
      });
    });
  }

  SelfAttentionGradientOp op;
  HeadRows keys;
  Value firstRow;
  Value keyPanels, valuePanels, keyGradients, valueGradients; ///< of the sequence
  Value queries, gradients, queryGradients, logSums, dots;    ///< of a block of rows
  Value probabilities, differences;                           ///< rows by positions
};

struct SelfAttentionGradientModel
    : CpuTileOpInterface::ExternalModel<SelfAttentionGradientModel, SelfAttentionGradientOp> {
  std::string getObstacle(Operation *operation) const {
    return getSelfAttentionObstacle(cast<SelfAttentionGradientOp>(operation).getQuery());
  }

  std::optional<int64_t> getItems(Operation *operation) const {
    auto op = cast<SelfAttentionGradientOp>(operation);
    return getTensorType(op.getQuery()).getDimSize(0) / op.getLength() * op.getKvHeads();
  }

  void emitItem(Operation *operation, TileEmitter &e, Value item,
                ArrayRef<Value> destinations) const {
    GradientEmitter(e, cast<SelfAttentionGradientOp>(operation)).emit(item, destinations);
  }
};

} // namespace

void nyala::cpu::attachSelfAttentionGradientModel(MLIRContext *context) {
  SelfAttentionGradientOp::attachInterface<SelfAttentionGradientModel>(*context);
}
