//===- QuantizedModels.cpp - Kernels of integer products ------------------===//
//
// A block's dot product is exact in 32-bit integers, whatever instructions
// compute it; f32 enters in one order (docs/numerics.md). So AVX2, AVX-512 and
// machines with dot-product instructions agree bit by bit.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/PackedReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// Emits accumulator + sum over a lane's four bytes of unsigned weights times signed activations.
class ByteDotEmitter {
public:
  /// \param fullRange weights may be 128 or more.
  ByteDotEmitter(TileEmitter &e, bool fullRange) : e(e), fullRange(fullRange) {
    CpuTargetAttr target = e.getTarget();
    if (target.hasFeature("avx512vnni") && target.hasFeature("avx512f"))
      unit = Unit::Vnni512;
    else if (target.hasFeature("avxvnni"))
      unit = Unit::Vnni256;
    else if (target.hasFeature("avx2"))
      unit = Unit::Avx2;
  }

  /// All three are vector<16xi32>.
  Value emit(Value accumulator, Value weights, Value activations) {
    switch (unit) {
    case Unit::Vnni512:
      return dot("llvm.x86.avx512.vpdpbusd.512", accumulator, weights, activations);
    case Unit::Vnni256:
      return byHalves(accumulator, weights, activations, [&](Value a, Value w, Value x) {
        return dot("llvm.x86.avx512.vpdpbusd.256", a, w, x);
      });
    case Unit::Avx2:
      return byHalves(accumulator, weights, activations,
                      [&](Value a, Value w, Value x) { return dotAvx2(a, w, x); });
    case Unit::None:
      return dotByBytes(accumulator, weights, activations);
    }
    llvm_unreachable("unknown unit");
  }

private:
  enum class Unit { None, Avx2, Vnni256, Vnni512 };

  static VectorType typeAs(Value vector, Type element) {
    auto type = cast<VectorType>(vector.getType());
    int64_t bits = type.getNumElements() * type.getElementTypeBitWidth();
    return VectorType::get(bits / element.getIntOrFloatBitWidth(), element);
  }
  Value bytesOf(Value vector) {
    return vector::BitCastOp::create(e.b, typeAs(vector, e.b.getI8Type()), vector);
  }
  Value call(StringRef intrinsic, Type type, ValueRange arguments) {
    return LLVM::CallIntrinsicOp::create(e.b, type, e.b.getStringAttr(intrinsic), arguments)
        .getResult(0);
  }

  Value dot(StringRef intrinsic, Value accumulator, Value weights, Value activations) {
    return call(intrinsic, accumulator.getType(),
                {accumulator, bytesOf(weights), bytesOf(activations)});
  }

  Value byHalves(Value accumulator, Value weights, Value activations,
                 function_ref<Value(Value, Value, Value)> body) {
    auto half = [&](Value vector, int64_t first) -> Value {
      return vector::ExtractStridedSliceOp::create(e.b, vector, ArrayRef<int64_t>{first},
                                                   ArrayRef<int64_t>{kLanes / 2},
                                                   ArrayRef<int64_t>{1});
    };
    Value result = accumulator;
    for (int64_t first : {int64_t(0), kLanes / 2})
      result = vector::InsertStridedSliceOp::create(
          e.b, body(half(accumulator, first), half(weights, first), half(activations, first)),
          result, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{1});
    return result;
  }

  /// vpmaddubsw adds pairs of products in 16 bits, saturating: weights below 128 never reach that.
  /// Bytes of the full range are taken by nibbles.
  Value dotAvx2(Value accumulator, Value weights, Value activations) {
    Type i16 = e.b.getI16Type();
    auto type = cast<VectorType>(weights.getType());
    auto add = [&](Value sum, Value part, int64_t factor) -> Value {
      Value pairs = call("llvm.x86.avx2.pmadd.ub.sw", typeAs(part, i16),
                         {bytesOf(part), bytesOf(activations)});
      Value products =
          call("llvm.x86.avx2.pmadd.wd", type, {pairs, e.intConstant(typeAs(part, i16), factor)});
      return arith::AddIOp::create(e.b, sum, products);
    };
    if (!fullRange)
      return add(accumulator, weights, 1);
    Value mask = e.intConstant(type, 0x0f0f0f0f);
    Value low = arith::AndIOp::create(e.b, weights, mask);
    Value high = arith::AndIOp::create(
        e.b, arith::ShRUIOp::create(e.b, weights, e.intConstant(type, 4)), mask);
    return add(add(accumulator, low, 1), high, 16);
  }

