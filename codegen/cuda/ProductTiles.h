//===- ProductTiles.h - Columns of a product that results need --*- C++ -*-===//
//
// A block of a kernel around a product computes a tile: some adjacent columns of a
// group of results. They are computed from as many columns of the product, or from
// several such parts of it: of a gate's result c is column c, and c + 1536. Groups
// (keys behind queries) have tiles of their own, one after the other.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_PRODUCTTILES_H
#define NYALA_CODEGEN_CUDA_PRODUCTTILES_H

#include "codegen/cuda/CudaTileModels.h"

namespace nyala::cuda {

class ProductTiles {
public:
  struct Group {
    KernelResults::Group results;
    int64_t threadColumns; ///< adjacent columns that a thread computes
    /// Columns of the product behind the tile's own where parts begin; as many in each group.
    llvm::SmallVector<int64_t> offsets;
    int64_t firstTile = 0, numTiles = 0;
  };

  /// Runs the walk dry, to learn the parts. \param threadColumns at most, a power of two.
  ProductTiles(ThreadEmitter &e, KernelResults &results, int64_t threadColumns);

  llvm::ArrayRef<Group> getGroups() const { return groups; }
  int64_t getNumParts() const { return numParts; }
  /// Columns of all groups' results.
  int64_t getNumColumns() const;

  /// Says which tile the block computes, if that is not the one that the grid counts.
  void setTileIndex(mlir::Value index) { tileIndex = index; }

  /// Decides how many columns a tile has; returns the number of tiles.
  int64_t divide(int64_t tileColumns);
  int64_t getTileColumns() const { return tileColumns; }

  /// The block's tile among those of a group; beyond them if it is another group's.
  mlir::Value getTile(const Group &group);
  /// Is it one of the group's? Null: there are no others.
  mlir::Value isOf(const Group &group);
  /// The first column of the product that the block's tile needs of a part.
  mlir::Value getFirstColumn(int64_t part);
  /// Are these multiples of `columns`, in each tile?
  bool areMultiples(int64_t columns) const;

  /// The part that columns `offset` … behind a tile's own lie in, and how far behind its beginning.
  static std::pair<int64_t, int64_t> findPart(const Group &group, int64_t offset);

private:
  ThreadEmitter &e;
  mlir::Value tileIndex;
  llvm::SmallVector<Group> groups;
  int64_t numParts = 1, tileColumns = 0;
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PRODUCTTILES_H
