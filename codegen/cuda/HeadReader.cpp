//===- HeadReader.cpp - One head of slots of a cache ----------------------===//
#include "codegen/cuda/HeadReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

static constexpr int64_t kLoadBytes = 16;
static constexpr int64_t kQuad = HeadReader::kLaneChannels / 2;
/// Lanes that share a block.
static constexpr int64_t kBlockLanes = SlotLayout::kBlockChannels / HeadReader::kLaneChannels;

std::string HeadReader::getObstacle(Value cache, int64_t kvHeads) {
  int64_t channels = nyala::getChannels(cache) / kvHeads;
  int64_t unit = getBlocks(getTensorType(cache)) ? SlotLayout::kBlockChannels : kLaneChannels;
  if (channels % unit == 0 && channels <= kWarp * kLaneChannels)
    return {};
  return "reads heads of " + std::to_string(channels) + " channels from a cache" +
         (unit == kLaneChannels ? "" : " in blocks") + ": expected a multiple of " +
         std::to_string(unit) + ", at most " + std::to_string(kWarp * kLaneChannels);
}

HeadReader::HeadReader(ThreadEmitter &e, Value cache, int64_t kvHeads)
    : e(e), buffer(e.getBuffer(cache)), element(getElementTypeOrSelf(cache)),
      channels(nyala::getChannels(cache) / kvHeads), stride(nyala::getChannels(cache)),
      lanes(static_cast<int64_t>(llvm::PowerOf2Ceil(channels / kLaneChannels))),
      slots(getTensorType(cache).getDimSize(1)) {
  if (getBlocks(getTensorType(cache)))
    layout = getSlotLayout(getTensorType(cache));
}

int64_t HeadReader::getRegisters() const {
  return layout ? 2 : kLaneChannels * element.getIntOrFloatBitWidth() / 32;
}

Value HeadReader::getSlotOfLane() {
  return arith::DivUIOp::create(e.b, e.getLane(), e.index(lanes));
}

Value HeadReader::getLaneOfSlot() {
  Value lane = arith::RemUIOp::create(e.b, e.getLane(), e.index(lanes));
  if (lanes * kLaneChannels == channels)
    return lane;
  return arith::MinSIOp::create(e.b, lane, e.index(channels / kLaneChannels - 1));
}

Value HeadReader::getChannel(int64_t half) {
  auto mul = [&](Value l, int64_t r) -> Value { return arith::MulIOp::create(e.b, l, e.index(r)); };
  Value lane = getLaneOfSlot();
  if (!isNibbles())
    return arith::AddIOp::create(e.b, mul(lane, kLaneChannels), e.index(half * kQuad));
  Value block =
      mul(arith::DivUIOp::create(e.b, lane, e.index(kBlockLanes)), SlotLayout::kBlockChannels);
  Value inBlock = mul(arith::RemUIOp::create(e.b, lane, e.index(kBlockLanes)), kQuad);
  return arith::AddIOp::create(e.b, arith::AddIOp::create(e.b, block, inBlock),
                               e.index(half * SlotLayout::kBlockChannels / 2));
}

Value HeadReader::hasChannels() {
  if (lanes * kLaneChannels == channels)
    return {};
  Value lane = arith::RemUIOp::create(e.b, e.getLane(), e.index(lanes));
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, lane,
                               e.index(channels / kLaneChannels));
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

HeadReader::Stored HeadReader::load(Value sequence, Value kvHead, Value slot) {
  auto mul = [&](Value l, int64_t r) -> Value {
    return e.b.createOrFold<arith::MulIOp>(l, e.index(r));
  };
  auto add = [&](Value l, Value r) -> Value { return e.b.createOrFold<arith::AddIOp>(l, r); };
  Value column = add(mul(kvHead, channels), mul(getLaneOfSlot(), kLaneChannels));
  if (layout)
    return loadBlocks(sequence, slot, column);
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  // The slot comes last: all else stays the same.
  Value head = mul(add(mul(sequence, slots * stride), column), bytes);
  Value offset = add(head, mul(slot, stride * bytes));
  Stored stored;
  for (int64_t i = 0; i < kLaneChannels * bytes; i += kLoadBytes)
    stored.words.push_back(e.loadStreaming(buffer, add(offset, e.index(i))));
  return stored;
}