  Value dotByBytes(Value sum, Value weights, Value activations) {
    Type type = weights.getType();
    auto constant = [&](int64_t value) { return e.intConstant(type, value); };
    for (int64_t byte = 0; byte < 4; ++byte) {
      Value weight = arith::AndIOp::create(
          e.b, arith::ShRUIOp::create(e.b, weights, constant(8 * byte)), constant(255));
      Value activation = arith::ShRSIOp::create(
          e.b, arith::ShLIOp::create(e.b, activations, constant(24 - 8 * byte)), constant(24));
      sum = arith::AddIOp::create(e.b, sum, arith::MulIOp::create(e.b, weight, activation));
    }
    return sum;
  }

  TileEmitter &e;
  bool fullRange;
  Unit unit = Unit::None;
};

struct QuantizedLinearModel
    : CpuTileOpInterface::ExternalModel<QuantizedLinearModel, QuantizedLinearOp> {
  std::string getObstacle(Operation *op) const {
    return getWeightObstacle(cast<QuantizedLinearOp>(op).getWeight());
  }

  SmallVector<int64_t> getRowBlocks(Operation *, CpuTargetAttr target, int64_t maxRows) const {
    SmallVector<int64_t> blocks;
    if (maxRows >= kAmxRows && hasAmxProduct(target))
      blocks.push_back(kAmxRows);
    if (maxRows > 1 && target.hasFeature("avx512f"))
      blocks.push_back(4);
    return blocks;
  }

  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<QuantizedLinearOp>(operation);
    if (tile.rows == kAmxRows && hasAmxProduct(e.getTarget()))
      return addBias(e, op.getBias(), tile, emitAmxProduct(e, op, tile));
    PackedReader reader(e, op.getWeight());
    bool minima = reader.getLayout().hasMinima();
    SmallVector<Value> bases;
    for (int64_t v = 0; v < tile.vectors; ++v)
      bases.push_back(
          reader.getGroupOffset(arith::AddIOp::create(e.b, tile.column, e.index(v * kLanes))));
    // Sums of scaled products, then those of scaled minima.
    int64_t count = tile.rows * tile.vectors;
    SmallVector<Value> init(minima ? 2 * count : count, e.constant(e.f32Vector(), 0));
    SmallVector<Value> sums = reader.forBlocks(
        bases, init, [&](ArrayRef<PackedReader::Block> blocks, Value column, ValueRange carried) {
          SmallVector<Value> next(carried);
          for (int64_t r = 0; r < tile.rows; ++r) {
            Value row = arith::AddIOp::create(e.b, tile.row, e.index(r));
            Activations activations = loadActivations(e, op, row, column);
            for (int64_t v = 0; v < tile.vectors; ++v) {
              int64_t i = r * tile.vectors + v;
              addBlock(e, reader, blocks[v], activations, next[i],
                       minima ? &next[count + i] : nullptr);
            }
          }
          return next;
        });
    if (minima)
      for (int64_t i = 0; i < count; ++i)
        sums[i] = arith::AddFOp::create(e.b, sums[i], sums[count + i]);
    sums.truncate(count);
    return addBias(e, op.getBias(), tile, std::move(sums));
  }

private:
  /// A block of a row.
  struct Activations {
    SmallVector<Value> quads; ///< four values each, in all lanes: vector<16xi32>
    Value scale;              ///< vector<16xf32>
    Value sums[2];            ///< of either half, i32
  };

  static Activations loadActivations(TileEmitter &e, QuantizedLinearOp op, Value row,
                                     Value column) {
    Activations result;
    Value values = e.getBuffer(op.getValues());
    for (int64_t c = 0; c < PackedLayout::kBlockColumns; c += 4) {
      Value at = arith::AddIOp::create(e.b, column, e.index(c));
      Value bytes = vector::LoadOp::create(e.b, VectorType::get(4, e.b.getI8Type()), values,
                                           ValueRange{row, at});
      Value quad = vector::BitCastOp::create(e.b, VectorType::get(1, e.b.getI32Type()), bytes);
      result.quads.push_back(
          e.broadcast(vector::ExtractOp::create(e.b, quad, ArrayRef<int64_t>{0})));
    }
    Value block = arith::DivUIOp::create(e.b, column, e.index(PackedLayout::kBlockColumns));
    result.scale = e.broadcast(
        memref::LoadOp::create(e.b, e.getBuffer(op.getScales()), ValueRange{row, block}));
    for (int64_t half = 0; half < 2; ++half) {
      Value at = arith::DivUIOp::create(
          e.b, arith::AddIOp::create(e.b, column, e.index(half * kSumChannels)),
          e.index(kSumChannels));
      result.sums[half] =
          memref::LoadOp::create(e.b, e.getBuffer(op.getSums()), ValueRange{row, at});
    }
    return result;
  }

  static void addBlock(TileEmitter &e, PackedReader &reader, const PackedReader::Block &block,
                       const Activations &activations, Value &product, Value *minimum) {
    VectorType i32 = VectorType::get(kLanes, e.b.getI32Type());
    ByteDotEmitter dot(e, reader.getLayout().getFormat() == StoredFormat::Q8_0);
    // A chain for each half starts with what the weights' offset adds too much.
    Value chains[2];
    for (auto [chain, sum] : llvm::zip_equal(chains, activations.sums)) {
      int64_t offset = reader.getLayout().getQuantOffset();
      chain = offset == 0 ? e.intConstant(i32, 0)
                          : e.broadcast(arith::MulIOp::create(
                                e.b, sum, e.intConstant(e.b.getI32Type(), -offset)));
    }
    for (auto [i, quad] : llvm::enumerate(activations.quads)) {
      Value &chain = chains[4 * i / PackedReader::kHalfColumns];
      chain = dot.emit(chain, reader.getQuants(block, 4 * i), quad);
    }
    auto toFloat = [&](Value integers) -> Value {
      return arith::SIToFPOp::create(e.b, e.f32Vector(), integers);
    };
    // With half scales, products and their sum are integers below 2^24: exact in f32, too.
    Value total = block.halfScales.empty()
                      ? toFloat(arith::AddIOp::create(e.b, chains[0], chains[1]))
                      : reader.addHalves(block, toFloat(chains[0]), toFloat(chains[1]));
    Value scale = arith::MulFOp::create(e.b, block.scale, activations.scale);
    product = e.fma(total, scale, product);
    if (!minimum)
      return;
    Value sum = arith::AddIOp::create(e.b, activations.sums[0], activations.sums[1]);
    sum = e.broadcast(arith::SIToFPOp::create(e.b, e.b.getF32Type(), sum));
    *minimum = e.fma(block.minimum, arith::MulFOp::create(e.b, sum, activations.scale), *minimum);
  }
};

