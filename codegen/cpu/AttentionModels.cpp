//===- AttentionModels.cpp - Kernels of attention over caches -------------===//
#include "codegen/cpu/BlockedAttention.h"
#include "codegen/cpu/CacheAttention.h"
#include "codegen/cpu/RowModel.h"
#include "codegen/cpu/TiledAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

template <typename Model, typename Op>
struct CacheModel : CpuTileOpInterface::ExternalModel<Model, Op> {
  std::string getObstacle(Operation *operation) const {
    auto op = cast<Op>(operation);
    for (Value cache : {op.getKeys(), op.getValues()}) {
      int64_t channels = getChannels(cache) / static_cast<int64_t>(op.getKvHeads());
      if (getBlocks(getTensorType(cache)) && channels % kLanes != 0)
        return "reads heads of " + std::to_string(channels) +
               " channels from a cache in blocks: expected a multiple of 16";
    }
    return {};
  }

  bool hasItemsPerRow(Operation *) const { return true; }
};

/// Unit of work number `item` * units / items: of so many work items, each is a
/// share of the units.
Value getShare(TileEmitter &e, Value item, Value units, Value items) {
  items = arith::MaxSIOp::create(e.b, items, e.index(1)); // without rows
  return arith::DivUIOp::create(e.b, arith::MulIOp::create(e.b, item, units), items);
}

/// A unit of work is a key-value head of a row or, of prompts, of a block of
/// rows; there are as many work items as a call of few rows has units.
struct AttentionModel : CacheModel<AttentionModel, AttentionOp> {
  std::optional<int64_t> getItems(Operation *op) const {
    return cast<AttentionOp>(op).getKvHeads();
  }

  void emitItems(Operation *operation, TileEmitter &e, Value begin, Value end,
                 ArrayRef<Value> destinations) const {
    auto op = cast<AttentionOp>(operation);
    CacheAttentionEmitter byRows(e, op);
    if (e.getMaxRows() <= kContractRows)
      return emitUnits(op, e, begin, end, e.index(1), [&](Value row, Value, Value kvHead) {
        byRows.emitRow(row, kvHead, destinations.front());
      });
    if (TiledAttentionEmitter::supports(e.getTarget(), op))
      emitBlocks<TiledAttentionEmitter>(op, e, begin, end, byRows, destinations.front());
    else
      emitBlocks<BlockedAttentionEmitter>(op, e, begin, end, byRows, destinations.front());
  }

private:
  /// By blocks of rows where there are many, of consecutive positions.
  template <typename Emitter>
  static void emitBlocks(AttentionOp op, TileEmitter &e, Value begin, Value end,
                         CacheAttentionEmitter &byRows, Value destination) {
    Emitter byBlocks(e, op);
    Value isMany = e.isPrompt();
    Value unitRows = arith::SelectOp::create(e.b, isMany, e.index(Emitter::kRows), e.index(1));
    emitUnits(op, e, begin, end, unitRows, [&](Value row, Value count, Value kvHead) {
      Value isBlock = arith::AndIOp::create(e.b, isMany, byBlocks.areConsecutive(op, row, count));
      auto branch = scf::IfOp::create(e.b, isBlock, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(branch.thenBlock());
      byBlocks.emit(row, count, kvHead, destination);
      e.b.setInsertionPointToStart(branch.elseBlock());
      e.forRange(row, arith::AddIOp::create(e.b, row, count), 1,
                 [&](Value each) { byRows.emitRow(each, kvHead, destination); });
    });
  }

  /// The first of `count` numbers, the last, the second, the last but one, and
  /// so on: of a prompt's blocks of rows the last see the most positions, and
  /// so neighbours share the work evenly.
  static Value fold(TileEmitter &e, Value number, Value count) {
    Value half = arith::DivUIOp::create(e.b, number, e.index(2));
    Value isOdd = arith::CmpIOp::create(
        e.b, arith::CmpIPredicate::ne, arith::RemUIOp::create(e.b, number, e.index(2)), e.index(0));
    Value fromEnd = arith::SubIOp::create(e.b, arith::SubIOp::create(e.b, count, e.index(1)), half);
    return arith::SelectOp::create(e.b, isOdd, fromEnd, half);
  }

  /// Calls `body(first row, rows, key-value head)` for each unit of work items
  /// [begin, end). Heads vary slowest.
  static void emitUnits(AttentionOp op, TileEmitter &e, Value begin, Value end, Value unitRows,
                        function_ref<void(Value, Value, Value)> body) {
    Value rows = e.getRows(), kvHeads = e.index(op.getKvHeads());
    Value blocks = arith::CeilDivUIOp::create(e.b, rows, unitRows);
    Value units = arith::MulIOp::create(e.b, blocks, kvHeads);
    Value items = arith::MulIOp::create(e.b, rows, kvHeads);
    e.forRange(getShare(e, begin, units, items), getShare(e, end, units, items), 1,
               [&](Value unit) {
                 Value block = fold(e, arith::RemUIOp::create(e.b, unit, blocks), blocks);
                 Value first = arith::MulIOp::create(e.b, block, unitRows);
                 Value rest = arith::SubIOp::create(e.b, rows, first);
                 body(first, arith::MinSIOp::create(e.b, unitRows, rest),
                      arith::DivUIOp::create(e.b, unit, blocks));
               });
  }
};

/// A unit of work is a part of a key-value head of a row. Work items are as
/// many as there can be units; of N items and U units, item i is units [i * U /
/// N, (i + 1) * U / N), so that ranges of items are equal shares of the work at
/// every length.
struct AttentionPartsModel : CacheModel<AttentionPartsModel, AttentionPartsOp> {
  std::optional<int64_t> getItems(Operation *operation) const {
    auto op = cast<AttentionPartsOp>(operation);
    return static_cast<int64_t>(op.getKvHeads()) * PartsLayout::get(op).parts;
  }

