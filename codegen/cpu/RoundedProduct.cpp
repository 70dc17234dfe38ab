//===- RoundedProduct.cpp - Products of prompts in bf16 -------------------===//
//
//   kernel prologue:     all rows as bf16
//   tile prologue:       the tile's weights as bf16, pairs of columns side by side
//   each block of rows:  2 x 2 tiles of sums, over the whole depth; to scratch
//   each row:            vectors from there
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/RoundedProduct.h"
#include "codegen/cpu/PackedReader.h"
#include "codegen/cpu/TileProduct.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

class RoundedProduct {
public:
  RoundedProduct(TileEmitter &e, QuantizedLinearOp op, const Tile &tile)
      : e(e), op(op), tile(tile), layout(getPackedLayout(getTensorType(op.getWeight()))),
        bf16(e.b.getBF16Type()), steps(layout.getNumFullBlocks()) {}

  SmallVector<Value> emit() {
    Value sums = e.inRowBlockPrologue(op, tile.column, [&] { return multiplyBlock(); });
    SmallVector<Value> vectors;
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = arith::SubIOp::create(e.b, tile.row, e.getRowBlock());
      row = e.b.createOrFold<arith::AddIOp>(row, e.index(r));
      for (int64_t v = 0; v < tile.vectors; ++v)
        vectors.push_back(e.load(sums, {row, e.index(v * kLanes)}));
    }
    return vectors;
  }

