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
    llvm::SmallVector<mlir::Value> words; ///< vector<?xi32>
    mlir::Value highBits;                 ///< vector<?xi32>, or null
    mlir::Value scale, minimum;           ///< vector<?xf32>, or null
    int64_t length;                       ///< columns
  };

  /// Byte offset of a group: `row` is the index of its first row.
  mlir::Value getGroupOffset(mlir::Value row);
  /// Loads the block of `length` columns at byte `offset`. `prefetch`: also ask for the bytes that
  /// are to be streamed `kPrefetchBytes` later.
  Block loadBlock(mlir::Value offset, int64_t length, bool prefetch);
  /// The same for row `lane` (index, < 16) of the group alone.
  Block loadRowOfBlock(mlir::Value offset, int64_t length, mlir::Value lane);

  /// The integers of four columns of each row, c (a multiple of 4) to c + 3, as the bytes of a
  /// vector of 32-bit lanes: unsigned, offset by getOffset(). Formats with blocks only.
  mlir::Value getQuants(const Block &block, int64_t c);
  /// What unsigned integers of the format are offset by: 8 for q4_0, 0 where there is a minimum.
  int64_t getOffset() const;

  /// Column c of a block without scale and minimum: value = scale * quant + minimum.
  mlir::Value getQuant(const Block &block, int64_t c);
  /// Column c of a block.
  mlir::Value getValue(const Block &block, int64_t c);

  /// Calls `body(byte offset in group, first column, length)` for each block of a group, carrying
  /// values from block to block.
  llvm::SmallVector<mlir::Value>
  forBlocks(mlir::ValueRange init,
            llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::Value, int64_t,
                                                              mlir::ValueRange)>
                body);

  /// How far ahead of its use a weight is asked for (docs/performance.md).
  static constexpr int64_t kPrefetchBytes = 32768;

private:
  mlir::Value loadWords(mlir::Value offset, mlir::Value lane, int64_t bytes, mlir::Type element);
  void emitPrefetch(mlir::Value offset);
  Block loadParts(mlir::Value offset, int64_t length, mlir::Value lane, bool prefetch);

  TileEmitter &e;
  PackedLayout layout;
  mlir::Value memory;
};

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_PACKEDREADER_H
