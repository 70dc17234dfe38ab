//===- CudaTileModels.h - GPU code of the dialect's ops ---------*- C++ -*-===//
//
// External models of CudaTileOpInterface for the ops of the nyala dialect, and
// what emits kernels with them. Without a model an op cannot be in a GPU kernel.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_CUDATILEMODELS_H
#define NYALA_CODEGEN_CUDA_CUDATILEMODELS_H

#include "codegen/cuda/ThreadEmitter.h"

#include "llvm/ADT/DenseSet.h"

#include <memory>

namespace nyala::cuda {

/// How a kernel is launched: a grid of `tiles` by the row blocks that there are in the call.
struct Launch {
  int64_t tiles = 1;
  int64_t rowBlock = 0; ///< rows of a row block; 0: one block for each tile, whatever the rows
};

/// A kernel that is being generated: nyala.kernel -> gpu.func.
class KernelContext {
public:
  /// Numbers of a kernel's arguments.
  using Arguments = llvm::SmallDenseSet<unsigned>;

  /// \param module where the function is added, at the end.
  /// \param constants what no kernel writes that may run shortly before this one.
  KernelContext(KernelOp kernel, CudaTargetAttr target, mlir::gpu::GPUModuleOp module,
                Arguments constants);

  KernelOp getKernel() const { return kernel; }
  CudaTargetAttr getTarget() const { return target; }
  int64_t getMaxRows() const { return getKernel().getMaxRows(); }

  /// Creates the function, for blocks of `threads`, with its buffers set; the emitter is positioned
  /// at the row prologue of the body. To be called once.
  ThreadEmitter &createFunction(int64_t threads);
  mlir::gpu::GPUFuncOp getFunction() { return function; }

  /// May the kernel begin before the one that was launched before it has ended? Then each of its
  /// threads waits for that once, at the function's entry.
  bool overlaps() const;
  /// Moves the wait to the emitter's place, which all threads come by. What has been emitted so far
  /// must read nothing but constants, and write nothing, in global memory: so no number of rows
  /// either. For kernels that overlap.
  void waitHere();
  /// Is it an argument that no kernel writes?
  bool isConstant(mlir::Value value) const;

  /// The number of a value's buffer among the function's arguments: of a kernel's argument, or of
  /// result `result` (that of the argument it is tied to).
  unsigned getBufferNumber(mlir::BlockArgument argument) const { return argument.getArgNumber(); }
  unsigned getResultBufferNumber(unsigned result);

  /// Records what of the launch the function does not say itself.
  void finish(const Launch &launch);

private:
  void readIdsBeforeWaiting();

  KernelOp kernel;
  CudaTargetAttr target;
  mlir::gpu::GPUModuleOp module;
  Arguments constants;
  mlir::Operation *wait = nullptr;
  mlir::gpu::GPUFuncOp function;
  mlir::ImplicitLocOpBuilder builder;
  std::unique_ptr<ThreadEmitter> emitter;
};

/// Where a kernel's results go. A result is an array of rows; that of an append to a cache is what
/// is appended, and goes to the rows' slots.
class KernelResults {
public:
  /// After the function has been created.
  KernelResults(KernelContext &kernel, ThreadEmitter &emitter);

  struct Result {
    mlir::Value value;    ///< what is pulled
    mlir::Value buffer;   ///< where it goes
    CacheAppendOp append; ///< null, or the update of a cache in `buffer`
    int64_t columns;      ///< 1 where `value` has rank 1
    bool tied;            ///< is `buffer` an argument's?
  };
  llvm::ArrayRef<Result> getResults() const { return results; }

  /// Results of as many columns that are computed from the same columns of the root: their tiles
  /// are computed together.
  struct Group {
    int64_t columns;
    llvm::SmallVector<Result> results;
  };
  llvm::SmallVector<Group> getGroups() const;

  /// Pulls a tile of each result, then stores those where `condition` (i1; null: everywhere) holds.
  /// A tile may be pulled by several threads, of which one stores.
  void emitTile(const Group &group, const Tile &tile, mlir::Value condition = {});
  /// The same for whole rows, by all threads of the block.
  void emitRow(mlir::Value row);
  /// Stores what has been computed.
  void store(const Result &result, const Tile &tile, llvm::ArrayRef<mlir::Value> elements);

private:
  void emitBlocks(const Result &result, mlir::Value row);
  /// Sequence and slot of a row that is appended.
  std::pair<mlir::Value, mlir::Value> pullSlot(const Result &result, mlir::Value row);

  ThreadEmitter &e;
  llvm::SmallVector<Result> results;
};

/// Emits a kernel without a root: one block a row.
Launch emitRowsKernel(KernelContext &kernel);

void attachLocalModels(mlir::MLIRContext *context);     // activations, splits, caches
void attachRowModels(mlir::MLIRContext *context);       // norms, softmax, reduce, quantize
void attachLookupModels(mlir::MLIRContext *context);    // embedding, gather
void attachProductModels(mlir::MLIRContext *context);   // linear, quantized linear
void attachRopeModels(mlir::MLIRContext *context);      // rotations and their tables
void attachAttentionModels(mlir::MLIRContext *context); // attention
void attachTopKModels(mlir::MLIRContext *context);      // the largest channels
void attachWeightModels(mlir::MLIRContext *context);    // unpack, random

/// All of the above, when the dialect is loaded.
void registerTileModels(mlir::DialectRegistry &registry);

} // namespace nyala::cuda

#include "codegen/cuda/CudaInterfaces.h.inc"

#endif // NYALA_CODEGEN_CUDA_CUDATILEMODELS_H
