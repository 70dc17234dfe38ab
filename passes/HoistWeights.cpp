//===- HoistWeights.cpp - Computations on weights, at compile time --------===//
#include "ir/Variants.h"
#include "passes/Passes.h"
#include "passes/WeightExpressions.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/Remarks.h"

namespace nyala {
#define GEN_PASS_DEF_HOISTWEIGHTS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// Name of an expression: the names of its weights, joined, and what is done to them unless it is
/// only a concatenation: "blk.0.attn_q.weight+attn_k.weight.packed".
std::string buildName(const WeightExpression &expression) {
  Operation *root = expression.back();
  std::string name = getWeightNames(expression);
  if (isa<PackOp>(root))
    name += ".packed";
  else if (!isa<tensor::ConcatOp>(root))
    name += "." + root->getName().stripDialect().str();
  return name;
}

struct HoistWeights : nyala::impl::HoistWeightsBase<HoistWeights> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto weight : getOperation().getOps<WeightOp>())
      lastWeight = weight;
    for (auto func : getOperation().getOps<func::FuncOp>())
      hoistFrom(func, symbols);
    if (unsigned erased = eraseDeadWeights(getOperation()))
      remark::passed(getOperation().getLoc(), remarkOf("DeadWeightsRemoved"))
          << remark::add("removed {0} weights that nothing loads", erased);
  }

private:
  static remark::RemarkOpts remarkOf(StringRef name) {
    return remark::RemarkOpts::name(name).category("nyala-hoist-weights");
  }

  void hoistFrom(func::FuncOp func, SymbolTable &symbols) {
    // What a GPU computes of weights, it computes when a model is loaded, or at each call.
    bool onGpu = getDevice(func) == Device::Cuda;
    SmallVector<Value> roots = findWeightExpressions(
        func, [&](Operation *op) { return !onGpu || !nyala::getFusionKind(op); });
    llvm::erase_if(roots, [](Value root) { return root.getDefiningOp<LoadOp>(); });
    // All initializers are built before a use is replaced: expressions may share parts.
    SmallVector<WeightOp> weights;
    for (Value root : roots)
      weights.push_back(hoist(func, root, symbols));
    // %c = tensor.concat dim(0) %a, %b : (…) -> TYPE     (of loads of @a and @b)
    //   ->
    // nyala.weight @"a+b" : TYPE initializer { …; nyala.yield %c : TYPE }
    // %c = nyala.load @"a+b" : TYPE
    for (auto [root, weight] : llvm::zip_equal(roots, weights)) {
      OpBuilder builder(root.getDefiningOp());
      root.replaceAllUsesWith(
          LoadOp::create(builder, root.getLoc(), root.getType(), weight.getSymName()).getResult());
    }
    eraseDeadOps(func);
  }

  /// The weight whose initializer computes `root`: a new one, or one that is there already.
  WeightOp hoist(func::FuncOp func, Value root, SymbolTable &symbols) {
    WeightExpression expression = collectExpression(root);
    std::string base = buildName(expression), name = base;
    WeightOp weight = createWeight(expression, root, name);
    auto remarkHoisted = [&](StringRef what) {
      remark::passed(root.getLoc(), remarkOf("WeightHoisted").function(func.getName()))
          << remark::add("{0} @{1}", what.str(), name);
    };
    for (unsigned i = 1; Operation *taken = symbols.lookup(name); ++i) {
      auto other = dyn_cast<WeightOp>(taken);
      if (other && OperationEquivalence::isRegionEquivalentTo(
                       &other.getInitializer(), &weight.getInitializer(),
                       OperationEquivalence::IgnoreLocations)) {
        weight.erase();
        remarkHoisted("equals");
        return other;
      }
      name = base + "_" + std::to_string(i);
      weight.setSymName(name);
    }
    symbols.insert(weight, std::next(lastWeight->getIterator()));
    lastWeight = weight;
    remarkHoisted("hoisted to");
    return weight;
  }

  static WeightOp createWeight(const WeightExpression &expression, Value root, StringRef name) {
    OpBuilder builder(root.getContext());
    auto weight = WeightOp::create(builder, root.getLoc(), name,
                                   cast<RankedTensorType>(root.getType()), SourceAttr());
    builder.createBlock(&weight.getInitializer());
    IRMapping mapping;
    for (Operation *op : expression)
      builder.clone(*op, mapping);
    YieldOp::create(builder, root.getLoc(), mapping.lookup(root));
    return weight;
  }

  WeightOp lastWeight; ///< new weights follow it, in the order of their use
};

} // namespace
