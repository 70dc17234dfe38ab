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

#include "ir/NyalaOps.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"

namespace nyala::cuda {

inline constexpr int64_t kWarp = 32;
/// Threads that a sum over a row is divided among, whatever the block's size (docs/numerics.md).
inline constexpr int64_t kVirtualThreads = 256;
/// Calls of up to this many rows are bound by the contract of decoding.
inline constexpr int64_t kContractRows = 64;

/// A row and adjacent columns: `column` + `offset` + 0 … count - 1. `column` may differ between
/// threads and is a multiple of 4, or of `count` if that is less; two tiles are the same if all
/// fields are.
struct Tile {
  mlir::Value row;    ///< index
  mlir::Value column; ///< index
  int64_t offset = 0;
  int64_t count = 1;

  bool operator==(const Tile &) const = default;
};

class ThreadEmitter {
public:
  /// \param builder where the kernel's body is built; positioned at the row prologue.
  /// \param rows    index: rows of this call. \param maxRows their bound.
  /// \param threads of a block: a multiple of 32, at most kVirtualThreads, and a divisor of it.
  ThreadEmitter(mlir::ImplicitLocOpBuilder &builder, CudaTargetAttr target, mlir::Value rows,
                int64_t maxRows, int64_t threads);

  mlir::ImplicitLocOpBuilder &b;

  // --- Demand ------------------------------------------------------------------------------

  /// The tile's elements, `count` scalars: f32, or integers where the value holds integers.
  llvm::SmallVector<mlir::Value> pull(mlir::Value value, const Tile &tile);
  /// Element `row` of a value of rank 1 that holds ids (tokens, positions, slots), as an index.
  mlir::Value pullIndex(mlir::Value value, mlir::Value row);
  /// Says that `value` lies in `buffer`: a memref of all its rows in global memory.
  void setBuffer(mlir::Value value, mlir::Value buffer) { buffers[value] = buffer; }
  mlir::Value getBuffer(mlir::Value value) const { return buffers.lookup(value); }
  /// Row `row` of `value` in shared memory, computed by the whole block in the row prologue, with a
  /// barrier behind; of element type `type` (f32, bf16, i8, …): memref<columns x type, 3>. Several
  /// results of one op (quantize) are materialized together.
  mlir::Value materializeRow(mlir::Value value, mlir::Value row, mlir::Type type);
  /// Calls `body` at the row prologue, once for each key and row.
  mlir::Value inRowPrologue(mlir::Operation *key, mlir::Value row,
                            llvm::function_ref<mlir::Value()> body);
  /// Marks the current position as the row prologue, and forgets what the last one had.
  void beginRow();
  /// Runs `body` at a place that is thrown away afterwards; meanwhile isDry(): ops only note what
  /// they will be asked for.
  void runDry(llvm::function_ref<void()> body);
  bool isDry() const { return dry; }

  // --- Threads -----------------------------------------------------------------------------

  mlir::Value getThread() const { return thread; } ///< index in the block
  mlir::Value getLane() const { return lane; }     ///< index in the warp
  mlir::Value getWarp() const { return warp; }     ///< index of the warp in the block
  int64_t getThreads() const { return threads; }
  void barrier();
  /// The value of lane `lane xor mask`.
  mlir::Value shuffleXor(mlir::Value value, int64_t mask);
  /// Sum (maximum) over groups of `lanes` adjacent lanes, by a butterfly from half of them down;
  /// all get it.
  mlir::Value addLanes(mlir::Value value, int64_t lanes = kWarp);
  mlir::Value maxLanes(mlir::Value value, int64_t lanes = kWarp);
  /// Sum of `element(column tile)` over the columns of a row of that many columns, in the order of
  /// kVirtualThreads; to be called by all threads; all get it. Maximum likewise.
  mlir::Value sumRow(int64_t columns,
                     llvm::function_ref<mlir::Value(mlir::Value column, int64_t count)> element);
  /// Calls `body` for each 4 (or the rest of the) adjacent columns that are this thread's.
  void forColumns(int64_t columns,
                  llvm::function_ref<void(mlir::Value column, int64_t count)> body);
  void forRange(mlir::Value lower, mlir::Value upper, int64_t step,
                llvm::function_ref<void(mlir::Value)> body);
  void when(mlir::Value condition, llvm::function_ref<void()> body);

  // --- Memory ------------------------------------------------------------------------------

  /// memref<shape x type, 3> of the block's shared memory, aligned to 16 bytes.
  mlir::Value allocateShared(llvm::ArrayRef<int64_t> shape, mlir::Type type);
  int64_t getSharedBytes() const { return sharedBytes; }
  /// Bytes at an offset of the workspace (behind the counters) that the kernel may use; a ptr<1>.
  mlir::Value allocateWorkspace(int64_t bytes);
  int64_t getWorkspaceBytes() const { return workspaceBytes; }
  /// Counter number `index` of the workspace: ptr<1> to an i32 that is 0 when the kernel starts and
  /// ends.
  mlir::Value getCounter(mlir::Value index);
  /// `count` adjacent elements from `column` as f32 (integers as they are).
  llvm::SmallVector<mlir::Value> load(mlir::Value buffer, mlir::Value row, mlir::Value column,
                                      int64_t count);
  /// Rounds to the buffer's element type; vectorized.
  void store(llvm::ArrayRef<mlir::Value> values, mlir::Value buffer, mlir::Value row,
             mlir::Value column);
  /// 16 bytes of a weight that is read once: ld.global.nc.L1::no_allocate.L2::256B; vector<4xi32>.
  mlir::Value loadStreaming(mlir::Value buffer, mlir::Value byteOffset);

  // --- Arithmetic (scalars or vectors of f32) ----------------------------------------------

  mlir::Value index(int64_t value);
  mlir::Value constant(double value);
  mlir::Value intConstant(mlir::Type type, int64_t value);
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);
  mlir::Value exp(mlir::Value x);
  mlir::Value activation(ActivationKind kind, mlir::Value x);
  /// The two bf16 of an i32 as f32: low half, high half.
  std::pair<mlir::Value, mlir::Value> widenPair(mlir::Value bits);

  CudaTargetAttr getTarget() const { return target; }
  mlir::Value getRows() const { return rows; }
  int64_t getMaxRows() const { return maxRows; }

private:
  CudaTargetAttr target;
  mlir::Value rows, thread, lane, warp;
  int64_t maxRows, threads;
  int64_t sharedBytes = 0, workspaceBytes = 0;
  bool dry = false;
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
};

} // namespace nyala::cuda

#include "codegen/cuda/CudaInterfaces.h.inc"

#endif // NYALA_CODEGEN_CUDA_THREADEMITTER_H
