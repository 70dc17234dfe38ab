//===- RowSumModels.cpp - Sums over rows ----------------------------------===//
//
// A work item is a range of columns, for all rows. Rows are added in blocks, each
// in several chains, and the blocks' sums are added up: many rows lose little
// precision, and no addition waits for the one before.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/RowModel.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// Columns of a work item.
constexpr int64_t kItemColumns = 4 * kLanes;
constexpr int64_t kChains = 4;
constexpr int64_t kBlockRows = 32 * kChains;

/// Columns [column, column + width) of a row, as vectors.
using RowVectors = function_ref<SmallVector<Value>(Value row, Value column, int64_t width)>;
/// Stores the sums of those columns.
using StoreSums = function_ref<void(ValueRange sums, Value column, int64_t width)>;

/// sums + the vectors of rows [begin, end) by `step`, row begin + i * step + c in chain c.
SmallVector<Value> addRows(TileEmitter &e, Value begin, Value end, int64_t step, ValueRange sums,
                           function_ref<SmallVector<Value>(Value)> row) {
  auto loop = scf::ForOp::create(e.b, begin, end, e.index(step), sums);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next;
  for (int64_t chain = 0; chain < step; ++chain) {
    Value at = e.b.createOrFold<arith::AddIOp>(loop.getInductionVar(), e.index(chain));
    for (Value vector : row(at))
      next.push_back(arith::AddFOp::create(e.b, loop.getRegionIterArgs()[next.size()], vector));
  }
  scf::YieldOp::create(e.b, next);
  return SmallVector<Value>(loop.getResults());
}

/// Sums of `vectors` vectors over `rows` rows.
SmallVector<Value> emitSums(TileEmitter &e, Value rows, int64_t vectors,
                            function_ref<SmallVector<Value>(Value)> row) {
  SmallVector<Value> zeros(vectors, e.constant(e.f32Vector(), 0));
  auto blocks = scf::ForOp::create(e.b, e.index(0), rows, e.index(kBlockRows), zeros);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(blocks.getBody());
  Value begin = blocks.getInductionVar();
  Value size =
      arith::MinSIOp::create(e.b, arith::SubIOp::create(e.b, rows, begin), e.index(kBlockRows));
  Value chains = e.index(kChains);
  Value chained = arith::MulIOp::create(e.b, arith::DivUIOp::create(e.b, size, chains), chains);
  Value middle = arith::AddIOp::create(e.b, begin, chained);
  Value end = arith::AddIOp::create(e.b, begin, size);
  SmallVector<Value> sums(kChains * vectors, zeros.front());
  sums = addRows(e, begin, middle, kChains, sums, row);
  for (int64_t half = kChains / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half * vectors; ++i)
      sums[i] = arith::AddFOp::create(e.b, sums[i], sums[i + half * vectors]);
  sums.truncate(vectors);
  sums = addRows(e, middle, end, 1, sums, row);
  for (auto [sum, total] : llvm::zip_equal(sums, blocks.getRegionIterArgs()))
    sum = arith::AddFOp::create(e.b, total, sum);
  scf::YieldOp::create(e.b, sums);
  return SmallVector<Value>(blocks.getResults());
}

int64_t countItems(int64_t columns) { return llvm::divideCeil(columns, kItemColumns); }

/// Work item `item` of countItems(columns): the last one may be narrower.
void emitSumItem(TileEmitter &e, Value item, int64_t columns, Value rows, RowVectors row,
                 StoreSums store) {
  auto emit = [&](Value column, int64_t width) {
    SmallVector<Value> sums = emitSums(e, rows, llvm::divideCeil(width, kLanes),
                                       [&](Value at) { return row(at, column, width); });
    store(sums, column, width);
  };
  int64_t full = columns / kItemColumns, rest = columns % kItemColumns;
  auto emitFull = [&] {
    emit(arith::MulIOp::create(e.b, item, e.index(kItemColumns)), kItemColumns);
  };
  if (rest == 0)
    return emitFull();
  if (full == 0)
    return emit(e.index(0), rest);
  Value isFull = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, item, e.index(full));
  auto branch = scf::IfOp::create(e.b, isFull, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(branch.thenBlock());
  emitFull();
  e.b.setInsertionPointToStart(branch.elseBlock());
  emit(e.index(full * kItemColumns), rest);
}

/// Stores sums to a vector, or to the one row of a matrix.
void storeSums(TileEmitter &e, ValueRange sums, Value destination, Value column, int64_t width) {
  Tile tile{e.index(0), 1, column, static_cast<int64_t>(sums.size()),
            width - (static_cast<int64_t>(sums.size()) - 1) * kLanes};
  for (auto [v, sum] : llvm::enumerate(sums)) {
    Value at = e.b.createOrFold<arith::AddIOp>(column, e.index(v * kLanes));
    SmallVector<Value> indices;
    if (cast<MemRefType>(destination.getType()).getRank() == 2)
      indices.push_back(e.index(0));
    indices.push_back(at);
    e.store(sum, destination, indices, tile.lanes(v));
  }
}

/// `width` columns from `column` of row `row` of a value.
SmallVector<Value> pullColumns(TileEmitter &e, Value value, Value row, Value column,
                               int64_t width) {
  int64_t vectors = llvm::divideCeil(width, kLanes);
  e.beginTile();
  return e.pull(value, Tile{row, 1, column, vectors, width - (vectors - 1) * kLanes});
}

struct SumRowsModel : CpuTileOpInterface::ExternalModel<SumRowsModel, SumRowsOp> {
  std::optional<int64_t> getItems(Operation *operation) const {
    return countItems(getChannels(cast<SumRowsOp>(operation).getInput()));
  }

