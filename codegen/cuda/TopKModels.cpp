//===- TopKModels.cpp - GPU kernels of the largest channels of rows -------===//
//
// Not by sorting: a bound below which none of the K largest is comes from
// maxima, which take one pass; what is not below it are a few more than K, which
// are ranked by counting. docs/cuda.md, "The largest channels".
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/CudaTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

using IntPredicate = arith::CmpIPredicate;
using FloatPredicate = arith::CmpFPredicate;

static constexpr int64_t kThreads = 512;
static constexpr int64_t kWarps = kThreads / kWarp;
/// Columns of a tile, 4 a thread; of a chunk, whose maximum is kept.
static constexpr int64_t kTileColumns = kThreads * kThreadColumns;
static constexpr int64_t kChunkLanes = 4, kChunkColumns = kChunkLanes * kThreadColumns;
/// Each box has every 128th four chunks of a row: boxes are alike, wherever in a row large numbers
/// are.
static constexpr int64_t kBoxLanes = 4, kBoxes = kThreads / kBoxLanes;
/// Of half as many boxes the maxima are a bound, above which there are about 1.4 numbers for each.
static constexpr int64_t kMostResults = kBoxes / 2;
/// Chunks, and numbers, above the bound that are made room for.
static constexpr int64_t kRoom = 256;
static_assert(kContractRows * 4 <= kCounterBytes, "each row of a call has a counter");

namespace {

/// Emits the kernel. Calls of up to 64 rows divide a row among blocks, of which the last one to
/// finish chooses; in those of more rows a block has a row.
class TopKEmitter {
public:
  TopKEmitter(KernelContext &kernel, TopKOp op)
      : e(kernel.createFunction(kThreads)), op(op), results(kernel, e),
        count(getChannels(op.getValues())), columns(getChannels(op.getInput())),
        chunks(llvm::divideCeil(columns, kChunkColumns)),
        tiles(llvm::divideCeil(columns, kTileColumns)),
        divided(tiles > 1 && kernel.getMaxRows() <= kContractRows), row(e.getRowBlockIndex()) {
    Type f32 = e.b.getF32Type(), i32 = e.b.getI32Type();
    if (divided)
      workspace = e.allocateWorkspace(kernel.getMaxRows() * chunks * 4);
    else
      maxima = e.allocateShared(chunks, f32);
    boxes = e.allocateShared(kBoxes, f32);
    bound = e.allocateShared(1, f32);
    chunkCount = e.allocateShared(1, i32);
    numberCount = e.allocateShared(1, i32);
    chunkList = e.allocateShared(kRoom, i32);
    numbers = e.allocateShared(kRoom, f32);
    ids = e.allocateShared(kRoom, i32);
  }

  Launch emit() {
    e.when(compare(IntPredicate::slt, row, e.getRows()), [&] {
      if (divided) {
        keepMaxima(e.mul(e.getTileIndex(), kTileColumns));
        e.when(e.isLastBlock(row, e.index(tiles)), [&] { choose(); });
        return;
      }
      e.forRange(e.index(0), e.index(tiles * kTileColumns), kTileColumns,
                 [&](Value first) { keepMaxima(first); });
      e.barrier();
      choose();
    });
    return {divided ? tiles : 1, 1};
  }

private:
  /// A channel of the row: f32, i32.
  struct Number {
    Value value, id;
  };

  Value least(Value l, int64_t r) { return arith::MinUIOp::create(e.b, l, e.index(r)); }
  Value compare(IntPredicate predicate, Value l, Value r) {
    return arith::CmpIOp::create(e.b, predicate, l, r);
  }
  Value compare(FloatPredicate predicate, Value l, Value r) {
    return arith::CmpFOp::create(e.b, predicate, l, r);
  }
  Value both(Value l, Value r) { return arith::AndIOp::create(e.b, l, r); }
  Value either(Value l, Value r) { return arith::OrIOp::create(e.b, l, r); }
  Value select(Value condition, Value l, Value r) {
    return arith::SelectOp::create(e.b, condition, l, r);
  }
  Value toI32(Value index) { return arith::IndexCastOp::create(e.b, e.b.getI32Type(), index); }
  Value toIndex(Value integer) {
    return arith::IndexCastOp::create(e.b, e.b.getIndexType(), integer);
  }
  Value lowest() { return e.constant(-std::numeric_limits<double>::infinity()); }
  Value isFirstOf(int64_t lanes) { return compare(IntPredicate::eq, laneOf(lanes), e.index(0)); }
  Value laneOf(int64_t lanes) { return arith::RemUIOp::create(e.b, e.getThread(), e.index(lanes)); }
  Value load(Value memory, Value at) { return memref::LoadOp::create(e.b, memory, at); }
  void store(Value value, Value memory, Value at) {
    memref::StoreOp::create(e.b, value, memory, at);
  }