HeadReader::Numbers HeadReader::widen(const Stored &stored) {
  if (layout)
    return widenBlocks(stored);
  Numbers numbers;
  for (Value words : stored.words) {
    if (element.isBF16()) {
      for (int64_t i = 0; i < 4; ++i) {
        auto [low, high] = e.widenPair(vector::ExtractOp::create(e.b, words, i));
        numbers.values.append({low, high});
      }
      continue;
    }
    int64_t count = kLoadBytes * 8 / element.getIntOrFloatBitWidth();
    Value vector = vector::BitCastOp::create(e.b, VectorType::get(count, element), words);
    if (!element.isF32())
      vector = arith::ExtFOp::create(e.b, VectorType::get(count, e.b.getF32Type()), vector);
    for (int64_t i = 0; i < count; ++i)
      numbers.values.push_back(vector::ExtractOp::create(e.b, vector, i));
  }
  return numbers;
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// The quarter of a block at channel `column` (index, a multiple of 8).
HeadReader::Stored HeadReader::loadBlocks(Value sequence, Value slot, Value column) {
  // Slots are multiples of 34 or 18 bytes.
  int64_t bytes = layout->getQuantBytes() / kBlockLanes;
  int64_t access = std::min(bytes, layout->getSlotBytes() & -layout->getSlotBytes());
  auto load = [&](Value byte, int64_t count) -> Value {
    auto loaded = vector::LoadOp::create(e.b, VectorType::get(count, e.b.getI8Type()), buffer,
                                         ValueRange{sequence, slot, byte});
    loaded.setAlignment(count);
    return loaded;
  };
  Value lane = arith::DivUIOp::create(e.b, column, e.index(kLaneChannels));
  Value first = arith::MulIOp::create(e.b, lane, e.index(bytes));
  Type i32 = e.b.getI32Type();
  Stored stored;
  Value words =
      vector::FromElementsOp::create(e.b, VectorType::get(bytes, e.b.getI8Type()),
                                     SmallVector<Value>(bytes, e.intConstant(e.b.getI8Type(), 0)));
  for (int64_t i = 0; i < bytes; i += access)
    words = vector::InsertStridedSliceOp::create(
        e.b, load(arith::AddIOp::create(e.b, first, e.index(i)), access), words,
        ArrayRef<int64_t>{i}, ArrayRef<int64_t>{1});
  words = vector::BitCastOp::create(e.b, VectorType::get(bytes / 4, i32), words);
  for (int64_t i = 0; i < bytes / 4; ++i)
    stored.words.push_back(vector::ExtractOp::create(e.b, words, i));
  Value block = arith::DivUIOp::create(e.b, column, e.index(SlotLayout::kBlockChannels));
  Value at = arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, block, e.index(2)),
                                   e.index(layout->getScalesOffset()));
  Value scale = vector::BitCastOp::create(e.b, VectorType::get(1, e.b.getF16Type()), load(at, 2));
  stored.scale = vector::ExtractOp::create(e.b, scale, 0);
  return stored;
}

/// Integers below 2^23 are the low bits of 2^23 plus them, in f32: conversions are slow.
HeadReader::Numbers HeadReader::widenBlocks(const Stored &stored) {
  Type i32 = e.b.getI32Type(), f32 = e.b.getF32Type();
  constexpr int64_t kExponent = 0x4b000000; // of 2^23
  constexpr double kBase = 8388608;
  Numbers numbers;
  auto append = [&](Value word, int64_t shift, int64_t mask, double offset) {
    Value shifted = arith::ShRUIOp::create(e.b, word, e.intConstant(i32, shift));
    Value bits = arith::AndIOp::create(e.b, shifted, e.intConstant(i32, mask));
    Value number = arith::OrIOp::create(e.b, bits, e.intConstant(i32, kExponent));
    numbers.values.push_back(arith::SubFOp::create(e.b, arith::BitcastOp::create(e.b, f32, number),
                                                   e.constant(kBase + offset)));
  };
  for (Value word : stored.words) {
    if (isNibbles()) {
      for (int64_t shift : {0, 8, 16, 24, 4, 12, 20, 28})
        append(word, shift, 15, getInfo(layout->getFormat()).quantOffset);
      continue;
    }
    // Signed bytes plus 128.
    Value flipped =
        arith::XOrIOp::create(e.b, word, e.intConstant(i32, static_cast<int32_t>(0x80808080)));
    for (int64_t shift : {0, 8, 16, 24})
      append(flipped, shift, 255, 128);
  }
  numbers.scale = arith::ExtFOp::create(e.b, f32, stored.scale);
  return numbers;
}
