//===- SkipPrefillTail.cpp - Wanted rows alone behind the last append -----===//
//
// What states do not depend on is computed for wanted rows only. A value's type
// does not say how many rows it has, so nothing is rebuilt: where rows cross
// from what states need into the tail they are gathered, and the gather at its
// end disappears. All is checked before anything is changed.
//
//===----------------------------------------------------------------------===//
#include "ir/NyalaOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/DenseSet.h"

namespace nyala {
#define GEN_PASS_DEF_SKIPPREFILLTAIL
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// Has a value's type rows, a number of them that is known at run time alone? Caches and weights
/// are of fixed sizes.
bool hasRows(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && (type.getRank() == 1 || type.getRank() == 2) && type.isDynamicDim(0);
}

/// May nyala.gather have rows of this type?
bool isGathered(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getRank() == 1 ? tensor.getElementType().isInteger(32)
                               : isa<FloatType>(tensor.getElementType());
}

/// The tail of one function.
class Tail {
public:
  Tail(func::FuncOp function, BlockArgument wanted) : wanted(wanted) {
    Block &block = function.getBody().front();
    auto *terminator = block.getTerminator();
    for (OpOperand &operand : terminator->getOpOperands())
      if (function.getResultAttr(operand.getOperandNumber(), NyalaDialect::kStateAttr))
        collectSlice(operand.get(), needed);
      else
        outputs.push_back(operand.get());
    for (Operation &op : block.without_terminator())
      if (!isMemoryEffectFree(&op) && needed.insert(&op).second)
        for (Value operand : op.getOperands())
          collectSlice(operand, needed);
    DenseSet<Operation *> behind;
    for (Value output : outputs)
      collectSlice(output, behind);
    for (Operation &op : block)
      if (behind.contains(&op) && !needed.contains(&op))
        candidates.push_back(&op);
  }

  /// Why the tail cannot do with wanted rows, beginning with the name of what stands in the way;
  /// empty if it can.
  std::string findObstacle() {
    for (Operation *op : candidates)
      if (std::string obstacle = findObstacle(op); !obstacle.empty())
        return op->getName().getStringRef().str() + " " + obstacle;
    for (Value output : outputs)
      if (hasRows(output) && getRowSource(output) != wanted)
        return "a result of type " + describe(output.getType()) + " has a row for each token";
    if (ops.empty())
      return "states need all that is computed before rows are gathered";
    return {};
  }

  /// Ops that work on wanted rows alone from now on; found by findObstacle().
  ArrayRef<Operation *> getOps() const { return ops; }

  // %q = nyala.rotate adjacent %q0 by %t                          // %q0, %t, %x: states need them
  // %a = nyala.attention %q, %k1, %v1 at %positions in %sequences
  // %y = arith.addf %x, %a
  // %z = nyala.gather %y, %wanted
  //   ->
  // %q1 = nyala.gather %q0, %wanted                               // %t1, %x1, %p1, %s1 likewise
  // %q = nyala.rotate adjacent %q1 by %t1
  // %a = nyala.attention %q, %k1, %v1 at %p1 in %s1
  // %z = arith.addf %x1, %a
  void rewrite() {
    for (Operation *op : ops)
      for (OpOperand *operand : getRowOperands(op))
        if (hasRows(operand->get()) && !isMember(operand->get()))
          operand->set(gather(operand->get()));
    for (GatherOp op : gathers) {
      Value input = op.getInput();
      op.replaceAllUsesWith(isMember(input) ? input : gather(input));
      op.erase();
    }
  }

private:
  static std::string describe(Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return text;
  }

  static void collectSlice(Value value, DenseSet<Operation *> &slice) {
    SmallVector<Value> worklist{value};
    while (!worklist.empty()) {
      Operation *op = worklist.pop_back_val().getDefiningOp();
      if (op && slice.insert(op).second)
        llvm::append_range(worklist, op->getOperands());
    }
  }

  bool isMember(Value value) const { return members.contains(value.getDefiningOp()); }

  /// Sorts `op` into `ops` or `gathers`, or leaves it out; else says why none of these will do.
  std::string findObstacle(Operation *op) {
    SmallVector<OpOperand *> rowOperands = getRowOperands(op);
    auto isAll = [&](Value value) { return hasRows(value) && getRowSource(value) != wanted; };
    bool byRow = false, byIndex = false, ofWanted = false;
    for (OpOperand &operand : op->getOpOperands())
      if (!llvm::is_contained(rowOperands, &operand))
        byIndex |= isAll(operand.get());
      else if (isAll(operand.get()))
        byRow = true;
      else
        ofWanted |= hasRows(operand.get());
    if (!byRow && !byIndex)
      return {}; // weights, or rows that were gathered before
    if (auto gather = dyn_cast<GatherOp>(op); gather && gather.getIndices() == wanted) {
      gathers.push_back(gather);
      return findObstacleAt(gather.getInput());
    }
    if (rowOperands.empty())
      return "is not known to compute row by row";
    if (byIndex)
      return "reads rows by index";
    if (ofWanted)
      return "reads both wanted rows and all";
    if (!llvm::all_of(op->getResults(), hasRows))
      return "gives a result that does not have its operands' rows";
    for (OpOperand *operand : rowOperands)
      if (hasRows(operand->get()))
        if (std::string obstacle = findObstacleAt(operand->get()); !obstacle.empty())
          return obstacle;
    ops.push_back(op);
    members.insert(op);
    return {};
  }

