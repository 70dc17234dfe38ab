//===- AmxProduct.cpp - Integer products of 16 rows at once ---------------===//
//
// Tile registers are stored and loaded only, so that sums go through memory to
// be scaled:
//
//   for each block of 32 columns of the weight:
//     C = tile of activations (16 x 32 bytes) * tile of the panel (32 x 16)
//     store C
//     for each row r, on a C that was stored kAhead blocks before:
//       sum[r] = fma(float(C[r] - offset), scale_w * scale_x[r], sum[r])
//
// The processor multiplies tiles while it scales earlier ones.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/QuantizedTerms.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

class AmxProduct {
public:
  AmxProduct(TileEmitter &e, QuantizedLinearOp op, const Tile &tile)
      : e(e), op(op), tile(tile), layout(getPackedLayout(getTensorType(op.getWeight()))),
        panel(getQuantizedPanel(e, op, tile)), parts(layout.hasHalfScales() ? 2 : 1),
        blocks(layout.getNumFullBlocks()), ahead(std::min(kAhead, blocks)),
        terms(getQuantizedTerms(e, op)),
        products(e.allocateScratch({kSlots * parts, kAmxRows, kLanes}, e.b.getI32Type())) {}

  SmallVector<Value> emit() {
    SmallVector<SmallVector<Value>> columns;
    for (int64_t v = 0; v < tile.vectors; ++v)
      columns.push_back(emitVector(e.index(v)));
    SmallVector<Value> sums;
    for (int64_t r = 0; r < kAmxRows; ++r)
      for (ArrayRef<Value> column : columns)
        sums.push_back(column[r]);
    return sums;
  }

private:
  /// Blocks between the product of tiles and the use of its result, which takes some 70 cycles to
  /// reach memory.
  static constexpr int64_t kAhead = 1;
  /// Products that are kept.
  static constexpr int64_t kSlots = 2;

  /// The sums of a row's products with vector `v` of the tile, one vector each.
  SmallVector<Value> emitVector(Value v) {
    SmallVector<Value> sums(kAmxRows, e.constant(e.f32Vector(), 0));
    for (int64_t block = 0; block < ahead; ++block)
      emitProduct(v, e.index(block));
    sums = forBlocks(0, blocks - ahead, sums, [&](Value block, ValueRange carried) {
      emitProduct(v, arith::AddIOp::create(e.b, block, e.index(ahead)));
      return addScaled(v, block, carried);
    });
    for (int64_t block = blocks - ahead; block < blocks; ++block)
      sums = addScaled(v, e.index(block), sums);
    if (!panel.minima)
      return sums;
    SmallVector<Value> minima(kAmxRows, e.constant(e.f32Vector(), 0));
    minima = forBlocks(0, blocks, minima, [&](Value block, ValueRange carried) {
      Value minimum = e.load(panel.minima, {v, block, e.index(0)});
      SmallVector<Value> next;
      for (auto [r, sum] : llvm::enumerate(carried))
        next.push_back(e.fma(minimum, e.broadcast(loadOfRow(terms, r, block)), sum));
      return next;
    });
    for (auto [sum, minimum] : llvm::zip_equal(sums, minima))
      sum = arith::AddFOp::create(e.b, sum, minimum);
    return sums;
  }

  /// Multiplies the tiles of a block and stores the result in the block's slot.
  void emitProduct(Value v, Value block) {
    Type i8 = e.b.getI8Type();
    int64_t width = PackedLayout::kBlockColumns / parts, quads = kBlockQuads / parts;
    auto typeA = amx::TileType::get({kAmxRows, width}, i8);
    auto typeB = amx::TileType::get({quads, kLanes * kQuadColumns}, i8);
    auto typeC = amx::TileType::get({kAmxRows, kLanes}, e.b.getI32Type());
    Value column = arith::MulIOp::create(e.b, block, e.index(PackedLayout::kBlockColumns));
    Value values = e.getBuffer(op.getValues());
    for (int64_t part = 0; part < parts; ++part) {
      Value at = e.b.createOrFold<arith::AddIOp>(column, e.index(part * width));
      Value a = amx::TileLoadOp::create(e.b, typeA, values, ValueRange{tile.row, at});
      Value b = amx::TileLoadOp::create(e.b, typeB, panel.quads,
                                        ValueRange{v, block, e.index(part * quads), e.index(0)});
      Value c = amx::TileZeroOp::create(e.b, typeC);
      c = amx::TileMulIOp::create(e.b, typeC, a, b, c, /*isZextLhs=*/false, /*isZextRhs=*/true);
      amx::TileStoreOp::create(e.b, products,
                               ValueRange{getSlot(block, part), e.index(0), e.index(0)}, c);
    }
  }

