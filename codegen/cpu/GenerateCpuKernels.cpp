//===- GenerateCpuKernels.cpp - Kernels as loops over vectors -------------===//
//
// Three schedules. Around a product, work items are tiles of columns and each
// handles all rows, so that weights are read once:
//
//   for tile in [begin, end):  [tile prologue]  for rows by blocks: vectors
//
// Around an op whose results are no such tiles (attention, sums over rows) work
// items are the op's own, and write its results. Else a work item is a row.
//
//===----------------------------------------------------------------------===//
#include "codegen/KernelBuffers.h"
#include "codegen/KernelCost.h"
#include "codegen/Passes.h"
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/KernelChecks.h"
#include "codegen/cpu/SlotAccess.h"
#include "ir/KernelTies.h"
#include "ir/Variants.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Threading.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/ADT/MapVector.h"

namespace nyala {
#define GEN_PASS_DEF_GENERATECPUKERNELS
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// Generates one kernel for one target.
class KernelGenerator {
public:
  KernelGenerator(KernelOp kernel, CpuTargetAttr target) : kernel(kernel), target(target) {}

  /// Adds the function to the end of `variant`.
  void generate(ModuleOp variant) {
    ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
    b.setInsertionPointToEnd(variant.getBody());
    func::FuncOp function = createFunction(b);
    Block *entry = function.addEntryBlock();
    b.setInsertionPointToStart(entry);
    auto end = func::ReturnOp::create(b);
    b.setInsertionPoint(end);

    unsigned buffers = entry->getNumArguments() - 4;
    Value rows = entry->getArgument(buffers);
    TileEmitter e(b, target, rows, kernel.getMaxRows(), entry->getArgument(buffers + 3));
    for (auto [argument, buffer] :
         llvm::zip_first(kernel.getBody().getArguments(), entry->getArguments()))
      e.setBuffer(argument, buffer);
    begin = entry->getArgument(buffers + 1);
    limit = entry->getArgument(buffers + 2);

    int64_t tiles = 1;
    bool perRow = true;
    auto root = cast_if_present<CpuTileOpInterface>(findRoot(kernel));
    if (std::optional<int64_t> items = root ? root.getItems() : std::nullopt) {
      emitItems(e, root);
      tiles = *items;
      perRow = root.hasItemsPerRow();
    } else if (root) {
      tiles = emitColumnTiles(e, root);
      perRow = false;
    } else {
      emitRows(e);
    }

    setScratchType(function, e.getScratchBytes());
    function->setAttr("nyala.tiles", b.getI64IntegerAttr(tiles));
    if (perRow)
      function->setAttr("nyala.per_row", b.getUnitAttr());
    function->setAttr("nyala.scratch_bytes", b.getI64IntegerAttr(e.getScratchBytes()));
  }

private:
  Operation *getTerminator() { return kernel.getBody().front().getTerminator(); }

  func::FuncOp createFunction(ImplicitLocOpBuilder &b) {
    SmallVector<Type> types;
    for (BlockArgument argument : kernel.getBody().getArguments())
      types.push_back(getBufferType(getTensorType(argument), getMaxRows(kernel, argument)));
    for (auto [index, type] : llvm::enumerate(kernel.getResultTypes()))
      if (!getTiedArgument(kernel, index))
        types.push_back(getBufferType(cast<RankedTensorType>(type), kernel.getMaxRows()));
    unsigned buffers = types.size();
    types.append(3, b.getIndexType());
    types.push_back(MemRefType::get({ShapedType::kDynamic}, b.getI8Type()));
    auto function = func::FuncOp::create(b, kernel.getSymName(), b.getFunctionType(types, {}));
    for (unsigned i = 0; i < types.size(); ++i)
      if (i < buffers || i + 1 == types.size())
        function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
    return function;
  }

  void setScratchType(func::FuncOp function, int64_t bytes) {
    auto type = MemRefType::get({bytes}, IntegerType::get(kernel.getContext(), 8));
    SmallVector<Type> types(function.getArgumentTypes());
    types.back() = type;
    function.setType(FunctionType::get(kernel.getContext(), types, {}));
    function.getArguments().back().setType(type);
  }

  //===--------------------------------------------------------------------===//
  // Where results go
  //===--------------------------------------------------------------------===//

