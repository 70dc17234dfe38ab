//===- ProductResults.h - What follows a product of few rows ----*- C++ -*-===//
//
// Warps leave their sums of a tile in shared memory. Behind a barrier threads add them up, in
// ascending order of warps, and pull results from them: each of a row and 4 adjacent columns.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_PRODUCTRESULTS_H
#define NYALA_CODEGEN_CUDA_PRODUCTRESULTS_H

#include "codegen/cuda/ProductTiles.h"

namespace nyala::cuda {

class ProductResults {
public:
  /// \param bias what is added to the product; may be null.
  ProductResults(ThreadEmitter &e, KernelResults &results, ProductTiles &tiles, mlir::Value bias,
                 int64_t warps)
      : e(e), results(results), tiles(tiles), bias(bias), warps(warps) {}

  /// Takes shared memory for the sums of each warp, so many times.
  void allocate(int64_t rows, int64_t columns, int64_t copies = 1);
  /// Says which of the copies is meant from now on. Without it the first one is.
  void useCopy(mlir::Value number);
  /// Stores a sum of this warp.
  void keep(mlir::Value sum, mlir::Value row, mlir::Value column, int64_t offset);

  /// Says which rows of the block's tile come next.
  void begin(mlir::Value row, int64_t numRows);
  /// Computes and stores the results, behind a barrier.
  void emit();

private:
  /// What a thread computes of results.
  struct Place {
    Tile tile;
    mlir::Value row, column; ///< of the tile in shared memory
    mlir::Value condition;   ///< does the tile exist?
    int64_t warps;           ///< that have such tiles
  };

  llvm::SmallVector<Place> findPlaces(const ProductTiles::Group &group, mlir::Value row,
                                      int64_t numRows);
  void emitGroup(const ProductTiles::Group &group, llvm::ArrayRef<Place> places);
  void emitPlace(const ProductTiles::Group &group, const Place &place);
  /// The product's columns of a tile.
  llvm::SmallVector<mlir::Value> getSums(const ProductTiles::Group &group, const Place &place,
                                         const Tile &tile);
  mlir::Value getSumsOf(mlir::Value warp);
  mlir::Value isBelow(mlir::Value value, int64_t bound);

  ThreadEmitter &e;
  KernelResults &results;
  ProductTiles &tiles;
  mlir::Value bias;
  int64_t warps;
  mlir::Value memory;                                 ///< sums of warp, row, column
  mlir::Value firstWarp;                              ///< of the copy; null: 0
  llvm::SmallVector<llvm::SmallVector<Place>> places; ///< group by group
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PRODUCTRESULTS_H
