//===- KernelResults.cpp - What GPU kernels write -------------------------===//
#include "codegen/KernelBuffers.h"
#include "codegen/cuda/CudaTileModels.h"
#include "ir/KernelTies.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

KernelResults::KernelResults(KernelContext &context, ThreadEmitter &emitter) : e(emitter) {
  KernelOp kernel = context.getKernel();
  Operation *terminator = kernel.getBody().front().getTerminator();
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    Value buffer = context.getFunction().getArgument(context.getResultBufferNumber(index));
    auto append = value.getDefiningOp<CacheAppendOp>();
    Value pulled = append ? append.getInput() : value;
    int64_t columns = getTensorType(pulled).getRank() == 1 ? 1 : getChannels(pulled);
    results.push_back(
        {pulled, buffer, append, columns, getTiedArgument(kernel, index).has_value()});
  }
}

/// Is the tile of the root that `value` is computed from another than its own?
static bool isShifted(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || nyala::getFusionKind(op) == FusionKind::Root)
    return false;
  return isa<SplitOp>(op) || llvm::any_of(op->getOperands(), isShifted);
}

SmallVector<KernelResults::Group> KernelResults::getGroups() const {
  SmallVector<Group> groups;
  for (const Result &result : results) {
    auto fits = [&](const Group &group) {
      return group.columns == result.columns && !isShifted(result.value) &&
             !isShifted(group.results.front().value);
    };
    auto *group = llvm::find_if(groups, fits);
    if (group == groups.end()) {
      groups.push_back({result.columns, {}});
      group = &groups.back();
    }
    group->results.push_back(result);
  }
  return groups;
}

std::pair<Value, Value> KernelResults::pullSlot(const Result &result, Value row) {
  CacheAppendOp append = result.append;
  return {e.pullIndex(append.getSequences(), row), e.pullIndex(append.getSlots(), row)};
}

/// Does it go to a cache in blocks?
static bool hasBlocks(const KernelResults::Result &result) {
  CacheAppendOp append = result.append;
  return append && getBlocks(append.getType());
}

void KernelResults::store(const Result &result, const Tile &tile, ArrayRef<Value> elements) {
  if (!result.append)
    return e.store(elements, result.buffer, tile);
  assert(!hasBlocks(result) && "blocks are stored as a whole");
  std::pair<Value, Value> at = pullSlot(result, tile.row);
  Value isSlot = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, at.second, e.index(0));
  e.when(isSlot, [&] {
    e.store(elements, result.buffer, {at.first, at.second}, tile.column, tile.offset);
  });
}

void KernelResults::emitTile(const Group &group, const Tile &tile, Value condition) {
  // What is updated in place may be an operand of all of them.
  SmallVector<SmallVector<Value>> elements;
  for (const Result &result : group.results) {
    elements.push_back(e.pull(result.value, tile));
    if (result.append)
      pullSlot(result, tile.row);
  }
  if (e.isDry())
    return;
  auto storeAll = [&] {
    for (auto [result, values] : llvm::zip_equal(group.results, elements))
      store(result, tile, values);
  };
  if (condition)
    e.when(condition, storeAll);
  else
    storeAll();
}

//===----------------------------------------------------------------------===//
// Caches in blocks
//===----------------------------------------------------------------------===//

namespace {

/// Rounds a block of 32 channels, 4 of each of 8 adjacent lanes, as quantizeBlock() does, bit by
/// bit, and stores it. All lanes of the warp come by: they exchange values.
class BlockWriter {
public:
  BlockWriter(ThreadEmitter &e, const SlotLayout &layout, Value buffer)
      : e(e), layout(layout), buffer(buffer), isBytes(layout.getFormat() == StoredFormat::Q8_0) {}

  /// \param x the tile's elements. \param condition where they are stored.
  void store(ArrayRef<Value> x, ValueRange slot, const Tile &tile, Value condition) {
    Value scale = clamp(emitScale(x), -65504, 65504);
    Value half = arith::TruncFOp::create(e.b, e.b.getF16Type(), scale);
    Value rounded = arith::ExtFOp::create(e.b, e.b.getF32Type(), half);
    Value zero = e.constant(0);
    Value isZero = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OEQ, rounded, zero);
    Value inverse = arith::DivFOp::create(e.b, e.constant(1), rounded);
    Value factor = arith::SelectOp::create(e.b, isZero, zero, inverse);
    SmallVector<Value> integers;
    for (Value value : x) {
      Value scaled = arith::MulFOp::create(e.b, value, factor);
      integers.push_back(e.roundToIntegers(clamp(scaled, isBytes ? -127 : -8, isBytes ? 127 : 7)));
    }
    Value column = arith::AddIOp::create(e.b, tile.column, e.index(tile.offset));
    Value block = divide(column, kChannels), inBlock = remainder(column, kChannels);
    Value isLow =
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, inBlock, e.index(kChannels / 2));
    Value at = column, stores = condition;
    if (!isBytes) {
      packNibbles(integers);
      stores = arith::AndIOp::create(e.b, condition, isLow);
      Value start = arith::MulIOp::create(e.b, block, e.index(layout.getQuantBytes()));
      at = arith::AddIOp::create(e.b, start, inBlock);
    }
    e.when(stores, [&] { e.store(integers, buffer, slot, at, 0); });
    Value isFirst = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, inBlock, e.index(0));
    e.when(arith::AndIOp::create(e.b, condition, isFirst), [&] {
      Type i16 = e.b.getI16Type();
      Value bits = arith::BitcastOp::create(e.b, i16, half);
      Value high = arith::ShRUIOp::create(e.b, bits, e.intConstant(i16, 8));
      Value scales = arith::MulIOp::create(e.b, block, e.index(2));
      e.store({bits, high}, buffer, slot, scales, layout.getScalesOffset());
    });
  }