  struct Sink {
    Value value;          ///< what is pulled
    Value buffer;         ///< where it goes
    CacheAppendOp append; ///< null, or the update of a cache in `buffer`
    int64_t columns;
    std::optional<SlotLayout> blocks; ///< of that cache
    bool tied;                        ///< is `buffer` an argument's?
  };

  SmallVector<Sink> getSinks(TileEmitter &e) {
    SmallVector<Sink> sinks;
    auto function = cast<func::FuncOp>(e.b.getInsertionBlock()->getParentOp());
    unsigned next = kernel.getNumArguments();
    for (auto [index, result] : llvm::enumerate(getTerminator()->getOperands())) {
      std::optional<int64_t> tied = getTiedArgument(kernel, index);
      Sink sink{result,
                function.getArgument(tied ? *tied : next++),
                result.getDefiningOp<CacheAppendOp>(),
                0,
                {},
                tied.has_value()};
      if (sink.append) {
        sink.value = sink.append.getInput();
        if (getBlocks(sink.append.getType()))
          sink.blocks = getSlotLayout(sink.append.getType());
      }
      sink.columns = getTensorType(sink.value).getRank() == 1 ? 1 : getChannels(sink.value);
      sinks.push_back(sink);
    }
    return sinks;
  }

  void storeVectors(TileEmitter &e, const Sink &sink, const Tile &tile, ValueRange vectors) {
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = e.b.createOrFold<arith::AddIOp>(tile.row, e.index(r));
      auto store = [&](ArrayRef<Value> leading) {
        for (int64_t v = 0; v < tile.vectors; ++v) {
          SmallVector<Value> indices(leading);
          indices.push_back(e.b.createOrFold<arith::AddIOp>(tile.column, e.index(v * kLanes)));
          e.store(vectors[r * tile.vectors + v], sink.buffer, indices, tile.lanes(v));
        }
      };
      if (!sink.append) {
        store({row});
        continue;
      }
      inSlot(e, sink, row, [&](Value sequence, Value slot) {
        if (sink.blocks)
          storeBlocks(e, sink, tile, vectors.slice(r * tile.vectors, tile.vectors), sequence, slot);
        else
          store({sequence, slot});
      });
    }
  }

  /// A tile of whole blocks (see checkAppend).
  void storeBlocks(TileEmitter &e, const Sink &sink, const Tile &tile, ValueRange vectors,
                   Value sequence, Value slot) {
    constexpr int64_t perBlock = SlotLayout::kBlockChannels / kLanes;
    for (int64_t v = 0; v < tile.vectors; v += perBlock) {
      Value column = e.b.createOrFold<arith::AddIOp>(tile.column, e.index(v * kLanes));
      storeBlock(e, *sink.blocks, vectors.slice(v, perBlock), sink.buffer, sequence, slot, column);
    }
  }

  /// Runs `body` with the sequence and slot of a row, unless its slot is negative.
  static void inSlot(TileEmitter &e, const Sink &sink, Value row,
                     function_ref<void(Value, Value)> body) {
    CacheAppendOp append = sink.append;
    Value slot = e.loadIndex(append.getSlots(), row);
    Value isSlot = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, slot, e.index(0));
    auto branch = scf::IfOp::create(e.b, isSlot, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    body(e.loadIndex(append.getSequences(), row), slot);
  }

  //===--------------------------------------------------------------------===//
  // Schedules
  //===--------------------------------------------------------------------===//

