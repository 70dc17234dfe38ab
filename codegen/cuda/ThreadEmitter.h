//===- ThreadEmitter.h - Demand-driven generation of GPU kernels -*- C++ -*-===//
//
// A kernel's results are computed tile by tile: a tile is a row and a few
// adjacent columns, which one thread holds as scalars of f32. The emitter is
// asked for a tile of a value; if the value lies in memory (a kernel argument, or
// a row that the block has materialized) it loads the columns, else it asks the
// defining op, which pulls the tiles of its operands. So fusion is the walk
// itself. docs/cuda.md names the three schedules that ask.
//
// Code goes to two places: the current one, and the row prologue (what the whole
// block computes once for a row before tiles of that row are asked for: sums over
// a row, rows in shared memory). All threads of a block come by the prologue.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_THREADEMITTER_H
#define NYALA_CODEGEN_CUDA_THREADEMITTER_H

#include "codegen/Arithmetic.h"
#include "ir/Contract.h"
#include "ir/NyalaOps.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

namespace nyala::cuda {

inline constexpr int64_t kWarp = 32;
/// Threads that a sum over a row is divided among, whatever the block's size (docs/numerics.md).
inline constexpr int64_t kVirtualThreads = 256;
/// Columns that a thread of the rows schedule computes at a time.
inline constexpr int64_t kThreadColumns = 4;
/// Memory spaces of NVIDIA's GPUs, as memrefs and pointers name them.
inline constexpr unsigned kGlobalSpace = 1, kSharedSpace = 3, kConstantSpace = 4;
/// A workspace begins with counters, i32, which are zero between kernels.
inline constexpr int64_t kCounterBytes = 65536;

/// A row and adjacent columns: `column` + `offset` + 0 … count - 1. `column` may differ between
/// threads and is a multiple of 4, or of `count` if that is less; two tiles are the same if all
/// fields are.
struct Tile {
  mlir::Value row;    ///< index
  mlir::Value column; ///< index
  int64_t offset = 0;
  int64_t count = 1;

  bool operator==(const Tile &) const = default;
  Tile shifted(int64_t columns) const { return {row, column, offset + columns, count}; }
  /// The same columns of another row.
  Tile ofRow(mlir::Value other) const { return {other, column, offset, count}; }
  /// `width` columns of it, from its column number `first` on.
  Tile part(int64_t first, int64_t width) const { return {row, column, offset + first, width}; }
};

class ThreadEmitter final : public Arithmetic {
public:
  /// \param builder positioned in the body of `function`, where the row prologue is to be.
  /// \param rows    index: rows of this call. \param maxRows their bound.
  /// \param threads of a block: a multiple of 32. Rows are summed (sumRow) by blocks of
  ///                kVirtualThreads or a divisor of it only.
  ThreadEmitter(mlir::ImplicitLocOpBuilder &builder, mlir::gpu::GPUFuncOp function,
                CudaTargetAttr target, mlir::Value rows, int64_t maxRows, int64_t threads);

  // --- Demand ------------------------------------------------------------------------------

  /// The tile's elements, `count` scalars: f32, or integers where the value holds integers. What is
  /// of type bf16 or f16 has been rounded to it.
  llvm::SmallVector<mlir::Value> pull(mlir::Value value, const Tile &tile);
  /// Element `row` of a value of rank 1.
  mlir::Value pullElement(mlir::Value value, mlir::Value row);
  /// The same of one that holds ids (tokens, positions, slots), as an index.
  mlir::Value pullIndex(mlir::Value value, mlir::Value row);
  /// Says that `value` lies in `buffer`: a memref of all its rows in global memory.
  void setBuffer(mlir::Value value, mlir::Value buffer) { buffers[value] = buffer; }
  /// The buffer of a value in global memory; null if it is computed.
  mlir::Value getBuffer(mlir::Value value) const { return buffers.lookup(value); }
  /// Says what the elements of a tile of `value` are: of a root's result, or what has been pulled
  /// before. Holds until the next beginRow().
  void provide(mlir::Value value, const Tile &tile, llvm::ArrayRef<mlir::Value> elements);

  /// Pulls what forColumns() will ask this thread for of row `row`, to have it in registers by
  /// then: loads are under way before the barriers of what comes first. Long rows are left alone.
  void pullAhead(mlir::Value value, mlir::Value row);

  /// A tile of a root's result that was pulled in a dry run.
  struct Demand {
    mlir::Value value;
    Tile tile;
    bool operator==(const Demand &) const = default;
  };
  /// Runs `body` at a place that is thrown away afterwards, where results of roots are pulled
  /// without being provided; says which, each once. What it adds to the row prologue stays.
  llvm::SmallVector<Demand> runDry(llvm::function_ref<void()> body);
  /// The same before there are rows: nothing stays.
  llvm::SmallVector<Demand> explore(llvm::function_ref<void()> body);
  bool isDry() const { return dry; }

