#include "codegen/cpu/SlotAccess.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

static constexpr int64_t kLineBytes = 64;
static constexpr int64_t kBlockVectors = SlotLayout::kBlockChannels / kLanes;

/// Offset in the slot of a block's integers, or of its scale.
static Value getBlockOffset(TileEmitter &e, Value column, int64_t bytes, int64_t first) {
  Value block = arith::DivUIOp::create(e.b, column, e.index(SlotLayout::kBlockChannels));
  Value offset = arith::MulIOp::create(e.b, block, e.index(bytes));
  return arith::AddIOp::create(e.b, offset, e.index(first));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

SlotReader::SlotReader(TileEmitter &emitter, Value cache, int64_t channels)
    : e(emitter), memory(emitter.getBuffer(cache)), channels(channels),
      slots(cast<MemRefType>(memory.getType()).getDimSize(1)) {
  if (getBlocks(getTensorType(cache)))
    layout = getSlotLayout(getTensorType(cache));
}

void SlotReader::forParts(Value sequence, Value slot, Value column,
                          function_ref<void(const Part &)> body) {
  // Heads of whole blocks begin at one. Others share blocks: each vector is looked up alone.
  int64_t vectors =
      layout && channels % SlotLayout::kBlockChannels == 0 ? kBlockVectors : int64_t(1);
  for (int64_t offset = 0; offset < channels; offset += vectors * kLanes) {
    Value at = arith::AddIOp::create(e.b, column, e.index(offset));
    Part part;
    part.first = offset / kLanes;
    if (layout) {
      part.vectors = loadIntegers(sequence, slot, at, vectors);
      part.scale = loadScale(sequence, slot, at);
    } else {
      int64_t lanes = std::min(kLanes, channels - offset);
      part.vectors.push_back(e.load(memory, {sequence, slot, at}, lanes));
    }
    body(part);
  }
}

void SlotReader::prefetch(Value sequence, Value slot, Value column) {
  // `count` elements of the buffer, a cache line after the other.
  auto ask = [&](Value first, int64_t count) {
    auto type = cast<MemRefType>(memory.getType());
    int64_t line = kLineBytes * 8 / type.getElementTypeBitWidth();
    for (int64_t offset = 0; offset < count; offset += line) {
      Value at = arith::AddIOp::create(e.b, first, e.index(offset));
      memref::PrefetchOp::create(e.b, memory, ValueRange{sequence, slot, at}, /*isWrite=*/false,
                                 /*localityHint=*/2, /*isDataCache=*/true);
    }
  };
  if (!layout)
    return ask(column, channels);
  int64_t blocks = llvm::divideCeil(channels, SlotLayout::kBlockChannels);
  ask(getBlockOffset(e, column, layout->getQuantBytes(), 0), blocks * layout->getQuantBytes());
  ask(getBlockOffset(e, column, 2, layout->getScalesOffset()), 2 * blocks);
}

Value SlotReader::loadBytes(Value sequence, Value slot, Value byte, int64_t bytes) {
  return vector::LoadOp::create(e.b, VectorType::get(bytes, e.b.getI8Type()), memory,
                                ValueRange{sequence, slot, byte});
}

/// The integers of one or two vectors of channels from `column` on, as f32.
SmallVector<Value, 2> SlotReader::loadIntegers(Value sequence, Value slot, Value column,
                                               int64_t vectors) {
  VectorType i32 = VectorType::get(kLanes, e.b.getI32Type());
  SmallVector<Value, 2> integers;
  if (layout->getFormat() == StoredFormat::Q8_0) {
    for (int64_t v = 0; v < vectors; ++v) {
      Value byte = arith::AddIOp::create(e.b, column, e.index(v * kLanes));
      integers.push_back(arith::ExtSIOp::create(e.b, i32, loadBytes(sequence, slot, byte, kLanes)));
    }
  } else {
    // A vector of nibbles holds the low channels of a block in its low bits, the high ones above.
    Value offset = getBlockOffset(e, column, layout->getQuantBytes(), 0);
    Value words = arith::ExtUIOp::create(
        e.b, i32, loadBytes(sequence, slot, offset, layout->getQuantBytes()));
    Value inBlock = arith::RemUIOp::create(e.b, column, e.index(SlotLayout::kBlockChannels));
    for (int64_t v = 0; v < vectors; ++v) {
      Value first = arith::AddIOp::create(e.b, inBlock, e.index(v * kLanes));
      Value shift = arith::IndexCastOp::create(
          e.b, e.b.getI32Type(), arith::DivUIOp::create(e.b, first, e.index(kLanes / 4)));
      Value nibble = arith::AndIOp::create(
          e.b, arith::ShRUIOp::create(e.b, words, e.broadcast(shift)), e.intConstant(i32, 15));
      integers.push_back(arith::SubIOp::create(
          e.b, nibble, e.intConstant(i32, getInfo(layout->getFormat()).quantOffset)));
    }
  }
  for (Value &vector : integers)
    vector = arith::SIToFPOp::create(e.b, e.f32Vector(), vector);
  return integers;
}

Value SlotReader::loadScale(Value sequence, Value slot, Value column) {
  Value offset = getBlockOffset(e, column, 2, layout->getScalesOffset());
  Value bits = vector::BitCastOp::create(e.b, VectorType::get(1, e.b.getI16Type()),
                                         loadBytes(sequence, slot, offset, 2));
  return e.halfToFloat(e.broadcast(vector::ExtractOp::create(e.b, bits, ArrayRef<int64_t>{0})));
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// The block's scale before it is rounded; the order of operands keeps out what is no number.
static Value emitScale(TileEmitter &e, bool bytes, ValueRange x) {
  auto negate = [&](Value v) -> Value { return arith::NegFOp::create(e.b, v); };
  Value highest = e.constant(e.f32Vector(), 0), lowest = highest;
  for (Value vector : x) {
    highest = e.max(vector, highest);
    lowest = e.max(negate(vector), lowest);
  }
  Type f32 = e.b.getF32Type();
  if (bytes)
    return arith::DivFOp::create(e.b, e.reduceMax(e.max(highest, lowest)), e.constant(f32, 127));
  highest = e.reduceMax(highest);
  lowest = e.reduceMax(lowest);
  Value isNegative = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OLT, highest, lowest);
  Value largest = arith::SelectOp::create(e.b, isNegative, negate(lowest), highest);
  return arith::DivFOp::create(e.b, largest, e.constant(f32, -8));
}

void nyala::cpu::storeBlock(TileEmitter &e, const SlotLayout &layout, ValueRange vectors,
                            Value buffer, Value sequence, Value slot, Value column) {
  bool bytes = layout.getFormat() == StoredFormat::Q8_0;
  Type f32 = e.b.getF32Type();
  auto storeBytes = [&](Value vector, Value offset) {
    vector::StoreOp::create(e.b, vector, buffer, ValueRange{sequence, slot, offset});
  };
  auto clamp = [&](Value x, double low, double high) {
    return e.max(e.min(x, e.constant(x.getType(), high)), e.constant(x.getType(), low));
  };
  Value scale = clamp(emitScale(e, bytes, vectors), -65504, 65504);
  VectorType i16 = VectorType::get(1, e.b.getI16Type());
  Value half = arith::BitcastOp::create(e.b, i16, e.floatToHalf(e.broadcast(scale, 1)));
  storeBytes(vector::BitCastOp::create(e.b, VectorType::get(2, e.b.getI8Type()), half),
             getBlockOffset(e, column, 2, layout.getScalesOffset()));

  Value rounded = vector::ExtractOp::create(e.b, e.halfToFloat(half), ArrayRef<int64_t>{0});
  Value isZero = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OEQ, rounded, e.constant(f32, 0));
  Value inverse = arith::DivFOp::create(e.b, e.constant(f32, 1), rounded);
  Value factor = e.broadcast(arith::SelectOp::create(e.b, isZero, e.constant(f32, 0), inverse));
  SmallVector<Value> integers;
  for (Value x : vectors)
    integers.push_back(e.roundToIntegers(
        clamp(arith::MulFOp::create(e.b, x, factor), bytes ? -127 : -8, bytes ? 127 : 7)));
  VectorType i8 = VectorType::get(kLanes, e.b.getI8Type());
  Value offset = getBlockOffset(e, column, layout.getQuantBytes(), 0);
  if (bytes) {
    for (auto [v, vector] : llvm::enumerate(integers))
      storeBytes(arith::TruncIOp::create(e.b, i8, vector),
                 arith::AddIOp::create(e.b, offset, e.index(v * kLanes)));
    return;
  }
  Type i32 = integers.front().getType();
  auto addOffset = [&](Value vector) -> Value {
    return arith::AddIOp::create(e.b, vector,
                                 e.intConstant(i32, getInfo(layout.getFormat()).quantOffset));
  };
  Value high = arith::ShLIOp::create(e.b, addOffset(integers[1]), e.intConstant(i32, 4));
  Value nibbles = arith::OrIOp::create(e.b, addOffset(integers[0]), high);
  storeBytes(arith::TruncIOp::create(e.b, i8, nibbles), offset);
}