  /// Is the tile of the root that `value` is computed from another than its own?
  static bool isShifted(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || nyala::getFusionKind(op) == FusionKind::Root)
      return false;
    return isa<SplitOp>(op) || llvm::any_of(op->getOperands(), isShifted);
  }

  /// Results that are computed from the same tiles of the root, so that those are computed once.
  SmallVector<SmallVector<Sink>> getSinksByTile(TileEmitter &e) {
    SmallVector<SmallVector<Sink>> groups;
    for (const Sink &sink : getSinks(e)) {
      auto fits = [&](ArrayRef<Sink> group) {
        const Sink &other = group.front();
        return sink.columns == other.columns && !isShifted(sink.value) && !isShifted(other.value);
      };
      auto group = llvm::find_if(groups, fits);
      if (group == groups.end())
        group = &groups.emplace_back();
      group->push_back(sink);
    }
    return groups;
  }

  /// One tile of columns of results, for all rows. Prompts, and calls of few rows, have code of
  /// their own where the root asks for it.
  void emitColumnTile(TileEmitter &e, CpuTileOpInterface root, ArrayRef<Sink> sinks, Value column,
                      int64_t columns) {
    Tile tile;
    tile.column = column;
    tile.vectors = llvm::divideCeil(columns, kLanes);
    tile.lastLanes = columns - (tile.vectors - 1) * kLanes;
    auto emit = [&](bool fewRows) {
      e.setFewRows(fewRows);
      e.beginTile();
      emitByBlocks(e, root, sinks, tile);
    };
    int64_t block = root.getPromptBlock(target, kernel.getMaxRows());
    auto emitContractRows = [&] {
      int64_t few = root.getFewRows(target, kernel.getMaxRows());
      int64_t maxRows = block > 0 ? kContractRows : kernel.getMaxRows();
      if (few == 0 || maxRows <= few)
        return emit(few > 0);
      Value isFew =
          arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, e.getRows(), e.index(few));
      emitBranch(e, isFew, [&] { emit(true); }, [&] { emit(false); });
    };
    if (block == 0)
      return emitContractRows();
    emitBranch(
        e, e.isPrompt(),
        [&] {
          e.setFewRows(false);
          e.beginTile();
          emitPrompt(e, sinks, tile, block);
        },
        emitContractRows);
  }

  static void emitBranch(TileEmitter &e, Value condition, function_ref<void()> then,
                         function_ref<void()> otherwise) {
    auto branch = scf::IfOp::create(e.b, condition, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    then();
    e.b.setInsertionPointToStart(branch.elseBlock());
    otherwise();
  }

  /// Rows [row, row + count) of a tile.
  void emitRowsOfTile(TileEmitter &e, ArrayRef<Sink> sinks, Tile tile, Value row, int64_t count) {
    tile.row = row;
    tile.rows = count;
    // What is updated in place may be an operand of all of them.
    SmallVector<SmallVector<Value>> vectors;
    for (const Sink &sink : sinks)
      vectors.push_back(e.pull(sink.value, tile));
    for (auto [sink, values] : llvm::zip_equal(sinks, vectors))
      storeVectors(e, sink, tile, values);
  }

  /// All rows of a tile: by the root's blocks of rows, the largest first, then single rows.
  void emitByBlocks(TileEmitter &e, CpuTileOpInterface root, ArrayRef<Sink> sinks,
                    const Tile &tile) {
    if (kernel.getMaxRows() == 1)
      return emitRowsOfTile(e, sinks, tile, e.index(0), 1);
    Value done = e.index(0);
    for (int64_t block : root.getRowBlocks(target, kernel.getMaxRows())) {
      if (e.hasFewRows() && block > root.getFewRows(target, kernel.getMaxRows()))
        continue;
      Value blocked = e.getRowsInBlocks(block);
      e.forRange(done, blocked, block,
                 [&](Value row) { emitRowsOfTile(e, sinks, tile, row, block); });
      done = blocked;
    }
    e.forRange(done, e.getRows(), 1, [&](Value row) { emitRowsOfTile(e, sinks, tile, row, 1); });
  }

  /// All rows of a tile: by blocks that are computed together and then taken row by row.
  void emitPrompt(TileEmitter &e, ArrayRef<Sink> sinks, const Tile &tile, int64_t block) {
    e.forRange(e.index(0), e.getRows(), block, [&](Value first) {
      Value end = arith::MinSIOp::create(e.b, arith::AddIOp::create(e.b, first, e.index(block)),
                                         e.getRows());
      prefetchRows(e, sinks, tile, end, block);
      e.inRowBlock(first, [&] {
        e.forRange(first, end, 1, [&](Value row) { emitRowsOfTile(e, sinks, tile, row, 1); });
      });
    });
  }

  /// Asks for where `count` rows from `first` on of a tile go, into the second-level cache: the
  /// rows are far apart, and a processor waits for few lines at a time that it stores to. Rows
  /// beyond the last one are asked for in vain.
  static void prefetchRows(TileEmitter &e, ArrayRef<Sink> sinks, const Tile &tile, Value first,
                           int64_t count) {
    e.forRange(e.index(0), e.index(count), 1, [&](Value i) {
      Value row = arith::AddIOp::create(e.b, first, i);
      for (const Sink &sink : sinks)
        for (int64_t v = 0; !sink.append && v < tile.vectors; ++v) {
          Value column = arith::AddIOp::create(e.b, tile.column, e.index(v * kLanes));
          memref::PrefetchOp::create(e.b, sink.buffer, ValueRange{row, column}, /*isWrite=*/false,
                                     /*localityHint=*/2, /*isDataCache=*/true);
        }
    });
  }

  /// Work items are the tiles of one group of results after the other; returns their number.
  int64_t emitColumnTiles(TileEmitter &e, CpuTileOpInterface root) {
    int64_t tileColumns = root.getTileColumns();
    // Tiles of at most one row have no loop over rows: without rows there are no work items.
    if (kernel.getMaxRows() == 1)
      limit = arith::MulIOp::create(e.b, limit, e.getRows());
    int64_t first = 0;
    for (ArrayRef<Sink> sinks : getSinksByTile(e)) {
      int64_t full = sinks.front().columns / tileColumns;
      int64_t rest = sinks.front().columns % tileColumns;
      if (full > 0) {
        Value lower = arith::MaxSIOp::create(e.b, begin, e.index(first));
        Value upper = arith::MinSIOp::create(e.b, limit, e.index(first + full));
        e.forRange(lower, upper, 1, [&](Value item) {
          Value number = arith::SubIOp::create(e.b, item, e.index(first));
          emitColumnTile(e, root, sinks, arith::MulIOp::create(e.b, number, e.index(tileColumns)),
                         tileColumns);
        });
      }
      first += full;
      if (rest > 0) {
        Value item = e.index(first++);
        Value mine = arith::AndIOp::create(
            e.b, arith::CmpIOp::create(e.b, arith::CmpIPredicate::sle, begin, item),
            arith::CmpIOp::create(e.b, arith::CmpIPredicate::sgt, limit, item));
        auto branch = scf::IfOp::create(e.b, mine, /*withElseRegion=*/false);
        OpBuilder::InsertionGuard guard(e.b);
        e.b.setInsertionPointToStart(branch.thenBlock());
        emitColumnTile(e, root, sinks, e.index(full * tileColumns), rest);
      }
    }
    return first;
  }

  /// Work items are those of `root`.
  void emitItems(TileEmitter &e, CpuTileOpInterface root) {
    SmallVector<Value> destinations(root->getNumResults());
    for (const Sink &sink : getSinks(e))
      destinations[cast<OpResult>(sink.value).getResultNumber()] = sink.buffer;
    root.emitItems(e, begin, limit, destinations);
  }

  /// Work items are rows.
  void emitRows(TileEmitter &e) {
    SmallVector<Sink> sinks = getSinks(e);
    e.forRange(begin, limit, 1, [&](Value row) {
      e.beginTile();
      emitWholeRow(e, sinks, row);
    });
  }

  void emitWholeRow(TileEmitter &e, ArrayRef<Sink> sinks, Value row) {
    llvm::SmallPtrSet<Operation *, 4> done; // ops all of whose results have been written
    llvm::MapVector<int64_t, SmallVector<Sink>> together; // by columns
    for (const Sink &sink : sinks) {
      if (sink.append) {
        emitAppendedRow(e, sink, row);
        continue;
      }
      if (isEmittedTogether(sink, sinks)) {
        together[sink.columns].push_back(sink);
        continue;
      }
      SmallVector<Value> joint = TileEmitter::getJointResults(sink.value), values, destinations;
      if (joint.size() > 1 && !done.insert(sink.value.getDefiningOp()).second)
        continue;
      for (const Sink &other : sinks)
        if (!other.append && llvm::is_contained(joint, other.value)) {
          values.push_back(other.value);
          destinations.push_back(other.buffer);
        }
      e.emitRow(values, row, destinations);
    }
    for (auto &[columns, group] : together)
      emitTogether(e, columns, group, row);
  }

  /// Results of which each vector is computed before any is stored: those of a kernel that
  /// overwrites an argument, which others may be computed from, and those of ops with several.
  static bool isEmittedTogether(const Sink &sink, ArrayRef<Sink> sinks) {
    if (sink.append || getTensorType(sink.value).getRank() != 2)
      return false;
    Operation *op = sink.value.getDefiningOp();
    if (op && op->getNumResults() > 1)
      return nyala::getFusionKind(op) == FusionKind::ColumnLocal &&
             llvm::all_equal(op->getResultTypes());
    return llvm::any_of(sinks, [&](const Sink &other) {
      return other.tied && !other.append && other.value.getType() == sink.value.getType();
    });
  }

  static void emitTogether(TileEmitter &e, int64_t columns, ArrayRef<Sink> sinks, Value row) {
    e.forColumns(columns, [&](Value column, int64_t lanes) {
      e.beginTile();
      Tile tile{row, 1, column, 1, lanes};
      SmallVector<Value> vectors;
      for (const Sink &sink : sinks)
        vectors.push_back(e.pull(sink.value, tile)[0]);
      for (auto [sink, vector] : llvm::zip_equal(sinks, vectors))
        e.store(vector, sink.buffer, {row, column}, lanes);
    });
  }

  void emitAppendedRow(TileEmitter &e, const Sink &sink, Value row) {
    inSlot(e, sink, row, [&](Value sequence, Value slot) {
      if (sink.blocks) {
        constexpr int64_t channels = SlotLayout::kBlockChannels;
        e.forRange(e.index(0), e.index(sink.columns), channels, [&](Value column) {
          e.beginTile();
          Tile tile{row, 1, column, channels / kLanes};
          storeBlocks(e, sink, tile, e.pull(sink.value, tile), sequence, slot);
        });
        return;
      }
      e.forColumns(sink.columns, [&](Value column, int64_t lanes) {
        e.beginTile();
        Tile tile{row, 1, column, 1, lanes};
        e.store(e.pull(sink.value, tile)[0], sink.buffer, {sequence, slot, column}, lanes);
      });
    });
  }

  KernelOp kernel;
  CpuTargetAttr target;
  Value begin, limit;
};

