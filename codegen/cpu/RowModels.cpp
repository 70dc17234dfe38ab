//===- RowModels.cpp - Kernels of norms, softmax and reductions -----------===//
//
// A row of the result needs a whole row of the operand: it is written to
// memory row by row.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/RowModel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

struct RmsNormModel : RowModel<RmsNormModel, RmsNormOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    Value destination = destinations.front();
    auto op = cast<RmsNormOp>(operation);
    int64_t width = getChannels(op.getInput()) / op.getGroups();
    Value weight = e.getBuffer(op.getWeight());
    auto emitGroup = [&](Value first) {
      Value factor =
          e.broadcast(emitRmsFactor(e, op.getInput(), row, first, width, op.getEpsilon()));
      e.forColumns(width, [&](Value column, int64_t lanes) {
        Value at = e.b.createOrFold<arith::AddIOp>(first, column);
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
    RowMoments moments = emitRowMoments(e, op.getInput(), row, op.getEpsilon());
    Value mean = e.broadcast(moments.mean), factor = e.broadcast(moments.factor);
    Value weight = e.getBuffer(op.getWeight());
    Value bias = op.getBias() ? e.getBuffer(op.getBias()) : Value();
    e.forColumns(width, [&](Value column, int64_t lanes) {
      Value x = pullVector(e, op.getInput(), row, column, lanes);
      Value centered = arith::SubFOp::create(e.b, x, mean);
      Value y = arith::MulFOp::create(e.b, arith::MulFOp::create(e.b, centered, factor),
                                      e.load(weight, column, lanes));
      if (bias)
        y = arith::AddFOp::create(e.b, y, e.load(bias, column, lanes));
      e.store(y, destination, {row, column}, lanes);
    });
  }
};

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

Value nyala::cpu::emitRowMaximum(TileEmitter &e, Value input, Value row) {
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

Value nyala::cpu::emitInverseRoot(TileEmitter &e, Value square, const APFloat &epsilon) {
  Type f32 = e.b.getF32Type();
  Value root = math::SqrtOp::create(
      e.b, arith::AddFOp::create(e.b, square, e.constant(f32, epsilon.convertToDouble())));
  return arith::DivFOp::create(e.b, e.constant(f32, 1), root);
}

Value nyala::cpu::emitRmsFactor(TileEmitter &e, Value input, Value row, Value first, int64_t width,
                                const APFloat &epsilon) {
  Value squares = e.sumColumns(first, width, [&](Value column, int64_t lanes) -> Value {
    Value x = pullVector(e, input, row, column, lanes);
    return arith::MulFOp::create(e.b, x, x);
  });
  Value mean = arith::MulFOp::create(e.b, squares, e.constant(e.b.getF32Type(), 1.0 / width));
  return emitInverseRoot(e, mean, epsilon);
}

RowMoments nyala::cpu::emitRowMoments(TileEmitter &e, Value input, Value row,
                                      const APFloat &epsilon) {
  int64_t width = getChannels(input);
  Value inverse = e.constant(e.b.getF32Type(), 1.0 / width);
  auto element = [&](Value column, int64_t lanes) {
    return pullVector(e, input, row, column, lanes);
  };
  Value mean = arith::MulFOp::create(e.b, e.sumColumns(e.index(0), width, element), inverse);
  Value center = e.broadcast(mean);
  Value squares = e.sumColumns(e.index(0), width, [&](Value column, int64_t lanes) -> Value {
    Value centered = arith::SubFOp::create(e.b, element(column, lanes), center);
    return arith::MulFOp::create(e.b, centered, centered);
  });
  Value variance = arith::MulFOp::create(e.b, squares, inverse);
  return {mean, emitInverseRoot(e, variance, epsilon)};
}

void nyala::cpu::attachRowModels(MLIRContext *context) {
  RmsNormOp::attachInterface<RmsNormModel>(*context);
  LayerNormOp::attachInterface<LayerNormModel>(*context);
  SoftmaxOp::attachInterface<SoftmaxModel>(*context);
  ReduceOp::attachInterface<ReduceModel>(*context);
}