private:
  static constexpr int64_t kChannels = SlotLayout::kBlockChannels;
  static constexpr int64_t kLanes = kChannels / kThreadColumns;

  Value divide(Value l, int64_t r) { return arith::DivUIOp::create(e.b, l, e.index(r)); }
  Value remainder(Value l, int64_t r) { return arith::RemUIOp::create(e.b, l, e.index(r)); }
  Value clamp(Value x, double low, double high) {
    return e.max(e.min(x, e.constant(high)), e.constant(low));
  }

  /// The block's scale before it is rounded; the order of operands keeps out what is no number.
  Value emitScale(ArrayRef<Value> x) {
    auto negate = [&](Value v) -> Value { return arith::NegFOp::create(e.b, v); };
    Value highest = e.constant(0), lowest = highest;
    for (Value value : x) {
      highest = e.max(value, highest);
      lowest = e.max(negate(value), lowest);
    }
    if (isBytes)
      return arith::DivFOp::create(e.b, e.maxLanes(e.max(highest, lowest), kLanes),
                                   e.constant(127));
    highest = e.maxLanes(highest, kLanes);
    lowest = e.maxLanes(lowest, kLanes);
    Value isNegative = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OLT, highest, lowest);
    Value largest = arith::SelectOp::create(e.b, isNegative, negate(lowest), highest);
    return arith::DivFOp::create(e.b, largest, e.constant(-8));
  }

  /// Those of the lane 16 channels further on go to the high halves of bytes.
  void packNibbles(MutableArrayRef<Value> integers) {
    Type i32 = e.b.getI32Type();
    for (Value &value : integers) {
      Value low = arith::AddIOp::create(
          e.b, value, e.intConstant(i32, getInfo(layout.getFormat()).quantOffset));
      Value high = arith::ShLIOp::create(e.b, e.shuffleXor(low, kLanes / 2), e.intConstant(i32, 4));
      value = arith::OrIOp::create(e.b, low, high);
    }
  }

  ThreadEmitter &e;
  SlotLayout layout;
  Value buffer;
  bool isBytes;
};

} // namespace

void KernelResults::emitBlocks(const Result &result, Value row) {
  CacheAppendOp append = result.append;
  BlockWriter writer(e, getSlotLayout(append.getType()), result.buffer);
  std::pair<Value, Value> at = pullSlot(result, row);
  Value isSlot = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, at.second, e.index(0));
  int64_t width = e.getThreads() * kThreadColumns;
  for (int64_t offset = 0; offset < result.columns; offset += width) {
    Tile tile{row, e.getThreadColumn(), offset, kThreadColumns};
    Value column = arith::AddIOp::create(e.b, tile.column, e.index(offset));
    Value isInside =
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, column, e.index(result.columns));
    SmallVector<Value> x = e.pullWhere(isInside, [&] { return e.pull(result.value, tile); });
    writer.store(x, {at.first, at.second}, tile, arith::AndIOp::create(e.b, isInside, isSlot));
  }
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

static bool hasWholeRows(Value value) {
  auto op = value.getDefiningOp<CudaTileOpInterface>();
  return op && op.hasWholeRows();
}

void KernelResults::emitRow(Value row) {
  llvm::SmallPtrSet<Operation *, 4> done; // ops all of whose results have been written
  for (const Group &group : getGroups()) {
    Group byTiles{group.columns, {}};
    for (const Result &result : group.results) {
      if (hasBlocks(result)) {
        emitBlocks(result, row);
        continue;
      }
      if (result.append ||
          (!hasWholeRows(result.value) && getTensorType(result.value).getRank() == 2)) {
        byTiles.results.push_back(result);
        continue;
      }
      if (!hasWholeRows(result.value)) {
        e.emitRowByTiles(result.value, row, result.buffer);
        continue;
      }
      Operation *op = result.value.getDefiningOp();
      if (!done.insert(op).second)
        continue;
      SmallVector<Value> values, destinations;
      for (const Result &other : results)
        if (other.value.getDefiningOp() == op && !other.append) {
          values.push_back(other.value);
          destinations.push_back(other.buffer);
        }
      e.emitRow(values, row, destinations);
    }
    if (!byTiles.results.empty())
      e.forColumns(row, group.columns, [&](const Tile &tile) { emitTile(byTiles, tile); });
  }
}

/// Threads of a block: as many as the widest row keeps busy.
static int64_t getRowThreads(KernelOp kernel) {
  int64_t columns = 1;
  for (Operation &op : kernel.getBody().front())
    for (Value value : llvm::concat<Value>(op.getOperands(), op.getResults()))
      if (getTensorType(value).getRank() == 2)
        columns = std::max(columns, getChannels(value));
  int64_t threads = kWarp;
  while (threads < kVirtualThreads && threads * kThreadColumns < columns)
    threads *= 2;
  return threads;
}

Launch nyala::cuda::emitRowsKernel(KernelContext &context) {
  KernelOp kernel = context.getKernel();
  ThreadEmitter &e = context.createFunction(getRowThreads(kernel));
  KernelResults results(context, e);
  // Rows of matrices that do not depend on the call are blocks of their own.
  RankedTensorType type = getTensorType(results.getResults().front().value);
  if (!type.isDynamicDim(0)) {
    results.emitRow(e.getTileIndex());
    return {.tiles = type.getDimSize(0), .rowBlock = 0};
  }
  Value row = e.getRowBlockIndex();
  auto emit = [&] {
    e.beginRow();
    results.emitRow(row);
  };
  if (e.getMaxRows() == 1)
    emit();
  else
    e.when(arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, row, e.getRows()), emit);
  return {.tiles = 1, .rowBlock = 1};
}
