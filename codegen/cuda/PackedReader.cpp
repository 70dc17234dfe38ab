//===- PackedReader.cpp - Weights from their packed layout ----------------===//
#include "codegen/cuda/PackedReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

static constexpr int64_t kQuad = 4;
static constexpr int64_t kHalfColumns = PackedLayout::kBlockColumns / 2;

PackedReader::PackedReader(ThreadEmitter &emitter, Value weight)
    : e(emitter), layout(getPackedLayout(getTensorType(weight))),
      memory(emitter.getBuffer(weight)) {}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

Value PackedReader::add(Value offset, Value other) {
  return arith::AddIOp::create(e.b, offset, other, arith::IntegerOverflowFlags::nsw);
}

Value PackedReader::add(Value offset, int64_t bytes) {
  return bytes == 0 ? offset : add(offset, e.index(bytes));
}

Value PackedReader::times(Value number, int64_t factor) {
  return arith::MulIOp::create(e.b, number, e.index(factor), arith::IntegerOverflowFlags::nsw);
}

Value PackedReader::divide(Value number, int64_t divisor) {
  return arith::DivUIOp::create(e.b, number, e.index(divisor));
}

Value PackedReader::remainder(Value number, int64_t divisor) {
  return arith::RemUIOp::create(e.b, number, e.index(divisor));
}

PackedReader::Place PackedReader::getPlace(Value row, Value block) {
  Value start = times(divide(row, PackedLayout::kGroupRows), layout.getGroupBytes());
  Value lane = remainder(row, PackedLayout::kGroupRows);
  Place place;
  if (!layout.hasHeaders()) {
    start = add(start, times(block, layout.getBlockBytes()));
    place.header = add(add(start, layout.getScalesOffset()), times(lane, 2));
  } else {
    Value superBlock = divide(block, PackedLayout::kHeaderBlocks);
    Value inSuper = remainder(block, PackedLayout::kHeaderBlocks);
    start = add(start, times(superBlock, layout.getSuperBlockBytes()));
    place.header = add(start, times(lane, 2));
    Value scales =
        add(times(inSuper, PackedLayout::kIntegerScalesBytes), PackedLayout::kIntegerScalesOffset);
    place.scales = add(add(start, scales), lane);
    start = add(add(start, PackedLayout::kHeaderBytes), times(inSuper, layout.getBlockBytes()));
  }
  place.words = add(start, times(lane, 4));
  return place;
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

static Value loadScalar(ThreadEmitter &e, Value memory, Value offset, Type element) {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  auto load = vector::LoadOp::create(e.b, VectorType::get(bytes, e.b.getI8Type()), memory, offset);
  load.setAlignment(bytes);
  Value loaded = vector::BitCastOp::create(e.b, VectorType::get(1, element), load.getResult());
  return vector::ExtractOp::create(e.b, loaded, 0);
}

Value PackedReader::loadWord(Value offset) {
  return loadScalar(e, memory, offset, e.b.getI32Type());
}

Value PackedReader::loadHalf(Value offset) {
  return arith::ExtFOp::create(e.b, e.b.getF32Type(),
                               loadScalar(e, memory, offset, e.b.getF16Type()));
}

Value PackedReader::loadInteger(Value offset, bool isSigned) {
  Type i32 = e.b.getI32Type();
  Value byte = e.load(memory, {}, offset, 0, 1)[0];
  Value wide = isSigned ? Value(arith::ExtSIOp::create(e.b, i32, byte))
                        : Value(arith::ExtUIOp::create(e.b, i32, byte));
  return arith::SIToFPOp::create(e.b, e.b.getF32Type(), wide);
}

/// Products of halves and bytes are exact in f32.
PackedReader::Scales PackedReader::loadScales(const Place &place, Value within) {
  Scales scales;
  scales.scale = loadHalf(place.header);
  if (!layout.hasHeaders()) {
    if (layout.hasMinima())
      scales.minimum =
          loadHalf(add(place.header, layout.getMinimaOffset() - layout.getScalesOffset()));
    return scales;
  }
  if (layout.hasHalfScales()) {
    Value half = times(divide(within, kHalfColumns), PackedLayout::kGroupRows);
    scales.half = loadInteger(add(place.scales, half), /*isSigned=*/true);
    return scales;
  }
  auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(e.b, l, r); };
  Value minimum = loadHalf(add(place.header, PackedLayout::kHeaderMinimaOffset));
  scales.scale = mul(scales.scale, loadInteger(place.scales, /*isSigned=*/false));
  scales.minimum =
      mul(arith::NegFOp::create(e.b, minimum),
          loadInteger(add(place.scales, PackedLayout::kGroupRows), /*isSigned=*/false));
  return scales;
}

