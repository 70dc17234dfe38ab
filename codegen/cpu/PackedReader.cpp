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

SmallVector<Value> PackedReader::getGroupOffsets(const Tile &tile) {
  SmallVector<Value> offsets;
  for (int64_t v = 0; v < tile.vectors; ++v)
    offsets.push_back(getGroupOffset(arith::AddIOp::create(e.b, tile.column, e.index(v * kLanes))));
  return offsets;
}

Value PackedReader::add(Value offset, int64_t bytes) {
  return arith::AddIOp::create(e.b, offset, e.index(bytes));
}

/// Into the second-level cache: as many lines may be under way as that one allows, which on some
/// CPUs is several times what the first level does. On AMD's it is not, and lines in the first
/// level leave more of its misses to prefetches.
void PackedReader::emitPrefetch(Value offset) {
  bool near = e.getTarget().getArch().starts_with("znver");
  memref::PrefetchOp::create(e.b, memory,
                             ValueRange{add(offset, near ? kNearPrefetchBytes : kPrefetchBytes)},
                             /*isWrite=*/false, /*localityHint=*/near ? 3 : 2,
                             /*isDataCache=*/true);
}

/// `bytes` bytes of each row at `offset`: a vector of `element`, of 16 lanes or, of row `lane`,
/// one.
Value PackedReader::loadRows(Value offset, Value lane, int64_t bytes, Type element) {
  int64_t lanes = lane ? 1 : PackedLayout::kGroupRows;
  if (lane)
    offset = arith::AddIOp::create(e.b, offset, arith::MulIOp::create(e.b, lane, e.index(bytes)));
  auto raw = VectorType::get(lanes * bytes, e.b.getI8Type());
  Value loaded = vector::LoadOp::create(e.b, raw, memory, ValueRange{offset});
  return vector::BitCastOp::create(e.b, VectorType::get(lanes, element), loaded);
}

Value PackedReader::loadHalves(Value offset, const Access &access) {
  return e.halfToFloat(loadRows(offset, access.lane, 2, e.b.getI16Type()));
}

/// Bytes, as vector<?xf32>.
Value PackedReader::loadIntegers(Value offset, const Access &access, bool isSigned) {
  Value bytes = loadRows(offset, access.lane, 1, e.b.getI8Type());
  int64_t lanes = cast<VectorType>(bytes.getType()).getDimSize(0);
  auto i32 = VectorType::get(lanes, e.b.getI32Type());
  Value wide = isSigned ? Value(arith::ExtSIOp::create(e.b, i32, bytes))
                        : Value(arith::ExtUIOp::create(e.b, i32, bytes));
  return arith::SIToFPOp::create(e.b, e.f32Vector(lanes), wide);
}

/// The words of a block, high ones too.
PackedReader::Block PackedReader::loadWords(Value offset, int64_t length, const Access &access) {
  Block block;
  block.length = length;
  int64_t words = layout.getNumWords(length), highWords = layout.getNumHighWords();
  for (int64_t w = 0; w < words + highWords; ++w) {
    Value at = add(offset, w * PackedLayout::kWordBytes);
    if (access.prefetch)
      emitPrefetch(at);
    auto &part = w < words ? block.words : block.highWords;
    part.push_back(loadRows(at, access.lane, 4, e.b.getI32Type()));
  }
  return block;
}

PackedReader::Block PackedReader::loadBlock(Value offset, int64_t length, const Access &access) {
  Block block = loadWords(offset, length, access);
  if (!layout.hasScales())
    return block;
  Value scales = add(offset, layout.getScalesOffset());
  if (access.prefetch)
    emitPrefetch(scales);
  block.scale = loadHalves(scales, access);
  if (layout.hasMinima())
    block.minimum = loadHalves(add(offset, layout.getMinimaOffset()), access);
  return block;
}

