//===- HeadReader.cpp - One head of slots of a cache ----------------------===//
#include "codegen/cuda/HeadReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

static constexpr int64_t kLoadBytes = 16;
static constexpr int64_t kQuad = HeadReader::kLaneChannels / 2;

std::string HeadReader::getObstacle(Value cache, int64_t kvHeads) {
  RankedTensorType type = getTensorType(cache);
  int64_t channels = nyala::getChannels(cache) / kvHeads;
  if (getBlocks(type))
    return "reads a cache in blocks: expected one of f32, f16 or bf16 on a GPU (--kv-type=f16)";
  if (channels % kLaneChannels != 0 || channels > kWarp * kLaneChannels)
    return "reads heads of " + std::to_string(channels) +
           " channels: expected a multiple of 8, at most 256";
  return {};
}

HeadReader::HeadReader(ThreadEmitter &e, Value cache, int64_t kvHeads)
    : e(e), buffer(e.getBuffer(cache)), element(getElementTypeOrSelf(cache)),
      channels(nyala::getChannels(cache) / kvHeads), stride(nyala::getChannels(cache)),
      lanes(static_cast<int64_t>(llvm::PowerOf2Ceil(channels / kLaneChannels))),
      slots(getTensorType(cache).getDimSize(1)) {}

Value HeadReader::getSlotOfLane() {
  return arith::DivUIOp::create(e.b, e.getLane(), e.index(lanes));
}

Value HeadReader::getLaneOfSlot() {
  return arith::RemUIOp::create(e.b, e.getLane(), e.index(lanes));
}

Value HeadReader::getChannel(int64_t half) {
  Value lane = getLaneOfSlot();
  if (hasChannels())
    lane = arith::MinSIOp::create(e.b, lane, e.index(channels / kLaneChannels - 1));
  Value first = arith::MulIOp::create(e.b, lane, e.index(kLaneChannels));
  return arith::AddIOp::create(e.b, first, e.index(half * kQuad));
}

Value HeadReader::hasChannels() {
  if (lanes * kLaneChannels == channels)
    return {};
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, getLaneOfSlot(),
                               e.index(channels / kLaneChannels));
}

HeadReader::Stored HeadReader::load(Value sequence, Value kvHead, Value slot) {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  auto mul = [&](Value l, int64_t r) -> Value {
    return e.b.createOrFold<arith::MulIOp>(l, e.index(r));
  };
  auto add = [&](Value l, Value r) -> Value { return e.b.createOrFold<arith::AddIOp>(l, r); };
  Value head = add(mul(kvHead, channels), getChannel(0));
  Value offset = mul(add(mul(add(mul(sequence, slots), slot), stride), head), bytes);
  Stored stored;
  for (int64_t i = 0; i < kLaneChannels * bytes; i += kLoadBytes)
    stored.push_back(e.loadStreaming(buffer, add(offset, e.index(i))));
  return stored;
}

SmallVector<Value> HeadReader::widen(const Stored &stored) {
  SmallVector<Value> numbers;
  for (Value words : stored) {
    if (element.isBF16()) {
      for (int64_t i = 0; i < 4; ++i) {
        auto [low, high] = e.widenPair(vector::ExtractOp::create(e.b, words, i));
        numbers.append({low, high});
      }
      continue;
    }
    int64_t count = kLoadBytes * 8 / element.getIntOrFloatBitWidth();
    Value vector = vector::BitCastOp::create(e.b, VectorType::get(count, element), words);
    if (!element.isF32())
      vector = arith::ExtFOp::create(e.b, VectorType::get(count, e.b.getF32Type()), vector);
    for (int64_t i = 0; i < count; ++i)
      numbers.push_back(vector::ExtractOp::create(e.b, vector, i));
  }
  return numbers;
}