  /// Why rows of `value`, which the tail reads, cannot be gathered; empty if they can.
  std::string findObstacleAt(Value value) const {
    Value source = getRowSource(value);
    if (!source)
      return "reads " + describe(value.getType()) + ", whose rows no argument has";
    if (isMember(value) || isGatheredItself(value))
      return {};
    Operation *op = value.getDefiningOp();
    SmallVector<OpOperand *> rowOperands;
    if (op)
      rowOperands = getRowOperands(op);
    if (rowOperands.empty())
      return "reads " + describe(value.getType()) + ", rows of which nyala.gather cannot have";
    for (OpOperand &operand : op->getOpOperands()) {
      if (!hasRows(operand.get()))
        continue;
      if (!llvm::is_contained(rowOperands, &operand))
        return "reads a result of " + op->getName().getStringRef().str() +
               ", rows of which nyala.gather cannot have";
      if (std::string obstacle = findObstacleAt(operand.get()); !obstacle.empty())
        return obstacle;
    }
    return {};
  }

  /// Are rows of `value` gathered, or those that it is computed from? The results of an op are
  /// treated alike.
  static bool isGatheredItself(Value value) {
    Operation *op = value.getDefiningOp();
    return op ? llvm::all_of(op->getResultTypes(), isGathered) : isGathered(value.getType());
  }

  /// Wanted rows of `value`, which is computed outside of the tail.
  Value gather(Value value) {
    if (Value known = gathered.lookup(value))
      return known;
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    if (isGatheredItself(value)) {
      Value rows = GatherOp::create(builder, value.getLoc(), value.getType(), value, wanted);
      gathered[value] = rows;
      return rows;
    }
    // %v, %s, %t = nyala.quantize %x     // %x: states need it
    //   ->
    // %x1 = nyala.gather %x, %wanted
    // %v, %s, %t = nyala.quantize %x1
    Operation *op = value.getDefiningOp();
    IRMapping mapping;
    for (OpOperand *operand : getRowOperands(op))
      if (hasRows(operand->get()))
        mapping.map(operand->get(), gather(operand->get()));
    Operation *clone = builder.clone(*op, mapping);
    for (auto [all, some] : llvm::zip_equal(op->getResults(), clone->getResults()))
      gathered[all] = some;
    return gathered.lookup(value);
  }

  BlockArgument wanted;
  SmallVector<Value> outputs;
  DenseSet<Operation *> needed; ///< for states, or for an effect
  SmallVector<Operation *> candidates;
  SmallVector<Operation *> ops;
  DenseSet<Operation *> members; ///< `ops`
  SmallVector<GatherOp> gathers;
  DenseMap<Value, Value> gathered;
};

struct SkipPrefillTail : nyala::impl::SkipPrefillTailBase<SkipPrefillTail> {
  using SkipPrefillTailBase::SkipPrefillTailBase;

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>(entry);
    if (!function || !function->hasAttr(NyalaDialect::kEntryAttr)) {
      getOperation().emitError("has no entry point @")
          << entry << "; run nyala-specialize-entries first, or name one by option 'entry'";
      return signalPassFailure();
    }
    if (std::string obstacle = skip(function); !obstacle.empty())
      remark::missed(function.getLoc(), remarkOf("TailNotSkipped"))
          << remark::reason("{0}", obstacle);
  }

private:
  remark::RemarkOpts remarkOf(StringRef name) {
    return remark::RemarkOpts::name(name).category("nyala-skip-prefill-tail").function(entry);
  }

  /// Why the function is left alone; empty if it is not.
  std::string skip(func::FuncOp function) {
    if (!llvm::hasSingleElement(function.getBody()))
      return "its body has several blocks";
    BlockArgument wanted;
    int64_t maxRows = 0;
    for (BlockArgument argument : function.getArguments()) {
      auto role =
          function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), NyalaDialect::kRoleAttr);
      if (role && role.getValue() == "wanted") {
        wanted = argument;
        continue;
      }
      auto bound = function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(),
                                                          NyalaDialect::kMaxRowsAttr);
      maxRows = std::max(maxRows, bound ? bound.getInt() : 0);
    }
    if (!wanted || !hasRows(wanted))
      return "it has no argument that says which rows are wanted";
    if (maxRows <= 1)
      return "it takes no more than one row";
    Tail tail(function, wanted);
    if (std::string obstacle = tail.findObstacle(); !obstacle.empty())
      return obstacle;

    Location first = tail.getOps().front()->getLoc();
    int64_t roots = llvm::count_if(
        tail.getOps(), [](Operation *op) { return nyala::getFusionKind(op) == FusionKind::Root; });
    remark::passed(first, remarkOf("TailSkipped"))
        << remark::add("{0} ops, {1} of them products or attention, run on the wanted row alone",
                       tail.getOps().size(), roots);
    tail.rewrite();
    // Kernels of the tail are then those of decode, and take no more memory.
    Builder builder(function.getContext());
    function.setArgAttr(wanted.getArgNumber(), NyalaDialect::kMaxRowsAttr,
                        builder.getI64IntegerAttr(1));
    NamedAttrList model(getOperation()->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr));
    model.set("prefill_tail", builder.getStringAttr("skipped"));
    getOperation()->setAttr(NyalaDialect::kModelAttr, model.getDictionary(&getContext()));
    return {};
  }
};

} // namespace
