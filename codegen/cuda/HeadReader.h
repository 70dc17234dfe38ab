//===- HeadReader.h - One head of slots of a cache --------------*- C++ -*-===//
//
// A warp reads a key-value head of adjacent slots: each lane has 8 channels, as
// many lanes as a head needs (a power of two) have one slot, and the warp has
// several slots at once. Caches hold floats, or blocks (ir/storage/SlotLayout.h),
// of which a lane has a quarter: 8 adjacent bytes, or 4 whose low and high nibbles
// are 4 channels each.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_HEADREADER_H
#define NYALA_CODEGEN_CUDA_HEADREADER_H

#include "codegen/cuda/ThreadEmitter.h"

namespace nyala::cuda {

class HeadReader {
public:
  static constexpr int64_t kLaneChannels = 8;

  /// Why heads of so many key-value heads of `cache` cannot be read; empty if they can.
  static std::string getObstacle(mlir::Value cache, int64_t kvHeads);

  HeadReader(ThreadEmitter &e, mlir::Value cache, int64_t kvHeads);

  int64_t getChannels() const { return channels; }
  /// Lanes that share a slot.
  int64_t getLanes() const { return lanes; }
  int64_t getSlotsAtOnce() const { return kWarp / lanes; }
  /// Registers that the stored channels of a slot take.
  int64_t getRegisters() const;
  /// Which of the slots read at once is this lane's.
  mlir::Value getSlotOfLane();
  /// First of four adjacent channels of the head that this lane has: `half` 0 and 1. Lanes that
  /// have none name the last ones.
  mlir::Value getChannel(int64_t half);
  /// Does this lane have channels? Null: all lanes do.
  mlir::Value hasChannels();

  /// Channels of one slot as they are stored, to be widened when they are used.
  struct Stored {
    llvm::SmallVector<mlir::Value, 2> words; ///< i32, or vectors of them
    mlir::Value scale;                       ///< f16; null: floats
  };
  Stored load(mlir::Value sequence, mlir::Value kvHead, mlir::Value slot);
  /// What is stored is `values * scale`.
  struct Numbers {
    llvm::SmallVector<mlir::Value, kLaneChannels> values; ///< f32
    mlir::Value scale;                                    ///< f32; null: 1
  };
  Numbers widen(const Stored &stored);

private:
  bool isNibbles() const { return layout && layout->getFormat() == StoredFormat::Q4_0; }
  mlir::Value getLaneOfSlot();
  Stored loadBlocks(mlir::Value sequence, mlir::Value slot, mlir::Value column);
  Numbers widenBlocks(const Stored &stored);

  ThreadEmitter &e;
  mlir::Value buffer;
  mlir::Type element;
  int64_t channels, stride, lanes, slots; ///< channels of a head, of a slot
  std::optional<SlotLayout> layout;       ///< of blocks
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_HEADREADER_H