  void emitItems(Operation *operation, TileEmitter &e, Value begin, Value end,
                 ArrayRef<Value> destinations) const {
    auto op = cast<AttentionPartsOp>(operation);
    CacheAttentionEmitter emitter(e, op);
    PartsLayout layout = PartsLayout::get(op);
    Value zero = e.index(0), one = e.index(1);
    auto countParts = [&](const PositionSpan &span) -> Value {
      return arith::SubIOp::create(e.b, span.endPart, span.firstPart);
    };
    auto countUnits = [&](Value parts) -> Value {
      return arith::MulIOp::create(e.b, parts, e.index(op.getKvHeads()));
    };

    auto count = scf::ForOp::create(e.b, zero, e.getRows(), one, zero);
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(count.getBody());
      Value units = countUnits(countParts(emitter.getSpan(count.getInductionVar())));
      scf::YieldOp::create(
          e.b, ValueRange{arith::AddIOp::create(e.b, count.getRegionIterArg(0), units)});
    }
    Value items = arith::MulIOp::create(e.b, e.getRows(), e.index(*getItems(op)));
    Value first = getShare(e, begin, count.getResult(0), items);
    Value limit = getShare(e, end, count.getResult(0), items);

    auto rows = scf::ForOp::create(e.b, zero, e.getRows(), one, zero);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(rows.getBody());
    Value row = rows.getInductionVar(), base = rows.getRegionIterArg(0);
    PositionSpan span = emitter.getSpan(row);
    Value parts = countParts(span);
    Value next = arith::AddIOp::create(e.b, base, countUnits(parts));
    Value mine = arith::MinSIOp::create(e.b, limit, next);
    Value last = arith::SubIOp::create(e.b, mine, one);
    e.forRange(arith::MaxSIOp::create(e.b, first, base), mine, 1, [&](Value unit) {
      auto getUnit = [&](Value unit) -> CacheAttentionEmitter::Unit {
        Value number = arith::SubIOp::create(e.b, unit, base);
        Value part = arith::RemUIOp::create(e.b, number, parts);
        return {arith::DivUIOp::create(e.b, number, parts),
                arith::AddIOp::create(e.b, span.firstPart, part)};
      };
      // Where another worker takes over, this one's last keys once more.
      Value following = arith::MinSIOp::create(e.b, arith::AddIOp::create(e.b, unit, one), last);
      emitter.emitPart(row, span, getUnit(unit), getUnit(following), layout, destinations.front());
    });
    scf::YieldOp::create(e.b, ValueRange{next});
  }
};

struct MergeAttentionModel : RowModel<MergeAttentionModel, MergeAttentionOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<MergeAttentionOp>(operation);
    PartsLayout layout = PartsLayout::get(op);
    Value input = e.getBuffer(op.getParts());
    PositionSpan span = getPositionSpan(e, op.getPositions(), row, op.getMask());
    e.forRange(e.index(0), e.index(op.getHeads()), 1, [&](Value head) {
      Value first = arith::MulIOp::create(e.b, head, e.index(layout.getHeadColumns()));
      auto empty = SoftmaxState::getEmpty(e, llvm::divideCeil(layout.valueDim, kLanes));
      auto loop =
          scf::ForOp::create(e.b, span.firstPart, span.endPart, e.index(1), empty.flatten());
      {
        OpBuilder::InsertionGuard guard(e.b);
        e.b.setInsertionPointToStart(loop.getBody());
        auto state = SoftmaxState::unflatten(loop.getRegionIterArgs());
        SoftmaxState part = loadPart(e, layout, input, row, first, loop.getInductionVar());
        scf::YieldOp::create(e.b, state.merge(e, part).flatten());
      }
      SoftmaxState::unflatten(loop.getResults())
          .finish(e, destinations.front(), row,
                  arith::MulIOp::create(e.b, head, e.index(layout.valueDim)), layout.valueDim);
    });
  }

private:
  static SoftmaxState loadPart(TileEmitter &e, const PartsLayout &layout, Value input, Value row,
                               Value first, Value part) {
    first = arith::AddIOp::create(
        e.b, first, arith::MulIOp::create(e.b, part, e.index(layout.getPartColumns())));
    auto at = [&](int64_t column) -> Value {
      return e.b.createOrFold<arith::AddIOp>(first, e.index(column));
    };
    SoftmaxState state;
    for (int64_t offset = 0; offset < layout.valueDim; offset += kLanes)
      state.weighted.push_back(
          e.load(input, {row, at(offset)}, std::min(kLanes, layout.valueDim - offset)));
    state.maximum =
        memref::LoadOp::create(e.b, input, ValueRange{row, at(layout.getMaximumColumn())});
    state.sum = memref::LoadOp::create(e.b, input, ValueRange{row, at(layout.getSumColumn())});
    return state;
  }
};

} // namespace

void nyala::cpu::attachAttentionModels(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionModel>(*context);
  AttentionPartsOp::attachInterface<AttentionPartsModel>(*context);
  MergeAttentionOp::attachInterface<MergeAttentionModel>(*context);
}
