//===- ProductSchedule.h - Kernels around a product of few rows -*- C++ -*-===//
//
// Calls of up to 64 rows are bound by reading the weight. A block computes a tile of
// adjacent columns of the results. Its warps divide the weight's depth by steps of 32
// among them and stream what they need of it once for 8 (or 32) rows; what they have
// added up goes through shared memory, where the sums of warps are added in ascending
// order (docs/numerics.md). What follows the product is pulled from there.
//
//   [first weights]  [wait for the kernel before]
//   [row prologue: what is needed as a whole row, into shared memory]
//   for columns of the product that the tile's results need, 16 at a time:
//     for step = warp, warp + warps, …:  sums += weights * rows
//   sums to shared memory, barrier; results: threads of 4 adjacent columns of a row
//
// Large packed weights pass shared memory in chunks: then as many blocks as there are
// multiprocessors compute all tiles, and the row prologue comes once before them.
//
//   [first chunks]  [wait]  [row prologue]
//   for each tile of the block, for 16 columns at a time:
//     for chunks of the warp's adjacent steps:  wait, read, ask for a later chunk, sums += …
//     sums to one of two places in shared memory, barrier; results
//
// Tensor cores multiply 16 columns by 8 rows at once, so that 8 rows cost what one does.
// A row's sums do not depend on the others of its call, nor on how many there are.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_PRODUCTSCHEDULE_H
#define NYALA_CODEGEN_CUDA_PRODUCTSCHEDULE_H

#include "codegen/cuda/CudaTileModels.h"

#include <memory>

namespace nyala::cuda {

/// Columns of the depth that a step of a warp multiplies.
inline constexpr int64_t kStepColumns = 32;
/// A warp multiplies two octets of columns of the product by eight rows at a time.
inline constexpr int64_t kOctet = 8;

/// What a warp multiplies: the part of a product's kernel that depends on the formats of its
/// factors. Lanes hold weights and sums as its instructions want them.
class ProductUnit {
public:
  explicit ProductUnit(ThreadEmitter &e) : e(e) {}
  virtual ~ProductUnit() = default;

  /// The first columns of the octets.
  struct Fragment {
    mlir::Value first, second; ///< the second null: there is none
    bool aligned = false;      ///< is `first` a multiple of 16, and `second` `first` + 8?
  };

  /// Registers of a lane that a step's weights take, of two octets.
  virtual int64_t getLoadRegisters() const = 0;
  /// Where a fragment's weights lie, whatever the step.
  virtual llvm::SmallVector<mlir::Value> locate(const Fragment &fragment) = 0;
  /// A step of a fragment's weights.
  virtual llvm::SmallVector<mlir::Value> load(mlir::ValueRange location, mlir::Value step) = 0;

  /// Steps of a chunk, if weights may pass shared memory in chunks (WeightStream); else 0. Then
  /// warps have adjacent steps.
  virtual int64_t getChunkSteps() const { return 0; }
  virtual int64_t getChunkBytes() const { return 0; }
  /// Byte offset in the weight of chunk `number` of the aligned fragment from column `first` on.
  virtual mlir::Value locateChunk(mlir::Value /*first*/, mlir::Value /*number*/) { return {}; }
  /// Step `step` of a chunk, which begins at byte `offset` of shared memory, of an aligned
  /// fragment.
  virtual llvm::SmallVector<mlir::Value> loadOfChunk(mlir::Value /*memory*/, mlir::Value /*offset*/,
                                                     int64_t /*step*/) {
    return {};
  }

  /// Must the block compute rows as a whole, one at a time, before it multiplies them?
  virtual bool computesRows() const = 0;
  /// Says which rows are multiplied: `row` alone, or `octets` times 8 from `row` on, the call's
  /// last row standing for those behind it. Marks the row prologue.
  virtual void beginRows(mlir::Value row, int64_t octets) = 0;
  static constexpr int64_t kSingleRow = 0; ///< octets: one row
  /// Octets of rows that are multiplied by weights once these have been read, of many rows.
  virtual int64_t getMostOctets() const { return 4; }
  /// What lanes need of these rows in a step.
  virtual llvm::SmallVector<mlir::Value> loadRows(mlir::Value step) = 0;
  virtual llvm::SmallVector<mlir::Value> getZeros() = 0;
  /// Sums plus the products of a step's weights and rows.
  virtual llvm::SmallVector<mlir::Value> multiply(mlir::ValueRange weights, mlir::ValueRange rows,
                                                  mlir::ValueRange sums) = 0;
  /// Gives the lane's sums: the column of the fragment and the row, both from 0.
  using Keep = llvm::function_ref<void(mlir::Value column, mlir::Value row, mlir::Value sum)>;
  virtual void finish(const Fragment &fragment, mlir::ValueRange sums, Keep keep) = 0;

protected:
  ThreadEmitter &e;
};

/// Emits the kernel around a product of `weight` of that depth, plus `bias` unless that is null.
Launch
emitProductKernel(KernelContext &kernel, mlir::Value weight, mlir::Value bias, int64_t depth,
                  llvm::function_ref<std::unique_ptr<ProductUnit>(ThreadEmitter &)> makeUnit);

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PRODUCTSCHEDULE_H
