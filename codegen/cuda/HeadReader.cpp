//===- HeadReader.cpp - One head of slots of a cache ----------------------===//
#include "codegen/cuda/HeadReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

static constexpr int64_t kLoadBytes = 16;

std::string HeadReader::getObstacle(Value cache, int64_t kvHeads) {
  int64_t channels = nyala::getChannels(cache) / kvHeads;
  bool isBlocks(getBlocks(getTensorType(cache)));
  int64_t unit = isBlocks ? SlotLayout::kBlockChannels : kQuad * kMostQuads;
  if (channels % unit == 0 && channels <= kMostChannels)
    return {};
  return "reads heads of " + std::to_string(channels) + " channels from a cache" +
         (isBlocks ? " in blocks" : "") + ": expected a multiple of " + std::to_string(unit) +
         ", at most " + std::to_string(kMostChannels);
}

HeadReader::HeadReader(ThreadEmitter &e, Value cache, int64_t kvHeads, int64_t quads)
    : e(e), buffer(e.getBuffer(cache)), element(getElementTypeOrSelf(cache)), quads(quads),
      channels(nyala::getChannels(cache) / kvHeads), stride(nyala::getChannels(cache)),
      lanes(static_cast<int64_t>(llvm::PowerOf2Ceil(channels / getLaneChannels()))),
      slots(getTensorType(cache).getDimSize(1)) {
  if (getBlocks(getTensorType(cache)))
    layout = getSlotLayout(getTensorType(cache));
}

int64_t HeadReader::getRegisters() const {
  if (layout)
    return 1 + (isNibbles() ? 1 : quads);
  return getLaneChannels() * element.getIntOrFloatBitWidth() / 32;
}

Value HeadReader::getSlotOfLane() {
  return arith::DivUIOp::create(e.b, e.getLane(), e.index(lanes));
}

Value HeadReader::getLaneOfSlot() {
  Value lane = arith::RemUIOp::create(e.b, e.getLane(), e.index(lanes));
  if (lanes * getLaneChannels() == channels)
    return lane;
  return arith::MinSIOp::create(e.b, lane, e.index(channels / getLaneChannels() - 1));
}

Value HeadReader::getChannel(int64_t quad) {
  auto mul = [&](Value l, int64_t r) -> Value { return arith::MulIOp::create(e.b, l, e.index(r)); };
  auto add = [&](Value l, Value r) -> Value { return e.b.createOrFold<arith::AddIOp>(l, r); };
  Value lane = getLaneOfSlot();
  if (!isNibbles())
    return add(mul(lane, getLaneChannels()), e.index(quad * kQuad));
  // Words of a block, low nibbles before high ones.
  constexpr int64_t words = SlotLayout::kBlockChannels / 2 / kQuad;
  Value number = add(mul(lane, quads), e.index(quad));
  Value block = arith::DivUIOp::create(e.b, number, e.index(2 * words));
  Value inBlock = arith::RemUIOp::create(e.b, number, e.index(2 * words));
  Value word = arith::DivUIOp::create(e.b, inBlock, e.index(2));
  Value half = arith::RemUIOp::create(e.b, inBlock, e.index(2));
  return add(add(mul(block, SlotLayout::kBlockChannels), mul(word, kQuad)),
             mul(half, SlotLayout::kBlockChannels / 2));
}

Value HeadReader::hasChannels() {
  if (lanes * getLaneChannels() == channels)
    return {};
  Value lane = arith::RemUIOp::create(e.b, e.getLane(), e.index(lanes));
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, lane,
                               e.index(channels / getLaneChannels()));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

int64_t HeadReader::getSlotBytes() const {
  return layout ? layout->getSlotBytes() : stride * element.getIntOrFloatBitWidth() / 8;
}

HeadReader::Place HeadReader::getPlace(Value sequence, Value kvHead, Value first, Value end) {
  auto mul = [&](Value l, int64_t r) -> Value {
    return e.b.createOrFold<arith::MulIOp>(l, e.index(r));
  };
  auto div = [&](Value l, int64_t r) -> Value {
    return arith::DivUIOp::create(e.b, l, e.index(r));
  };
  auto add = [&](Value l, Value r) -> Value { return e.b.createOrFold<arith::AddIOp>(l, r); };
  Value slot = add(first, getSlotOfLane());
  Value start = mul(add(mul(sequence, slots), slot), getSlotBytes());
  Value column = add(mul(kvHead, channels), mul(getLaneOfSlot(), getLaneChannels()));
  Place place;
  place.left =
      arith::IndexCastOp::create(e.b, e.b.getI32Type(), arith::SubIOp::create(e.b, end, slot));
  Value words;
  if (!layout)
    words = mul(column, element.getIntOrFloatBitWidth() / 8);
  else // 8 channels are a word of nibbles
    words = isNibbles() ? mul(div(column, 2 * kQuad), 4) : column;
  place.words = e.getAddress(buffer, add(start, words));
  if (layout) {
    Value block = mul(div(column, SlotLayout::kBlockChannels), 2);
    place.scales = e.getAddress(buffer, add(start, add(block, e.index(layout->getScalesOffset()))));
  }
  return place;
}

