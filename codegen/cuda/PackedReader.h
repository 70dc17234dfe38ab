//===- PackedReader.h - Weights from their packed layout --------*- C++ -*-===//
//
// Emits the code that reads a packed weight (ir/storage/PackedLayout.h): whole
// blocks of 32 columns of one or several adjacent rows, or any columns of a row
// (an embedding look-up). Widened values are those of the CPU's reader, bit by bit.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_PACKEDREADER_H
#define NYALA_CODEGEN_CUDA_PACKEDREADER_H

#include "codegen/cuda/ThreadEmitter.h"
#include "ir/storage/PackedLayout.h"

namespace nyala::cuda {

class PackedReader {
public:
  /// \param weight a value of #nyala.packed tensor type that lies in memory.
  PackedReader(ThreadEmitter &emitter, mlir::Value weight);

  const PackedLayout &getLayout() const { return layout; }

  /// What has been loaded of a block of one row; scalars.
  struct Block {
    llvm::SmallVector<mlir::Value> words;     ///< i32
    llvm::SmallVector<mlir::Value> highWords; ///< i32
    mlir::Value scale, minimum;               ///< f32, or null
    /// f32: what quants of columns 0..15 and 16..31 are multiplied by before `scale`. Integers of 8
    /// bits. Empty for formats that have one scale a block.
    llvm::SmallVector<mlir::Value, 2> halfScales;
    int64_t length = PackedLayout::kBlockColumns; ///< columns
  };
  /// Block number `block` (index, below getNumFullBlocks()) of rows `row` (index, a multiple of
  /// `rows`) and on: 1, 2 or 4 of them, which are loaded together. 4 rows: 16 bytes a word; 16 rows
  /// of a group are adjacent in memory.
  llvm::SmallVector<Block> loadBlocks(mlir::Value row, mlir::Value block, int64_t rows = 1);
  /// The last block of a row of plain floats whose columns are no multiple of 32.
  Block loadTail(mlir::Value row);

  /// The integers of columns c (a multiple of 4) to c + 3, as bytes of an i32: unsigned, offset by
  /// the layout's getQuantOffset(). Formats with blocks only.
  mlir::Value getQuants(const Block &block, int64_t c);
  /// Columns c, a multiple of 4, and on, as f32; up to 4.
  llvm::SmallVector<mlir::Value> getValues(const Block &block, int64_t c);
  /// `tile.count` columns of row `tile.row` of the weight, as f32.
  llvm::SmallVector<mlir::Value> load(const Tile &tile);

private:
  /// Where what a block's row consists of begins, as byte offsets: of word 0 and high word 0 of the
  /// row, and of its scales in the block (or header).
  struct Place {
    mlir::Value words;
    mlir::Value header; ///< of f16 scales
    mlir::Value scales; ///< of K-quants: integer scales of the block
  };
  Place getPlace(mlir::Value row, mlir::Value block);
  mlir::Value add(mlir::Value offset, int64_t bytes);
  mlir::Value add(mlir::Value offset, mlir::Value other);
  mlir::Value times(mlir::Value number, int64_t factor);
  llvm::SmallVector<mlir::Value> loadRows(mlir::Value offset, int64_t rows, mlir::Type element);
  llvm::SmallVector<mlir::Value> loadIntegers(mlir::Value offset, int64_t rows, bool isSigned);
  void loadScales(const Place &place, llvm::MutableArrayRef<Block> blocks);
  mlir::Value shiftRight(mlir::Value bits, int64_t count);
  /// Four bytes to values.
  llvm::SmallVector<mlir::Value> widen(mlir::Value quants, const Block &block,
                                       mlir::Value halfScale);
  /// Plain floats of a word.
  llvm::SmallVector<mlir::Value> widenFloats(mlir::Value word);
  /// Columns `column` (index, a multiple of 4) to `column` + 3 of a row.
  llvm::SmallVector<mlir::Value> loadQuad(mlir::Value row, mlir::Value column);
  /// One column of plain floats.
  mlir::Value loadFloat(mlir::Value row, mlir::Value column);

  ThreadEmitter &e;
  PackedLayout layout;
  mlir::Value memory;
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PACKEDREADER_H
