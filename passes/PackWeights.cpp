//===- PackWeights.cpp - Matrices in the layout of kernels ----------------===//
#include "ir/Variants.h"
#include "ir/WeightOps.h"
#include "passes/Passes.h"
#include "passes/WeightExpressions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/ADT/DenseMap.h"

namespace nyala {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

struct PackWeights : nyala::impl::PackWeightsBase<PackWeights> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      // Equal loads and concatenations become one value, which is then packed once.
      IRRewriter rewriter(func.getContext());
      DominanceInfo dominance(func);
      eliminateCommonSubExpressions(rewriter, dominance, func);
      if (failed(packOperands(func, symbols)))
        return signalPassFailure();
    }
  }

private:
  static remark::RemarkOpts remarkOf(StringRef name, func::FuncOp func) {
    return remark::RemarkOpts::name(name).category("nyala-pack-weights").function(func.getName());
  }

  /// What `user` multiplies with, as it is stored: of a GPU's product, what is rounded for it.
  static OpOperand &getStored(func::FuncOp func, StoredWeightOpInterface user) {
    OpOperand &weight = user.getStoredWeight();
    auto rounding = weight.get().getDefiningOp<arith::TruncFOp>();
    return rounding && getDevice(func) == Device::Cuda ? rounding.getInMutable() : weight;
  }

  static LogicalResult packOperands(func::FuncOp func, const SymbolTable &symbols) {
    llvm::DenseMap<Value, Value> packed; // a weight's value as laid out; itself if it stays plain
    WalkResult result = func.walk([&](Operation *op) {
      auto user = dyn_cast<StoredWeightOpInterface>(op);
      if (!user)
        return WalkResult::advance();
      OpOperand &stored = getStored(func, user);
      Value plain = stored.get();
      if (plain.getDefiningOp<UnpackOp>())
        return WalkResult::advance();
      if (!packed.contains(plain)) {
        FailureOr<Value> value = pack(func, op, plain, symbols);
        if (failed(value))
          return WalkResult::interrupt();
        packed[plain] = *value;
      }
      bool isRounded = stored.getOwner() != op;
      stored.set(isRounded ? unpack(packed[plain]) : packed[plain]);
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  // %p = nyala.pack %w : tensor<NxKxf32> -> tensor<NxKxf32, #nyala.packed<FORMAT>>
  // %b = arith.truncf %w
  //   ->
  // %p = nyala.pack %w : tensor<NxKxf32> -> tensor<NxKxf32, #nyala.packed<FORMAT>>
  // %u = nyala.unpack %p : tensor<NxKxf32, #nyala.packed<FORMAT>> -> tensor<NxKxf32>
  // %b = arith.truncf %u
  static Value unpack(Value packed) {
    RankedTensorType type = getTensorType(packed);
    if (!getPacked(type))
      return packed;
    OpBuilder builder(packed.getContext());
    builder.setInsertionPointAfterValue(packed);
    return UnpackOp::create(builder, packed.getLoc(),
                            RankedTensorType::get(type.getShape(), type.getElementType()), packed);
  }

  /// `plain` packed, right after it; `plain` itself, with a remark, if it is no stored matrix.
  static FailureOr<Value> pack(func::FuncOp func, Operation *user, Value plain,
                               const SymbolTable &symbols) {
    auto type = cast<RankedTensorType>(plain.getType());
    if (type.getEncoding())
      return plain;
    auto stayPlain = [&](StringRef why) {
      remark::missed(user->getLoc(), remarkOf("WeightNotPacked", func))
          << remark::reason("{0}", why.str());
      return plain;
    };
    SmallVector<LoadOp> loads;
    if (!collectConcatenatedLoads(plain, loads))
      return stayPlain("it is computed, not loaded");
    std::optional<StoredFormat> common;
    for (LoadOp load : loads) {
      auto weight = symbols.lookup<WeightOp>(load.getWeight());
      auto format = getStoredFormat(weight, symbols);
      if (!format)
        return stayPlain("its elements have no stored format");
      if (common && common != format)
        return user->emitError("the weight concatenates stored formats ")
               << getInfo(*common).name << " (@" << loads.front().getWeight() << ") and "
               << getInfo(*format).name << " (@" << load.getWeight()
               << "); expected one format, so that packing only moves bits";
      common = format;
    }
    // %w = nyala.load @w : tensor<NxKxf32>
    //   ->
    // %w = nyala.load @w : tensor<NxKxf32>
    // %p = nyala.pack %w : tensor<NxKxf32> -> tensor<NxKxf32, #nyala.packed<FORMAT>>
    OpBuilder builder(func.getContext());
    builder.setInsertionPointAfterValue(plain);
    auto packedType = RankedTensorType::get(type.getShape(), type.getElementType(),
                                            PackedAttr::get(func.getContext(), *common));
    remark::passed(user->getLoc(), remarkOf("WeightPacked", func)) << remark::add(
        "packed @{0}{1}, {2} x {3}, as {4}", loads.front().getWeight().str(),
        loads.size() == 1 ? "" : llvm::formatv(" and {0} more", loads.size() - 1).str(),
        type.getDimSize(0), type.getDimSize(1), getPackedLayout(packedType).getName());
    return PackOp::create(builder, plain.getLoc(), packedType, plain).getResult();
  }
};

} // namespace
