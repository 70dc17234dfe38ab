//===- QuantizedModels.cpp - Kernels of integer products ------------------===//
//
// A block's dot product is exact in 32-bit integers, whatever instructions
// compute it; f32 enters in one order (docs/numerics.md). So AVX2, AVX-512 and
// machines with dot-product instructions agree bit by bit.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/ByteDot.h"
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/PackedReader.h"
#include "codegen/cpu/QuantizedPanel.h"
#include "codegen/cpu/QuantizedTerms.h"
#include "codegen/cpu/RescaledProduct.h"
#include "codegen/cpu/RoundedProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// Emits one tile of a product.
class ProductEmitter {
public:
  ProductEmitter(TileEmitter &e, QuantizedLinearOp op, const Tile &tile)
      : e(e), op(op), tile(tile), layout(getPackedLayout(getTensorType(op.getWeight()))),
        dot(e, layout.getLargestQuant()), values(e.getBuffer(op.getValues())),
        scales(e.getBuffer(op.getScales())), terms(getQuantizedTerms(e, op)) {}

  /// Few rows, of one vector: blocks are unpacked as they are read.
  SmallVector<Value> emitStreamed() {
    PackedReader reader(e, op.getWeight());
    // Of products, then of minima.
    int64_t count = getNumSums();
    SmallVector<Value> init(layout.hasMinima() ? 2 * count : count, getZero());
    SmallVector<Value> sums = reader.forBlocks(
        reader.getGroupOffset(tile.column), init,
        [&](ArrayRef<PackedReader::Block> blocks, Value column, ValueRange carried) {
          const PackedReader::Block &block = blocks.front();
          Value number = arith::DivUIOp::create(e.b, column, e.index(PackedLayout::kBlockColumns));
          SmallVector<Value> next(carried);
          addProducts(
              number, MutableArrayRef(next).take_front(count),
              {[&](int64_t, int64_t quad) { return reader.getQuants(block, quad * kQuadColumns); },
               [&](int64_t) { return block.scale; },
               [&](int64_t, int64_t half) { return block.halfScales[half]; }});
          if (layout.hasMinima())
            addMinima(number, MutableArrayRef(next).drop_front(count),
                      [&](int64_t) { return block.minimum; });
          return next;
        });
    if (!layout.hasMinima())
      return sums;
    return addSums(ArrayRef(sums).take_front(count), ArrayRef(sums).drop_front(count));
  }

  /// Many rows, from a panel. Minima have a loop of their own: their sums take no registers from
  /// the products'.
  SmallVector<Value> emitFromPanel() {
    QuantizedPanel panel = getQuantizedPanel(e, op, tile);
    SmallVector<Value> products = forBlocks([&](Value block, MutableArrayRef<Value> sums) {
      addProducts(
          block, sums,
          {[&](int64_t v, int64_t quad) { return loadQuad(e, panel.quads, v, block, quad); },
           [&](int64_t v) { return e.load(panel.scales, {e.index(v), block, e.index(0)}); },
           [&](int64_t v, int64_t half) {
             return e.load(panel.halfScales, {e.index(v), block, e.index(half), e.index(0)});
           }});
    });
    if (!panel.minima)
      return products;
    SmallVector<Value> minima = forBlocks([&](Value block, MutableArrayRef<Value> sums) {
      addMinima(block, sums,
                [&](int64_t v) { return e.load(panel.minima, {e.index(v), block, e.index(0)}); });
    });
    return addSums(products, minima);
  }

private:
  /// What is read of a block, of each vector v.
  struct BlockWeights {
    function_ref<Value(int64_t, int64_t)> getQuad; ///< given v and the quad, vector<16xi32>
    function_ref<Value(int64_t)> getScale;
    function_ref<Value(int64_t, int64_t)> getHalfScale; ///< given v and the half
  };

  /// Row by row, vector by vector.
  int64_t getNumSums() const { return tile.rows * tile.vectors; }
  Value getZero() { return e.constant(e.f32Vector(), 0); }
  Value getRow(int64_t r) { return arith::AddIOp::create(e.b, tile.row, e.index(r)); }
  /// Scales that a block's products have: one, or one of each half.
  int64_t getNumParts() const { return layout.hasHalfScales() ? 2 : 1; }

  SmallVector<Value> forBlocks(function_ref<void(Value, MutableArrayRef<Value>)> body) {
    auto loop = scf::ForOp::create(e.b, e.index(0), e.index(layout.getNumFullBlocks()), e.index(1),
                                   SmallVector<Value>(getNumSums(), getZero()));
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> sums(loop.getRegionIterArgs());
    body(loop.getInductionVar(), sums);
    scf::YieldOp::create(e.b, sums);
    return SmallVector<Value>(loop.getResults());
  }

