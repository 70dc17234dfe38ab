//===- PackedReader.cpp - Weights from their packed layout ----------------===//
#include "codegen/cuda/PackedReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

PackedReader::Place PackedReader::getPlace(Value row, Value block) {
  Value group = arith::DivUIOp::create(e.b, row, e.index(PackedLayout::kGroupRows));
  Value lane = arith::RemUIOp::create(e.b, row, e.index(PackedLayout::kGroupRows));
  Value start = times(group, layout.getGroupBytes());
  Place place;
  if (!layout.hasHeaders()) {
    start = add(start, times(block, layout.getBlockBytes()));
    place.header = add(add(start, layout.getScalesOffset()), times(lane, 2));
  } else {
    Value superBlock = arith::DivUIOp::create(e.b, block, e.index(PackedLayout::kHeaderBlocks));
    Value inSuper = arith::RemUIOp::create(e.b, block, e.index(PackedLayout::kHeaderBlocks));
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

/// `element` of each of `rows` adjacent rows.
SmallVector<Value> PackedReader::loadRows(Value offset, int64_t rows, Type element) {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8 * rows;
  auto vector = VectorType::get(rows, element);
  Value loaded;
  if (bytes == 1) {
    return e.load(memory, {}, offset, 0, 1);
  } else if (bytes == 16) {
    loaded = e.loadStreaming(memory, offset);
  } else {
    auto raw = VectorType::get(bytes, e.b.getI8Type());
    auto load = vector::LoadOp::create(e.b, raw, memory, offset);
    load.setAlignment(bytes);
    loaded = vector::BitCastOp::create(e.b, vector, load.getResult());
  }
  SmallVector<Value> elements;
  for (int64_t i = 0; i < rows; ++i)
    elements.push_back(vector::ExtractOp::create(e.b, loaded, i));
  return elements;
}

/// Bytes, as f32.
SmallVector<Value> PackedReader::loadIntegers(Value offset, int64_t rows, bool isSigned) {
  Type i32 = e.b.getI32Type(), f32 = e.b.getF32Type();
  return llvm::map_to_vector(loadRows(offset, rows, e.b.getI8Type()), [&](Value byte) -> Value {
    Value wide = isSigned ? Value(arith::ExtSIOp::create(e.b, i32, byte))
                          : Value(arith::ExtUIOp::create(e.b, i32, byte));
    return arith::SIToFPOp::create(e.b, f32, wide);
  });
}

/// Products of halves and bytes are exact in f32.
void PackedReader::loadScales(const Place &place, MutableArrayRef<Block> blocks) {
  auto rows = static_cast<int64_t>(blocks.size());
  auto halves = [&](Value offset) {
    return llvm::map_to_vector(loadRows(offset, rows, e.b.getF16Type()), [&](Value half) -> Value {
      return arith::ExtFOp::create(e.b, e.b.getF32Type(), half);
    });
  };
  auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(e.b, l, r); };
  for (auto [block, scale] : llvm::zip_equal(blocks, halves(place.header)))
    block.scale = scale;
  if (!layout.hasHeaders()) {
    if (layout.hasMinima()) {
      Value offset = add(place.header, layout.getMinimaOffset() - layout.getScalesOffset());
      for (auto [block, minimum] : llvm::zip_equal(blocks, halves(offset)))
        block.minimum = minimum;
    }
    return;
  }
  Value second = add(place.scales, PackedLayout::kGroupRows);
  bool isSigned = layout.hasHalfScales();
  SmallVector<Value> low = loadIntegers(place.scales, rows, isSigned);
  SmallVector<Value> high = loadIntegers(second, rows, isSigned);
  if (layout.hasHalfScales()) {
    for (auto [block, first, last] : llvm::zip_equal(blocks, low, high))
      block.halfScales = {first, last};
    return;
  }
  SmallVector<Value> minima = halves(add(place.header, PackedLayout::kHeaderMinimaOffset));
  for (auto [block, scale, number, minimum] : llvm::zip_equal(blocks, low, high, minima)) {
    block.scale = mul(block.scale, scale);
    block.minimum = mul(arith::NegFOp::create(e.b, minimum), number);
  }
}

SmallVector<PackedReader::Block> PackedReader::loadBlocks(Value row, Value number, int64_t rows) {
  Place place = getPlace(row, number);
  SmallVector<Block> blocks(rows);
  int64_t words = layout.getNumWords(PackedLayout::kBlockColumns);
  for (int64_t w = 0; w < words + layout.getNumHighWords(); ++w) {
    Value offset = add(place.words, w * PackedLayout::kWordBytes);
    for (auto [block, word] : llvm::zip_equal(blocks, loadRows(offset, rows, e.b.getI32Type())))
      (w < words ? block.words : block.highWords).push_back(word);
  }
  if (layout.hasScales())
    loadScales(place, blocks);
  return blocks;
}

PackedReader::Block PackedReader::loadTail(Value row) {
  Place place = getPlace(row, e.index(layout.getNumFullBlocks()));
  Block block;
  block.length = layout.getTailColumns();
  for (int64_t w = 0; w < layout.getNumWords(block.length); ++w)
    block.words.push_back(
        loadRows(add(place.words, w * PackedLayout::kWordBytes), 1, e.b.getI32Type())[0]);
  return block;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value PackedReader::shiftRight(Value bits, int64_t count) {
  if (count == 0)
    return bits;
  Value shift = e.intConstant(bits.getType(), std::abs(count));
  if (count < 0)
    return arith::ShLIOp::create(e.b, bits, shift);
  return arith::ShRUIOp::create(e.b, bits, shift);
}

Value PackedReader::getQuants(const Block &block, int64_t c) {
  Value word = block.words[c / layout.getColumnsPerWord()];
  if (layout.getColumnsPerWord() == kQuad)
    return word;
  auto maskBytes = [&](Value v, int64_t bits) -> Value {
    return arith::AndIOp::create(e.b, v, e.intConstant(v.getType(), bits * 0x01010101));
  };
  // The low nibbles of the bytes are the first four columns of a word, the high ones the others.
  Value quants = maskBytes(shiftRight(word, c % 8), 15);
  int64_t bits = layout.getHighBits();
  if (bits == 0)
    return quants;
  int64_t at = bits * (c / kQuad);
  Value high = shiftRight(block.highWords[at / 8], at % 8 - 4);
  return arith::OrIOp::create(e.b, quants, maskBytes(high, ((1 << bits) - 1) << 4));
}

SmallVector<Value> PackedReader::widen(Value quants, const Block &block, Value halfScale) {
  Type i32 = e.b.getI32Type(), f32 = e.b.getF32Type();
  SmallVector<Value> values;
  for (int64_t b = 0; b < kQuad; ++b) {
    Value quant = arith::AndIOp::create(e.b, shiftRight(quants, 8 * b), e.intConstant(i32, 255));
    if (int64_t offset = layout.getQuantOffset())
      quant = arith::SubIOp::create(e.b, quant, e.intConstant(i32, offset));
    Value value = arith::SIToFPOp::create(e.b, f32, quant);
    if (block.minimum) {
      values.push_back(e.fma(block.scale, value, block.minimum));
      continue;
    }
    if (halfScale) // an integer of 14 bits: exact
      value = arith::MulFOp::create(e.b, halfScale, value);
    values.push_back(arith::MulFOp::create(e.b, block.scale, value));
  }
  return values;
}

SmallVector<Value> PackedReader::widenFloats(Value word) {
  Type f32 = e.b.getF32Type();
  switch (layout.getFormat()) {
  case StoredFormat::F32:
    return {arith::BitcastOp::create(e.b, f32, word)};
  case StoredFormat::BF16: {
    auto [low, high] = e.widenPair(word);
    return {low, high};
  }
  default: {
    SmallVector<Value> values;
    for (int64_t half = 0; half < 2; ++half) {
      Value bits = arith::TruncIOp::create(e.b, e.b.getI16Type(), shiftRight(word, 16 * half));
      Value value = arith::BitcastOp::create(e.b, e.b.getF16Type(), bits);
      values.push_back(arith::ExtFOp::create(e.b, f32, value));
    }
    return values;
  }
  }
}

SmallVector<Value> PackedReader::getValues(const Block &block, int64_t c) {
  if (layout.hasScales()) {
    Value halfScale = block.halfScales.empty() ? Value() : block.halfScales[c / kHalfColumns];
    return widen(getQuants(block, c), block, halfScale);
  }
  int64_t end = std::min(c + kQuad, block.length), perWord = layout.getColumnsPerWord();
  SmallVector<Value> values;
  for (int64_t w = c / perWord; w * perWord < end; ++w)
    llvm::append_range(values, widenFloats(block.words[w]));
  values.truncate(end - c);
  return values;
}

Value PackedReader::loadFloat(Value row, Value column) {
  Value block = arith::DivUIOp::create(e.b, column, e.index(PackedLayout::kBlockColumns));
  Value within = arith::RemUIOp::create(e.b, column, e.index(PackedLayout::kBlockColumns));
  int64_t perWord = layout.getColumnsPerWord();
  Value word = arith::DivUIOp::create(e.b, within, e.index(perWord));
  Value offset = add(getPlace(row, block).words, times(word, PackedLayout::kWordBytes));
  SmallVector<Value> values = widenFloats(loadRows(offset, 1, e.b.getI32Type())[0]);
  if (perWord == 1)
    return values[0];
  Value inWord = arith::RemUIOp::create(e.b, within, e.index(perWord));
  Value isHigh = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne, inWord, e.index(0));
  return arith::SelectOp::create(e.b, isHigh, values[1], values[0]);
}

/// As getQuants(), of a column that is known when the kernel runs.
SmallVector<Value> PackedReader::loadQuad(Value row, Value column) {
  Type i32 = e.b.getI32Type();
  Value number = arith::DivUIOp::create(e.b, column, e.index(PackedLayout::kBlockColumns));
  Value within = arith::RemUIOp::create(e.b, column, e.index(PackedLayout::kBlockColumns));
  Place place = getPlace(row, number);
  int64_t perWord = layout.getColumnsPerWord();
  Value word = arith::DivUIOp::create(e.b, within, e.index(std::max(perWord, kQuad)));
  if (perWord < kQuad)
    word = times(word, kQuad / perWord);
  Value offset = add(place.words, times(word, PackedLayout::kWordBytes));
  auto loadWord = [&](Value at) { return loadRows(at, 1, i32)[0]; };
  if (!layout.hasScales()) {
    SmallVector<Value> values;
    for (int64_t w = 0; w < kQuad / perWord; ++w)
      llvm::append_range(values, widenFloats(loadWord(add(offset, w * PackedLayout::kWordBytes))));
    return values;
  }
  Value quants = loadWord(offset);
  auto toInt = [&](Value index) -> Value { return arith::IndexCastOp::create(e.b, i32, index); };
  auto shifted = [&](Value bits, Value count) -> Value {
    return arith::ShRUIOp::create(e.b, bits, toInt(count));
  };
  auto maskBytes = [&](Value v, int64_t bits) -> Value {
    return arith::AndIOp::create(e.b, v, e.intConstant(i32, bits * 0x01010101));
  };
  if (perWord == 8) {
    quants = maskBytes(shifted(quants, arith::RemUIOp::create(e.b, within, e.index(8))), 15);
    if (int64_t bits = layout.getHighBits()) {
      Value at = times(arith::DivUIOp::create(e.b, within, e.index(kQuad)), bits);
      Value highWord = arith::DivUIOp::create(e.b, at, e.index(8));
      Value start = add(place.words, layout.getHighBitsOffset());
      Value high = loadWord(add(start, times(highWord, PackedLayout::kWordBytes)));
      high = maskBytes(shifted(high, arith::RemUIOp::create(e.b, at, e.index(8))), (1 << bits) - 1);
      quants = arith::OrIOp::create(e.b, quants, shiftRight(high, -4));
    }
  }
  Block block;
  loadScales(place, block);
  Value halfScale;
  if (!block.halfScales.empty()) {
    Value isFirst =
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, within, e.index(kHalfColumns));
    halfScale = arith::SelectOp::create(e.b, isFirst, block.halfScales[0], block.halfScales[1]);
  }
  return widen(quants, block, halfScale);
}

SmallVector<Value> PackedReader::load(const Tile &tile) {
  SmallVector<Value> values;
  bool isWhole = tile.count % kQuad == 0 && tile.offset % kQuad == 0;
  int64_t step = isWhole ? kQuad : 1;
  for (int64_t c = 0; c < tile.count; c += step) {
    Value column = add(tile.column, tile.offset + c);
    if (isWhole) {
      llvm::append_range(values, loadQuad(tile.row, column));
    } else if (!layout.hasScales()) {
      values.push_back(loadFloat(tile.row, column));
    } else {
      // The column's place among four.
      Value inQuad = arith::RemUIOp::create(e.b, column, e.index(kQuad));
      Value first = arith::SubIOp::create(e.b, column, inQuad);
      SmallVector<Value> quad = loadQuad(tile.row, first);
      Value value = quad[0];
      for (int64_t i = 1; i < kQuad; ++i) {
        Value isMine = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, inQuad, e.index(i));
        value = arith::SelectOp::create(e.b, isMine, quad[i], value);
      }
      values.push_back(value);
    }
  }
  return values;
}
