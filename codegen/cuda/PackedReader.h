//===- PackedReader.h - Weights from their packed layout --------*- C++ -*-===//
//
// Emits the code that reads any columns of a row of a packed weight
// (ir/storage/PackedLayout.h): look-ups, and what widens whole weights. Values are
// those of the CPU's reader, bit by bit. Products read blocks as they lie.
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

  /// `tile.count` columns of row `tile.row` of the weight, as f32.
  llvm::SmallVector<mlir::Value> load(const Tile &tile);

private:
  /// Where what a block has of a row begins: byte offsets.
  struct Place {
    mlir::Value words;  ///< word 0 of the row
    mlir::Value header; ///< its f16 scale
    mlir::Value scales; ///< of K-quants: its integer scale
  };
  /// What integers are multiplied by, and what is added: f32. `half` is an integer of 8 bits, and
  /// is null where a block has one scale; `minimum` may be null.
  struct Scales {
    mlir::Value scale, half, minimum;
  };

  mlir::Value add(mlir::Value offset, mlir::Value other);
  mlir::Value add(mlir::Value offset, int64_t bytes);
  mlir::Value times(mlir::Value number, int64_t factor);
  mlir::Value divide(mlir::Value number, int64_t divisor);
  mlir::Value remainder(mlir::Value number, int64_t divisor);
  Place getPlace(mlir::Value row, mlir::Value block);

  mlir::Value loadWord(mlir::Value offset);                   ///< i32
  mlir::Value loadHalf(mlir::Value offset);                   ///< of 16 bits, as f32
  mlir::Value loadInteger(mlir::Value offset, bool isSigned); ///< of 8 bits, as f32
  /// Of column `within` of a block.
  Scales loadScales(const Place &place, mlir::Value within);
  /// The integers of columns `within` (a multiple of 4) to `within` + 3 of a block, as the bytes of
  /// an i32: unsigned, offset by the layout's getQuantOffset().
  mlir::Value loadQuants(const Place &place, mlir::Value within);
  llvm::SmallVector<mlir::Value> widen(mlir::Value quants, const Scales &scales);
  llvm::SmallVector<mlir::Value> widenFloats(mlir::Value word);
  /// Columns `column` (index, a multiple of 4) to `column` + 3 of a row.
  llvm::SmallVector<mlir::Value> loadQuad(mlir::Value row, mlir::Value column);
  mlir::Value loadColumn(mlir::Value row, mlir::Value column);

  ThreadEmitter &e;
  PackedLayout layout;
  mlir::Value memory;
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PACKEDREADER_H
