//===- RescaledProduct.cpp - Products of prompts in bytes -----------------===//
//
//   kernel prologue:     of each row, the sums of its groups
//   tile prologue:       the tile's weights as bytes, and what they stand for in groups
//   each block of rows:  the sums, over the whole depth; to scratch
//   each row:            vectors from there
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/RescaledProduct.h"
#include "codegen/cpu/ByteDot.h"
#include "codegen/cpu/PackedReader.h"
#include "codegen/cpu/QuantizedPanel.h"
#include "codegen/cpu/QuantizedTerms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

constexpr int64_t kLargestByte = 255;
constexpr double kLargestFloat = std::numeric_limits<float>::max();
/// Blocks of a group at most.
constexpr int64_t kMaxGroupBlocks = 9;

class RescaledProduct {
public:
  RescaledProduct(TileEmitter &e, QuantizedLinearOp op, const Tile &tile)
      : e(e), op(op), tile(tile), layout(getPackedLayout(getTensorType(op.getWeight()))),
        dot(e, kLargestByte), blocks(layout.getNumFullBlocks()),
        groups(llvm::divideCeil(blocks, kMaxGroupBlocks)),
        groupBlocks(llvm::divideCeil(blocks, groups)) {}

  SmallVector<Value> emit() {
    Value sums = e.inRowBlockPrologue(op, tile.column, [&] { return multiplyBlock(); });
    SmallVector<Value> vectors;
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = arith::SubIOp::create(e.b, tile.row, getFirstRow());
      row = e.b.createOrFold<arith::AddIOp>(row, e.index(r));
      for (int64_t v = 0; v < tile.vectors; ++v)
        vectors.push_back(e.load(sums, {row, e.index(v * kLanes)}));
    }
    return vectors;
  }