  /// Adds the scaled products of a block to the sums of all rows.
  SmallVector<Value> addScaled(Value v, Value block, ValueRange sums) {
    Value scale = e.load(panel.scales, {v, block, e.index(0)});
    Value scales = e.getBuffer(op.getScales());
    SmallVector<Value> halfScales;
    for (int64_t half = 0; panel.halfScales && half < 2; ++half)
      halfScales.push_back(e.load(panel.halfScales, {v, block, e.index(half), e.index(0)}));
    SmallVector<Value> next;
    for (auto [r, sum] : llvm::enumerate(sums)) {
      SmallVector<Value> floats;
      for (int64_t part = 0; part < parts; ++part)
        floats.push_back(loadProducts(r, block, part));
      Value total = floats.front();
      if (parts == 2) // as PackedReader::addHalves
        total =
            e.fma(halfScales[0], floats[0], arith::MulFOp::create(e.b, halfScales[1], floats[1]));
      Value both = arith::MulFOp::create(e.b, scale, e.broadcast(loadOfRow(scales, r, block)));
      next.push_back(e.fma(total, both, sum));
    }
    return next;
  }

  /// Row `r` of a product that has been stored, less what the weights' offset adds to it.
  Value loadProducts(int64_t r, Value block, int64_t part) {
    Value integers = e.load(products, {getSlot(block, part), e.index(r), e.index(0)});
    if (layout.getQuantOffset() != 0) {
      Value column = arith::MulIOp::create(e.b, block, e.index(parts));
      column = e.b.createOrFold<arith::AddIOp>(column, e.index(part));
      integers = arith::AddIOp::create(e.b, integers, e.broadcast(loadOfRow(terms, r, column)));
    }
    return arith::SIToFPOp::create(e.b, e.f32Vector(), integers);
  }

  Value getSlot(Value block, int64_t part) {
    Value slot = arith::RemUIOp::create(e.b, block, e.index(kSlots));
    slot = arith::MulIOp::create(e.b, slot, e.index(parts));
    return e.b.createOrFold<arith::AddIOp>(slot, e.index(part));
  }

  /// Element `column` of row `r` of the tile.
  Value loadOfRow(Value buffer, int64_t r, Value column) {
    Value row = arith::AddIOp::create(e.b, tile.row, e.index(r));
    return memref::LoadOp::create(e.b, buffer, ValueRange{row, column});
  }

  SmallVector<Value> forBlocks(int64_t first, int64_t last, ValueRange init,
                               function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    auto loop = scf::ForOp::create(e.b, e.index(first), e.index(last), e.index(1), init);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(e.b, body(loop.getInductionVar(), loop.getRegionIterArgs()));
    return SmallVector<Value>(loop.getResults());
  }

  TileEmitter &e;
  QuantizedLinearOp op;
  const Tile &tile;
  PackedLayout layout;
  QuantizedPanel panel;
  int64_t parts; ///< products of a block: two where halves of a block have scales
  int64_t blocks, ahead;
  Value terms;
  Value products; ///< memref<slots * parts x 16 x 16 x i32>
};

} // namespace

bool nyala::cpu::hasAmxProduct(CpuTargetAttr target) {
  return target.hasFeature("amx-int8") && target.hasFeature("avx512f");
}

SmallVector<Value> nyala::cpu::emitAmxProduct(TileEmitter &e, QuantizedLinearOp op,
                                              const Tile &tile) {
  return AmxProduct(e, op, tile).emit();
}
