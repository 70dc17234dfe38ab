//===- HoistWeights.cpp - Computations on weights, at compile time --------===//
#include "ir/NyalaOps.h"
#include "passes/Passes.h"
#include "passes/WeightExpressions.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

namespace nyala {
#define GEN_PASS_DEF_HOISTWEIGHTS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// The ops of an expression, operands before users.
using Expression = llvm::SetVector<Operation *>;

bool hasStaticTensors(Operation *op) {
  return op->getNumResults() != 0 && llvm::all_of(op->getResultTypes(), [](Type type) {
           auto tensor = dyn_cast<RankedTensorType>(type);
           return tensor && tensor.hasStaticShape();
         });
}

void collect(Value value, Expression &expression) {
  Operation *op = value.getDefiningOp();
  if (expression.contains(op))
    return;
  for (Value operand : op->getOperands())
    collect(operand, expression);
  expression.insert(op);
}

/// The part of a dotted name that `name` does not share with `first`: "attn_k.weight" for
/// "blk.0.attn_k.weight" beside "blk.0.attn_q.weight".
StringRef dropSharedPrefix(StringRef first, StringRef name) {
  size_t shared = 0;
  for (size_t i = 0; i < std::min(first.size(), name.size()) && first[i] == name[i]; ++i)
    if (name[i] == '.')
      shared = i + 1;
  return name.drop_front(shared);
}

/// Name of an expression: the names of its weights, joined, and what is done to them unless it is
/// only a concatenation: "blk.0.attn_q.weight+attn_k.weight.packed".
std::string buildName(const Expression &expression) {
  llvm::SetVector<StringRef> names;
  for (Operation *op : expression)
    if (auto load = dyn_cast<LoadOp>(op))
      names.insert(load.getWeight());
  std::string name = names.front().str();
  for (StringRef other : names.getArrayRef().drop_front()) {
    StringRef rest = dropSharedPrefix(names.front(), other);
    name += "+" + rest.str();
  }
  Operation *root = expression.back();
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
    // Ops that compute a fixed value; with true for those that read a weight. Constants alone are
    // no weights: they stay where they are used.
    llvm::DenseMap<Operation *, bool> fixed;
    func.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<LoadOp>(op)) {
        fixed[op] = true;
        return;
      }
      if (op->getNumRegions() != 0 || !isPure(op) || !hasStaticTensors(op))
        return;
      bool reads = false;
      for (Value operand : op->getOperands()) {
        auto found = fixed.find(operand.getDefiningOp());
        if (found == fixed.end())
          return;
        reads |= found->second;
      }
      if (reads || op->hasTrait<OpTrait::ConstantLike>())
        fixed[op] = reads;
    });
    // A maximal expression ends where an op that has to run uses it.
    SmallVector<Value> roots;
    func.walk([&](Operation *op) {
      if (isa<LoadOp>(op) || !fixed.lookup(op))
        return;
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !fixed.contains(user); }))
          roots.push_back(result);
    });
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
    Expression expression;
    collect(root, expression);
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

  static WeightOp createWeight(const Expression &expression, Value root, StringRef name) {
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