  /// sums += float(i) * (scale of the weights * scale of the values).
  void addProducts(Value block, MutableArrayRef<Value> sums, const BlockWeights &weights) {
    int64_t parts = getNumParts();
    SmallVector<Value> products(sums.size());
    for (int64_t part = 0; part < parts; ++part) {
      SmallVector<Value> integers = multiply(block, part, weights);
      for (auto [i, product] : llvm::enumerate(products)) {
        Value value = arith::SIToFPOp::create(e.b, e.f32Vector(), integers[i]);
        if (parts == 1) {
          product = value;
          continue;
        }
        // Products and their sum are integers below 2^24: exact in f32, too.
        Value scale = weights.getHalfScale(i % tile.vectors, part);
        product = product ? e.fma(scale, value, product)
                          : Value(arith::MulFOp::create(e.b, scale, value));
      }
    }
    for (int64_t i = 0; i < getNumSums(); ++i) {
      Value scale = arith::MulFOp::create(e.b, weights.getScale(i % tile.vectors),
                                          broadcastOf(scales, i / tile.vectors, block));
      sums[i] = e.fma(products[i], scale, sums[i]);
    }
  }

  /// Integer products of a part of a block.
  SmallVector<Value> multiply(Value block, int64_t part, const BlockWeights &weights) {
    int64_t parts = getNumParts(), quads = kBlockQuads / parts;
    Value column = arith::MulIOp::create(e.b, block, e.index(PackedLayout::kBlockColumns));
    SmallVector<ByteDotEmitter::Sum> sums;
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value at = arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, block, e.index(parts)),
                                       e.index(part));
      Value first = layout.getQuantOffset()
                        ? broadcastOf(terms, r, at)
                        : e.intConstant(VectorType::get(kLanes, e.b.getI32Type()), 0);
      sums.append(tile.vectors, dot.start(first));
    }
    for (int64_t quad = part * quads; quad < (part + 1) * quads; ++quad) {
      SmallVector<Value> operands;
      for (int64_t v = 0; v < tile.vectors; ++v)
        operands.push_back(weights.getQuad(v, quad));
      Value at = arith::AddIOp::create(e.b, column, e.index(quad * kQuadColumns));
      for (int64_t r = 0; r < tile.rows; ++r) {
        Value activations = dot.loadActivations(values, getRow(r), at);
        for (int64_t v = 0; v < tile.vectors; ++v)
          dot.add(sums[r * tile.vectors + v], operands[v], activations);
      }
    }
    return llvm::map_to_vector(sums, [&](auto &sum) { return dot.finish(sum); });
  }

  /// sums += minimum * (float(t) * scale of the values).
  void addMinima(Value block, MutableArrayRef<Value> sums,
                 function_ref<Value(int64_t)> getMinimum) {
    for (auto [i, sum] : llvm::enumerate(sums))
      sum = e.fma(getMinimum(i % tile.vectors), broadcastOf(terms, i / tile.vectors, block), sum);
  }

  SmallVector<Value> addSums(ArrayRef<Value> products, ArrayRef<Value> minima) {
    SmallVector<Value> sums;
    for (auto [product, minimum] : llvm::zip_equal(products, minima))
      sums.push_back(arith::AddFOp::create(e.b, product, minimum));
    return sums;
  }

  Value broadcastOf(Value buffer, int64_t r, Value column) {
    return e.broadcast(memref::LoadOp::create(e.b, buffer, ValueRange{getRow(r), column}));
  }

  TileEmitter &e;
  QuantizedLinearOp op;
  const Tile &tile;
  PackedLayout layout;
  ByteDotEmitter dot;
  Value values, scales, terms;
};