struct QuantizeModel : CpuTileOpInterface::ExternalModel<QuantizeModel, QuantizeOp> {
  SmallVector<Value> emitTile(Operation *op, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    e.getBuffer(op->getResult(result));
    return e.pull(op->getResult(result), tile);
  }

  bool hasJointRows(Operation *) const { return true; }

  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<QuantizeOp>(operation);
    constexpr int64_t size = PackedLayout::kBlockColumns;
    auto store = [&](unsigned result, Value value, Value column) {
      if (Value destination = destinations[result])
        memref::StoreOp::create(e.b, value, destination, ValueRange{row, column});
    };
    e.forRange(e.index(0), e.index(getChannels(op.getScales())), 1, [&](Value block) {
      e.beginTile();
      Tile tile;
      tile.row = row;
      tile.column = arith::MulIOp::create(e.b, block, e.index(size));
      tile.vectors = size / kLanes;
      SmallVector<Value> x = e.pull(op.getInput(), tile);
      Value top = getLargest(e, x);
      store(1, arith::DivFOp::create(e.b, top, e.constant(e.b.getF32Type(), kLargest)), block);
      static_assert(kSumChannels == kLanes);
      for (auto [v, integers] : llvm::enumerate(round(e, x, top))) {
        Value column = arith::AddIOp::create(e.b, tile.column, e.index(v * kLanes));
        store(2, vector::ReductionOp::create(e.b, vector::CombiningKind::ADD, integers),
              arith::DivUIOp::create(e.b, column, e.index(kSumChannels)));
        Value bytes =
            arith::TruncIOp::create(e.b, VectorType::get(kLanes, e.b.getI8Type()), integers);
        if (destinations[0])
          vector::StoreOp::create(e.b, bytes, destinations[0], ValueRange{row, column});
      }
    });
  }

private:
  static constexpr double kLargest = 127;

  static Value getLargest(TileEmitter &e, ArrayRef<Value> x) {
    Value largest = e.constant(e.f32Vector(), 0);
    for (Value vector : x)
      largest = e.max(e.max(vector, arith::NegFOp::create(e.b, vector)), largest);
    return e.reduceMax(largest);
  }

  /// round(x * (127 / top)), or zeros, as vectors of i32.
  static SmallVector<Value> round(TileEmitter &e, ArrayRef<Value> x, Value top) {
    Type f32 = e.b.getF32Type();
    Value zero = e.constant(f32, 0);
    Value positive = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGT, top, zero);
    Value quotient = arith::DivFOp::create(e.b, e.constant(f32, kLargest), top);
    Value factor = e.broadcast(arith::SelectOp::create(e.b, positive, quotient, zero));
    SmallVector<Value> integers;
    for (Value vector : x)
      integers.push_back(e.roundToIntegers(arith::MulFOp::create(e.b, vector, factor)));
    return integers;
  }
};

} // namespace

void nyala::cpu::attachQuantizedModels(MLIRContext *context) {
  QuantizeOp::attachInterface<QuantizeModel>(*context);
  QuantizedLinearOp::attachInterface<QuantizedLinearModel>(*context);
}