Value PackedReader::loadQuants(const Place &place, Value within) {
  Type i32 = e.b.getI32Type();
  int64_t perWord = layout.getColumnsPerWord();
  auto shiftRight = [&](Value bits, Value count) -> Value {
    return arith::ShRUIOp::create(e.b, bits, arith::IndexCastOp::create(e.b, i32, count));
  };
  auto maskBytes = [&](Value v, int64_t bits) -> Value {
    return arith::AndIOp::create(e.b, v, e.intConstant(i32, bits * 0x01010101));
  };
  Value quants =
      loadWord(add(place.words, times(divide(within, perWord), PackedLayout::kWordBytes)));
  if (perWord == kQuad)
    return quants;
  // The low nibbles of the bytes are the first four columns of a word, the high ones the others.
  quants = maskBytes(shiftRight(quants, remainder(within, perWord)), 15);
  int64_t bits = layout.getHighBits();
  if (bits == 0)
    return quants;
  Value at = times(divide(within, kQuad), bits);
  Value start = add(place.words, layout.getHighBitsOffset());
  Value high = loadWord(add(start, times(divide(at, 8), PackedLayout::kWordBytes)));
  high = maskBytes(shiftRight(high, remainder(at, 8)), (1 << bits) - 1);
  return arith::OrIOp::create(e.b, quants, arith::ShLIOp::create(e.b, high, e.intConstant(i32, 4)));
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

SmallVector<Value> PackedReader::widen(Value quants, const Scales &scales) {
  Type i32 = e.b.getI32Type(), f32 = e.b.getF32Type();
  SmallVector<Value> values;
  for (int64_t b = 0; b < kQuad; ++b) {
    Value shifted = arith::ShRUIOp::create(e.b, quants, e.intConstant(i32, 8 * b));
    Value quant = arith::AndIOp::create(e.b, shifted, e.intConstant(i32, 255));
    if (int64_t offset = layout.getQuantOffset())
      quant = arith::SubIOp::create(e.b, quant, e.intConstant(i32, offset));
    Value value = arith::SIToFPOp::create(e.b, f32, quant);
    if (scales.half) // an integer of 14 bits: exact
      value = arith::MulFOp::create(e.b, scales.half, value);
    values.push_back(scales.minimum ? e.fma(scales.scale, value, scales.minimum)
                                    : Value(arith::MulFOp::create(e.b, scales.scale, value)));
  }
  return values;
}

/// Plain floats of a word.
SmallVector<Value> PackedReader::widenFloats(Value word) {
  if (layout.getFormat() == StoredFormat::F32)
    return {arith::BitcastOp::create(e.b, e.b.getF32Type(), word)};
  if (layout.getFormat() == StoredFormat::BF16) {
    auto [low, high] = e.widenPair(word);
    return {low, high};
  }
  Value halves = vector::BitCastOp::create(
      e.b, VectorType::get(2, e.b.getF16Type()),
      vector::FromElementsOp::create(e.b, VectorType::get(1, word.getType()), word));
  SmallVector<Value> values;
  for (int64_t i = 0; i < 2; ++i) {
    Value half = vector::ExtractOp::create(e.b, halves, i);
    values.push_back(arith::ExtFOp::create(e.b, e.b.getF32Type(), half));
  }
  return values;
}

SmallVector<Value> PackedReader::loadQuad(Value row, Value column) {
  Place place = getPlace(row, divide(column, PackedLayout::kBlockColumns));
  Value within = remainder(column, PackedLayout::kBlockColumns);
  if (layout.hasScales())
    return widen(loadQuants(place, within), loadScales(place, within));
  int64_t perWord = layout.getColumnsPerWord();
  Value first = add(place.words, times(divide(within, perWord), PackedLayout::kWordBytes));
  SmallVector<Value> values;
  for (int64_t w = 0; w < kQuad / perWord; ++w)
    llvm::append_range(values, widenFloats(loadWord(add(first, w * PackedLayout::kWordBytes))));
  return values;
}

/// One of its word's, or of its four.
Value PackedReader::loadColumn(Value row, Value column) {
  SmallVector<Value> values;
  if (layout.hasScales()) {
    values = loadQuad(row, times(divide(column, kQuad), kQuad));
  } else {
    Place place = getPlace(row, divide(column, PackedLayout::kBlockColumns));
    Value word = divide(remainder(column, PackedLayout::kBlockColumns), layout.getColumnsPerWord());
    values = widenFloats(loadWord(add(place.words, times(word, PackedLayout::kWordBytes))));
  }
  Value place = remainder(column, static_cast<int64_t>(values.size())), value = values.front();
  for (size_t i = 1; i < values.size(); ++i) {
    Value isMine = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, place,
                                         e.index(static_cast<int64_t>(i)));
    value = arith::SelectOp::create(e.b, isMine, values[i], value);
  }
  return value;
}

SmallVector<Value> PackedReader::load(const Tile &tile) {
  bool isWhole = tile.count % kQuad == 0 && tile.offset % kQuad == 0;
  SmallVector<Value> values;
  for (int64_t c = 0; c < tile.count; c += isWhole ? kQuad : 1) {
    Value column = add(tile.column, tile.offset + c);
    if (isWhole)
      llvm::append_range(values, loadQuad(tile.row, column));
    else
      values.push_back(loadColumn(tile.row, column));
  }
  return values;
}
