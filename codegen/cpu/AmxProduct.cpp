//===- AmxProduct.cpp - Integer products of 16 rows at once ---------------===//
//
// A tile register holds 64 columns of 16 rows: a pair of blocks of the weight,
// whose sums are to be scaled each on its own. So a pair is multiplied once for
// each block, with zeros in the other one's place. All tiles then have one shape,
// which is also that of tiles of bf16: a function has one configuration of them.
//
// Tile registers are loaded and stored only, and an instruction that waits for a
// product holds up all after it. So pairs go through stages:
//
//   for each pair p of blocks, one vector of columns after the other:
//     store pair p's products, from tile registers to scratch
//     multiply pair p + 1: A = 16 x 64 activations
//       for each block (or half of one, if that has a scale of its own):
//         C = A * its weights among zeros
//     unpack pair p + 2's weights; to scratch
//     scale pair p:
//       for each row r: sum[r] = fma(float(C[r] - offset), scale_w * scale_x[r], sum[r])
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/PackedReader.h"
#include "codegen/cpu/QuantizedPanel.h"
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

constexpr int64_t kTileBytes = 64; ///< of a row of a tile register
constexpr int64_t kPairBlocks = kTileBytes / PackedLayout::kBlockColumns;

class AmxProduct {
public:
  AmxProduct(TileEmitter &e, QuantizedLinearOp op, const Tile &tile)
      : e(e), op(op), tile(tile), reader(e, op.getWeight()), layout(reader.getLayout()),
        parts(layout.hasHalfScales() ? 2 : 1), blocks(layout.getNumFullBlocks()),
        pairs(blocks / kPairBlocks), allPairs(tile.vectors * pairs),
        terms(getQuantizedTerms(e, op)), bytes(makeBytes()),
        products(e.allocateScratch({kPairBlocks * parts, kAmxRows, kLanes}, e.b.getI32Type())),
        scales(makeFloats(1)), minima(layout.hasMinima() ? makeFloats(1) : Value()),
        halfScales(layout.hasHalfScales() ? makeFloats(2) : Value()) {}

  SmallVector<Value> emit() {
    group = reader.getGroupOffset(tile.column);
    Value zero = e.index(0), one = e.index(1);
    unpack(zero);
    if (allPairs > 1)
      unpack(one);
    Value results = e.allocateScratch({tile.vectors, kAmxRows, kLanes}, e.b.getF32Type());
    forRange(tile.vectors, multiply(zero), [&](Value v, ValueRange tiles) {
      SmallVector<Value> carried(tiles);
      for (auto [r, sum] : llvm::enumerate(addVector(v, carried)))
        e.store(sum, results, {v, e.index(r), zero});
      return carried;
    });
    SmallVector<Value> sums;
    for (int64_t r = 0; r < kAmxRows; ++r)
      for (int64_t v = 0; v < tile.vectors; ++v)
        sums.push_back(e.load(results, {e.index(v), e.index(r), zero}));
    return sums;
  }

private:
  /// Pairs between the unpacking of weights and the use of their products.
  static constexpr int64_t kAhead = 2;
  /// Pairs whose weights are kept: what is unpacked, and what is multiplied meanwhile.
  static constexpr int64_t kSlots = 2;

  int64_t getPartQuads() const { return kBlockQuads / parts; }

  /// memref<slots x rows x 64 x i8>: of each part of a pair its quads, at row 16 * part, and zeros.
  Value makeBytes() {
    // Any key that is this product's.
    return e.inKernelPrologue(op.getWeight().getAsOpaquePointer(), [&] {
      int64_t rows = (kPairBlocks * parts - 1) * kAmxRows + getPartQuads();
      Value bytes = e.allocateScratch({kSlots, rows, kTileBytes}, e.b.getI8Type());
      Value zeros = e.intConstant(VectorType::get(kTileBytes, e.b.getI8Type()), 0);
      Value zero = e.index(0);
      e.forRange(zero, e.index(kSlots), 1, [&](Value slot) {
        e.forRange(zero, e.index(rows), 1, [&](Value row) {
          vector::StoreOp::create(e.b, zeros, bytes, ValueRange{slot, row, zero});
        });
      });
      return bytes;
    });
  }

  /// memref<V * blocks * perBlock x 16 x f32>.
  Value makeFloats(int64_t perBlock) {
    return e.allocateScratch({tile.vectors * blocks * perBlock, kLanes}, e.b.getF32Type());
  }

