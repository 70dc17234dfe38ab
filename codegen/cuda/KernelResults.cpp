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

void KernelResults::store(const Result &result, const Tile &tile, ArrayRef<Value> elements) {
  if (!result.append)
    return e.store(elements, result.buffer, tile);
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

/// Is a row of the op's results computed as a whole?
static bool hasRows(Value value) {
  Operation *op = value.getDefiningOp();
  return op && op->getNumResults() > 1 && nyala::getFusionKind(op) == FusionKind::RowReduction;
}

void KernelResults::emitRow(Value row) {
  llvm::SmallPtrSet<Operation *, 4> done; // ops all of whose results have been written
  for (const Group &group : getGroups()) {
    Group byTiles{group.columns, {}};
    for (const Result &result : group.results) {
      if (result.append || (!hasRows(result.value) && getTensorType(result.value).getRank() == 2)) {
        byTiles.results.push_back(result);
        continue;
      }
      if (!hasRows(result.value)) {
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

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

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
