//===- PackedReader.cpp - Weights from their packed layout ----------------===//
#include "codegen/cpu/PackedReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

PackedReader::PackedReader(TileEmitter &emitter, Value weight)
    : e(emitter), layout(getPackedLayout(getTensorType(weight))),
      memory(emitter.getBuffer(weight)) {}

Value PackedReader::getGroupOffset(Value row) {
  Value group = arith::DivUIOp::create(e.b, row, e.index(PackedLayout::kGroupRows));
  return arith::MulIOp::create(e.b, group, e.index(layout.getGroupBytes()));
}

/// `bytes` bytes of each row at `offset`: a vector of `element`, of 16 lanes or, of row `lane`,
/// one.
Value PackedReader::loadWords(Value offset, Value lane, int64_t bytes, Type element) {
  int64_t lanes = lane ? 1 : PackedLayout::kGroupRows;
  if (lane)
    offset = arith::AddIOp::create(e.b, offset, arith::MulIOp::create(e.b, lane, e.index(bytes)));
  auto raw = VectorType::get(lanes * bytes, e.b.getI8Type());
  Value loaded = vector::LoadOp::create(e.b, raw, memory, ValueRange{offset});
  return vector::BitCastOp::create(e.b, VectorType::get(lanes, element), loaded);
}

/// Into the second-level cache: as many lines may be under way as that one allows, which on some
/// CPUs is several times what the first level does.
void PackedReader::emitPrefetch(Value offset) {
  memref::PrefetchOp::create(e.b, memory, ValueRange{offset}, /*isWrite=*/false,
                             /*localityHint=*/2, /*isDataCache=*/true);
}

PackedReader::Block PackedReader::loadParts(Value offset, int64_t length, Value lane,
                                            bool prefetch) {
  auto at = [&](int64_t bytes) -> Value {
    return arith::AddIOp::create(e.b, offset, e.index(bytes));
  };
  Block block;
  block.length = length;
  for (int64_t w = 0; w < layout.getNumWords(length); ++w) {
    if (prefetch)
      emitPrefetch(at(w * PackedLayout::kWordBytes + kPrefetchBytes));
    block.words.push_back(loadWords(at(w * PackedLayout::kWordBytes), lane, 4, e.b.getI32Type()));
  }
  if (!layout.hasScales())
    return block;
  if (prefetch)
    emitPrefetch(at(layout.getHighBitsOffset() + kPrefetchBytes));
  auto halves = [&](int64_t bytes) {
    return e.halfToFloat(loadWords(at(bytes), lane, 2, e.b.getI16Type()));
  };
  if (layout.hasHighBits())
    block.highBits = loadWords(at(layout.getHighBitsOffset()), lane, 4, e.b.getI32Type());
  block.scale = halves(layout.getScalesOffset());
  if (layout.hasMinima())
    block.minimum = halves(layout.getMinimaOffset());
  return block;
}

PackedReader::Block PackedReader::loadBlock(Value offset, int64_t length, bool prefetch) {
  return loadParts(offset, length, Value(), prefetch);
}

PackedReader::Block PackedReader::loadRowOfBlock(Value offset, int64_t length, Value lane) {
  return loadParts(offset, length, lane, /*prefetch=*/false);
}

