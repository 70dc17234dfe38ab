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
  using RoundProductsBase::RoundProductsBase;

  void runOnOperation() override {
    getOperation().walk([this](Operation *op) {
      // The first two operands of either are its factors.
      if (isa<LinearOp, MatmulOp>(op) && isF32(op->getOperand(0)) && isF32(op->getOperand(1)))
        roundFactors(op);
      if (auto lookup = dyn_cast<EmbeddingOp>(op);
          lookup && tables && isF32(lookup.getTable()) && isF32(lookup.getResult()))
        roundTable(lookup);
    });
  }

private:
  static bool isF32(Value value) { return getTensorType(value).getElementType().isF32(); }

  static Value round(OpBuilder &builder, Location loc, Value value) {
    return arith::TruncFOp::create(builder, loc, getTensorType(value).clone(builder.getBF16Type()),
                                   value);
  }

  // %y = nyala.linear %x, %w
  //   ->
  // %x1 = arith.truncf %x
  // %w1 = arith.truncf %w
  // %y = nyala.linear %x1, %w1
  static void roundFactors(Operation *op) {
    OpBuilder builder(op);
    for (OpOperand &factor : op->getOpOperands().take_front(2))
      factor.set(round(builder, op->getLoc(), factor.get()));
  }

  // %x = nyala.embedding %ids, %t : tensor<?xi32>, tensor<VxKxf32> -> tensor<?xKxf32>
  //   ->
  // %t1 = arith.truncf %t : tensor<VxKxf32> to tensor<VxKxbf16>
  // %x1 = nyala.embedding %ids, %t1 : tensor<?xi32>, tensor<VxKxbf16> -> tensor<?xKxbf16>
  // %x = arith.extf %x1 : tensor<?xKxbf16> to tensor<?xKxf32>
  static void roundTable(EmbeddingOp op) {
    OpBuilder builder(op);
    RankedTensorType type = getTensorType(op.getResult());
    auto rounded = EmbeddingOp::create(builder, op.getLoc(), type.clone(builder.getBF16Type()),
                                       op.getIds(), round(builder, op.getLoc(), op.getTable()));
    op.replaceAllUsesWith(
        arith::ExtFOp::create(builder, op.getLoc(), type, rounded.getResult()).getOut());
    op.erase();
  }
};

} // namespace