  // --- Rows --------------------------------------------------------------------------------

  /// Row `row` of `value` in shared memory, computed by the whole block in the row prologue, with a
  /// barrier behind; of element type `type` (f32, bf16, i8, …): memref<columns x type, 3>. Results
  /// of one op (quantize) are materialized together, those in `together` with their types. Tiles of
  /// that row are loaded from there from then on.
  mlir::Value materializeRow(mlir::Value value, mlir::Value row, mlir::Type type);
  /// Several results of one op (quantize) at once: a buffer for each.
  llvm::SmallVector<mlir::Value> materializeRows(mlir::ValueRange values, mlir::Value row,
                                                 mlir::TypeRange types);
  /// Writes row `row` of each result of the op that computes `values[0]` by the op's own emitRow if
  /// there is one, else of each value tile by tile: by all threads of the block, without a barrier
  /// behind. Destinations have rank 1 (the row) or 2 (all rows).
  void emitRow(mlir::ValueRange values, mlir::Value row, llvm::ArrayRef<mlir::Value> destinations);
  void emitRowByTiles(mlir::Value value, mlir::Value row, mlir::Value destination);
  /// Calls `body` at the row prologue, once for each key and row. It may itself ask for what the
  /// prologue is to compute before.
  llvm::SmallVector<mlir::Value>
  inRowPrologue(const void *key, mlir::Value row,
                llvm::function_ref<llvm::SmallVector<mlir::Value>()> body);
  /// Marks the current position as the row prologue, and forgets what the last one had. In a loop,
  /// a barrier must come before: shared memory is used again.
  void beginRow();

  // --- Threads -----------------------------------------------------------------------------

  mlir::Value getThread() const { return thread; } ///< index in the block
  /// The first column of the rows schedule's tiles: 4 thread.
  mlir::Value getThreadColumn() const { return threadColumn; }
  mlir::Value getLane() const { return lane; } ///< index in the warp
  mlir::Value getWarp() const { return warp; } ///< index of the warp in the block
  int64_t getThreads() const { return threads; }
  void barrier();
  /// The value of lane `lane xor mask`. All lanes of the warp must come by.
  mlir::Value shuffleXor(mlir::Value value, int64_t mask);
  /// Sum (maximum) over groups of `lanes` adjacent lanes, by a butterfly from half of them down;
  /// all get it. f32 or i32.
  mlir::Value addLanes(mlir::Value value, int64_t lanes = kWarp);
  mlir::Value maxLanes(mlir::Value value, int64_t lanes = kWarp);
  /// Sum of `element(tile)`, a number for adjacent columns, over the columns of row `row`, in the
  /// order of kVirtualThreads; to be called at the row prologue; all threads get it. Maximum
  /// likewise.
  mlir::Value sumRow(mlir::Value row, int64_t columns,
                     llvm::function_ref<mlir::Value(const Tile &)> element);
  mlir::Value maxRow(mlir::Value row, int64_t columns,
                     llvm::function_ref<mlir::Value(const Tile &)> element);
  /// Calls `body` for each 4 (or the rest of the) adjacent columns of row `row` that are this
  /// thread's: columns 4 (thread + i * threads) and on. Threads without any do not come by.
  void forColumns(mlir::Value row, int64_t columns, llvm::function_ref<void(const Tile &)> body);
  void forRange(mlir::Value lower, mlir::Value upper, int64_t step,
                llvm::function_ref<void(mlir::Value)> body);
  /// The same, carrying values.
  llvm::SmallVector<mlir::Value>
  forRange(mlir::Value lower, mlir::Value upper, int64_t step, mlir::ValueRange init,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);
  void when(mlir::Value condition, llvm::function_ref<void()> body);
  /// What `body` computes where `condition` holds; zeros elsewhere.
  llvm::SmallVector<mlir::Value>
  pullWhere(mlir::Value condition, llvm::function_ref<llvm::SmallVector<mlir::Value>()> body);

  // --- Memory ------------------------------------------------------------------------------