struct QuantizedLinearModel
    : CpuTileOpInterface::ExternalModel<QuantizedLinearModel, QuantizedLinearOp> {
  std::string getObstacle(Operation *op) const {
    return getWeightObstacle(cast<QuantizedLinearOp>(op).getWeight());
  }

  SmallVector<int64_t> getRowBlocks(Operation *op, CpuTargetAttr target, int64_t maxRows) const {
    SmallVector<int64_t> blocks;
    if (maxRows >= kAmxRows && hasAmxProduct(target, cast<QuantizedLinearOp>(op)))
      blocks.push_back(kAmxRows);
    if (maxRows > 1 && target.hasFeature("avx512vnni"))
      blocks.push_back(2 * kPanelRows);
    if (maxRows > 1 && target.hasFeature("avx512f"))
      blocks.append({kPanelRows, kPanelRows / 2});
    return blocks;
  }
  /// As many as cost no more unpacked again for each block of rows, from the near caches, than a
  /// panel costs to fill and to read.
  int64_t getFewRows(Operation *, CpuTargetAttr target, int64_t) const {
    if (target.hasFeature("avx512vnni"))
      return kContractRows;
    return target.hasFeature("avx512f") ? 16 : 1;
  }

  int64_t getPromptBlock(Operation *op, CpuTargetAttr target, int64_t maxRows) const {
    if (maxRows <= kContractRows)
      return 0;
    if (hasRoundedProduct(target))
      return kRoundedRows;
    return hasRescaledProduct(target, cast<QuantizedLinearOp>(op)) ? kRescaledRows : 0;
  }

  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<QuantizedLinearOp>(operation);
    if (e.getRowBlock())
      return addBias(e, op.getBias(), tile,
                     hasRoundedProduct(e.getTarget()) ? emitRoundedProduct(e, op, tile)
                                                      : emitRescaledProduct(e, op, tile));
    if (tile.rows == kAmxRows && hasAmxProduct(e.getTarget(), op))
      return addBias(e, op.getBias(), tile, emitAmxProduct(e, op, tile));
    return addBias(e, op.getBias(), tile,
                   e.hasFewRows() ? emitStreamed(op, e, tile) : emitFromPanel(op, e, tile));
  }

private:
  /// Rows of a tile of two vectors whose sums, and a block's, fit registers. Streamed, a tile is
  /// one vector at a time, of twice as many.
  static constexpr int64_t kPanelRows = 4;

  SmallVector<Value> emitFromPanel(QuantizedLinearOp op, TileEmitter &e, Tile tile) const {
    SmallVector<Value> vectors;
    int64_t rows = tile.rows;
    tile.rows = std::min(rows, kPanelRows);
    for (int64_t first = 0; first < rows; first += tile.rows) {
      Tile part = tile;
      part.row = e.b.createOrFold<arith::AddIOp>(tile.row, e.index(first));
      llvm::append_range(vectors, ProductEmitter(e, op, part).emitFromPanel());
    }
    return vectors;
  }

  /// One group after the other, so that weights are read from front to back: the hardware's
  /// prefetchers follow one stream best.
  SmallVector<Value> emitStreamed(QuantizedLinearOp op, TileEmitter &e, const Tile &tile) const {
    SmallVector<Value> vectors(tile.rows * tile.vectors);
    for (int64_t v = 0; v < tile.vectors; ++v) {
      Value column = arith::AddIOp::create(e.b, tile.column, e.index(v * kLanes));
      Tile part{tile.row, tile.rows, column};
      for (auto [r, vector] : llvm::enumerate(ProductEmitter(e, op, part).emitStreamed()))
        vectors[r * tile.vectors + v] = vector;
    }
    return vectors;
  }
};

struct QuantizeModel : CpuTileOpInterface::ExternalModel<QuantizeModel, QuantizeOp> {
  SmallVector<Value> emitTile(Operation *op, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    e.getBuffer(op->getResult(result));
    return e.pull(op->getResult(result), tile);
  }

  bool hasJointRows(Operation *) const { return true; }

  /// Sixteen blocks at a time, whose largest magnitudes and sums are vectors; then single ones.
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<QuantizeOp>(operation);
    int64_t blocks = getChannels(op.getScales()), together = blocks / kLanes * kLanes;
    if (together > 0)
      emitBlocks(op, e, row, together, destinations);
    e.forRange(e.index(together), e.index(blocks), 1,
               [&](Value block) { emitBlock(op, e, row, block, destinations); });
  }

