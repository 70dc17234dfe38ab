//===- MatmulModels.cpp - Kernels of products with plain matrices ---------===//
//
// Products of two row-major matrices, either of which may be read transposed.
// A work item is a tile of columns: the tile prologue copies those columns of
// the second operand into a panel, a vector of columns for each step of the
// depth, which all blocks of rows are then multiplied with:
//
//   for tile:  panel[k][j] = B[k][tile + j]
//     for rows by blocks:  for k:  sums[r][j] += A[r][k] * panel[k][j]
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/CpuTileModels.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

static std::string toString(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

namespace {

/// Emits the tiles of one product.
class ProductEmitter {
public:
  ProductEmitter(TileEmitter &emitter, const PlainProduct &product)
      : e(emitter), product(product), a(e.getBuffer(product.a)), b(e.getBuffer(product.b)),
        depth(getTensorType(product.b).getDimSize(product.transposeB ? 1 : 0)) {}

  SmallVector<Value> emitTile(const Tile &tile) {
    Value panel = e.inTilePrologue(product.op, tile.column, [&] {
      Value memory = e.allocateScratch({depth, tile.vectors * kLanes}, e.b.getF32Type());
      for (int64_t v = 0; v < tile.vectors; ++v) {
        Value column = arith::AddIOp::create(e.b, tile.column, e.index(v * kLanes));
        if (product.transposeB)
          fillTransposed(memory, v * kLanes, column, tile.lanes(v));
        else
          fill(memory, v * kLanes, column, tile.lanes(v));
      }
      return memory;
    });
    Value zero = e.constant(e.f32Vector(), 0);
    auto loop = scf::ForOp::create(e.b, e.index(0), e.index(depth), e.index(1),
                                   SmallVector<Value>(tile.rows * tile.vectors, zero));
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    Value k = loop.getInductionVar();
    SmallVector<Value> columns, next;
    for (int64_t v = 0; v < tile.vectors; ++v)
      columns.push_back(e.load(panel, {k, e.index(v * kLanes)}));
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = arith::AddIOp::create(e.b, tile.row, e.index(r));
      SmallVector<Value> at = {row, k};
      if (product.transposeA)
        std::swap(at[0], at[1]);
      Value factor = e.broadcast(memref::LoadOp::create(e.b, a, at));
      for (int64_t v = 0; v < tile.vectors; ++v)
        next.push_back(e.fma(columns[v], factor, loop.getRegionIterArgs()[r * tile.vectors + v]));
    }
    scf::YieldOp::create(e.b, next);
    return SmallVector<Value>(loop.getResults());
  }

private:
  /// panel[k][at + j] = B[k][column + j], zeros beyond `lanes`.
  void fill(Value panel, int64_t at, Value column, int64_t lanes) {
    e.forRange(e.index(0), e.index(depth), 1,
               [&](Value k) { e.store(e.load(b, {k, column}, lanes), panel, {k, e.index(at)}); });
  }

  /// panel[k][at + j] = B[column + j][k]: squares of 16 by 16, transposed.
  void fillTransposed(Value panel, int64_t at, Value column, int64_t lanes) {
    e.forColumns(depth, [&](Value k, int64_t steps) {
      SmallVector<Value> square(kLanes, e.constant(e.f32Vector(), 0));
      for (int64_t j = 0; j < lanes; ++j) {
        Value row = arith::AddIOp::create(e.b, column, e.index(j));
        square[j] = e.load(b, {row, k}, steps);
      }
      e.transpose(square);
      for (int64_t step = 0; step < steps; ++step) {
        Value row = arith::AddIOp::create(e.b, k, e.index(step));
        e.store(square[step], panel, {row, e.index(at)});
      }
    });
  }

  TileEmitter &e;
  const PlainProduct &product;
  Value a, b;
  int64_t depth;
};

struct MatmulModel : CpuTileOpInterface::ExternalModel<MatmulModel, MatmulOp> {
  std::string getObstacle(Operation *op) const { return getPlainObstacle(getProduct(op)); }

  bool hasTilesPerRow(Operation *) const { return false; }

  int64_t getRowBlock(Operation *, CpuTargetAttr target, int64_t) const {
    return getPlainRowBlock(target);
  }

  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    SmallVector<Value> vectors = emitPlainTile(e, getProduct(operation), tile);
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

bool nyala::cpu::isPlainMatrix(Value value) {
  RankedTensorType type = getTensorType(value);
  return isa<BlockArgument>(value) && !type.getEncoding() && type.getElementType().isF32();
}

std::string nyala::cpu::getPlainObstacle(const PlainProduct &product) {
  for (Value operand : {product.a, product.b}) {
    // Rows of the first operand may be computed before the tiles, row r for row r of the result.
    if (!isa<BlockArgument>(operand) && (operand == product.b || product.transposeA))
      return "expected operands that are arguments of the kernel";
    RankedTensorType type = getTensorType(operand);
    if (type.getEncoding() || !type.getElementType().isF32())
      return "expected plain operands of f32, got " + toString(type);
  }
  if (RankedTensorType type = getTensorType(product.b); type.isDynamicDim(0))
    return "expected a second operand of static shape, got " + toString(type);
  return {};
}

int64_t nyala::cpu::getPlainRowBlock(CpuTargetAttr target) {
  return target.hasFeature("avx512f") ? 8 : 3;
}

SmallVector<Value> nyala::cpu::emitPlainTile(TileEmitter &e, const PlainProduct &product,
                                             const Tile &tile) {
  return ProductEmitter(e, product).emitTile(tile);
}

void nyala::cpu::attachMatmulModels(MLIRContext *context) {
  MatmulOp::attachInterface<MatmulModel>(*context);
}