PackedReader::Header PackedReader::loadHeader(Value offset, const Access &access) {
  if (access.prefetch)
    for (int64_t at = 0; at < PackedLayout::kHeaderBytes; at += PackedLayout::kWordBytes)
      emitPrefetch(add(offset, at));
  Header header;
  header.scale = loadHalves(offset, access);
  if (layout.hasMinima())
    header.minimum = arith::NegFOp::create(
        e.b, loadHalves(add(offset, PackedLayout::kHeaderMinimaOffset), access));
  return header;
}

/// Block `number` of the 8 at byte offset `superBlock`. Products of halves and bytes are exact in
/// f32.
PackedReader::Block PackedReader::loadBlockWithHeader(const Header &header, Value superBlock,
                                                      Value number, const Access &access) {
  auto at = [&](int64_t bytes, int64_t first) {
    Value offset = arith::MulIOp::create(e.b, number, e.index(bytes));
    return arith::AddIOp::create(e.b, superBlock, add(offset, first));
  };
  Value words = at(layout.getBlockBytes(), PackedLayout::kHeaderBytes);
  Value first = at(PackedLayout::kIntegerScalesBytes, PackedLayout::kIntegerScalesOffset);
  Value second = add(first, PackedLayout::kGroupRows);
  Block block = loadWords(words, PackedLayout::kBlockColumns, access);
  if (layout.hasHalfScales()) {
    block.scale = header.scale;
    block.halfScales = {loadIntegers(first, access, true), loadIntegers(second, access, true)};
    return block;
  }
  block.scale = arith::MulFOp::create(e.b, header.scale, loadIntegers(first, access, false));
  block.minimum = arith::MulFOp::create(e.b, header.minimum, loadIntegers(second, access, false));
  return block;
}

PackedReader::Block PackedReader::loadBlock(Value group, Value number) {
  const Access access = {.lane = Value(), .prefetch = true};
  auto move = [&](Value count, int64_t bytes) -> Value {
    Value offset = arith::MulIOp::create(e.b, count, e.index(bytes));
    return arith::AddIOp::create(e.b, group, offset);
  };
  if (!layout.hasHeaders())
    return loadBlock(move(number, layout.getBlockBytes()), PackedLayout::kBlockColumns, access);
  Value blocks = e.index(PackedLayout::kHeaderBlocks);
  Value superBlock = move(arith::DivUIOp::create(e.b, number, blocks), layout.getSuperBlockBytes());
  Value inSuperBlock = arith::RemUIOp::create(e.b, number, blocks);
  // Each of the 8 blocks asks for one line of the header, which has fewer.
  static_assert(PackedLayout::kHeaderBytes <=
                PackedLayout::kHeaderBlocks * PackedLayout::kWordBytes);
  Value line = arith::MulIOp::create(e.b, inSuperBlock, e.index(PackedLayout::kWordBytes));
  emitPrefetch(arith::AddIOp::create(e.b, superBlock, line));
  Header header = loadHeader(superBlock, {.lane = Value(), .prefetch = false});
  return loadBlockWithHeader(header, superBlock, inSuperBlock, access);
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
  auto toFloat = [&](Value v) -> Value {
    if (int64_t offset = layout.getQuantOffset())
      v = arith::SubIOp::create(e.b, v, e.intConstant(i32, offset));
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
  default:
    break;
  }
  if (layout.getColumnsPerWord() == 4)
    return toFloat(mask(shiftRight(word, 8 * inWord), 255));
  // Byte b: column b in its low nibble, column 4 + b in its high one.
  Value quant = mask(shiftRight(word, 8 * (inWord % 4) + 4 * (inWord / 4)), 15);
  if (int64_t bits = layout.getHighBits()) {
    // To bit 4 and above.
    int64_t at = bits * (c / 4), shift = 8 * (c % 4) + at % 8 - 4;
    Value high = block.highWords[at / 8];
    high = shift < 0 ? Value(arith::ShLIOp::create(e.b, high, e.intConstant(i32, -shift)))
                     : shiftRight(high, shift);
    quant = arith::OrIOp::create(e.b, quant, mask(high, ((1 << bits) - 1) << 4));
  }
  return toFloat(quant);
}

