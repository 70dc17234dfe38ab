//===- LocalGradientModels.cpp - Gradients of activations -----------------===//
#include "codegen/cpu/CpuTileModels.h"
#include "ir/TrainingOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

/// With s = 1 / (1 + e^-u), (1 - s) = e^-u * s loses no digits where s is near 1.
struct Sigmoid {
  Value value, derivative;
};

Sigmoid emitSigmoid(TileEmitter &e, Value u) {
  Value power = e.exp(arith::NegFOp::create(e.b, u));
  Value one = e.constant(u.getType(), 1);
  Value s = arith::DivFOp::create(e.b, one, arith::AddFOp::create(e.b, one, power));
  Value rest = arith::MulFOp::create(e.b, power, s);
  return {s, arith::MulFOp::create(e.b, s, rest)};
}

/// activation'(x).
Value emitDerivative(TileEmitter &e, ActivationKind kind, Value x) {
  Type type = x.getType();
  auto c = [&](double value) { return e.constant(type, value); };
  auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(e.b, l, r); };
  switch (kind) {
  case ActivationKind::Silu: { // x s(x)
    Sigmoid s = emitSigmoid(e, x);
    return e.fma(x, s.derivative, s.value);
  }
  case ActivationKind::GeluTanh: { // x s(u), u = 2 sqrt(2/pi) (x + 0.044715 x^3)
    constexpr double scale = 2 * 0.7978845608028654;
    Value square = mul(x, x);
    Sigmoid s = emitSigmoid(e, mul(x, e.fma(square, c(0.044715 * scale), c(scale))));
    Value slope = e.fma(square, c(3 * 0.044715 * scale), c(scale));
    return e.fma(mul(x, slope), s.derivative, s.value);
  }
  case ActivationKind::Gelu: { // x Phi(x): Phi(x) + x phi(x)
    Value erf = math::ErfOp::create(e.b, mul(x, c(0.7071067811865476)));
    Value density = mul(e.exp(mul(mul(x, x), c(-0.5))), c(0.3989422804014327));
    return e.fma(x, density, e.fma(erf, c(0.5), c(0.5)));
  }
  case ActivationKind::Relu: {
    Value positive = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGT, x, c(0));
    return arith::SelectOp::create(e.b, positive, c(1), c(0));
  }
  }
  llvm_unreachable("unknown activation");
}

struct ActivationGradientModel
    : CpuTileOpInterface::ExternalModel<ActivationGradientModel, ActivationGradientOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<ActivationGradientOp>(operation);
    SmallVector<Value> vectors = e.pull(op.getGradient(), tile);
    for (auto [vector, x] : llvm::zip_equal(vectors, e.pull(op.getInput(), tile)))
      vector = arith::MulFOp::create(e.b, vector, emitDerivative(e, op.getKind(), x));
    return vectors;
  }
};

struct GatedActivationGradientModel
    : CpuTileOpInterface::ExternalModel<GatedActivationGradientModel, GatedActivationGradientOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    auto op = cast<GatedActivationGradientOp>(operation);
    bool ofGate = op->getResult(result) == op.getGateGradient();
    SmallVector<Value> vectors = e.pull(op.getGradient(), tile);
    SmallVector<Value> inputs = ofGate ? e.pull(op.getInput(), tile) : SmallVector<Value>();
    for (auto [i, gate] : llvm::enumerate(e.pull(op.getGate(), tile))) {
      Value factor =
          ofGate
              ? Value(arith::MulFOp::create(e.b, inputs[i], emitDerivative(e, op.getKind(), gate)))
              : e.activation(op.getKind(), gate);
      vectors[i] = arith::MulFOp::create(e.b, vectors[i], factor);
    }
    return vectors;
  }
};

} // namespace

void nyala::cpu::attachLocalGradientModels(MLIRContext *context) {
  ActivationGradientOp::attachInterface<ActivationGradientModel>(*context);
  GatedActivationGradientOp::attachInterface<GatedActivationGradientModel>(*context);
}
