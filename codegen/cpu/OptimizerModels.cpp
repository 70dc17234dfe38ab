//===- OptimizerModels.cpp - Kernels of optimizers ------------------------===//
//
// Elementwise; results lie in their operands' buffers. Where the scale of
// gradients is not finite every number is stored as it was.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/CpuTileModels.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// The number of a matrix of one element, in all lanes.
Value loadNumber(TileEmitter &e, Value matrix) {
  Value zero = e.index(0);
  Value number = memref::LoadOp::create(e.b, e.getBuffer(matrix), ValueRange{zero, zero});
  return e.broadcast(number);
}

/// `updated`, or `old` where `scale` is not finite.
Value selectFinite(TileEmitter &e, Value scale, Value updated, Value old) {
  Value zero = arith::SubFOp::create(e.b, scale, scale);
  Value finite =
      arith::CmpFOp::create(e.b, arith::CmpFPredicate::OEQ, zero, e.constant(scale.getType(), 0));
  return arith::SelectOp::create(e.b, finite, updated, old);
}

struct AdamWModel : CpuTileOpInterface::ExternalModel<AdamWModel, AdamWOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    auto op = cast<AdamWOp>(operation);
    SmallVector<Value> weights = e.pull(op.getWeight(), tile), means = e.pull(op.getMean(), tile),
                       variances = e.pull(op.getVariance(), tile),
                       gradients = e.pull(op.getGradient(), tile);
    auto c = [&](double value) { return e.constant(e.f32Vector(), value); };
    auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(e.b, l, r); };
    auto div = [&](Value l, Value r) -> Value { return arith::DivFOp::create(e.b, l, r); };
    Value scale = loadNumber(e, op.getScale()), rate = loadNumber(e, op.getRate()),
          correction1 = loadNumber(e, op.getCorrection1()),
          correction2 = loadNumber(e, op.getCorrection2());
    double beta1 = op.getBeta1().convertToDouble(), beta2 = op.getBeta2().convertToDouble();
    SmallVector<Value> vectors;
    for (auto [weight, mean, variance, gradient] :
         llvm::zip_equal(weights, means, variances, gradients)) {
      Value g = mul(scale, gradient);
      Value newMean = e.fma(c(beta1), mean, mul(c(1 - beta1), g));
      Value newVariance = e.fma(c(beta2), variance, mul(c(1 - beta2), mul(g, g)));
      Value root = math::SqrtOp::create(e.b, div(newVariance, correction2));
      Value step = div(div(newMean, correction1),
                       arith::AddFOp::create(e.b, root, c(op.getEpsilon().convertToDouble())));
      step = e.fma(c(op.getWeightDecay().convertToDouble()), weight, step);
      Value newWeight = arith::SubFOp::create(e.b, weight, mul(rate, step));
      Value updated[] = {newWeight, newMean, newVariance}, old[] = {weight, mean, variance};
      vectors.push_back(selectFinite(e, scale, updated[result], old[result]));
    }
    return vectors;
  }
};

struct SgdModel : CpuTileOpInterface::ExternalModel<SgdModel, SgdOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    auto op = cast<SgdOp>(operation);
    SmallVector<Value> weights = e.pull(op.getWeight(), tile),
                       velocities = e.pull(op.getVelocity(), tile),
                       gradients = e.pull(op.getGradient(), tile);
    auto c = [&](const APFloat &value) {
      return e.constant(e.f32Vector(), value.convertToDouble());
    };
    Value scale = loadNumber(e, op.getScale()), rate = loadNumber(e, op.getRate());
    SmallVector<Value> vectors;
    for (auto [weight, velocity, gradient] : llvm::zip_equal(weights, velocities, gradients)) {
      Value g = e.fma(c(op.getWeightDecay()), weight, arith::MulFOp::create(e.b, scale, gradient));
      Value newVelocity = e.fma(c(op.getMomentum()), velocity, g);
      Value newWeight =
          arith::SubFOp::create(e.b, weight, arith::MulFOp::create(e.b, rate, newVelocity));
      vectors.push_back(result == 0 ? selectFinite(e, scale, newWeight, weight)
                                    : selectFinite(e, scale, newVelocity, velocity));
    }
    return vectors;
  }
};

} // namespace

void nyala::cpu::attachOptimizerModels(MLIRContext *context) {
  AdamWOp::attachInterface<AdamWModel>(*context);
  SgdOp::attachInterface<SgdModel>(*context);
}