  /// Is `l` before `r` in the results?
  Value isBefore(const Number &l, const Number &r) {
    Value isEqual = compare(FloatPredicate::OEQ, l.value, r.value);
    return either(compare(FloatPredicate::OGT, l.value, r.value),
                  both(isEqual, compare(IntPredicate::slt, l.id, r.id)));
  }

  /// Four adjacent channels; -infinity for NaN and behind the last one.
  SmallVector<Value> loadNumbers(Value column) {
    Value none = lowest();
    auto withoutNan = [&](Value value, Value isThere) {
      return select(isThere, arith::MaxNumFOp::create(e.b, value, none), none);
    };
    SmallVector<Value> values;
    if (columns % kThreadColumns == 0) {
      Value isThere = compare(IntPredicate::ult, column, e.index(columns));
      for (Value value : e.pullWhere(isThere, [&] {
             return e.pull(op.getInput(), Tile{row, column, 0, kThreadColumns});
           }))
        values.push_back(withoutNan(value, isThere));
      return values;
    }
    for (int64_t i = 0; i < kThreadColumns; ++i) {
      Value at = e.add(column, i);
      Value value = e.pull(op.getInput(), Tile{row, least(at, columns - 1), 0, 1}).front();
      values.push_back(withoutNan(value, compare(IntPredicate::ult, at, e.index(columns))));
    }
    return values;
  }

  //===--------------------------------------------------------------------===//
  // Maxima
  //===--------------------------------------------------------------------===//

  Value getPlace(Value chunk) {
    Value at = arith::IndexCastOp::create(e.b, e.b.getI64Type(), e.add(e.mul(row, chunks), chunk));
    return LLVM::GEPOp::create(e.b, workspace.getType(), e.b.getF32Type(), workspace,
                               ArrayRef<LLVM::GEPArg>{at});
  }

  Value loadMaximum(Value chunk) {
    if (divided)
      return LLVM::LoadOp::create(e.b, e.b.getF32Type(), getPlace(chunk));
    return load(maxima, chunk);
  }

  /// Keeps those of the chunks of the tile that begins at column `first`.
  void keepMaxima(Value first) {
    Value column = e.add(first, e.getThreadColumn());
    Value largest = lowest();
    for (Value value : loadNumbers(column))
      largest = arith::MaxNumFOp::create(e.b, largest, value);
    largest = e.maxLanes(largest, kChunkLanes);
    Value isThere = compare(IntPredicate::ult, column, e.index(columns));
    e.when(both(isFirstOf(kChunkLanes), isThere), [&] {
      Value chunk = arith::DivUIOp::create(e.b, column, e.index(kChunkColumns));
      if (divided)
        LLVM::StoreOp::create(e.b, largest, getPlace(chunk));
      else
        store(largest, maxima, chunk);
    });
  }

  /// Calls `body` with each of this thread's chunks, its maximum and whether it exists.
  SmallVector<Value>
  forChunks(ValueRange init,
            function_ref<SmallVector<Value>(Value, Value, Value, ValueRange)> body) {
    auto padded = static_cast<int64_t>(llvm::alignTo(chunks, kThreads));
    return e.forRange(e.index(0), e.index(padded), kThreads, init,
                      [&](Value first, ValueRange before) {
                        Value chunk = e.add(first, e.getThread());
                        Value isThere = compare(IntPredicate::ult, chunk, e.index(chunks));
                        return body(chunk, loadMaximum(least(chunk, chunks - 1)), isThere, before);
                      });
  }

  //===--------------------------------------------------------------------===//
  // Choice
  //===--------------------------------------------------------------------===//

