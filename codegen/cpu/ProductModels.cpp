//===- ProductModels.cpp - Kernels of products ------------------------===//
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/PackedReader.h"
#include "codegen/cpu/PlainProduct.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

std::string nyala::cpu::getWeightObstacle(Value weight) {
  if (isa<BlockArgument>(weight) && getPacked(getTensorType(weight)))
    return {};
  return "expected a packed weight that is an argument of the kernel; is it loaded from a model "
         "file, and has nyala-pack-weights run?";
}

SmallVector<Value> nyala::cpu::addBias(TileEmitter &e, Value bias, const Tile &tile,
                                       SmallVector<Value> vectors) {
  if (!bias)
    return vectors;
  Value buffer = e.getBuffer(bias);
  for (int64_t v = 0; v < tile.vectors; ++v) {
    Value column = arith::AddIOp::create(e.b, tile.column, e.index(v * kLanes));
    Value loaded = e.load(buffer, column, tile.lanes(v));
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value &vector = vectors[r * tile.vectors + v];
      vector = arith::AddFOp::create(e.b, vector, loaded);
    }
  }
  return vectors;
}

namespace {

struct LinearModel : CpuTileOpInterface::ExternalModel<LinearModel, LinearOp> {
  std::string getObstacle(Operation *operation) const {
    auto op = cast<LinearOp>(operation);
    return LinearModel::isPlain(op) ? getPlainObstacle(LinearModel::getProduct(op))
                                    : getWeightObstacle(op.getWeight());
  }

  SmallVector<int64_t> getRowBlocks(Operation *op, CpuTargetAttr target, int64_t maxRows) const {
    bool streamed = maxRows <= kStreamedRows && !LinearModel::isPlain(cast<LinearOp>(op));
    return streamed ? SmallVector<int64_t>() : SmallVector<int64_t>{getPlainRowBlock(target)};
  }

  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<LinearOp>(operation);
    SmallVector<Value> vectors = LinearModel::isPlain(op)
                                     ? emitPlainTile(e, LinearModel::getProduct(op), tile)
                                 : e.getMaxRows() > kStreamedRows ? emitFromPanel(op, e, tile)
                                                                  : emitStreamed(op, e, tile);
    return addBias(e, op.getBias(), tile, std::move(vectors));
  }

private:
  /// A weight that nothing has packed; it may be rounded within the kernel.
  static bool isPlain(LinearOp op) {
    Value weight = op.getWeight();
    return !getTensorType(weight).getEncoding() &&
           (isa<BlockArgument>(weight) || weight.getDefiningOp<arith::TruncFOp>());
  }
  static PlainProduct getProduct(LinearOp op) {
    return {op, op.getInput(), op.getWeight(), /*transposeA=*/false, /*transposeB=*/true};
  }

  /// Few rows: each block is widened and multiplied at once. Per block b of 32 columns and row n,
  ///   acc += scale[n, b] * sum_c quant[n, c] * x[c] + minimum[n, b] * sum_c x[c],
  /// blocks ascending; the order of additions does not depend on the number of rows.
  SmallVector<Value> emitStreamed(LinearOp op, TileEmitter &e, const Tile &tile) const {
    Value x = e.getBuffer(op.getInput());
    PackedReader reader(e, op.getWeight());
    Value zero = e.constant(e.f32Vector(), 0);
    SmallVector<Value> init(tile.rows * tile.vectors, zero);
    return reader.forBlocks(
        reader.getGroupOffsets(tile), init,
        [&](ArrayRef<PackedReader::Block> blocks, Value column, ValueRange carried) {
          int64_t length = blocks.front().length;
          SmallVector<Value> next;
          for (int64_t r = 0; r < tile.rows; ++r) {
            Value row = arith::AddIOp::create(e.b, tile.row, e.index(r));
            SmallVector<Value> inputs;
            for (int64_t c = 0; c < length; ++c) {
              Value at = arith::AddIOp::create(e.b, column, e.index(c));
              inputs.push_back(e.broadcast(memref::LoadOp::create(e.b, x, ValueRange{row, at})));
            }
            Value inputSum;
            if (blocks.front().minimum)
              inputSum = e.broadcast(e.sumColumns(column, length, [&](Value at, int64_t lanes) {
                return e.load(x, {row, at}, lanes);
              }));
            for (int64_t v = 0; v < tile.vectors; ++v)
              next.push_back(
                  dotBlock(e, reader, blocks[v], inputs, inputSum, carried[r * tile.vectors + v]));
          }
          return next;
        });
  }