/// `count` adjacent words of `bits` bits, `offset` bytes behind an address, or zeros unless there
/// are more than `slot` left: so neither addresses nor bounds of loads take registers.
SmallVector<Value> HeadReader::loadWhere(Value address, int64_t slot, int64_t offset, Value left,
                                         int64_t count, int64_t bits) {
  std::string code, results, constraints;
  llvm::raw_string_ostream os(code), resultsOs(results), constraintsOs(constraints);
  os << "{ .reg .pred p; setp.gt.s32 p, $" << count + 1 << ", " << slot << ";";
  for (int64_t i = 0; i < count; ++i) {
    os << " mov.b" << bits << " $" << i << ", 0;";
    resultsOs << (i ? ", $" : "$") << i;
    constraintsOs << (bits == 16 ? "=&h," : "=&r,");
  }
  os << " @p ld.global.L1::no_allocate.L2::256B.";
  if (count > 1)
    os << "v" << count << ".b" << bits << " {" << results << "}";
  else
    os << "b" << bits << " " << results;
  os << ", [$" << count << "+" << offset << "]; }";
  constraintsOs << "l,r";
  MLIRContext *context = e.b.getContext();
  Type word = e.b.getIntegerType(bits);
  Type type =
      count == 1 ? word : LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(count, word));
  Value loaded = LLVM::InlineAsmOp::create(
                     e.b, type, ValueRange{address, left}, code, constraints,
                     /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
                     LLVM::AsmDialectAttr::get(context, LLVM::AsmDialect::AD_ATT),
                     /*operand_attrs=*/ArrayAttr())
                     .getRes();
  if (count == 1)
    return {loaded};
  SmallVector<Value> words;
  for (int64_t i = 0; i < count; ++i)
    words.push_back(LLVM::ExtractValueOp::create(e.b, loaded, i));
  return words;
}

HeadReader::Stored HeadReader::load(const Place &place, int64_t number) {
  int64_t slot = number * getSlotsAtOnce(), start = slot * getSlotBytes();
  Type i32 = e.b.getI32Type();
  Stored stored;
  int64_t words = layout ? getRegisters() - 1 : getRegisters();
  // Slots of blocks are multiples of 34 or 18 bytes.
  int64_t access = std::min<int64_t>(kLoadBytes, getSlotBytes() & -getSlotBytes());
  if (access == 2) {
    for (int64_t i = 0; i < words; ++i) {
      auto half = [&](int64_t byte) -> Value {
        Value loaded = loadWhere(place.words, slot, start + 4 * i + byte, place.left, 1, 16)[0];
        return arith::ExtUIOp::create(e.b, i32, loaded);
      };
      Value low = half(0);
      Value high = arith::ShLIOp::create(e.b, half(2), e.intConstant(i32, 16));
      stored.words.push_back(arith::OrIOp::create(e.b, low, high));
    }
  } else {
    int64_t count = std::min(words, access / 4);
    for (int64_t i = 0; i < words; i += count)
      stored.words.append(loadWhere(place.words, slot, start + 4 * i, place.left, count, 32));
  }
  if (!layout)
    return stored;
  if (isNibbles() && quads == 1) {
    // Two lanes share a word: the second one's nibbles are shifted down.
    Value half = arith::RemUIOp::create(e.b, getLaneOfSlot(), e.index(2));
    Value shift = arith::MulIOp::create(e.b, arith::IndexCastOp::create(e.b, i32, half),
                                        e.intConstant(i32, 4));
    stored.words[0] = arith::ShRUIOp::create(e.b, stored.words[0], shift);
  }
  Value scale = loadWhere(place.scales, slot, start, place.left, 1, 16)[0];
  stored.scale = arith::BitcastOp::create(e.b, e.b.getF16Type(), scale);
  return stored;
}

HeadReader::Numbers HeadReader::widen(const Stored &stored) {
  if (layout)
    return widenBlocks(stored);
  Numbers numbers;
  for (Value word : stored.words) {
    if (element.isF32()) {
      numbers.values.push_back(arith::BitcastOp::create(e.b, element, word));
    } else if (element.isBF16()) {
      auto [low, high] = e.widenPair(word);
      numbers.values.append({low, high});
    } else {
      Value single =
          vector::FromElementsOp::create(e.b, VectorType::get(1, e.b.getI32Type()), word);
      Value pair = vector::BitCastOp::create(e.b, VectorType::get(2, element), single);
      pair = arith::ExtFOp::create(e.b, VectorType::get(2, e.b.getF32Type()), pair);
      for (int64_t i = 0; i < 2; ++i)
        numbers.values.push_back(vector::ExtractOp::create(e.b, pair, i));
    }
  }
  return numbers;
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
      for (int64_t half = 0; half < quads; ++half)
        for (int64_t shift : {0, 8, 16, 24})
          append(word, shift + 4 * half, 15, getInfo(layout->getFormat()).quantOffset);
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
