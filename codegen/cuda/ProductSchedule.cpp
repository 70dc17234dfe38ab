//===- ProductSchedule.cpp - Kernels around a product of few rows ---------===//
#include "codegen/cuda/ProductSchedule.h"
#include "codegen/WeightChunks.h"
#include "codegen/cuda/EarlyLoads.h"
#include "codegen/cuda/ProductResults.h"
#include "codegen/cuda/WeightStream.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

/// Registers of a lane for weights that are under way at a time, of at most so many rounds.
constexpr int64_t kPendingRegisters = 32, kMostPending = 4;
/// The same of weights whose steps take at least so many registers (bf16): two blocks a
/// multiprocessor, each with more under way, take less time than three with less.
constexpr int64_t kWideRegisters = 8, kWidePendingRegisters = 48, kWideMostPending = 6;
/// The same where a multiprocessor has one block, and all weights of a lane fit.
constexpr int64_t kEarlyRegisters = 48;
/// Columns of a fragment.
constexpr int64_t kFragment = 2 * kOctet;

/// A lane's weights of a round, one step of each warp; those of the next rounds.
using Weights = SmallVector<Value>;
using Pending = SmallVector<Weights>;

class ProductEmitter {
public:
  ProductEmitter(KernelContext &context, Value weight, Value bias, int64_t steps)
      : warps(std::min<int64_t>(kProductWarps, llvm::bit_floor(static_cast<uint64_t>(steps)))),
        steps(steps), e(context.createFunction(warps * kWarp)), context(context),
        kernel(context.getKernel()), function(context.getFunction()), weight(weight),
        waitsLate(context.overlaps() && e.getMaxRows() == 1 && context.isConstant(weight)),
        kernelResults(context, e), tiles(e, kernelResults, kThreadColumns),
        results(e, kernelResults, tiles, bias, warps) {}

  Launch emit(function_ref<std::unique_ptr<ProductUnit>(ThreadEmitter &)> makeUnit) {
    int64_t numTiles = chooseTiles();
    unit = makeUnit(e);
    if (streams(numTiles))
      return emitStream(numTiles);
    locateFragments();
    isAlone = numTiles <= kMultiprocessors;
    if (int64_t blocks = llvm::divideCeil(numTiles, kMultiprocessors); !isAlone)
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                        e.b.getI32IntegerAttr(std::min(blocks, getMostBlocks())));
    results.allocate(getMostRows(), getWidth());
    if (e.getMaxRows() == 1)
      emitRows(e.index(0), ProductUnit::kSingleRow);
    else
      emitManyRows();
    return {.tiles = numTiles, .rowBlock = 0};
  }

