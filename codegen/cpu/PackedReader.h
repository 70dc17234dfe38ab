//===- PackedReader.h - Weights from their packed layout --------*- C++ -*-===//
//
// Emits the code that reads blocks of a packed weight (ir/storage/PackedLayout.h)
// and widens their values in registers: for all 16 rows of a group at once, or
// for one row of it (an embedding look-up).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_PACKEDREADER_H
#define NYALA_CODEGEN_CPU_PACKEDREADER_H

#include "codegen/cpu/TileEmitter.h"
#include "ir/storage/PackedLayout.h"

namespace nyala::cpu {

class PackedReader {
public:
  /// \param weight a value of #nyala.packed tensor type that lies in a memref<?xi8>.
  PackedReader(TileEmitter &emitter, mlir::Value weight);

  const PackedLayout &getLayout() const { return layout; }

  /// What has been loaded of a block. Vectors have 16 lanes (the group's rows) or 1.
  struct Block {
    llvm::SmallVector<mlir::Value> words;     ///< vector<?xi32>
    llvm::SmallVector<mlir::Value> highWords; ///< vector<?xi32>
    mlir::Value scale, minimum;               ///< vector<?xf32>, or null
    /// vector<?xf32>: what quants of columns 0..15 and 16..31 are multiplied by before `scale`.
    /// Integers of 8 bits. Empty for formats that have one scale a block.
    llvm::SmallVector<mlir::Value, 2> halfScales;
    int64_t length; ///< columns
  };
  /// Given the blocks of the same columns, one of each group, the first column, and what is
  /// carried; returns what is carried on.
  using BlockBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      llvm::ArrayRef<Block>, mlir::Value, mlir::ValueRange)>;

  /// Byte offset of a group: `row` is the index of its first row.
  mlir::Value getGroupOffset(mlir::Value row);
  /// Those of the groups that the vectors of a tile of the product's columns are.
  llvm::SmallVector<mlir::Value> getGroupOffsets(const Tile &tile);

  /// Loads one block after the other of the groups at byte offsets `groups`, and calls `body`. Also
  /// asks for the bytes that are to be streamed later.
  llvm::SmallVector<mlir::Value> forBlocks(llvm::ArrayRef<mlir::Value> groups,
                                           mlir::ValueRange init, BlockBody body);
  /// One block of 32 columns of a group: its byte offset, and the block's number in it (both
  /// index). Also asks for bytes that are to be streamed later.
  Block loadBlock(mlir::Value group, mlir::Value number);
  /// Calls `body` for all blocks of a tile of the product's columns, given the vector that the
  /// block is of and its number in the group (both index).
  void forTileBlocks(const Tile &tile,
                     llvm::function_ref<void(const Block &, mlir::Value, mlir::Value)> body);
  /// The same as forBlocks() for row `lane` (index, < 16) of one group alone, carrying nothing.
  void forBlocksOfRow(mlir::Value group, mlir::Value lane,
                      llvm::function_ref<void(const Block &, mlir::Value)> body);

  /// The integers of four columns of each row, c (a multiple of 4) to c + 3, as the bytes of a
  /// vector of 32-bit lanes: unsigned, offset by the layout's getQuantOffset(). Formats with blocks
  /// only.
  mlir::Value getQuants(const Block &block, int64_t c);
  /// Column c of a block without scales and minimum: value = scale * quant + minimum, or
  /// scale * (half scale * quant).
  mlir::Value getQuant(const Block &block, int64_t c);
  /// Column c of a block.
  mlir::Value getValue(const Block &block, int64_t c);
  /// What getNearValue() needs of a block: its factor and summand, or null.
  struct NearBlock {
    Block block;
    mlir::Value scale, minimum; ///< vector<?xf32>
  };
  NearBlock prepareNear(const Block &block);
  /// As getValue(), within 2^-20 of the block's scale: of nibbles with fewer instructions.
  mlir::Value getNearValue(const NearBlock &near, int64_t c);
  /// Sums of a block's columns 0..15 and 16..31, as f32, times the half scales.
  mlir::Value addHalves(const Block &block, mlir::Value first, mlir::Value second);

  /// Columns of a half scale.
  static constexpr int64_t kHalfColumns = PackedLayout::kBlockColumns / 2;
  /// How far ahead of its use a weight is asked for (docs/performance.md).
  static constexpr int64_t kPrefetchBytes = 32768;
  static constexpr int64_t kNearPrefetchBytes = 8192; ///< into the first-level cache

private:
  /// How blocks are read.
  struct Access {
    mlir::Value lane; ///< of one row; null: all 16
    bool prefetch;
  };
  /// What 8 blocks of a K-quant share.
  struct Header {
    mlir::Value scale, minimum; ///< vector<?xf32>; the minimum, or null, is negated
  };

  mlir::Value add(mlir::Value offset, int64_t bytes);
  void emitPrefetch(mlir::Value offset);
  mlir::Value loadRows(mlir::Value offset, mlir::Value lane, int64_t bytes, mlir::Type element);
  mlir::Value loadHalves(mlir::Value offset, const Access &access);
  mlir::Value loadIntegers(mlir::Value offset, const Access &access, bool isSigned);
  Block loadWords(mlir::Value offset, int64_t length, const Access &access);
  Block loadBlock(mlir::Value offset, int64_t length, const Access &access);
  Header loadHeader(mlir::Value offset, const Access &access);
  Block loadBlockWithHeader(const Header &header, mlir::Value superBlock, mlir::Value block,
                            const Access &access);
  llvm::SmallVector<mlir::Value> forBlocks(llvm::ArrayRef<mlir::Value> groups,
                                           mlir::ValueRange init, const Access &access,
                                           BlockBody body);
  llvm::SmallVector<mlir::Value> forSuperBlocks(llvm::ArrayRef<mlir::Value> groups,
                                                mlir::ValueRange init, const Access &access,
                                                BlockBody body);
  llvm::SmallVector<mlir::Value>
  forRange(int64_t count, mlir::ValueRange init,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);

  TileEmitter &e;
  PackedLayout layout;
  mlir::Value memory;
};

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_PACKEDREADER_H