Value PackedReader::getQuants(const Block &block, int64_t c) {
  Value word = block.words[c / layout.getColumnsPerWord()];
  if (layout.getColumnsPerWord() == 4)
    return word;
  auto i32 = cast<VectorType>(word.getType());
  auto shiftRight = [&](Value v, int64_t bits) -> Value {
    if (bits < 0)
      return arith::ShLIOp::create(e.b, v, e.intConstant(i32, -bits));
    return bits == 0 ? v : Value(arith::ShRUIOp::create(e.b, v, e.intConstant(i32, bits)));
  };
  auto maskBytes = [&](Value v, int64_t bits) -> Value {
    return arith::AndIOp::create(e.b, v, e.intConstant(i32, bits * 0x01010101));
  };
  // The low nibbles of the bytes are the first four columns of a word, the high ones the others:
  // these are shifted as bytes, which is one instruction (vgf2p8affineqb) where there is GFNI.
  Value quants;
  if (c % 8 == 0) {
    quants = maskBytes(word, 15);
  } else {
    auto bytes = VectorType::get(4 * i32.getDimSize(0), e.b.getI8Type());
    Value shifted = arith::ShRUIOp::create(e.b, vector::BitCastOp::create(e.b, bytes, word),
                                           e.intConstant(bytes, 4));
    quants = vector::BitCastOp::create(e.b, i32, shifted);
  }
  int64_t bits = layout.getHighBits();
  if (bits == 0)
    return quants;
  int64_t at = bits * (c / 4);
  Value high = shiftRight(block.highWords[at / 8], at % 8 - 4);
  return arith::OrIOp::create(e.b, quants, maskBytes(high, ((1 << bits) - 1) << 4));
}

Value PackedReader::getValue(const Block &block, int64_t c) {
  Value quant = getQuant(block, c);
  if (!block.scale)
    return quant;
  if (block.minimum)
    return e.fma(block.scale, quant, block.minimum);
  if (!block.halfScales.empty()) // an integer of 14 bits: exact
    quant = arith::MulFOp::create(e.b, block.halfScales[c / kHalfColumns], quant);
  return arith::MulFOp::create(e.b, block.scale, quant);
}

/// Nibbles alone are the highest bits of a number from 1 to 2, 1 + quant / 16, from which the value
/// is one fused operation: value = (16 scale) * number + (minimum - 16 scale).
PackedReader::NearBlock PackedReader::prepareNear(const Block &block) {
  bool isNibble = block.scale && block.halfScales.empty() && layout.getHighBits() == 0 &&
                  layout.getColumnsPerWord() == 8;
  if (!isNibble)
    return {block, {}, {}};
  Type type = block.scale.getType();
  Value scale = arith::MulFOp::create(e.b, block.scale, e.constant(type, 16));
  int64_t offset = 16 + layout.getQuantOffset();
  Value minimum = e.fma(block.scale, e.constant(type, -offset),
                        block.minimum ? block.minimum : e.constant(type, 0));
  return {block, scale, minimum};
}

Value PackedReader::getNearValue(const NearBlock &near, int64_t c) {
  if (!near.scale)
    return getValue(near.block, c);
  constexpr int64_t mantissaBits = 23, bits = 4;
  Value word = near.block.words[c / layout.getColumnsPerWord()];
  Type i32 = word.getType();
  int64_t inWord = c % layout.getColumnsPerWord();
  int64_t shift = 8 * (inWord % 4) + bits * (inWord / 4) - (mantissaBits - bits);
  if (shift < 0)
    word = arith::ShLIOp::create(e.b, word, e.intConstant(i32, -shift));
  else if (shift > 0)
    word = arith::ShRUIOp::create(e.b, word, e.intConstant(i32, shift));
  word = arith::AndIOp::create(e.b, word, e.intConstant(i32, 15 << (mantissaBits - bits)));
  word = arith::OrIOp::create(e.b, word, e.intConstant(i32, 0x3f800000 /* 1.0 */));
  Value number = arith::BitcastOp::create(e.b, near.scale.getType(), word);
  return e.fma(near.scale, number, near.minimum);
}

