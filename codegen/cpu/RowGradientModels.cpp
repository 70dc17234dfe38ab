//===- RowGradientModels.cpp - Gradients row by row -----------------------===//
//
// Gradients of norms and softmax with respect to their inputs, and what goes
// from a row to one number and back.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/RowModel.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

struct RmsNormGradientModel : RowModel<RmsNormGradientModel, RmsNormGradientOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<RmsNormGradientOp>(operation);
    int64_t width = getChannels(op.getInput()) / op.getGroups();
    Value weight = e.getBuffer(op.getWeight());
    auto emitGroup = [&](Value first) {
      Value n = emitRmsFactor(e, op.getInput(), row, first, width, op.getEpsilon());
      /// gradient * weight; the weight is that of every group.
      auto scaled = [&](Value at, Value column, int64_t lanes) -> Value {
        return arith::MulFOp::create(e.b, pullVector(e, op.getGradient(), row, at, lanes),
                                     e.load(weight, column, lanes));
      };
      Value dot = e.sumColumns(first, width, [&](Value at, int64_t lanes) -> Value {
        Value g = scaled(at, e.b.createOrFold<arith::SubIOp>(at, first), lanes);
        return arith::MulFOp::create(e.b, g, pullVector(e, op.getInput(), row, at, lanes));
      });
      Value mean = arith::MulFOp::create(e.b, dot, e.constant(dot.getType(), 1.0 / width));
      Value pull = e.broadcast(arith::MulFOp::create(e.b, arith::MulFOp::create(e.b, n, n),
                                                     arith::NegFOp::create(e.b, mean)));
      Value factor = e.broadcast(n);
      e.forColumns(width, [&](Value column, int64_t lanes) {
        Value at = e.b.createOrFold<arith::AddIOp>(first, column);
        Value x = pullVector(e, op.getInput(), row, at, lanes);
        Value y = e.fma(x, pull, scaled(at, column, lanes));
        e.store(arith::MulFOp::create(e.b, y, factor), destinations[0], {row, at}, lanes);
      });
    };
    if (op.getGroups() == 1)
      emitGroup(e.index(0));
    else
      e.forRange(e.index(0), e.index(getChannels(op.getInput())), width, emitGroup);
  }
};

struct LayerNormGradientModel : RowModel<LayerNormGradientModel, LayerNormGradientOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<LayerNormGradientOp>(operation);
    int64_t width = getChannels(op.getInput());
    Value weight = e.getBuffer(op.getWeight());
    RowMoments moments = emitRowMoments(e, op.getInput(), row, op.getEpsilon());
    Value center = e.broadcast(moments.mean), factor = e.broadcast(moments.factor);
    auto emitNormalized = [&](Value column, int64_t lanes) -> Value {
      Value x = pullVector(e, op.getInput(), row, column, lanes);
      return arith::MulFOp::create(e.b, arith::SubFOp::create(e.b, x, center), factor);
    };
    auto emitScaled = [&](Value column, int64_t lanes) -> Value {
      return arith::MulFOp::create(e.b, pullVector(e, op.getGradient(), row, column, lanes),
                                   e.load(weight, column, lanes));
    };
    SmallVector<Value> sums = e.sumColumns(e.index(0), width, 2, [&](Value column, int64_t lanes) {
      Value g = emitScaled(column, lanes), z = emitNormalized(column, lanes);
      return SmallVector<Value>{g, arith::MulFOp::create(e.b, g, z)};
    });
    Value inverse = e.constant(e.b.getF32Type(), -1.0 / width);
    Value shift = e.broadcast(arith::MulFOp::create(e.b, sums[0], inverse));
    Value pull = e.broadcast(arith::MulFOp::create(e.b, sums[1], inverse));
    e.forColumns(width, [&](Value column, int64_t lanes) {
      Value g = arith::AddFOp::create(e.b, emitScaled(column, lanes), shift);
      Value y = e.fma(emitNormalized(column, lanes), pull, g);
      e.store(arith::MulFOp::create(e.b, y, factor), destinations[0], {row, column}, lanes);
    });
  }
};

struct SoftmaxGradientModel : RowModel<SoftmaxGradientModel, SoftmaxGradientOp> {
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<SoftmaxGradientOp>(operation);
    int64_t width = getChannels(op.getOutput());
    Value sum = e.sumColumns(e.index(0), width, [&](Value column, int64_t lanes) -> Value {
      return arith::MulFOp::create(e.b, pullVector(e, op.getGradient(), row, column, lanes),
                                   pullVector(e, op.getOutput(), row, column, lanes));
    });
    Value shift = e.broadcast(sum);
    e.forColumns(width, [&](Value column, int64_t lanes) {
      Value g = pullVector(e, op.getGradient(), row, column, lanes);
      Value y = pullVector(e, op.getOutput(), row, column, lanes);
      Value x = arith::MulFOp::create(e.b, y, arith::SubFOp::create(e.b, g, shift));
      e.store(x, destinations[0], {row, column}, lanes);
    });
  }
};

struct BroadcastColumnsModel
    : CpuTileOpInterface::ExternalModel<BroadcastColumnsModel, BroadcastColumnsOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    Value input = e.getBuffer(cast<BroadcastColumnsOp>(operation).getInput());
    SmallVector<Value> vectors;
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = e.b.createOrFold<arith::AddIOp>(tile.row, e.index(r));
      Value number = memref::LoadOp::create(e.b, input, ValueRange{row, e.index(0)});
      vectors.append(tile.vectors, e.broadcast(number));
    }
    return vectors;
  }
};

