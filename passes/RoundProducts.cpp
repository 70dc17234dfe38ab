//===- RoundProducts.cpp - Products of operands in bf16 -------------------===//
#include "ir/TrainingOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nyala {
#define GEN_PASS_DEF_ROUNDPRODUCTS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

struct RoundProducts : nyala::impl::RoundProductsBase<RoundProducts> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      // The first two operands of either are its factors.
      if (isa<LinearOp, MatmulOp>(op) && isF32(op->getOperand(0)) && isF32(op->getOperand(1)))
        roundFactors(op);
    });
  }

private:
  static bool isF32(Value value) { return getTensorType(value).getElementType().isF32(); }

  // %y = nyala.linear %x, %w
  //   ->
  // %x1 = arith.truncf %x
  // %w1 = arith.truncf %w
  // %y = nyala.linear %x1, %w1
  static void roundFactors(Operation *op) {
    OpBuilder builder(op);
    for (OpOperand &factor : op->getOpOperands().take_front(2)) {
      RankedTensorType type = getTensorType(factor.get());
      factor.set(arith::TruncFOp::create(builder, op->getLoc(), type.clone(builder.getBF16Type()),
                                         factor.get()));
    }
  }
};

} // namespace