  /// By all threads of a block that sees all maxima of the row.
  void choose() {
    findBound();
    e.barrier();
    listChunks();
    e.barrier();
    Value listed = load(chunkCount, e.index(0)), room = e.intConstant(e.b.getI32Type(), kRoom);
    Value chunksFit = compare(IntPredicate::ule, listed, room);
    e.when(chunksFit, [&] { listNumbers(toIndex(listed)); });
    e.barrier();
    Value found = load(numberCount, e.index(0));
    Value fits = both(chunksFit, compare(IntPredicate::ule, found, room));
    auto branch = scf::IfOp::create(e.b, fits, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    rank(toIndex(found));
    e.b.setInsertionPointToStart(branch.elseBlock());
    chooseOneByOne();
  }

  /// The maximum of a box that `count` - 1 others are before: so many numbers are not below it. As
  /// long as there are fewer boxes with chunks it is -infinity.
  void findBound() {
    Value largest =
        forChunks(lowest(), [&](Value, Value maximum, Value isThere, ValueRange before) {
          Value value = select(isThere, maximum, lowest());
          return SmallVector<Value>{arith::MaxNumFOp::create(e.b, before[0], value)};
        }).front();
    largest = e.maxLanes(largest, kBoxLanes);
    Value box = arith::DivUIOp::create(e.b, e.getThread(), e.index(kBoxLanes));
    e.when(isFirstOf(kBoxLanes), [&] { store(largest, boxes, box); });
    Type i32 = e.b.getI32Type();
    Value zero = e.intConstant(i32, 0);
    e.when(isFirstOf(kThreads), [&] {
      store(zero, chunkCount, e.index(0));
      store(zero, numberCount, e.index(0));
    });
    e.barrier();

    // A lane of four compares with every fourth four boxes.
    Number mine{largest, toI32(box)};
    Value first = e.mul(laneOf(kBoxLanes), kThreadColumns), before = zero;
    for (int64_t offset = 0; offset < kBoxes; offset += kBoxLanes * kThreadColumns)
      for (auto [i, value] : llvm::enumerate(e.load(boxes, {}, first, offset, kThreadColumns))) {
        Number other{value, toI32(e.add(first, offset + static_cast<int64_t>(i)))};
        before = arith::AddIOp::create(e.b, before,
                                       arith::ExtUIOp::create(e.b, i32, isBefore(other, mine)));
      }
    before = e.addLanes(before, kBoxLanes);
    Value isBound = compare(IntPredicate::eq, before, e.intConstant(i32, count - 1));
    e.when(both(isFirstOf(kBoxLanes), isBound), [&] { store(largest, bound, e.index(0)); });
  }

  /// Puts what `condition` lets through at the end of a list, while there is room.
  void append(Value condition, Value counter, function_ref<void(Value)> body) {
    e.when(condition, [&] {
      Value at = e.addShared(counter, 1);
      Value hasRoom = compare(IntPredicate::ult, at, e.intConstant(e.b.getI32Type(), kRoom));
      e.when(hasRoom, [&] { body(toIndex(at)); });
    });
  }

  /// Chunks whose maximum is not below the bound, in any order.
  void listChunks() {
    Value least = load(bound, e.index(0));
    forChunks({}, [&](Value chunk, Value maximum, Value isThere, ValueRange) {
      Value isListed = both(isThere, compare(FloatPredicate::OGE, maximum, least));
      append(isListed, chunkCount, [&](Value at) { store(toI32(chunk), chunkList, at); });
      return SmallVector<Value>();
    });
  }

  /// Numbers of these chunks that are not below the bound, likewise.
  void listNumbers(Value listed) {
    Value least = load(bound, e.index(0));
    e.forRange(e.getThread(), e.mul(listed, kChunkLanes), kThreads, [&](Value at) {
      Value chunk = toIndex(load(chunkList, arith::DivUIOp::create(e.b, at, e.index(kChunkLanes))));
      Value lane = arith::RemUIOp::create(e.b, at, e.index(kChunkLanes));
      Value column = e.add(e.mul(chunk, kChunkColumns), e.mul(lane, kThreadColumns));
      for (auto [i, value] : llvm::enumerate(loadNumbers(column))) {
        Value id = e.add(column, static_cast<int64_t>(i)), number = value;
        Value isThere = compare(IntPredicate::ult, id, e.index(columns));
        append(both(isThere, compare(FloatPredicate::OGE, number, least)), numberCount,
               [&](Value place) {
                 store(number, numbers, place);
                 store(toI32(id), ids, place);
               });
      }
    });
  }

  /// A number's place in the results is how many are before it: four lanes count.
  void rank(Value found) {
    Type i32 = e.b.getI32Type();
    Value lane = laneOf(kBoxLanes), last = arith::SubIOp::create(e.b, found, e.index(1));
    e.forRange(e.index(0), found, kThreads / kBoxLanes, [&](Value first) {
      Value at = e.add(first, arith::DivUIOp::create(e.b, e.getThread(), e.index(kBoxLanes)));
      Value from = arith::MinUIOp::create(e.b, at, last);
      Number mine{load(numbers, from), load(ids, from)};
      Value before =
          e.forRange(lane, found, kBoxLanes, e.intConstant(i32, 0),
                     [&](Value other, ValueRange carried) -> SmallVector<Value> {
                       Value isFirst = isBefore({load(numbers, other), load(ids, other)}, mine);
                       return {arith::AddIOp::create(e.b, carried[0],
                                                     arith::ExtUIOp::create(e.b, i32, isFirst))};
                     })
              .front();
      Value place = toIndex(e.addLanes(before, kBoxLanes));
      Value isResult = both(compare(IntPredicate::ule, at, last),
                            compare(IntPredicate::ult, place, e.index(count)));
      write(place, mine, both(isResult, isFirstOf(kBoxLanes)));
    });
  }

  /// The first of the numbers that come after `previous`; of none a number of -infinity.
  Number findNext(const Number &previous, Value warpNumbers, Value warpIds) {
    Value none = e.intConstant(e.b.getI32Type(), std::numeric_limits<int32_t>::max());
    auto better = [&](const Number &l, const Number &r) -> Number {
      Value isFirst = isBefore(r, l);
      return {select(isFirst, r.value, l.value), select(isFirst, r.id, l.id)};
    };
    SmallVector<Value> best =
        e.forRange(e.index(0), e.index(tiles * kTileColumns), kTileColumns, {lowest(), none},
                   [&](Value first, ValueRange carried) -> SmallVector<Value> {
                     Number best{carried[0], carried[1]};
                     Value column = e.add(first, e.getThreadColumn());
                     for (auto [i, value] : llvm::enumerate(loadNumbers(column))) {
                       Value id = e.add(column, static_cast<int64_t>(i));
                       Number number{value, toI32(id)};
                       Value isBetter = both(isBefore(previous, number), isBefore(number, best));
                       isBetter = both(isBetter, compare(IntPredicate::ult, id, e.index(columns)));
                       best = {select(isBetter, number.value, best.value),
                               select(isBetter, number.id, best.id)};
                     }
                     return {best.value, best.id};
                   });
    Number mine{best[0], best[1]};
    for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
      mine = better(mine, {e.shuffleXor(mine.value, mask), e.shuffleXor(mine.id, mask)});
    e.when(isFirstOf(kWarp), [&] {
      store(mine.value, warpNumbers, e.getWarp());
      store(mine.id, warpIds, e.getWarp());
    });
    e.barrier();
    for (int64_t warp = 0; warp < kWarps; ++warp)
      mine = better(mine, {load(warpNumbers, e.index(warp)), load(warpIds, e.index(warp))});
    e.barrier();
    return mine;
  }

  /// For rows of many equal numbers, or of fewer than 2048: a pass for each result.
  void chooseOneByOne() {
    Type i32 = e.b.getI32Type();
    Value warpNumbers = e.allocateShared(kWarps, e.b.getF32Type());
    Value warpIds = e.allocateShared(kWarps, i32);
    Value highest = e.constant(std::numeric_limits<double>::infinity());
    e.forRange(e.index(0), e.index(count), 1, {highest, e.intConstant(i32, -1)},
               [&](Value place, ValueRange carried) -> SmallVector<Value> {
                 Number next = findNext({carried[0], carried[1]}, warpNumbers, warpIds);
                 write(place, next, isFirstOf(kThreads));
                 return {next.value, next.id};
               });
  }

  void write(Value place, const Number &number, Value condition) {
    Tile tile{row, place, 0, 1};
    e.provide(op.getValues(), tile, number.value);
    e.provide(op.getIds(), tile, number.id);
    for (const KernelResults::Group &group : results.getGroups())
      results.emitTile(group, tile, condition);
  }

  ThreadEmitter &e;
  TopKOp op;
  KernelResults results;
  int64_t count, columns, chunks, tiles;
  bool divided;
  Value row;
  Value workspace; ///< of a row's chunks the maxima; or, in shared memory:
  Value maxima;
  // In shared memory.
  Value boxes, bound, chunkCount, numberCount, chunkList, numbers, ids;
};

struct TopKModel : CudaTileOpInterface::ExternalModel<TopKModel, TopKOp> {
  std::string getObstacle(Operation *operation, CudaTargetAttr) const {
    auto op = cast<TopKOp>(operation);
    if (int64_t count = getChannels(op.getValues()); count > kMostResults)
      return "expected at most " + std::to_string(kMostResults) + " values of a row, got " +
             std::to_string(count);
    return {};
  }

  Launch emitKernel(Operation *operation, KernelContext &kernel) const {
    return TopKEmitter(kernel, cast<TopKOp>(operation)).emit();
  }
};

} // namespace

void nyala::cuda::attachTopKModels(MLIRContext *context) {
  TopKOp::attachInterface<TopKModel>(*context);
}
