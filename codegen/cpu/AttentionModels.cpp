//===- AttentionModels.cpp - Kernels of attention over caches -------------===//
#include "codegen/cpu/CacheAttention.h"
#include "codegen/cpu/RowModel.h"

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

/// Unit of work number `item` * units / items: of so many work items, each is a share of the units.
Value getShare(TileEmitter &e, Value item, Value units, Value items) {
  items = arith::MaxSIOp::create(e.b, items, e.index(1)); // without rows
  return arith::DivUIOp::create(e.b, arith::MulIOp::create(e.b, item, units), items);
}

/// A unit of work is a key-value head of a row or, of prompts, of a block of rows; there are as many
/// work items as a call of few rows has units.
struct AttentionModel : CacheModel<AttentionModel, AttentionOp> {
  std::optional<int64_t> getItems(Operation *op) const {
    return cast<AttentionOp>(op).getKvHeads();
  }

  void emitItems(Operation *operation, TileEmitter &e, Value begin, Value end,
                 ArrayRef<Value> destinations) const {
    auto op = cast<AttentionOp>(operation);
    CacheAttentionEmitter emitter(e, op);
    Value kvHeads = e.index(op.getKvHeads());
    e.forRange(begin, end, 1, [&](Value item) {
      emitter.emitRow(arith::DivUIOp::create(e.b, item, kvHeads),
                      arith::RemUIOp::create(e.b, item, kvHeads), destinations.front());
    });
  }
};

/// A unit of work is a part of a key-value head of a row. Work items are as many as there can be
/// units; of N items and U units, item i is units [i * U / N, (i + 1) * U / N), so that ranges of
/// items are equal shares of the work at every length.
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
    items = arith::MaxSIOp::create(e.b, items, one); // without rows
    auto getUnit = [&](Value item) -> Value {
      return arith::DivUIOp::create(e.b, arith::MulIOp::create(e.b, item, count.getResult(0)),
                                    items);
    };
    Value first = getUnit(begin), limit = getUnit(end);

    auto rows = scf::ForOp::create(e.b, zero, e.getRows(), one, zero);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(rows.getBody());
    Value row = rows.getInductionVar(), base = rows.getRegionIterArg(0);
    PositionSpan span = emitter.getSpan(row);
    Value parts = countParts(span);
    Value next = arith::AddIOp::create(e.b, base, countUnits(parts));
    e.forRange(arith::MaxSIOp::create(e.b, first, base), arith::MinSIOp::create(e.b, limit, next),
               1, [&](Value unit) {
                 Value number = arith::SubIOp::create(e.b, unit, base);
                 Value part = arith::AddIOp::create(e.b, span.firstPart,
                                                    arith::RemUIOp::create(e.b, number, parts));
                 emitter.emitPart(row, span, arith::DivUIOp::create(e.b, number, parts), part,
                                  layout, destinations.front());
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