  /// One block of one row against one group. Two chains hide the latency of the additions: of every
  /// second column, or of halves that have scales of their own.
  Value dotBlock(TileEmitter &e, PackedReader &reader, const PackedReader::Block &block,
                 ArrayRef<Value> inputs, Value inputSum, Value accumulator) const {
    if (!block.scale) {
      for (auto [c, input] : llvm::enumerate(inputs))
        accumulator = e.fma(reader.getQuant(block, c), input, accumulator);
      return accumulator;
    }
    Value chains[2];
    for (auto [c, input] : llvm::enumerate(inputs)) {
      Value quant = reader.getQuant(block, c);
      Value &chain = chains[block.halfScales.empty() ? c % 2 : c / PackedReader::kHalfColumns];
      chain = chain ? e.fma(quant, input, chain) : Value(arith::MulFOp::create(e.b, quant, input));
    }
    Value sum = block.halfScales.empty() ? Value(arith::AddFOp::create(e.b, chains[0], chains[1]))
                                         : reader.addHalves(block, chains[0], chains[1]);
    accumulator = e.fma(block.scale, sum, accumulator);
    if (block.minimum)
      accumulator = e.fma(block.minimum, inputSum, accumulator);
    return accumulator;
  }

  /// Many rows: a panel of the tile's columns is widened into scratch once, in the tile prologue,
  /// then multiplied with one block of rows after the other.
  SmallVector<Value> emitFromPanel(LinearOp op, TileEmitter &e, const Tile &tile) const {
    int64_t depth = getChannels(op.getInput());
    Value x = e.getBuffer(op.getInput());
    Value panel = e.inTilePrologue(op, tile.column, [&] {
      Value memory = e.allocateScratch({depth, tile.vectors * kLanes}, e.b.getF32Type());
      fillPanel(op, e, tile, memory);
      return memory;
    });
    Value zero = e.constant(e.f32Vector(), 0);
    auto loop = scf::ForOp::create(e.b, e.index(0), e.index(depth), e.index(1),
                                   SmallVector<Value>(tile.rows * tile.vectors, zero));
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    Value k = loop.getInductionVar();
    SmallVector<Value> weights, next;
    for (int64_t v = 0; v < tile.vectors; ++v)
      weights.push_back(e.load(panel, {k, e.index(v * kLanes)}));
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = arith::AddIOp::create(e.b, tile.row, e.index(r));
      Value input = e.broadcast(memref::LoadOp::create(e.b, x, ValueRange{row, k}));
      for (int64_t v = 0; v < tile.vectors; ++v)
        next.push_back(e.fma(weights[v], input, loop.getRegionIterArgs()[r * tile.vectors + v]));
    }
    scf::YieldOp::create(e.b, next);
    return SmallVector<Value>(loop.getResults());
  }

  void fillPanel(LinearOp op, TileEmitter &e, const Tile &tile, Value panel) const {
    PackedReader reader(e, op.getWeight());
    for (auto [v, base] : llvm::enumerate(reader.getGroupOffsets(tile))) {
      reader.forBlocks(
          base, {}, [&](ArrayRef<PackedReader::Block> blocks, Value column, ValueRange) {
            for (int64_t c = 0; c < blocks.front().length; ++c) {
              Value row = arith::AddIOp::create(e.b, column, e.index(c));
              e.store(reader.getValue(blocks.front(), c), panel, {row, e.index(v * kLanes)});
            }
            return SmallVector<Value>();
          });
    }
  }
};

struct MatmulModel : CpuTileOpInterface::ExternalModel<MatmulModel, MatmulOp> {
  std::string getObstacle(Operation *op) const {
    return getPlainObstacle(MatmulModel::getProduct(op));
  }
  SmallVector<int64_t> getRowBlocks(Operation *, CpuTargetAttr target, int64_t) const {
    return {getPlainRowBlock(target)};
  }

  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    SmallVector<Value> vectors = emitPlainTile(e, MatmulModel::getProduct(operation), tile);
    Value accumulator = cast<MatmulOp>(operation).getAccumulator();
    if (!accumulator)
      return vectors;
    for (auto [vector, added] : llvm::zip_equal(vectors, e.pull(accumulator, tile)))
      vector = arith::AddFOp::create(e.b, vector, added);
    return vectors;
  }

private:
  static PlainProduct getProduct(Operation *operation) {
    auto op = cast<MatmulOp>(operation);
    return {op, op.getA(), op.getB(), op.getTransposeA(), op.getTransposeB()};
  }
};

} // namespace

void nyala::cpu::attachProductModels(MLIRContext *context) {
  LinearOp::attachInterface<LinearModel>(*context);
  MatmulOp::attachInterface<MatmulModel>(*context);
}
