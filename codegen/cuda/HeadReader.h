//===- HeadReader.h - One head of slots of a cache --------------*- C++ -*-===//
//
// A warp reads a key-value head of adjacent slots: each lane has 4 or 8 channels,
// as many lanes as a head needs (a power of two) have one slot, and the warp has
// several slots at once. Caches hold floats, or blocks (ir/storage/SlotLayout.h):
// bytes as they lie; of 4 bytes the low and high nibbles are 4 channels each, of
// one lane or of two.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_HEADREADER_H
#define NYALA_CODEGEN_CUDA_HEADREADER_H

#include "codegen/cuda/ThreadEmitter.h"

namespace nyala::cuda {

class HeadReader {
public:
  static constexpr int64_t kQuad = 4;      ///< adjacent channels
  static constexpr int64_t kMostQuads = 2; ///< of a lane
  static constexpr int64_t kMostChannels = kWarp * kQuad * kMostQuads;

  /// Why heads of so many key-value heads of `cache` cannot be read; empty if they can.
  static std::string getObstacle(mlir::Value cache, int64_t kvHeads);

  /// \param quads of a lane: 1 or 2; 2 if heads have more than 128 channels.
  HeadReader(ThreadEmitter &e, mlir::Value cache, int64_t kvHeads, int64_t quads);

  int64_t getLaneChannels() const { return quads * kQuad; }
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

  /// Where this lane reads: its channels of the first of its slots.
  struct Place {
    mlir::Value words, scales; ///< ptr<1>; no scales: floats
    mlir::Value left;          ///< i32: slots from there to the last that is read
  };
  /// Slots [first, end) of a sequence, which may be fewer than the warp reads.
  Place getPlace(mlir::Value sequence, mlir::Value kvHead, mlir::Value first, mlir::Value end);

  /// Channels of one slot as they are stored, to be widened when they are used.
  struct Stored {
    llvm::SmallVector<mlir::Value, 8> words; ///< i32
    mlir::Value scale;                       ///< f16; null: floats
  };
  /// The slot that this lane reads as number `number`; zeros if it is not read.
  Stored load(const Place &place, int64_t number);
  /// What is stored is `values * scale`.
  struct Numbers {
    llvm::SmallVector<mlir::Value, 8> values; ///< f32
    mlir::Value scale;                        ///< f32; null: 1
  };
  Numbers widen(const Stored &stored);

private:
  bool isNibbles() const { return layout && layout->getFormat() == StoredFormat::Q4_0; }
  mlir::Value getLaneOfSlot();
  int64_t getSlotBytes() const;
  llvm::SmallVector<mlir::Value> loadWhere(mlir::Value address, int64_t slot, int64_t offset,
                                           mlir::Value left, int64_t count, int64_t bits);
  Numbers widenBlocks(const Stored &stored);

  ThreadEmitter &e;
  mlir::Value buffer;
  mlir::Type element;
  int64_t quads, channels, stride, lanes, slots; ///< channels of a head, of a slot
  std::optional<SlotLayout> layout;              ///< of blocks
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_HEADREADER_H