private:
  //===--------------------------------------------------------------------===//
  // Tiles
  //===--------------------------------------------------------------------===//

  /// Decides about tiles; returns how many there are.
  int64_t chooseTiles() {
    int64_t columns = tiles.getNumColumns() / kFragment < kMultiprocessors ? kOctet : kFragment;
    for (const ProductTiles::Group &group : tiles.getGroups())
      for (const KernelResults::Result &result : group.results.results)
        if (CacheAppendOp append = result.append; append && getBlocks(append.getType()))
          columns = SlotLayout::kBlockChannels;
    return tiles.divide(columns);
  }

  Value isBelow(Value value, int64_t bound) {
    return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, value, e.index(bound));
  }

  int64_t getWidth() const { return static_cast<int64_t>(fragments.size()) * kFragment; }

  /// The product's columns that the tile needs, as octets, two by two.
  SmallVector<ProductUnit::Fragment> getFragments() {
    SmallVector<ProductUnit::Fragment> fragments;
    SmallVector<Value> octets;
    for (int64_t part = 0; part < tiles.getNumParts(); ++part) {
      Value first = tiles.getFirstColumn(part);
      for (int64_t octet = 0; octet < tiles.getTileColumns(); octet += kOctet)
        octets.push_back(e.b.createOrFold<arith::AddIOp>(first, e.index(octet)));
    }
    bool aligned = tiles.areMultiples(kFragment);
    for (size_t i = 0; i < octets.size(); i += 2)
      fragments.push_back({octets[i], i + 1 < octets.size() ? octets[i + 1] : Value(), aligned});
    return fragments;
  }

  void locateFragments() {
    fragments = getFragments();
    for (const ProductUnit::Fragment &fragment : fragments)
      locations.push_back(unit->locate(fragment));
  }

  //===--------------------------------------------------------------------===//
  // Rows
  //===--------------------------------------------------------------------===//

  /// Blocks that a multiprocessor holds at least, if there are as many: registers are to suffice.
  int64_t getMostBlocks() const { return getMostRows() > kOctet || isWide() ? 2 : 3; }
  bool isWide() const { return unit->getLoadRegisters() >= kWideRegisters; }

  int64_t getMostRows() const {
    if (e.getMaxRows() == 1 || unit->computesRows())
      return 1;
    return e.getMaxRows() <= kOctet ? kOctet : unit->getMostOctets() * kOctet;
  }

  void emitManyRows() {
    auto emitBlocks = [&](int64_t octets) {
      int64_t rows = octets == ProductUnit::kSingleRow ? 1 : octets * kOctet;
      e.forRange(e.index(0), e.getRows(), rows, [&](Value row) {
        emitRows(row, octets);
        e.barrier();
      });
    };
    if (unit->computesRows())
      return emitBlocks(ProductUnit::kSingleRow);
    if (e.getMaxRows() <= kOctet || unit->getMostOctets() == 1)
      return emitBlocks(1);
    Value few = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ule, e.getRows(), e.index(kOctet));
    auto branch = scf::IfOp::create(e.b, few, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    emitBlocks(1);
    e.b.setInsertionPointToStart(branch.elseBlock());
    emitBlocks(unit->getMostOctets());
  }

  /// The tile for `row`, or for octets of rows from there on.
  void emitRows(Value row, int64_t octets) {
    int64_t numRows = octets == ProductUnit::kSingleRow ? 1 : octets * kOctet;
    // What the row prologue may need comes before it.
    results.begin(row, numRows);
    Pending pending = ask(octets);
    prefetchVectors();
    if (waitsLate)
      context.waitHere();
    Operation *early = arith::ConstantIndexOp::create(e.b, 0);
    unit->beginRows(row, octets);
    for (auto [number, fragment] : llvm::enumerate(fragments))
      keepSums(fragment, number, multiplyDepth(number, pending));
    emitResults(early);
  }

  /// Of the tile whose sums are there. `early` is where loads for them go.
  void emitResults(Operation *early) {
    e.barrier();
    Operation *barrier = &*std::prev(e.b.getInsertionPoint());
    results.emit();
    moveLoadsAhead(e, early, barrier);
  }

  /// Stores the sums of a fragment of the tile.
  void keepSums(const ProductUnit::Fragment &fragment, size_t number, ValueRange sums) {
    int64_t first = static_cast<int64_t>(number) * kFragment;
    unit->finish(fragment, sums, [&](Value column, Value row, Value sum) {
      results.keep(sum, row, column, first);
    });
  }

  /// Weights of norms are read behind the sum of a row, when their latency is no longer hidden.
  void prefetchVectors() {
    constexpr int64_t lineBytes = 128;
    for (Operation &op : kernel.getBody().front()) {
      if (nyala::getFusionKind(&op) != FusionKind::RowReduction)
        continue;
      for (Value operand : op.getOperands()) {
        Value buffer = e.getBuffer(operand);
        if (!buffer || getTensorType(operand).getRank() != 1 ||
            (waitsLate && !context.isConstant(operand)))
          continue;
        int64_t bytes =
            getChannels(operand) * getElementTypeOrSelf(operand).getIntOrFloatBitWidth() / 8;
        Value lines = e.index(llvm::divideCeil(bytes, lineBytes));
        e.forRange(e.getThread(), lines, e.getThreads(), [&](Value line) {
          Value offset = arith::MulIOp::create(e.b, line, e.index(lineBytes));
          e.prefetch(buffer, offset);
        });
      }
    }
  }

  //===--------------------------------------------------------------------===//
  // The depth
  //===--------------------------------------------------------------------===//

  Value getStep(Value round) {
    if (unit->getChunkSteps() > 0)
      return arith::AddIOp::create(
          e.b, arith::MulIOp::create(e.b, e.getWarp(), e.index(getRounds())), round);
    return arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, round, e.index(warps)),
                                 e.getWarp());
  }
  int64_t getRounds() const { return std::max<int64_t>(1, llvm::divideCeil(steps, warps)); }
  /// Rounds in which each warp has a step; there may be another one.
  int64_t getFullRounds() const { return steps / warps; }

  /// A warp's weights of a round of a fragment; zeros where it has none.
  Weights ask(size_t fragment, Value round, bool isFull) {
    auto load = [&] { return unit->load(locations[fragment], getStep(round)); };
    return isFull ? load() : e.pullWhere(isBelow(e.getWarp(), steps % warps), load);
  }

  /// Weights of round `round` of the rounds of all fragments, one after the other, if there is one.
  void askNext(int64_t round, Pending &pending) {
    int64_t fragment = round / getRounds(), ofFragment = round % getRounds();
    if (fragment < static_cast<int64_t>(fragments.size()))
      pending.push_back(ask(fragment, e.index(ofFragment), ofFragment < getFullRounds()));
  }

  /// Rounds whose weights are under way at a time: all, if they are few.
  int64_t getDepth(int64_t octets) const {
    if (octets > 1)
      return 2;
    int64_t all = std::max<int64_t>(1, getRounds() * static_cast<int64_t>(fragments.size()));
    int64_t registers =
        std::max<int64_t>(1, unit->getLoadRegisters() / (fragments.front().second ? 1 : 2));
    int64_t pending = isWide() ? kWidePendingRegisters : kPendingRegisters;
    if (all * registers <= (isAlone ? kEarlyRegisters : pending))
      return all;
    return std::clamp<int64_t>(pending / registers, 2, isWide() ? kWideMostPending : kMostPending);
  }

  /// The first weights. They do not depend on what other kernels compute: they are under way while
  /// the row prologue waits for that.
  Pending ask(int64_t octets) {
    depth = getDepth(octets);
    Pending pending;
    for (int64_t round = 0; round < depth; ++round)
      askNext(round, pending);
    return pending;
  }

  /// A fragment's sums over the warp's steps. The weights of its first rounds are pending; those of
  /// the next fragment's are, in the end.
  SmallVector<Value> multiplyDepth(size_t fragment, Pending &pending) {
    SmallVector<Value> sums = unit->getZeros();
    int64_t looped = std::max<int64_t>(0, getFullRounds() - depth) / depth * depth;
    if (looped > 0)
      loopRounds(fragment, looped, sums, pending);
    else
      looped = 0;
    int64_t first = static_cast<int64_t>(fragment) * getRounds();
    SmallVector<Weights> ofRows;
    for (int64_t round = looped; round < getRounds(); ++round) {
      // Rows of as many rounds as weights are asked for at once.
      if ((round - looped) % depth == 0) {
        ofRows.clear();
        for (int64_t i = round; i < std::min(round + depth, getRounds()); ++i)
          ofRows.push_back(loadRows(i));
      }
      sums = multiplyRound(pending.front(), ofRows[(round - looped) % depth], round, sums);
      pending.erase(pending.begin());
      askNext(first + round + depth, pending);
    }
    return sums;
  }

  /// Rounds 0 … `count` - 1, which are full, as are those whose weights they ask for.
  void loopRounds(size_t fragment, int64_t count, SmallVector<Value> &sums, Pending &pending) {
    SmallVector<Value> carried(sums);
    for (const Weights &weights : pending)
      llvm::append_range(carried, weights);
    size_t numSums = sums.size(), numWeights = pending.front().size();
    auto unpack = [&](ValueRange values) {
      sums.assign(values.begin(), values.begin() + numSums);
      for (auto [i, weights] : llvm::enumerate(pending))
        llvm::copy(values.slice(numSums + i * numWeights, numWeights), weights.begin());
    };
    SmallVector<Value> done =
        e.forRange(e.index(0), e.index(count), depth, carried, [&](Value round, ValueRange values) {
          unpack(values);
          SmallVector<Weights> ofRows;
          for (int64_t i = 0; i < depth; ++i)
            ofRows.push_back(unit->loadRows(getStep(e.add(round, i))));
          for (int64_t i = 0; i < depth; ++i) {
            sums = unit->multiply(pending[i], ofRows[i], sums);
            pending[i] = ask(fragment, e.add(round, i + depth), /*isFull=*/true);
          }
          SmallVector<Value> next(sums);
          for (const Weights &weights : pending)
            llvm::append_range(next, weights);
          return next;
        });
    unrollNoFurther(cast<scf::ForOp>(done.front().getDefiningOp()));
    unpack(done);
  }

  /// More weights under way than asked for would take all registers.
  static void unrollNoFurther(scf::ForOp loop) {
    MLIRContext *context = loop.getContext();
    auto unroll =
        LLVM::LoopUnrollAttr::get(context, BoolAttr::get(context, true), {}, {}, {}, {}, {}, {});
    // Conversions carry an attribute of that name, of the LLVM dialect, to the branch.
    loop->setAttr("loop_annotation",
                  LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {}, {}, {}, {}, {}, {},
                                                {}, {}, {}, {}, {}));
  }

  Weights loadRows(int64_t round) {
    auto load = [&] { return unit->loadRows(getStep(e.index(round))); };
    return round < getFullRounds() ? load()
                                   : e.pullWhere(isBelow(e.getWarp(), steps % warps), load);
  }

  SmallVector<Value> multiplyRound(ValueRange weights, ValueRange rows, int64_t round,
                                   ValueRange sums) {
    if (round < getFullRounds())
      return unit->multiply(weights, rows, sums);
    auto branch = scf::IfOp::create(
        e.b, isBelow(e.getWarp(), steps % warps),
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(e.b, unit->multiply(weights, rows, sums));
        },
        [&](OpBuilder &, Location) { scf::YieldOp::create(e.b, sums); });
    return SmallVector<Value>(branch.getResults());
  }

  //===--------------------------------------------------------------------===//
  // Weights in chunks
  //===--------------------------------------------------------------------===//

  /// Do so few blocks as there are multiprocessors compute all tiles, one after the other?
  bool streams(int64_t numTiles) const {
    return waitsLate && numTiles > kMultiprocessors && unit->getChunkSteps() > 0 &&
           tiles.areMultiples(kFragment) && canStreamWeights(e.getTarget());
  }

  /// Chunks of a fragment that are a warp's.
  int64_t getChunks() const { return getRounds() / std::max<int64_t>(1, unit->getChunkSteps()); }

  /// Makes a tile the block's.
  void setTile(Value number) {
    tiles.setTileIndex(arith::AddIOp::create(
        e.b, e.getTileIndex(), arith::MulIOp::create(e.b, number, e.index(kMultiprocessors))));
    fragments = getFragments();
  }

  /// Where chunk `number` of this warp lies in the weight.
  Value locateChunk(Value number) {
    auto split = [&](int64_t by) -> Value {
      Value whole = arith::DivUIOp::create(e.b, number, e.index(by));
      number = arith::RemUIOp::create(e.b, number, e.index(by));
      return whole;
    };
    setTile(split(chunksOfTile));
    Value fragment = split(getChunks()), first = fragments.front().first;
    for (size_t i = 1; i < fragments.size(); ++i) {
      Value isThat = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, fragment,
                                           e.index(static_cast<int64_t>(i)));
      first = arith::SelectOp::create(e.b, isThat, fragments[i].first, first);
    }
    Value ofWarp = arith::MulIOp::create(e.b, e.getWarp(), e.index(getChunks()));
    return unit->locateChunk(first, arith::AddIOp::create(e.b, ofWarp, number));
  }

  /// Block b has tiles b, b + blocks, …; their chunks follow one another: tile by tile, fragment by
  /// fragment.
  Launch emitStream(int64_t numTiles) {
    Value row = e.index(0);
    Value behind = arith::SubIOp::create(e.b, e.index(numTiles - 1), e.getTileIndex());
    Value count = e.add(arith::DivUIOp::create(e.b, behind, e.index(kMultiprocessors)), 1);
    setTile(e.index(0));
    chunksOfTile = static_cast<int64_t>(fragments.size()) * getChunks();
    // Sums of a tile are read while those of the next one are written.
    constexpr int64_t copies = 2;
    results.allocate(1, getWidth(), copies);
    WeightStream stream(e, e.getBuffer(weight), warps, unit->getChunkBytes(),
                        arith::MulIOp::create(e.b, count, e.index(chunksOfTile)),
                        [&](Value number) { return locateChunk(number); });
    // Half of the registers, so that attention's blocks fit beside.
    constexpr int32_t beside = 2;
    function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), e.b.getI32IntegerAttr(beside));
    stream.begin();
    prefetchVectors();
    context.waitHere();
    unit->beginRows(row, ProductUnit::kSingleRow);
    e.forRange(e.index(0), count, 1, [&](Value number) {
      setTile(number);
      results.useCopy(arith::RemUIOp::create(e.b, number, e.index(copies)));
      results.begin(row, 1);
      Operation *early = arith::ConstantIndexOp::create(e.b, 0);
      Value first = arith::MulIOp::create(e.b, number, e.index(chunksOfTile));
      for (auto [i, fragment] : llvm::enumerate(SmallVector<ProductUnit::Fragment>(fragments))) {
        Value ofFragment = e.add(first, static_cast<int64_t>(i) * getChunks());
        keepSums(fragment, i, multiplyChunks(stream, ofFragment));
      }
      setTile(number); // it has been that of chunks to come
      emitResults(early);
    });
    return {.tiles = kMultiprocessors, .rowBlock = 0};
  }

  /// A fragment's sums over the warp's steps; its chunks are `first` and those behind.
  SmallVector<Value> multiplyChunks(WeightStream &stream, Value first) {
    int64_t steps = unit->getChunkSteps();
    SmallVector<Value> sums = e.forRange(
        e.index(0), e.index(getChunks()), 1, unit->getZeros(), [&](Value chunk, ValueRange init) {
          Value number = arith::AddIOp::create(e.b, first, chunk);
          Value offset = stream.wait(number);
          Value begin = arith::MulIOp::create(e.b, chunk, e.index(steps));
          SmallVector<Value> next(init);
          for (int64_t step = 0; step < steps; ++step)
            next = unit->multiply(unit->loadOfChunk(stream.getMemory(), offset, step),
                                  unit->loadRows(getStep(e.add(begin, step))), next);
          stream.release(number);
          return next;
        });
    unrollNoFurther(cast<scf::ForOp>(sums.front().getDefiningOp()));
    return sums;
  }

  int64_t warps, steps, depth = 1;
  int64_t chunksOfTile = 0; ///< of a warp
  bool isAlone = false;     ///< does a multiprocessor have one block?
  ThreadEmitter &e;
  KernelContext &context;
  KernelOp kernel;
  gpu::GPUFuncOp function;
  Value weight;
  bool waitsLate; ///< for the kernel before, behind the first weights
  KernelResults kernelResults;
  ProductTiles tiles;
  ProductResults results;
  std::unique_ptr<ProductUnit> unit;
  SmallVector<ProductUnit::Fragment> fragments;
  SmallVector<SmallVector<Value>> locations;
};

} // namespace

Launch nyala::cuda::emitProductKernel(
    KernelContext &kernel, Value weight, Value bias, int64_t depth,
    function_ref<std::unique_ptr<ProductUnit>(ThreadEmitter &)> makeUnit) {
  int64_t steps = llvm::divideCeil(depth, kStepColumns);
  return ProductEmitter(kernel, weight, bias, steps).emit(makeUnit);
}