struct GenerateCpuKernels : nyala::impl::GenerateCpuKernelsBase<GenerateCpuKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<ArrayAttr> all = getTargets(module);
    if (failed(all))
      return signalPassFailure();
    auto targets = llvm::make_filter_range(*all, llvm::IsaPred<CpuTargetAttr>);
    for (KernelOp kernel : getKernels(module, Device::Cpu)) {
      for (Attribute target : targets)
        if (failed(checkKernel(kernel, cast<CpuTargetAttr>(target))))
          return signalPassFailure();
      setKernelCost(kernel);
    }
    auto b = OpBuilder::atBlockEnd(module.getBody());
    SmallVector<ModuleOp> variants;
    for (Attribute target : targets) {
      variants.push_back(ModuleOp::create(b, module.getLoc(), getArch(target)));
      variants.back()->setAttr(NyalaDialect::kTargetAttr, target);
    }
    // Kernels are only read.
    parallelForEach(&getContext(), variants, [&](ModuleOp variant) { generate(module, variant); });
  }

  static void generate(ModuleOp module, ModuleOp variant) {
    auto target = cast<CpuTargetAttr>(getTarget(variant));
    for (KernelOp kernel : getKernels(module, Device::Cpu))
      KernelGenerator(kernel, target).generate(variant);
    // The one function that the emitter leaves to upstream's approximation.
    RewritePatternSet patterns(module.getContext());
    populatePolynomialApproximateErfPattern(patterns);
    walkAndApplyPatterns(variant, std::move(patterns));
    if (!target.hasFeature("fma"))
      expandFusedOps(variant);
  }

  /// Without the instruction, a fused operation would be a call of the C library's.
  static void expandFusedOps(ModuleOp variant) {
    variant.walk([](math::FmaOp op) {
      OpBuilder b(op);
      Value product = arith::MulFOp::create(b, op.getLoc(), op.getA(), op.getB());
      op.replaceAllUsesWith(arith::AddFOp::create(b, op.getLoc(), product, op.getC()).getResult());
      op.erase();
    });
  }
};

} // namespace
