//===- RoundPrompts.cpp - Products of prompts in bf16 ---------------------===//
#include "ir/Contract.h"
#include "ir/Variants.h"
#include "ir/WeightOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Remarks.h"

namespace nyala {
#define GEN_PASS_DEF_ROUNDPROMPTS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

struct RoundPrompts : nyala::impl::RoundPromptsBase<RoundPrompts> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(NyalaDialect::kEntryAttr) || getDevice(function) != Device::Cuda ||
        !llvm::hasSingleElement(function.getBody()))
      return;
    Block &block = function.getBody().front();
    for (auto product : llvm::make_early_inc_range(block.getOps<QuantizedLinearOp>()))
      if (isOfPrompt(product))
        round(product);
    for (auto quantize : llvm::make_early_inc_range(block.getOps<QuantizeOp>()))
      if (quantize->use_empty())
        quantize.erase();
  }

private:
  static remark::RemarkOpts remarkOf(StringRef name, func::FuncOp function) {
    return remark::RemarkOpts::name(name)
        .category("nyala-round-prompts")
        .function(function.getName());
  }

  /// Has it the rows of a prompt, more than decoding has? Of wanted rows there are few.
  bool isOfPrompt(QuantizedLinearOp product) {
    auto leaveAlone = [&](StringRef why) {
      remark::missed(product.getLoc(), remarkOf("ProductNotRounded", getOperation()))
          << remark::reason("{0}", why.str());
      return false;
    };
    auto source = dyn_cast_or_null<BlockArgument>(nyala::getRowSource(product.getResult()));
    if (!source || !product.getValues().getDefiningOp<QuantizeOp>())
      return leaveAlone("its activations are not quantized in this function");
    unsigned number = source.getArgNumber();
    auto role = getOperation().getArgAttrOfType<StringAttr>(number, NyalaDialect::kRoleAttr);
    if (role && role.getValue() == "wanted")
      return leaveAlone("few of its rows are wanted");
    auto maxRows = getOperation().getArgAttrOfType<IntegerAttr>(number, NyalaDialect::kMaxRowsAttr);
    return maxRows && maxRows.getInt() > kContractRows;
  }

  // %q, %s, %t = nyala.quantize %x
  // %y = nyala.quantized_linear %q, %s, %t, %w
  //   ->
  // %x1 = arith.truncf %x
  // %u = nyala.unpack %w
  // %w1 = arith.truncf %u
  // %y = nyala.linear %x1, %w1
  void round(QuantizedLinearOp product) {
    OpBuilder builder(product);
    Location loc = product.getLoc();
    auto truncate = [&](Value value) {
      return arith::TruncFOp::create(builder, loc,
                                     getTensorType(value).clone(builder.getBF16Type()), value)
          .getOut();
    };
    auto quantize = product.getValues().getDefiningOp<QuantizeOp>();
    Value &input = rounded[quantize];
    if (!input)
      input = truncate(quantize.getInput());
    Value weight = product.getWeight();
    RankedTensorType type = getTensorType(weight);
    if (getPacked(type))
      weight = UnpackOp::create(
          builder, loc, RankedTensorType::get(type.getShape(), type.getElementType()), weight);
    auto linear = LinearOp::create(builder, loc, product.getType(), input, truncate(weight),
                                   product.getBias());
    remark::passed(loc, remarkOf("ProductRounded", getOperation()))
        << "product of bf16, whose weight is widened at each call";
    product.replaceAllUsesWith(linear.getResult());
    product.erase();
  }

  /// What is quantized, as bf16.
  DenseMap<Operation *, Value> rounded;
};

} // namespace