Value PackedReader::addHalves(const Block &block, Value first, Value second) {
  return e.fma(block.halfScales[0], first, arith::MulFOp::create(e.b, block.halfScales[1], second));
}

/// A loop over [0, count).
SmallVector<Value>
PackedReader::forRange(int64_t count, ValueRange init,
                       function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(e.b, e.index(0), e.index(count), e.index(1), init);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!init.empty()) // else the loop has been made with its terminator
    scf::YieldOp::create(e.b, next);
  return SmallVector<Value>(loop.getResults());
}

SmallVector<Value> PackedReader::forBlocks(ArrayRef<Value> groups, ValueRange init,
                                           const Access &access, BlockBody body) {
  if (layout.hasHeaders())
    return forSuperBlocks(groups, init, access, body);
  auto blocksAt = [&](Value offset, int64_t length) {
    return llvm::map_to_vector(groups, [&](Value group) {
      return loadBlock(arith::AddIOp::create(e.b, group, offset), length, access);
    });
  };
  SmallVector<Value> carried(init);
  int64_t full = layout.getNumFullBlocks();
  if (full > 0)
    carried = forRange(full, carried, [&](Value block, ValueRange carried) {
      Value offset = arith::MulIOp::create(e.b, block, e.index(layout.getBlockBytes()));
      Value column = arith::MulIOp::create(e.b, block, e.index(PackedLayout::kBlockColumns));
      return body(blocksAt(offset, PackedLayout::kBlockColumns), column, carried);
    });
  if (int64_t tail = layout.getTailColumns())
    carried = body(blocksAt(e.index(full * layout.getBlockBytes()), tail),
                   e.index(full * PackedLayout::kBlockColumns), carried);
  return carried;
}

SmallVector<Value> PackedReader::forSuperBlocks(ArrayRef<Value> groups, ValueRange init,
                                                const Access &access, BlockBody body) {
  int64_t count = layout.getNumFullBlocks() / PackedLayout::kHeaderBlocks;
  return forRange(count, init, [&](Value superBlock, ValueRange carried) {
    Value offset = arith::MulIOp::create(e.b, superBlock, e.index(layout.getSuperBlockBytes()));
    Value firstColumn = arith::MulIOp::create(e.b, superBlock, e.index(kSuperBlockValues));
    SmallVector<Value> starts;
    SmallVector<Header> headers;
    for (Value group : groups) {
      starts.push_back(arith::AddIOp::create(e.b, group, offset));
      headers.push_back(loadHeader(starts.back(), access));
    }
    return forRange(PackedLayout::kHeaderBlocks, carried, [&](Value block, ValueRange carried) {
      SmallVector<Block> blocks;
      for (auto [start, header] : llvm::zip_equal(starts, headers))
        blocks.push_back(loadBlockWithHeader(header, start, block, access));
      Value column = arith::MulIOp::create(e.b, block, e.index(PackedLayout::kBlockColumns));
      return body(blocks, arith::AddIOp::create(e.b, firstColumn, column), carried);
    });
  });
}

SmallVector<Value> PackedReader::forBlocks(ArrayRef<Value> groups, ValueRange init,
                                           BlockBody body) {
  return forBlocks(groups, init, {.lane = Value(), .prefetch = true}, body);
}

void PackedReader::forTileBlocks(const Tile &tile,
                                 function_ref<void(const Block &, Value, Value)> body) {
  forBlocks(getGroupOffsets(tile), {}, [&](ArrayRef<Block> blocks, Value column, ValueRange) {
    Value number = arith::DivUIOp::create(e.b, column, e.index(PackedLayout::kBlockColumns));
    for (auto [v, block] : llvm::enumerate(blocks))
      body(block, e.index(v), number);
    return SmallVector<Value>();
  });
}

void PackedReader::forBlocksOfRow(Value group, Value lane,
                                  function_ref<void(const Block &, Value)> body) {
  forBlocks(group, {}, {.lane = lane, .prefetch = false},
            [&](ArrayRef<Block> blocks, Value column, ValueRange) {
              body(blocks.front(), column);
              return SmallVector<Value>();
            });
}