Value PackedReader::getQuant(const Block &block, int64_t c) {
  Value word = block.words[c / layout.getColumnsPerWord()];
  auto i32 = cast<VectorType>(word.getType());
  VectorType f32 = e.f32Vector(i32.getDimSize(0));
  auto shiftRight = [&](Value v, int64_t bits) -> Value {
    return bits == 0 ? v : Value(arith::ShRUIOp::create(e.b, v, e.intConstant(i32, bits)));
  };
  auto mask = [&](Value v, int64_t bits) -> Value {
    return arith::AndIOp::create(e.b, v, e.intConstant(i32, bits));
  };
  auto toFloat = [&](Value v, int64_t bias) -> Value {
    if (bias != 0)
      v = arith::SubIOp::create(e.b, v, e.intConstant(i32, bias));
    return arith::SIToFPOp::create(e.b, f32, v);
  };
  int64_t inWord = c % layout.getColumnsPerWord();
  switch (layout.getFormat()) {
  case StoredFormat::F32:
    return arith::BitcastOp::create(e.b, f32, word);
  case StoredFormat::F16: {
    VectorType i16 = VectorType::get(i32.getShape(), e.b.getI16Type());
    return e.halfToFloat(arith::TruncIOp::create(e.b, i16, shiftRight(word, 16 * inWord)));
  }
  case StoredFormat::BF16: {
    Value bits = inWord ? mask(word, static_cast<int32_t>(0xffff0000))
                        : Value(arith::ShLIOp::create(e.b, word, e.intConstant(i32, 16)));
    return arith::BitcastOp::create(e.b, f32, bits);
  }
  case StoredFormat::Q8_0:
    return toFloat(mask(shiftRight(word, 8 * inWord), 255), getOffset());
  case StoredFormat::Q4_0:
  case StoredFormat::Q4_1:
  case StoredFormat::Q5_0:
  case StoredFormat::Q5_1:
    break;
  }
  // Byte b: column b in its low nibble, column 4 + b in its high one.
  Value quant = mask(shiftRight(word, 8 * (inWord % 4) + 4 * (inWord / 4)), 15);
  if (layout.hasHighBits()) {
    Value bit = c < 4 ? Value(arith::ShLIOp::create(e.b, block.highBits, e.intConstant(i32, 4 - c)))
                      : shiftRight(block.highBits, c - 4);
    quant = arith::OrIOp::create(e.b, quant, mask(bit, 16));
  }
  return toFloat(quant, getOffset());
}

int64_t PackedReader::getOffset() const {
  if (layout.hasMinima())
    return 0;
  if (layout.getFormat() == StoredFormat::Q8_0)
    return 128;
  return layout.hasHighBits() ? 16 : 8;
}

Value PackedReader::getQuants(const Block &block, int64_t c) {
  Value word = block.words[c / layout.getColumnsPerWord()];
  if (layout.getFormat() == StoredFormat::Q8_0)
    return word;
  auto i32 = cast<VectorType>(word.getType());
  auto constant = [&](int64_t value) { return e.intConstant(i32, value); };
  // The low nibbles of the bytes are the first four columns of a word, the high ones the others.
  if (c % 8 != 0)
    word = arith::ShRUIOp::create(e.b, word, constant(4));
  Value quants = arith::AndIOp::create(e.b, word, constant(0x0f0f0f0f));
  if (!layout.hasHighBits())
    return quants;
  // Bits c to c + 3 become bit 4 of the four bytes: multiplied by 1 + 2^7 + 2^14 + 2^21, bit i
  // arrives at bit 8i among others, which the mask removes.
  Value bits = arith::AndIOp::create(e.b, arith::ShRUIOp::create(e.b, block.highBits, constant(c)),
                                     constant(15));
  Value spread = arith::AndIOp::create(e.b, arith::MulIOp::create(e.b, bits, constant(0x204081)),
                                       constant(0x01010101));
  return arith::OrIOp::create(e.b, quants, arith::ShLIOp::create(e.b, spread, constant(4)));
}

Value PackedReader::getValue(const Block &block, int64_t c) {
  Value quant = getQuant(block, c);
  if (!block.scale)
    return quant;
  if (block.minimum)
    return e.fma(block.scale, quant, block.minimum);
  return arith::MulFOp::create(e.b, block.scale, quant);
}

SmallVector<Value>
PackedReader::forBlocks(ValueRange init,
                        function_ref<SmallVector<Value>(Value, Value, int64_t, ValueRange)> body) {
  SmallVector<Value> carried(init);
  int64_t full = layout.getNumFullBlocks();
  if (full > 0) {
    auto loop = scf::ForOp::create(e.b, e.index(0), e.index(full), e.index(1), carried);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    Value block = loop.getInductionVar();
    Value offset = arith::MulIOp::create(e.b, block, e.index(layout.getBlockBytes()));
    Value column = arith::MulIOp::create(e.b, block, e.index(PackedLayout::kBlockColumns));
    SmallVector<Value> next =
        body(offset, column, PackedLayout::kBlockColumns, loop.getRegionIterArgs());
    if (!init.empty()) // else the loop has been made with its terminator
      scf::YieldOp::create(e.b, next);
    carried.assign(loop.getResults().begin(), loop.getResults().end());
  }
  if (layout.getTailColumns() > 0)
    carried = body(e.index(full * layout.getBlockBytes()),
                   e.index(full * PackedLayout::kBlockColumns), layout.getTailColumns(), carried);
  return carried;
}
