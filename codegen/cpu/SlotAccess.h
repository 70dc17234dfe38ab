//===- SlotAccess.h - Reading and writing slots of caches -------*- C++ -*-===//
//
// What a cache's type says about its slots, for kernels that append and
// attend: plain floats, or blocks (ir/storage/SlotLayout.h), which are a buffer
// of bytes.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_SLOTACCESS_H
#define NYALA_CODEGEN_CPU_SLOTACCESS_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// Emits the reading of one head of a slot.
class SlotReader {
public:
  /// \param cache    a value that lies in memory.
  /// \param channels of a head; where there are blocks, a multiple of 16.
  SlotReader(TileEmitter &emitter, mlir::Value cache, int64_t channels);

  /// Up to 32 channels of a head: vectors that share a scale. Their values are `vector * scale`.
  struct Part {
    int64_t first;                             ///< vector of the head
    llvm::SmallVector<mlir::Value, 2> vectors; ///< of f32, 16 lanes; zeros above the last channel
    mlir::Value scale;                         ///< in all lanes; null: 1
  };

  /// Calls `body` for each part of the head whose first channel is `column` (index, a multiple of a
  /// head's channels), ascending.
  void forParts(mlir::Value sequence, mlir::Value slot, mlir::Value column,
                llvm::function_ref<void(const Part &)> body);
  /// Asks for that head, which is going to be read, into the second-level cache.
  void prefetch(mlir::Value sequence, mlir::Value slot, mlir::Value column);
  int64_t getSlots() const { return slots; }

private:
  llvm::SmallVector<mlir::Value, 2> loadIntegers(mlir::Value sequence, mlir::Value slot,
                                                 mlir::Value column, int64_t vectors);
  mlir::Value loadScale(mlir::Value sequence, mlir::Value slot, mlir::Value column);
  mlir::Value loadBytes(mlir::Value sequence, mlir::Value slot, mlir::Value byte, int64_t bytes);

  TileEmitter &e;
  mlir::Value memory;
  int64_t channels, slots;
  std::optional<SlotLayout> layout; ///< of blocks
};

/// Rounds a block of 32 channels, two vectors of f32, as quantizeBlock() does, bit by bit, and
/// stores it at channel `column` (index, a multiple of 32) of a slot.
void storeBlock(TileEmitter &e, const SlotLayout &layout, mlir::ValueRange vectors,
                mlir::Value buffer, mlir::Value sequence, mlir::Value slot, mlir::Value column);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_SLOTACCESS_H