  /// The sums of the rows' products with vector `v` of the tile, one vector each. `tiles` are those
  /// of its first pair; then, as pairs of all vectors are counted together, of the next vector's.
  SmallVector<Value> addVector(Value v, SmallVector<Value> &tiles) {
    SmallVector<Value> zeros(kAmxRows, e.constant(e.f32Vector(), 0));
    Value firstPair = arith::MulIOp::create(e.b, v, e.index(pairs));
    SmallVector<Value> init = zeros;
    llvm::append_range(init, tiles);
    SmallVector<Value> sums = forRange(pairs, init, [&](Value number, ValueRange carried) {
      Value pair = arith::AddIOp::create(e.b, firstPair, number);
      storeProducts(carried.drop_front(kAmxRows));
      SmallVector<Value> next = multiply(getNext(pair));
      unpackIfAny(arith::AddIOp::create(e.b, pair, e.index(kAhead)));
      SmallVector<Value> all = addScaled(pair, number, carried.take_front(kAmxRows));
      llvm::append_range(all, next);
      return all;
    });
    tiles.assign(sums.begin() + kAmxRows, sums.end());
    sums.truncate(kAmxRows);
    if (!minima)
      return sums;
    Value firstBlock = arith::MulIOp::create(e.b, v, e.index(blocks));
    SmallVector<Value> summands = forRange(blocks, zeros, [&](Value block, ValueRange carried) {
      Value minimum = e.load(minima, {arith::AddIOp::create(e.b, firstBlock, block), e.index(0)});
      SmallVector<Value> next;
      for (auto [r, sum] : llvm::enumerate(carried))
        next.push_back(e.fma(minimum, e.broadcast(loadOfRow(terms, r, block)), sum));
      return next;
    });
    for (auto [sum, summand] : llvm::zip_equal(sums, summands))
      sum = arith::AddFOp::create(e.b, sum, summand);
    return sums;
  }

  /// The last pair has none: it is multiplied again.
  Value getNext(Value pair) {
    Value next = arith::AddIOp::create(e.b, pair, e.index(1));
    return arith::MinUIOp::create(e.b, next, e.index(allPairs - 1));
  }

  void unpackIfAny(Value pair) {
    Value isAny = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, pair, e.index(allPairs));
    auto branch = scf::IfOp::create(e.b, isAny, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    unpack(pair);
  }

  void unpack(Value pair) {
    auto row = VectorType::get(kTileBytes, e.b.getI8Type());
    Value slot = getSlot(pair), zero = e.index(0);
    for (int64_t i = 0; i < kPairBlocks; ++i) {
      // Groups are adjacent, and so are their blocks.
      Value number = getPart(pair, kPairBlocks, i);
      PackedReader::Block block = reader.loadBlock(group, number);
      for (int64_t q = 0; q < kBlockQuads; ++q) {
        int64_t part = i * parts + q / getPartQuads();
        Value at = e.index(part * kAmxRows + q % getPartQuads());
        Value quad = vector::BitCastOp::create(e.b, row, reader.getQuants(block, q * kQuadColumns));
        vector::StoreOp::create(e.b, quad, bytes, ValueRange{slot, at, zero});
      }
      e.store(block.scale, scales, {number, zero});
      if (minima)
        e.store(block.minimum, minima, {number, zero});
      for (auto [half, scale] : llvm::enumerate(block.halfScales))
        e.store(scale, halfScales, {getPart(number, parts, half), zero});
    }
  }

  /// Tiles of the sums of each part of a pair.
  SmallVector<Value> multiply(Value pair) {
    Type i8 = e.b.getI8Type();
    auto typeAB = amx::TileType::get({kAmxRows, kTileBytes}, i8);
    auto typeC = amx::TileType::get({kAmxRows, kLanes}, e.b.getI32Type());
    Value slot = getSlot(pair), zero = e.index(0);
    Value column = arith::RemUIOp::create(e.b, pair, e.index(pairs));
    column = arith::MulIOp::create(e.b, column, e.index(kTileBytes));
    Value a = amx::TileLoadOp::create(e.b, typeAB, e.getBuffer(op.getValues()),
                                      ValueRange{tile.row, column});
    SmallVector<Value> tiles;
    for (int64_t part = 0; part < kPairBlocks * parts; ++part) {
      // The part's quads are rows part * quads and up of the tile.
      Value first = e.index(part * (kAmxRows - getPartQuads()));
      Value b = amx::TileLoadOp::create(e.b, typeAB, bytes, ValueRange{slot, first, zero});
      Value c = amx::TileZeroOp::create(e.b, typeC);
      tiles.push_back(amx::TileMulIOp::create(e.b, typeC, a, b, c, /*isZextLhs=*/false,
                                              /*isZextRhs=*/true));
    }
    return tiles;
  }