private:
  static constexpr int64_t kTileRows = 16;
  static constexpr int64_t kStepColumns = PackedLayout::kBlockColumns; ///< a tile's depth in bf16

  /// memref<rows / 16 x steps x 16 x 32 x bf16>, `integer * scale`, tile by tile. Rows that a last
  /// block lacks hold whatever was there: their sums are never read.
  Value roundRows() {
    Value values = e.getBuffer(op.getValues()), scales = e.getBuffer(op.getScales());
    return e.inKernelPrologue(op.getValues().getAsOpaquePointer(), [&] {
      Value rows = e.allocateScratch(
          {static_cast<int64_t>(llvm::alignTo(e.getMaxRows(), kRoundedRows)) / kTileRows, steps,
           kTileRows, kStepColumns},
          bf16);
      Value count = arith::SelectOp::create(e.b, e.isPrompt(), e.getRows(), e.index(0));
      e.forRange(e.index(0), count, 1, [&](Value row) {
        Value tileOfRow = arith::DivUIOp::create(e.b, row, e.index(kTileRows));
        Value inTile = arith::RemUIOp::create(e.b, row, e.index(kTileRows));
        e.forRange(e.index(0), e.index(steps), 1, [&](Value block) {
          Value scale = e.broadcast(memref::LoadOp::create(e.b, scales, ValueRange{row, block}));
          Value column = arith::MulIOp::create(e.b, block, e.index(kStepColumns));
          auto widen = [&](int64_t first) -> Value {
            Value bytes = e.load(values, {row, arith::AddIOp::create(e.b, column, e.index(first))});
            Value integers =
                arith::ExtSIOp::create(e.b, VectorType::get(kLanes, e.b.getI32Type()), bytes);
            return arith::MulFOp::create(e.b, arith::SIToFPOp::create(e.b, e.f32Vector(), integers),
                                         scale);
          };
          Value low = widen(0), high = widen(kLanes);
          vector::StoreOp::create(e.b, roundToBf16(e, low, high), rows,
                                  ValueRange{tileOfRow, block, inTile, e.index(0)});
        });
      });
      return rows;
    });
  }

  /// memref<vectors x steps x 16 x 32 x bf16>: row p of a step holds, of each of 16 columns of the
  /// result, columns 2p and 2p + 1 of the weight.
  Value makePanel() {
    return e.inTilePrologue(op, tile.column, [&] {
      Value panel = e.allocateScratch({tile.vectors, steps, kTileRows, kStepColumns}, bf16);
      PackedReader reader(e, op.getWeight());
      reader.forBlocks(
          reader.getGroupOffsets(tile), {},
          [&](ArrayRef<PackedReader::Block> blocks, Value column, ValueRange) {
            Value step = arith::DivUIOp::create(e.b, column, e.index(kStepColumns));
            for (auto [v, block] : llvm::enumerate(blocks)) {
              PackedReader::NearBlock near = reader.prepareNear(block);
              for (int64_t pair = 0; pair < kTileRows; ++pair) {
                Value both =
                    interleavePairs(e, roundToBf16(e, reader.getNearValue(near, 2 * pair),
                                                   reader.getNearValue(near, 2 * pair + 1)));
                vector::StoreOp::create(e.b, both, panel,
                                        ValueRange{e.index(v), step, e.index(pair), e.index(0)});
              }
            }
            return SmallVector<Value>();
          });
      return panel;
    });
  }

  /// memref<32 x (16 * vectors) x f32>: the sums of the block of rows.
  Value multiplyBlock() {
    Value rows = roundRows(), panel = makePanel();
    Value sums = e.allocateScratch({kRoundedRows, tile.vectors * kLanes}, e.b.getF32Type());
    auto typeC = amx::TileType::get({kTileRows, kLanes}, e.b.getF32Type());
    auto typeAB = amx::TileType::get({kTileRows, kStepColumns}, bf16);
    constexpr int64_t tilesOfRows = kRoundedRows / kTileRows;
    SmallVector<Value> zeros;
    for (int64_t i = 0; i < tilesOfRows * tile.vectors; ++i)
      zeros.push_back(amx::TileZeroOp::create(e.b, typeC));
    auto loop = scf::ForOp::create(e.b, e.index(0), e.index(steps), e.index(1), zeros);
    {
      OpBuilder::InsertionGuard guard(e.b);
      e.b.setInsertionPointToStart(loop.getBody());
      Value step = loop.getInductionVar();
      // All operands first, each in a register of its own.
      auto load = [&](Value memory, Value outer) -> Value {
        return amx::TileLoadOp::create(e.b, typeAB, memory,
                                       ValueRange{outer, step, e.index(0), e.index(0)});
      };
      SmallVector<Value> a, b;
      Value firstTile = arith::DivUIOp::create(e.b, e.getRowBlock(), e.index(kTileRows));
      for (int64_t i = 0; i < tilesOfRows; ++i)
        a.push_back(load(rows, arith::AddIOp::create(e.b, firstTile, e.index(i))));
      for (int64_t v = 0; v < tile.vectors; ++v)
        b.push_back(load(panel, e.index(v)));
      SmallVector<Value> next;
      for (int64_t i = 0; i < tilesOfRows; ++i)
        for (int64_t v = 0; v < tile.vectors; ++v)
          next.push_back(amx::TileMulFOp::create(e.b, typeC, a[i], b[v],
                                                 loop.getRegionIterArgs()[i * tile.vectors + v]));
      scf::YieldOp::create(e.b, next);
    }
    for (auto [i, c] : llvm::enumerate(loop.getResults()))
      amx::TileStoreOp::create(
          e.b, sums,
          ValueRange{e.index(i / tile.vectors * kTileRows), e.index(i % tile.vectors * kLanes)}, c);
    return sums;
  }

  TileEmitter &e;
  QuantizedLinearOp op;
  const Tile &tile;
  PackedLayout layout;
  Type bf16;
  int64_t steps; ///< of 32 columns of the weight
};

} // namespace

bool nyala::cpu::hasRoundedProduct(CpuTargetAttr target) {
  return target.hasFeature("amx-bf16") && target.hasFeature("avx512bf16");
}

SmallVector<Value> nyala::cpu::emitRoundedProduct(TileEmitter &e, QuantizedLinearOp op,
                                                  const Tile &tile) {
  return RoundedProduct(e, op, tile).emit();
}