  /// memref<shape x type, 3> of the block's dynamic shared memory, aligned to 16 bytes.
  mlir::Value allocateShared(llvm::ArrayRef<int64_t> shape, mlir::Type type);
  int64_t getSharedBytes() const { return sharedBytes; }
  /// Numbers that the kernel looks up, in constant memory: memref<count x type, 4>.
  mlir::Value getConstantTable(llvm::StringRef name, mlir::DenseElementsAttr values);
  /// Bytes of the workspace, behind the counters, that the kernel may use; a ptr<1>.
  mlir::Value allocateWorkspace(int64_t bytes);
  int64_t getWorkspaceBytes() const { return workspaceBytes; }
  /// Counter number `index` of the workspace: ptr<1> to an i32 that is 0 when the kernel starts and
  /// ends.
  mlir::Value getCounter(mlir::Value index);
  /// Is this block the last of `blocks` (index) to come by, which counter number `counter` counts?
  /// What the others stored before can be read then. All threads of the block come by.
  mlir::Value isLastBlock(mlir::Value counter, mlir::Value blocks);
  /// Adds to the first i32 of a buffer in shared memory, one thread at a time; returns what was
  /// there before.
  mlir::Value addShared(mlir::Value buffer, int64_t amount);
  /// The address of a byte of a buffer in global (!llvm.ptr<1>) or shared memory (ptr<3>).
  /// `byteOffset` is an index.
  mlir::Value getAddress(mlir::Value buffer, mlir::Value byteOffset);
  /// `tile.count` adjacent elements, floats as f32, integers as they are. Of a buffer of rank 1 the
  /// row is ignored.
  llvm::SmallVector<mlir::Value> load(mlir::Value buffer, const Tile &tile);
  /// Rounds to the buffer's element type (integers: drops high bits); vectorized.
  void store(llvm::ArrayRef<mlir::Value> values, mlir::Value buffer, const Tile &tile);
  /// The same at other leading indices than a row (a cache: sequence, slot).
  llvm::SmallVector<mlir::Value> load(mlir::Value buffer, mlir::ValueRange leading,
                                      mlir::Value column, int64_t offset, int64_t count);
  void store(llvm::ArrayRef<mlir::Value> values, mlir::Value buffer, mlir::ValueRange leading,
             mlir::Value column, int64_t offset);
  /// `bytes` (16, 8, 4, 2 or 1) of a buffer in global memory, as a vector of i32, or of one i16, by
  /// a load that stays where it is: neither LLVM nor ptxas moves it over barriers, or the wait for
  /// the kernel before.
  mlir::Value loadHere(mlir::Value buffer, mlir::Value byteOffset, int64_t bytes);
  /// The same of a weight that is read once: ld.global.L1::no_allocate.L2::256B.
  mlir::Value loadStreaming(mlir::Value buffer, mlir::Value byteOffset, int64_t bytes = 16);
  /// Copies row `row` of a buffer in global memory to `destination`, in shared memory: by all
  /// threads of the block, with a barrier behind. A row is a multiple of 16 bytes.
  void copyRow(mlir::Value buffer, mlir::Value row, mlir::Value destination);
  /// Asks for the cache line of a byte, into the first-level cache.
  void prefetch(mlir::Value buffer, mlir::Value byteOffset);

  // --- Arithmetic --------------------------------------------------------------------------

  using Arithmetic::constant;
  mlir::Value constant(double value); ///< f32
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c) override;
  /// The two bf16 of an i32 as f32: low half, high half.
  std::pair<mlir::Value, mlir::Value> widenPair(mlir::Value bits);
  /// An f32 rounded to bf16 or f16 (`type`), as f32.
  mlir::Value roundTo(mlir::Type type, mlir::Value x);

  CudaTargetAttr getTarget() const { return target; }
  mlir::Value getRows() const { return rows; }
  int64_t getMaxRows() const { return maxRows; }
  /// The block's tile and row block: what the grid counts, as indices.
  mlir::Value getTileIndex() const { return tileIndex; }
  mlir::Value getRowBlockIndex() const { return rowBlockIndex; }

private:
  mlir::Value pullScalar(mlir::Operation *op, mlir::ValueRange operands, mlir::Type type);
  mlir::Value reduceLanes(mlir::Value value, int64_t lanes,
                          llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);
  mlir::Value reduceRow(mlir::Value row, int64_t columns, double identity,
                        llvm::function_ref<mlir::Value(const Tile &)> element,
                        llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);
  mlir::Value getWorkspace();
  mlir::Value loadWords(mlir::StringRef instruction, mlir::Value buffer, mlir::Value byteOffset,
                        int64_t bytes);

  mlir::gpu::GPUFuncOp function;
  CudaTargetAttr target;
  mlir::Value rows, thread, threadColumn, lane, warp, tileIndex, rowBlockIndex;
  int64_t maxRows, threads;
  int64_t sharedBytes = 0, workspaceBytes = 0;
  mlir::Value workspace;
  bool dry = false;
  llvm::SmallVector<Demand> demands;
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
  llvm::SmallVector<std::pair<Demand, llvm::SmallVector<mlir::Value>>> provided;
  /// Code of the row prologue is inserted before this op; that of the function's entry before the
  /// other.
  mlir::Operation *rowPrologueEnd = nullptr, *entryEnd = nullptr;
  llvm::DenseMap<std::pair<mlir::Value, mlir::Value>, mlir::Value> rowBuffers; ///< by value and row
  llvm::DenseMap<std::pair<const void *, mlir::Value>, llvm::SmallVector<mlir::Value>> rowValues;
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_THREADEMITTER_H