  void storeProducts(ValueRange tiles) {
    Value zero = e.index(0);
    for (auto [part, c] : llvm::enumerate(tiles))
      amx::TileStoreOp::create(e.b, products, ValueRange{e.index(part), zero, zero}, c);
  }

  /// Adds the scaled products of a pair, which is number `number` of its vector, to the sums of all
  /// rows.
  SmallVector<Value> addScaled(Value pair, Value number, ValueRange sums) {
    SmallVector<Value> next(sums);
    Value zero = e.index(0);
    for (int64_t i = 0; i < kPairBlocks; ++i) {
      Value counted = getPart(pair, kPairBlocks, i), block = getPart(number, kPairBlocks, i);
      Value scale = e.load(scales, {counted, zero});
      SmallVector<Value> ofHalves;
      for (int64_t half = 0; halfScales && half < parts; ++half)
        ofHalves.push_back(e.load(halfScales, {getPart(counted, parts, half), zero}));
      for (auto [r, sum] : llvm::enumerate(next)) {
        SmallVector<Value> floats;
        for (int64_t part = 0; part < parts; ++part)
          floats.push_back(loadProduct(e.index(i * parts + part), r, getPart(block, parts, part)));
        Value total = floats.front();
        if (parts == 2) // as PackedReader::addHalves
          total = e.fma(ofHalves[0], floats[0], arith::MulFOp::create(e.b, ofHalves[1], floats[1]));
        Value ofRow = loadOfRow(e.getBuffer(op.getScales()), r, block);
        sum = e.fma(total, arith::MulFOp::create(e.b, scale, e.broadcast(ofRow)), sum);
      }
    }
    return next;
  }

  /// Row `r` of a product that has been stored, less what the weights' offset adds to it: the
  /// row's term `term`.
  Value loadProduct(Value product, int64_t r, Value term) {
    Value integers = e.load(products, {product, e.index(r), e.index(0)});
    if (layout.getQuantOffset() != 0)
      integers = arith::AddIOp::create(e.b, integers, e.broadcast(loadOfRow(terms, r, term)));
    return arith::SIToFPOp::create(e.b, e.f32Vector(), integers);
  }

  Value getSlot(Value pair) { return arith::RemUIOp::create(e.b, pair, e.index(kSlots)); }
  /// Part `i` of `count` of number `whole`.
  Value getPart(Value whole, int64_t count, int64_t i) {
    Value first = arith::MulIOp::create(e.b, whole, e.index(count));
    return arith::AddIOp::create(e.b, first, e.index(i));
  }

  /// Element `column` of row `r` of the tile.
  Value loadOfRow(Value buffer, int64_t r, Value column) {
    Value row = arith::AddIOp::create(e.b, tile.row, e.index(r));
    return memref::LoadOp::create(e.b, buffer, ValueRange{row, column});
  }

  SmallVector<Value> forRange(int64_t count, ValueRange init,
                              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    auto loop = scf::ForOp::create(e.b, e.index(0), e.index(count), e.index(1), init);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(e.b, body(loop.getInductionVar(), loop.getRegionIterArgs()));
    return SmallVector<Value>(loop.getResults());
  }

  TileEmitter &e;
  QuantizedLinearOp op;
  const Tile &tile;
  PackedReader reader;
  const PackedLayout &layout;
  int64_t parts;         ///< products of a block: two where halves of a block have scales
  int64_t blocks, pairs; ///< of a vector
  int64_t allPairs;      ///< of the tile
  Value group;           ///< of the tile's first vector
  Value terms;
  Value bytes;
  Value products;                   ///< memref<parts of a pair x 16 x 16 x i32>
  Value scales, minima, halfScales; ///< makeFloats(); null where the format has none
};

} // namespace

bool nyala::cpu::hasAmxProduct(CpuTargetAttr target, QuantizedLinearOp op) {
  return target.hasFeature("amx-int8") && target.hasFeature("avx512f") &&
         getPackedLayout(getTensorType(op.getWeight())).getColumns() % kTileBytes == 0;
}

SmallVector<Value> nyala::cpu::emitAmxProduct(TileEmitter &e, QuantizedLinearOp op,
                                              const Tile &tile) {
  return AmxProduct(e, op, tile).emit();
}