//===----------------------------------------------------------------------===//
// Cross entropy, one range of the vocabulary after the other
//===----------------------------------------------------------------------===//

struct LogSumExpModel : RowModel<LogSumExpModel, LogSumExpOp> {
  bool hasJointRows(Operation *) const { return true; }

  /// With the largest value m of the row and the previous sum, so that no power overflows:
  ///   m + log(exp(previous - m) + sum exp(logits - m))
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<LogSumExpOp>(operation);
    Value zero = e.index(0);
    auto previous = [&](Value column) -> Value {
      return column ? memref::LoadOp::create(e.b, e.getBuffer(column), ValueRange{row, zero})
                    : Value();
    };
    if (destinations[0])
      memref::StoreOp::create(e.b, emitSum(op, e, row, previous(op.getPreviousSum())),
                              destinations[0], ValueRange{row, zero});
    if (destinations[1])
      memref::StoreOp::create(e.b, emitTarget(op, e, row, previous(op.getPreviousLogit())),
                              destinations[1], ValueRange{row, zero});
  }

private:
  static Value emitSum(LogSumExpOp op, TileEmitter &e, Value row, Value previous) {
    Value logits = op.getLogits(), maximum = emitRowMaximum(e, logits, row);
    if (previous)
      maximum = e.max(maximum, previous);
    Value top = e.broadcast(maximum);
    Value sum =
        e.sumColumns(e.index(0), getChannels(logits), [&](Value column, int64_t lanes) -> Value {
          return e.exp(arith::SubFOp::create(e.b, pullVector(e, logits, row, column, lanes), top));
        });
    if (previous)
      sum = arith::AddFOp::create(e.b, sum, e.exp(arith::SubFOp::create(e.b, previous, maximum)));
    return arith::AddFOp::create(e.b, maximum, e.log(sum));
  }

  static Value emitTarget(LogSumExpOp op, TileEmitter &e, Value row, Value previous) {
    Value target = e.loadIndex(op.getTargets(), row);
    // As unsigned numbers, negative ones are large.
    Value inside = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, target,
                                         e.index(getChannels(op.getLogits())));
    if (!previous)
      previous = e.constant(e.b.getF32Type(), 0);
    Value logits = e.getBuffer(op.getLogits());
    auto branch = scf::IfOp::create(e.b, previous.getType(), inside, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(e.b,
                         ValueRange{memref::LoadOp::create(e.b, logits, ValueRange{row, target})});
    e.b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(e.b, previous);
    return branch.getResult(0);
  }
};

struct LogitsGradientModel
    : CpuTileOpInterface::ExternalModel<LogitsGradientModel, LogitsGradientOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<LogitsGradientOp>(operation);
    Value gradients = e.getBuffer(op.getGradient()), sums = e.getBuffer(op.getLogSumExp()),
          targets = e.getBuffer(op.getTargets());
    SmallVector<Value> vectors = e.pull(op.getLogits(), tile);
    auto ids = VectorType::get(kLanes, e.b.getI32Type());
    SmallVector<int32_t> lanes = llvm::to_vector(llvm::seq<int32_t>(kLanes));
    Value step = arith::ConstantOp::create(e.b, DenseElementsAttr::get(ids, ArrayRef(lanes)));
    Value one = e.constant(e.f32Vector(), 1), zero = e.constant(e.f32Vector(), 0);
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = e.b.createOrFold<arith::AddIOp>(tile.row, e.index(r));
      auto number = [&](Value column) {
        return e.broadcast(memref::LoadOp::create(e.b, column, ValueRange{row, e.index(0)}));
      };
      Value gradient = number(gradients), sum = number(sums);
      Value target = e.broadcast(memref::LoadOp::create(e.b, targets, row));
      for (int64_t v = 0; v < tile.vectors; ++v) {
        Value column = e.b.createOrFold<arith::AddIOp>(tile.column, e.index(v * kLanes));
        Value first = arith::IndexCastOp::create(e.b, e.b.getI32Type(), column);
        Value id = arith::AddIOp::create(e.b, step, e.broadcast(first));
        Value isTarget = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, id, target);
        Value &vector = vectors[r * tile.vectors + v];
        Value probability = e.exp(arith::SubFOp::create(e.b, vector, sum));
        Value wanted = arith::SelectOp::create(e.b, isTarget, one, zero);
        vector =
            arith::MulFOp::create(e.b, gradient, arith::SubFOp::create(e.b, probability, wanted));
      }
    }
    return vectors;
  }
};

} // namespace

void nyala::cpu::attachRowGradientModels(MLIRContext *context) {
  RmsNormGradientOp::attachInterface<RmsNormGradientModel>(*context);
  LayerNormGradientOp::attachInterface<LayerNormGradientModel>(*context);
  SoftmaxGradientOp::attachInterface<SoftmaxGradientModel>(*context);
  BroadcastColumnsOp::attachInterface<BroadcastColumnsModel>(*context);
  LogSumExpOp::attachInterface<LogSumExpModel>(*context);
  LogitsGradientOp::attachInterface<LogitsGradientModel>(*context);
}