private:
  /// Weights are lowest + byte * scale.
  struct Panel {
    Value quads;          ///< memref<V x blocks x 8 x 64 x i8>, as QuantizedPanel's
    Value scales, lowest; ///< memref<V x groups x 16 x f32>
  };

  /// The first of kRescaledRows rows that are computed: of a last block that is not full, rows of
  /// the one before it once more.
  Value getFirstRow() {
    Value last = arith::SubIOp::create(e.b, e.getRows(), e.index(kRescaledRows));
    return arith::MinSIOp::create(e.b, e.getRowBlock(), last);
  }

  SmallVector<Value> forRange(Value begin, Value end, ValueRange init,
                              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    auto loop = scf::ForOp::create(e.b, begin, end, e.index(1), init);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(e.b, body(loop.getInductionVar(), loop.getRegionIterArgs()));
    return SmallVector<Value>(loop.getResults());
  }

  //===--------------------------------------------------------------------===//
  // Weights
  //===--------------------------------------------------------------------===//

  Panel getPanel() {
    auto quads = MemRefType::get({tile.vectors, blocks, kBlockQuads, kLanes * kQuadColumns},
                                 e.b.getI8Type());
    auto floats = MemRefType::get({tile.vectors, groups, kLanes}, e.b.getF32Type());
    int64_t scales = quads.getNumElements(), lowest = scales + 4 * floats.getNumElements();
    int64_t bytes = lowest + 4 * floats.getNumElements();
    auto view = [&](Value memory) {
      auto part = [&](MemRefType type, int64_t offset) -> Value {
        return memref::ViewOp::create(e.b, type, memory, e.index(offset), ValueRange());
      };
      return Panel{part(quads, 0), part(floats, scales), part(floats, lowest)};
    };
    return view(e.inTilePrologue(op, tile.column, [&] {
      Value memory = e.allocateScratch({bytes}, e.b.getI8Type());
      fill(view(memory));
      return memory;
    }));
  }

  void fill(const Panel &panel) {
    auto constant = [&](double value) { return e.constant(e.f32Vector(), value); };
    auto forGroups = [&](function_ref<void(ArrayRef<Value>)> body) {
      for (int64_t v = 0; v < tile.vectors; ++v)
        e.forRange(e.index(0), e.index(groups), 1,
                   [&](Value group) { body({e.index(v), group, e.index(0)}); });
    };
    // The limits of groups first: meanwhile the highest ones lie where scales will.
    forGroups([&](ArrayRef<Value> at) {
      e.store(constant(kLargestFloat), panel.lowest, at);
      e.store(constant(-kLargestFloat), panel.scales, at);
    });
    PackedReader reader(e, op.getWeight());
    reader.forTileBlocks(tile, [&](const PackedReader::Block &block, Value v, Value number) {
      SmallVector<Value> at = {v, getGroup(number), e.index(0)};
      // Scales may be negative.
      Value first = getStart(block);
      Value last = e.fma(block.scale, constant(layout.getLargestQuant()), first);
      e.store(e.min(e.min(first, last), e.load(panel.lowest, at)), panel.lowest, at);
      e.store(e.max(e.max(first, last), e.load(panel.scales, at)), panel.scales, at);
    });
    forGroups([&](ArrayRef<Value> at) {
      Value range = arith::SubFOp::create(e.b, e.load(panel.scales, at), e.load(panel.lowest, at));
      e.store(arith::MulFOp::create(e.b, range, constant(1.0 / kLargestByte)), panel.scales, at);
    });
    reader.forTileBlocks(tile, [&](const PackedReader::Block &block, Value v, Value number) {
      storeBlock(reader, block, panel, v, number);
    });
  }

  Value getGroup(Value block) { return arith::DivUIOp::create(e.b, block, e.index(groupBlocks)); }

  /// What a quant of zero stands for.
  Value getStart(const PackedReader::Block &block) {
    if (block.minimum)
      return block.minimum;
    return arith::MulFOp::create(e.b, block.scale,
                                 e.constant(e.f32Vector(), -layout.getQuantOffset()));
  }

  /// Bytes are quant * slope + start, rounded, in 16 bits of which 8 are a fraction.
  static constexpr int64_t kFraction = 8, kOne = 1 << kFraction;

  void storeBlock(PackedReader &reader, const PackedReader::Block &block, const Panel &panel,
                  Value v, Value number) {
    auto i32 = VectorType::get(kLanes, e.b.getI32Type());
    auto i16 = VectorType::get(2 * kLanes, e.b.getI16Type());
    auto i8 = VectorType::get(kLanes * kQuadColumns, e.b.getI8Type());
    auto constant = [&](int64_t value) { return e.intConstant(i32, value); };
    auto shorts = [&](Value x) -> Value { return vector::BitCastOp::create(e.b, i16, x); };
    auto inBothHalves = [&](Value x) {
      Value low = arith::AndIOp::create(e.b, x, constant(0xffff));
      Value high = arith::ShLIOp::create(e.b, x, constant(16));
      return shorts(arith::OrIOp::create(e.b, low, high));
    };
    Value zero = e.constant(e.f32Vector(), 0), group = getGroup(number);
    Value scale = e.load(panel.scales, {v, group, e.index(0)});
    Value lowest = e.load(panel.lowest, {v, group, e.index(0)});
    Value some = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGT, scale, zero);
    Value factor = arith::DivFOp::create(e.b, e.constant(e.f32Vector(), kOne), scale);
    factor = arith::SelectOp::create(e.b, some, factor, zero);
    auto round = [&](Value x) { return e.roundToIntegers(arith::MulFOp::create(e.b, x, factor)); };
    Value slope = inBothHalves(round(block.scale));
    Value start = round(arith::SubFOp::create(e.b, getStart(block), lowest));
    start = inBothHalves(arith::AddIOp::create(e.b, start, constant(kOne / 2)));
    auto rescale = [&](Value x) -> Value {
      Value low = arith::AndIOp::create(e.b, x, constant(0x00ff00ff));
      return arith::AddIOp::create(e.b, arith::MulIOp::create(e.b, shorts(low), slope), start);
    };
    // Every second byte of a quad at a time; of the others the fraction is cut off where it lies.
    for (int64_t q = 0; q < kBlockQuads; ++q) {
      Value quants = reader.getQuants(block, q * kQuadColumns);
      Value even = arith::ShRUIOp::create(e.b, rescale(quants), e.intConstant(i16, kFraction));
      Value odd = rescale(arith::ShRUIOp::create(e.b, quants, constant(8)));
      odd = arith::AndIOp::create(e.b, odd, e.intConstant(i16, -kOne));
      Value both = arith::OrIOp::create(e.b, even, odd);
      vector::StoreOp::create(e.b, vector::BitCastOp::create(e.b, i8, both), panel.quads,
                              ValueRange{v, number, e.index(q), e.index(0)});
    }
  }

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  /// memref<6 x (16 * vectors) x f32>: the sums of the block of rows.
  Value multiplyBlock() {
    Panel panel = getPanel();
    SmallVector<Value> rows;
    for (int64_t r = 0; r < kRescaledRows; ++r)
      rows.push_back(e.b.createOrFold<arith::AddIOp>(getFirstRow(), e.index(r)));
    Value terms = getGroupTerms(e, op, groupBlocks);
    SmallVector<Value> sums(kRescaledRows * tile.vectors, e.constant(e.f32Vector(), 0));
    sums = forRange(e.index(0), e.index(groups), sums, [&](Value group, ValueRange carried) {
      SmallVector<Value> next(carried), products = multiplyGroup(panel, rows, group);
      for (auto [i, sum] : llvm::enumerate(next)) {
        SmallVector<Value> at = {e.index(i % tile.vectors), group, e.index(0)};
        Value term = memref::LoadOp::create(e.b, terms, ValueRange{rows[i / tile.vectors], group});
        sum = e.fma(products[i], e.load(panel.scales, at), sum);
        sum = e.fma(e.broadcast(term), e.load(panel.lowest, at), sum);
      }
      return next;
    });
    Value result = e.allocateScratch({kRescaledRows, tile.vectors * kLanes}, e.b.getF32Type());
    for (auto [i, sum] : llvm::enumerate(sums))
      e.store(sum, result, {e.index(i / tile.vectors), e.index(i % tile.vectors * kLanes)});
    return result;
  }

  /// Products of a group of blocks: row by row, vector by vector, like all below.
  SmallVector<Value> multiplyGroup(const Panel &panel, ArrayRef<Value> rows, Value group) {
    Value scales = e.getBuffer(op.getScales());
    SmallVector<Value> init(rows.size() * tile.vectors, e.constant(e.f32Vector(), 0));
    Value begin = arith::MulIOp::create(e.b, group, e.index(groupBlocks));
    Value end = arith::AddIOp::create(e.b, begin, e.index(groupBlocks));
    end = arith::MinSIOp::create(e.b, end, e.index(blocks));
    return forRange(begin, end, init, [&](Value block, ValueRange carried) {
      SmallVector<Value> next(carried), products = multiplyBytes(panel, rows, block);
      for (auto [i, sum] : llvm::enumerate(next)) {
        Value scale =
            memref::LoadOp::create(e.b, scales, ValueRange{rows[i / tile.vectors], block});
        sum = e.fma(arith::SIToFPOp::create(e.b, e.f32Vector(), products[i]), e.broadcast(scale),
                    sum);
      }
      return next;
    });
  }

  /// Integer products of a block.
  SmallVector<Value> multiplyBytes(const Panel &panel, ArrayRef<Value> rows, Value block) {
    Value values = e.getBuffer(op.getValues());
    Value zero = e.intConstant(VectorType::get(kLanes, e.b.getI32Type()), 0);
    SmallVector<ByteDotEmitter::Sum> sums(rows.size() * tile.vectors, dot.start(zero));
    Value column = arith::MulIOp::create(e.b, block, e.index(PackedLayout::kBlockColumns));
    for (int64_t quad = 0; quad < kBlockQuads; ++quad) {
      SmallVector<Value> weights;
      for (int64_t v = 0; v < tile.vectors; ++v)
        weights.push_back(loadQuad(e, panel.quads, v, block, quad));
      Value at = e.b.createOrFold<arith::AddIOp>(column, e.index(quad * kQuadColumns));
      for (auto [r, row] : llvm::enumerate(rows)) {
        Value activations = dot.loadActivations(values, row, at);
        for (int64_t v = 0; v < tile.vectors; ++v)
          dot.add(sums[r * tile.vectors + v], weights[v], activations);
      }
    }
    return llvm::map_to_vector(sums, [&](auto &sum) { return dot.finish(sum); });
  }

  TileEmitter &e;
  QuantizedLinearOp op;
  const Tile &tile;
  PackedLayout layout;
  ByteDotEmitter dot;
  int64_t blocks;              ///< of 32 columns of the weight
  int64_t groups, groupBlocks; ///< of blocks with one scale; the last may have fewer
};

} // namespace

bool nyala::cpu::hasRescaledProduct(CpuTargetAttr target, QuantizedLinearOp op) {
  constexpr int64_t largest = 31;
  return target.hasFeature("avx512vnni") && target.hasFeature("avx512bw") &&
         getPackedLayout(getTensorType(op.getWeight())).getLargestQuant() <= largest;
}

SmallVector<Value> nyala::cpu::emitRescaledProduct(TileEmitter &e, QuantizedLinearOp op,
                                                   const Tile &tile) {
  return RescaledProduct(e, op, tile).emit();
}