private:
  static constexpr double kLargest = 127;
  static constexpr int64_t kVectors = PackedLayout::kBlockColumns / kLanes; ///< of a block
  static_assert(kSumChannels == kLanes);

  static SmallVector<Value> pullBlock(QuantizeOp op, TileEmitter &e, Value row, Value block) {
    e.beginTile();
    Tile tile;
    tile.row = row;
    tile.column = arith::MulIOp::create(e.b, block, e.index(PackedLayout::kBlockColumns));
    tile.vectors = kVectors;
    return e.pull(op.getInput(), tile);
  }

  static void emitBlock(QuantizeOp op, TileEmitter &e, Value row, Value block,
                        ArrayRef<Value> destinations) {
    SmallVector<Value> x = pullBlock(op, e, row, block);
    Value top = e.reduceMax(getMagnitudes(e, x));
    auto store = [&](unsigned result, Value value, Value column) {
      if (Value destination = destinations[result])
        memref::StoreOp::create(e.b, value, destination, ValueRange{row, column});
    };
    store(1, getScale(e, top), block);
    Value factor = e.broadcast(getFactor(e, top));
    for (int64_t v = 0; v < kVectors; ++v) {
      Value part = getPart(e, block, v);
      Value integers = round(e, x[v], factor);
      store(2, vector::ReductionOp::create(e.b, vector::CombiningKind::ADD, integers), part);
      storeBytes(e, integers, destinations[0], row, part);
    }
  }

  static void emitBlocks(QuantizeOp op, TileEmitter &e, Value row, int64_t blocks,
                         ArrayRef<Value> destinations) {
    Type f32 = e.b.getF32Type();
    Value input = e.allocateScratch({kVectors * kLanes, kLanes}, f32);
    Value magnitudes = e.allocateScratch({kLanes, kLanes}, f32);
    Value factors = e.allocateScratch({kLanes}, f32);
    Value integers = e.allocateScratch({kVectors * kLanes, kLanes}, e.b.getI32Type());
    Value zero = e.index(0);
    e.forRange(zero, e.index(blocks), kLanes, [&](Value first) {
      auto forEach = [&](function_ref<void(Value, Value)> body) {
        e.forRange(zero, e.index(kLanes), 1,
                   [&](Value i) { body(i, arith::AddIOp::create(e.b, first, i)); });
      };
      forEach([&](Value i, Value block) {
        SmallVector<Value> x = pullBlock(op, e, row, block);
        for (int64_t v = 0; v < kVectors; ++v)
          e.store(x[v], input, {getPart(e, i, v), zero});
        e.store(getMagnitudes(e, x), magnitudes, {i, zero});
      });
      Value tops = e.reduceEach([&](int64_t i) { return e.load(magnitudes, {e.index(i), zero}); },
                                [&](Value l, Value r) { return e.max(l, r); });
      if (destinations[1])
        e.store(getScale(e, tops), destinations[1], {row, first});
      e.store(getFactor(e, tops), factors, {zero});
      forEach([&](Value i, Value block) {
        Value factor = e.broadcast(memref::LoadOp::create(e.b, factors, i));
        for (int64_t v = 0; v < kVectors; ++v) {
          Value part = getPart(e, i, v);
          Value rounded = round(e, e.load(input, {part, zero}), factor);
          e.store(rounded, integers, {part, zero});
          storeBytes(e, rounded, destinations[0], row, getPart(e, block, v));
        }
      });
      for (int64_t part = 0; destinations[2] && part < kVectors * kLanes; part += kLanes) {
        Value sums =
            e.reduceEach([&](int64_t i) { return e.load(integers, {e.index(part + i), zero}); },
                         [&](Value l, Value r) { return arith::AddIOp::create(e.b, l, r); });
        Value column = arith::AddIOp::create(e.b, getPart(e, first, 0), e.index(part));
        e.store(sums, destinations[2], {row, column});
      }
    });
  }

  /// The number of vector `v` of a block.
  static Value getPart(TileEmitter &e, Value block, int64_t v) {
    Value first = arith::MulIOp::create(e.b, block, e.index(kVectors));
    return e.b.createOrFold<arith::AddIOp>(first, e.index(v));
  }

  /// Lane by lane the largest of a block's vectors.
  static Value getMagnitudes(TileEmitter &e, ArrayRef<Value> x) {
    Value largest = e.constant(e.f32Vector(), 0);
    for (Value vector : x)
      largest = e.max(e.max(vector, arith::NegFOp::create(e.b, vector)), largest);
    return largest;
  }

  /// Of the largest magnitude of a block, or those of several.
  static Value getScale(TileEmitter &e, Value top) {
    return arith::DivFOp::create(e.b, top, e.constant(top.getType(), kLargest));
  }
  static Value getFactor(TileEmitter &e, Value top) {
    Value zero = e.constant(top.getType(), 0);
    Value positive = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGT, top, zero);
    Value quotient = arith::DivFOp::create(e.b, e.constant(top.getType(), kLargest), top);
    return arith::SelectOp::create(e.b, positive, quotient, zero);
  }
  static Value round(TileEmitter &e, Value x, Value factor) {
    return e.roundToIntegers(arith::MulFOp::create(e.b, x, factor));
  }
  static void storeBytes(TileEmitter &e, Value integers, Value destination, Value row, Value part) {
    if (!destination)
      return;
    auto bytes = VectorType::get(kLanes, e.b.getI8Type());
    Value column = arith::MulIOp::create(e.b, part, e.index(kLanes));
    vector::StoreOp::create(e.b, arith::TruncIOp::create(e.b, bytes, integers), destination,
                            ValueRange{row, column});
  }
};

} // namespace

void nyala::cpu::attachQuantizedModels(MLIRContext *context) {
  QuantizeOp::attachInterface<QuantizeModel>(*context);
  QuantizedLinearOp::attachInterface<QuantizedLinearModel>(*context);
}
