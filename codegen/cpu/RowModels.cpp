//===- RowModels.cpp - Kernels of norms, softmax and reductions -----------===//
//
// A row of the result needs a whole row of the operand: it is written to
// memory row by row.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/CpuTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// Models whose results are computed by rows: a tile comes from the row in scratch.
template <typename Model, typename Op>
struct RowModel : CpuTileOpInterface::ExternalModel<Model, Op> {
  SmallVector<Value> emitTile(Operation *op, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    e.getBuffer(op->getResult(result));
    return e.pull(op->getResult(result), tile);
  }
};

Value addColumns(TileEmitter &e, Value column, Value offset) {
  return e.b.createOrFold<arith::AddIOp>(column, offset);
}

/// One vector of the operand of an op that is computed by rows: a tile of its own.
Value pullVector(TileEmitter &e, Value value, Value row, Value column, int64_t lanes) {
  e.beginTile();
  return e.pull(value, Tile{row, 1, column, 1, lanes})[0];
}

struct RmsNormModel : RowModel<RmsNormModel, RmsNormOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    Value destination = destinations.front();
    auto op = cast<RmsNormOp>(operation);
    int64_t width = getChannels(op.getInput()) / op.getGroups();
    Value weight = e.getBuffer(op.getWeight());
    auto emitGroup = [&](Value first) {
      Value squares = e.sumColumns(first, width, [&](Value column, int64_t lanes) -> Value {
        Value x = pullVector(e, op.getInput(), row, column, lanes);
        return arith::MulFOp::create(e.b, x, x);
      });
      Type f32 = e.b.getF32Type();
      Value mean = arith::MulFOp::create(e.b, squares, e.constant(f32, 1.0 / width));
      Value root = math::SqrtOp::create(
          e.b,
          arith::AddFOp::create(e.b, mean, e.constant(f32, op.getEpsilon().convertToDouble())));
      Value factor = e.broadcast(arith::DivFOp::create(e.b, e.constant(f32, 1), root));
      e.forColumns(width, [&](Value column, int64_t lanes) {
        Value at = addColumns(e, first, column);
        Value x = pullVector(e, op.getInput(), row, at, lanes);
        Value scaled = arith::MulFOp::create(e.b, x, factor);
        Value y = arith::MulFOp::create(e.b, scaled, e.load(weight, column, lanes));
        e.store(y, destination, {row, at}, lanes);
      });
    };
    if (op.getGroups() == 1)
      emitGroup(e.index(0));
    else
      e.forRange(e.index(0), e.index(getChannels(op.getInput())), width, emitGroup);
  }
};

struct LayerNormModel : RowModel<LayerNormModel, LayerNormOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    Value destination = destinations.front();
    auto op = cast<LayerNormOp>(operation);
    int64_t width = getChannels(op.getInput());
    Type f32 = e.b.getF32Type();
    Value inverse = e.constant(f32, 1.0 / width);
    auto input = [&](Value column, int64_t lanes) {
      return pullVector(e, op.getInput(), row, column, lanes);
    };
    Value mean =
        e.broadcast(arith::MulFOp::create(e.b, e.sumColumns(e.index(0), width, input), inverse));
    Value squares = e.sumColumns(e.index(0), width, [&](Value column, int64_t lanes) -> Value {
      Value centered = arith::SubFOp::create(e.b, input(column, lanes), mean);
      return arith::MulFOp::create(e.b, centered, centered);
    });
    Value variance = arith::MulFOp::create(e.b, squares, inverse);
    Value root = math::SqrtOp::create(
        e.b,
        arith::AddFOp::create(e.b, variance, e.constant(f32, op.getEpsilon().convertToDouble())));
    Value factor = e.broadcast(arith::DivFOp::create(e.b, e.constant(f32, 1), root));
    Value weight = e.getBuffer(op.getWeight());
    Value bias = op.getBias() ? e.getBuffer(op.getBias()) : Value();
    e.forColumns(width, [&](Value column, int64_t lanes) {
      Value centered = arith::SubFOp::create(e.b, input(column, lanes), mean);
      Value y = arith::MulFOp::create(e.b, arith::MulFOp::create(e.b, centered, factor),
                                      e.load(weight, column, lanes));
      if (bias)
        y = arith::AddFOp::create(e.b, y, e.load(bias, column, lanes));
      e.store(y, destination, {row, column}, lanes);
    });
  }
};

/// The largest value of a row.
Value emitRowMaximum(TileEmitter &e, Value input, Value row) {
  Value maximum = e.constant(e.f32Vector(), -3.0e38);
  int64_t width = getChannels(input), full = width / kLanes * kLanes;
  if (full > 0) {
    auto loop =
        scf::ForOp::create(e.b, e.index(0), e.index(full), e.index(kLanes), ValueRange{maximum});
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(loop.getBody());
    Value x = pullVector(e, input, row, loop.getInductionVar(), kLanes);
    scf::YieldOp::create(e.b, ValueRange{e.max(x, loop.getRegionIterArg(0))});
    maximum = loop.getResult(0);
  }
  if (full < width) {
    Value x = pullVector(e, input, row, e.index(full), width - full);
    Value inside = vector::ConstantMaskOp::create(e.b, VectorType::get(kLanes, e.b.getI1Type()),
                                                  ArrayRef<int64_t>{width - full});
    maximum = arith::SelectOp::create(e.b, inside, e.max(x, maximum), maximum);
  }
  return e.reduceMax(maximum);
}

struct SoftmaxModel : RowModel<SoftmaxModel, SoftmaxOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    Value destination = destinations.front();
    auto op = cast<SoftmaxOp>(operation);
    int64_t width = getChannels(op.getInput());
    Value top = e.broadcast(emitRowMaximum(e, op.getInput(), row));
    e.forColumns(width, [&](Value column, int64_t lanes) {
      Value x = pullVector(e, op.getInput(), row, column, lanes);
      e.store(e.exp(arith::SubFOp::create(e.b, x, top)), destination, {row, column}, lanes);
    });
    auto power = [&](Value column, int64_t lanes) {
      return e.load(destination, {row, column}, lanes);
    };
    Value sum = e.sumColumns(e.index(0), width, power);
    Value inverse = e.broadcast(arith::DivFOp::create(e.b, e.constant(e.b.getF32Type(), 1), sum));
    e.forColumns(width, [&](Value column, int64_t lanes) {
      e.store(arith::MulFOp::create(e.b, power(column, lanes), inverse), destination, {row, column},
              lanes);
    });
  }
};

struct ReduceModel : RowModel<ReduceModel, ReduceOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    Value destination = destinations.front();
    auto op = cast<ReduceOp>(operation);
    int64_t width = getChannels(op.getInput());
    Value result;
    if (op.getKind() == ReduceKind::Max) {
      result = emitRowMaximum(e, op.getInput(), row);
    } else {
      result = e.sumColumns(e.index(0), width, [&](Value column, int64_t lanes) {
        return pullVector(e, op.getInput(), row, column, lanes);
      });
      if (op.getKind() == ReduceKind::Mean)
        result = arith::MulFOp::create(e.b, result, e.constant(e.b.getF32Type(), 1.0 / width));
    }
    memref::StoreOp::create(e.b, result, destination, ValueRange{row, e.index(0)});
  }
};

} // namespace

void nyala::cpu::attachRowModels(MLIRContext *context) {
  RmsNormOp::attachInterface<RmsNormModel>(*context);
  LayerNormOp::attachInterface<LayerNormModel>(*context);
  SoftmaxOp::attachInterface<SoftmaxModel>(*context);
  ReduceOp::attachInterface<ReduceModel>(*context);
}