  void emitItem(Operation *operation, TileEmitter &e, Value item,
                ArrayRef<Value> destinations) const {
    auto op = cast<SumRowsOp>(operation);
    auto row = [&](Value at, Value column, int64_t width) {
      SmallVector<Value> vectors = pullColumns(e, op.getInput(), at, column, width);
      if (op.getSquared())
        for (Value &vector : vectors)
          vector = arith::MulFOp::create(e.b, vector, vector);
      return vectors;
    };
    emitSumItem(e, item, getChannels(op.getInput()), e.getRows(op.getInput()), row,
                [&](ValueRange sums, Value column, int64_t width) {
                  storeSums(e, sums, destinations[0], column, width);
                });
  }
};

/// A number for each row (and group), computed before all work items.
Value emitRowNumbers(TileEmitter &e, Value input, int64_t groups,
                     function_ref<void(Value row, Value numbers)> emit) {
  Value numbers = e.allocateScratch({e.getMaxRows(input), groups}, e.b.getF32Type());
  e.inKernelPrologue([&] {
    e.forRange(e.index(0), e.getRows(input), 1, [&](Value row) { emit(row, numbers); });
    return Value();
  });
  return numbers;
}

struct RmsNormWeightGradientModel
    : CpuTileOpInterface::ExternalModel<RmsNormWeightGradientModel, RmsNormWeightGradientOp> {
  std::optional<int64_t> getItems(Operation *operation) const {
    return countItems(getChannels(cast<RmsNormWeightGradientOp>(operation).getResult()));
  }

  /// Each group of a row counts as a row.
  void emitItem(Operation *operation, TileEmitter &e, Value item,
                ArrayRef<Value> destinations) const {
    auto op = cast<RmsNormWeightGradientOp>(operation);
    int64_t width = getChannels(op.getResult()), groups = op.getGroups();
    Value factors = emitRowNumbers(e, op.getInput(), groups, [&](Value row, Value numbers) {
      e.forRange(e.index(0), e.index(groups), 1, [&](Value group) {
        Value first = arith::MulIOp::create(e.b, group, e.index(width));
        Value factor = emitRmsFactor(e, op.getInput(), row, first, width, op.getEpsilon());
        memref::StoreOp::create(e.b, factor, numbers, ValueRange{row, group});
      });
    });
    Value size = e.index(groups);
    auto part = [&](Value at, Value column, int64_t columns) {
      Value row = arith::DivUIOp::create(e.b, at, size);
      Value group = arith::RemUIOp::create(e.b, at, size);
      Value first =
          arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, group, e.index(width)), column);
      Value factor = e.broadcast(memref::LoadOp::create(e.b, factors, ValueRange{row, group}));
      SmallVector<Value> vectors = pullColumns(e, op.getGradient(), row, first, columns);
      for (auto [g, x] :
           llvm::zip_equal(vectors, pullColumns(e, op.getInput(), row, first, columns)))
        g = arith::MulFOp::create(e.b, arith::MulFOp::create(e.b, g, x), factor);
      return vectors;
    };
    Value parts = arith::MulIOp::create(e.b, e.getRows(op.getInput()), size);
    emitSumItem(e, item, width, parts, part, [&](ValueRange sums, Value column, int64_t columns) {
      storeSums(e, sums, destinations[0], column, columns);
    });
  }
};

struct LayerNormWeightGradientModel
    : CpuTileOpInterface::ExternalModel<LayerNormWeightGradientModel, LayerNormWeightGradientOp> {
  std::optional<int64_t> getItems(Operation *operation) const {
    return countItems(getChannels(cast<LayerNormWeightGradientOp>(operation).getResult()));
  }

  void emitItem(Operation *operation, TileEmitter &e, Value item,
                ArrayRef<Value> destinations) const {
    auto op = cast<LayerNormWeightGradientOp>(operation);
    Value first = e.index(0), second = e.index(1);
    Value moments = emitRowNumbers(e, op.getInput(), 2, [&](Value row, Value numbers) {
      RowMoments of = emitRowMoments(e, op.getInput(), row, op.getEpsilon());
      memref::StoreOp::create(e.b, of.mean, numbers, ValueRange{row, e.index(0)});
      memref::StoreOp::create(e.b, of.factor, numbers, ValueRange{row, e.index(1)});
    });
    auto row = [&](Value at, Value column, int64_t width) {
      Value mean = e.broadcast(memref::LoadOp::create(e.b, moments, ValueRange{at, first}));
      Value factor = e.broadcast(memref::LoadOp::create(e.b, moments, ValueRange{at, second}));
      SmallVector<Value> vectors = pullColumns(e, op.getGradient(), at, column, width);
      for (auto [g, x] :
           llvm::zip_equal(vectors, pullColumns(e, op.getInput(), at, column, width))) {
        Value z = arith::MulFOp::create(e.b, arith::SubFOp::create(e.b, x, mean), factor);
        g = arith::MulFOp::create(e.b, g, z);
      }
      return vectors;
    };
    emitSumItem(e, item, getChannels(op.getInput()), e.getRows(op.getInput()), row,
                [&](ValueRange sums, Value column, int64_t width) {
                  storeSums(e, sums, destinations[0], column, width);
                });
  }
};

} // namespace

void nyala::cpu::attachRowSumModels(MLIRContext *context) {
  SumRowsOp::attachInterface<SumRowsModel>(*context);
  RmsNormWeightGradientOp::attachInterface<RmsNormWeightGradientModel>(*context);
  LayerNormWeightGradientOp::attachInterface<LayerNormWeightGradientModel>(*context);
}
