//===- LookupModels.cpp - Kernels of rows chosen by index -----------------===//
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/PackedReader.h"
#include "codegen/cpu/PlainProduct.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// A row of a packed table is one lane of a group of its layout; of a plain one, a row.
struct EmbeddingModel : CpuTileOpInterface::ExternalModel<EmbeddingModel, EmbeddingOp> {
  std::string getObstacle(Operation *operation) const {
    Value table = cast<EmbeddingOp>(operation).getTable();
    return isPlainMatrix(table) ? "" : getWeightObstacle(table);
  }

  SmallVector<Value> emitTile(Operation *op, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    if (isPlainMatrix(cast<EmbeddingOp>(op).getTable()))
      return emitPlain(cast<EmbeddingOp>(op), e, tile);
    // Blocks are read as a whole: the row goes through memory.
    Value memory = e.getBuffer(op->getResult(result));
    e.setBuffer(op->getResult(result), memory);
    return e.pull(op->getResult(result), tile);
  }

  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    Value destination = destinations.front();
    auto op = cast<EmbeddingOp>(operation);
    if (isPlainMatrix(op.getTable()))
      return e.emitRowByTiles(op.getResult(), row, destination);
    PackedReader reader(e, op.getTable());
    Value id = e.loadIndex(op.getIds(), row);
    Value base = reader.getGroupOffset(id);
    Value lane = arith::RemUIOp::create(e.b, id, e.index(PackedLayout::kGroupRows));
    reader.forBlocksOfRow(base, lane, [&](const PackedReader::Block &block, Value column) {
      for (int64_t c = 0; c < block.length; ++c) {
        Value value =
            vector::ExtractOp::create(e.b, reader.getValue(block, c), ArrayRef<int64_t>{0});
        Value at = arith::AddIOp::create(e.b, column, e.index(c));
        memref::StoreOp::create(e.b, value, destination, ValueRange{row, at});
      }
    });
  }

private:
  static SmallVector<Value> emitPlain(EmbeddingOp op, TileEmitter &e, const Tile &tile) {
    SmallVector<Value> vectors;
    for (int64_t r = 0; r < tile.rows; ++r) {
      Tile row = tile;
      row.rows = 1;
      row.row = e.loadIndex(op.getIds(), arith::AddIOp::create(e.b, tile.row, e.index(r)));
      llvm::append_range(vectors, e.pull(op.getTable(), row));
    }
    return vectors;
  }
};

/// A work item is a tile of columns: whatever adds to a row of it does so in the rows' order.
struct ScatterAddModel : CpuTileOpInterface::ExternalModel<ScatterAddModel, ScatterAddOp> {
  std::string getObstacle(Operation *operation) const {
    auto op = cast<ScatterAddOp>(operation);
    if (!isPlainMatrix(op.getRows()) || (op.getInitial() && !isPlainMatrix(op.getInitial())))
      return "expected rows and an initial value of f32 that are arguments of the kernel";
    if (getTensorType(op.getRows()).isDynamicDim(0) || op.getType().isDynamicDim(0))
      return "expected operands and a result of static shapes";
    return {};
  }

  std::optional<int64_t> getItems(Operation *op) const {
    return llvm::divideCeil(getChannels(op->getResult(0)), kDefaultTileColumns);
  }

  void emitItem(Operation *operation, TileEmitter &e, Value item,
                ArrayRef<Value> destinations) const {
    auto op = cast<ScatterAddOp>(operation);
    int64_t columns = getChannels(op.getResult()), full = columns / kDefaultTileColumns;
    Value column = arith::MulIOp::create(e.b, item, e.index(kDefaultTileColumns));
    auto emit = [&](int64_t width) { emitColumns(op, e, column, width, destinations.front()); };
    int64_t rest = columns % kDefaultTileColumns;
    if (rest == 0 || full == 0)
      return emit(rest == 0 ? kDefaultTileColumns : rest);
    Value isFull = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, item, e.index(full));
    auto branch = scf::IfOp::create(e.b, isFull, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    emit(kDefaultTileColumns);
    e.b.setInsertionPointToStart(branch.elseBlock());
    emit(rest);
  }

private:
  static void emitColumns(ScatterAddOp op, TileEmitter &e, Value first, int64_t columns,
                          Value destination) {
    auto forRows = [&](Value matrix, function_ref<void(Value, Value, int64_t)> body) {
      e.forRange(e.index(0), e.index(getTensorType(matrix).getDimSize(0)), 1, [&](Value row) {
        e.forColumns(columns, [&](Value at, int64_t lanes) {
          body(row, arith::AddIOp::create(e.b, first, at), lanes);
        });
      });
    };
    Value initial = op.getInitial() ? e.getBuffer(op.getInitial()) : Value();
    if (initial != destination)
      forRows(op.getResult(), [&](Value row, Value column, int64_t lanes) {
        Value value =
            initial ? e.load(initial, {row, column}, lanes) : e.constant(e.f32Vector(), 0);
        e.store(value, destination, {row, column}, lanes);
      });
    Value rows = e.getBuffer(op.getRows());
    forRows(op.getRows(), [&](Value row, Value column, int64_t lanes) {
      Value id = e.loadIndex(op.getIds(), row);
      Value sum = arith::AddFOp::create(e.b, e.load(destination, {id, column}, lanes),
                                        e.load(rows, {row, column}, lanes));
      e.store(sum, destination, {id, column}, lanes);
    });
  }
};

} // namespace

void nyala::cpu::attachLookupModels(MLIRContext *context) {
  EmbeddingOp::attachInterface<EmbeddingModel>(*context);
  ScatterAddOp::attachInterface<ScatterAddModel>(*context);
}
