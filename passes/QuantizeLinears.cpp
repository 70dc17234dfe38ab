//===- QuantizeLinears.cpp - Native arithmetic ----------------------------===//
#include "passes/Passes.h"
#include "passes/WeightExpressions.h"

#include "ir/NyalaOps.h"

#include "mlir/IR/Remarks.h"

namespace nyala {
#define GEN_PASS_DEF_QUANTIZELINEARS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

struct QuantizeLinears : nyala::impl::QuantizeLinearsBase<QuantizeLinears> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      for (Block &block : function.getBody()) {
        llvm::DenseMap<Value, QuantizeOp> quantized; // by what it quantizes
        for (auto linear : llvm::make_early_inc_range(block.getOps<LinearOp>()))
          if (isStoredInBlocks(linear, symbols))
            rewrite(linear, quantized);
      }
    }
  }

private:
  static remark::RemarkOpts remarkOf(StringRef name, LinearOp linear) {
    return remark::RemarkOpts::name(name)
        .category("nyala-quantize-linears")
        .function(linear->getParentOfType<func::FuncOp>().getName());
  }

  /// Are all weights that `linear` concatenates stored in blocks?
  static bool isStoredInBlocks(LinearOp linear, const SymbolTable &symbols) {
    SmallVector<LoadOp> loads;
    bool stored = collectConcatenatedLoads(linear.getWeight(), loads);
    for (LoadOp load : loads) {
      auto format = getStoredFormat(symbols.lookup<WeightOp>(load.getWeight()), symbols);
      stored &= format && getInfo(*format).blockValues > 1;
    }
    if (!stored)
      remark::missed(linear.getLoc(), remarkOf("LinearNotQuantized", linear))
          << remark::reason("the weight is not stored in blocks of quantized values");
    return stored;
  }

  static void rewrite(LinearOp linear, llvm::DenseMap<Value, QuantizeOp> &quantized) {
    OpBuilder builder(linear);
    Value input = linear.getInput();
    QuantizeOp &quantize = quantized[input];
    if (!quantize) {
      auto type = getTensorType(input);
      int64_t rows = type.getDimSize(0), width = type.getDimSize(1);
      int64_t blocks = width / PackedLayout::kBlockColumns, sums = width / kSumChannels;
      quantize = QuantizeOp::create(
          builder, linear.getLoc(), RankedTensorType::get({rows, width}, builder.getI8Type()),
          RankedTensorType::get({rows, blocks}, builder.getF32Type()),
          RankedTensorType::get({rows, sums}, builder.getI32Type()), input);
    }
    auto product = QuantizedLinearOp::create(
        builder, linear.getLoc(), linear.getType(), quantize.getValues(), quantize.getScales(),
        quantize.getSums(), linear.getWeight(), linear.getBias());
    remark::passed(linear.getLoc(), remarkOf("LinearQuantized", linear))
        << "integer product of 8-bit activations";
    linear.replaceAllUsesWith(product.getResult());
    linear.erase();
  }
};

} // namespace
