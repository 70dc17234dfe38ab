//===- SpecializeEntries.cpp - @forward to entry points -------------------===//
#include "ir/NyalaOps.h"
#include "passes/Passes.h"
#include "passes/States.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/CheckedArithmetic.h"

namespace nyala {
#define GEN_PASS_DEF_SPECIALIZEENTRIES
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

/// Entry of nyala.model: how many positions the model was made for.
static constexpr llvm::StringLiteral kContextKey = "context";
/// Bytes that all states together may have: what a process can address.
static constexpr int64_t kMaxStateBytes = int64_t(1) << 47;
/// What a row argument may be: one value a row, or (wanted) at most one.
static constexpr llvm::StringLiteral kRowRoles[] = {"tokens", "positions", "sequences", "slots",
                                                    "wanted"};

namespace {

struct SpecializeEntries : nyala::impl::SpecializeEntriesBase<SpecializeEntries> {
  using SpecializeEntriesBase::SpecializeEntriesBase;

  /// An entry point: its name and what is fixed in it. New kinds of entries (verify, a training
  /// step) are new lines of `getEntries`.
  struct Entry {
    StringRef name;
    int64_t maxRows;
  };
  SmallVector<Entry> getEntries() {
    SmallVector<Entry> entries{{"decode", decodeRows}, {"prefill", prefillRows}};
    if (batchRows != 0)
      entries.insert(entries.begin() + 1, {"batch", batchRows});
    return entries;
  }

  void runOnOperation() override {
    if (failed(specialize()))
      signalPassFailure();
  }

private:
  LogicalResult specialize() {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    stateBytes = 0;
    FailureOr<int64_t> slots = chooseContext();
    if (failed(slots) || failed(checkOption("decode-rows", decodeRows)) ||
        failed(checkOption("prefill-rows", prefillRows)) ||
        (batchRows != 0 && failed(checkOption("batch-rows", batchRows))) ||
        failed(checkOption("sequences", sequences)))
      return failure();
    auto forward = symbols.lookup<func::FuncOp>("forward");
    if (!forward || forward.isExternal())
      return module.emitError("expected a function @forward to specialize");
    if (!llvm::hasSingleElement(forward.getBody()))
      return forward.emitError("@forward has ")
             << forward.getBody().getBlocks().size() << " blocks; expected one";
    if (!SymbolTable::symbolKnownUseEmpty(forward, module))
      return forward.emitError("@forward is referred to; expected no caller of an entry point");
    if (failed(checkSignature(forward, *slots)))
      return failure();

    OpBuilder builder(forward);
    for (Entry entry : getEntries()) {
      if (Operation *taken = symbols.lookup(entry.name))
        return taken->emitError("the name @")
               << entry.name << " is taken; expected it free for the entry point";
      func::FuncOp clone = forward.clone();
      clone.setName(entry.name);
      clone->setAttr(NyalaDialect::kEntryAttr, builder.getUnitAttr());
      builder.insert(clone);
      boundRows(clone, entry.maxRows);
      if (failed(makeStatesStatic(clone, *slots)))
        return failure();
      remark::passed(clone.getLoc(), remark::RemarkOpts::name("EntrySpecialized")
                                         .category("nyala-specialize-entries")
                                         .function(clone.getName()))
          << remark::add("@{0}: up to {1} rows; caches of {2} sequences of {3} slots", entry.name,
                         entry.maxRows, sequences.getValue(), *slots);
    }
    forward.erase();
    setContext(*slots);
    return success();
  }

  /// Rows, slots and sequences are 32-bit where the runtime counts them.
  LogicalResult checkOption(StringRef name, int64_t value) {
    if (value >= 1 && value <= std::numeric_limits<int32_t>::max())
      return success();
    return getOperation().emitError("option '")
           << name << "' of nyala-specialize-entries must be from 1 to "
           << std::numeric_limits<int32_t>::max() << ", got " << value;
  }

  /// The option's context; without it, the model's, which is also its bound.
  FailureOr<int64_t> chooseContext() {
    auto model = getOperation()->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
    auto stated = model ? model.getAs<IntegerAttr>(kContextKey) : IntegerAttr();
    if (context == 0 && !stated)
      return getOperation().emitError("the model states no context (no '")
             << kContextKey << "' in " << NyalaDialect::kModelAttr
             << "); give one by option 'context'";
    int64_t chosen = context == 0 ? stated.getInt() : context;
    if (failed(checkOption("context", chosen)))
      return failure();
    if (stated && chosen > stated.getInt())
      return getOperation().emitError("a context of ")
             << chosen << " was asked for, but the model's is " << stated.getInt()
             << "; choose at most that";
    return chosen;
  }

  void setContext(int64_t slots) {
    Builder builder(&getContext());
    NamedAttrList model(getOperation()->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr));
    model.set(kContextKey, builder.getI64IntegerAttr(slots));
    getOperation()->setAttr(NyalaDialect::kModelAttr, model.getDictionary(&getContext()));
  }

  /// Every argument must be a row argument of a known role or a state.
  LogicalResult checkSignature(func::FuncOp func, int64_t slots) {
    for (BlockArgument argument : func.getArguments()) {
      unsigned i = argument.getArgNumber();
      auto role = func.getArgAttrOfType<StringAttr>(i, NyalaDialect::kRoleAttr);
      auto state = func.getArgAttrOfType<StringAttr>(i, NyalaDialect::kStateAttr);
      if (!role == !state)
        return emitError(argument.getLoc(), "argument ")
               << i << " of @forward has " << (role ? "both" : "neither") << " a "
               << NyalaDialect::kRoleAttr << (role ? " and" : " nor") << " a "
               << NyalaDialect::kStateAttr << "; expected one of them";
      if (role && !llvm::is_contained(kRowRoles, role.getValue()))
        return emitError(argument.getLoc(), "argument ")
               << i << " of @forward has the unknown role '" << role.getValue()
               << "'; expected one of " << llvm::join(ArrayRef(kRowRoles), ", ");
      if (state && failed(checkState(argument, state.getValue(), slots)))
        return failure();
    }
    return success();
  }

  static RankedTensorType getCacheType(BlockArgument argument) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    return type && type.getRank() == 3 && !type.isDynamicDim(2) ? type : RankedTensorType();
  }

  LogicalResult checkState(BlockArgument argument, StringRef state, int64_t slots) {
    RankedTensorType type = getCacheType(argument);
    if (!type)
      return emitError(argument.getLoc(), "state '")
             << state << "' is " << argument.getType()
             << "; expected a tensor of sequences x slots x channels, with a known number of "
                "channels";
    std::optional<int64_t> bytes;
    if (type.getDimSize(2) <= kMaxStateBytes)
      bytes = getSlotBytes(makeStatic(type, slots));
    for (int64_t factor : {slots, sequences.getValue()})
      if (bytes)
        bytes = llvm::checkedMul(*bytes, factor);
    if (!bytes || *bytes > kMaxStateBytes - stateBytes)
      return emitError(argument.getLoc(), "state '")
             << state << "' would be larger than memory can be: choose fewer sequences or a "
             << "smaller context";
    stateBytes += *bytes;
    return success();
  }

  RankedTensorType makeStatic(RankedTensorType cache, int64_t slots) {
    return RankedTensorType::get({sequences, slots, cache.getDimSize(2)}, cache.getElementType(),
                                 cache.getEncoding());
  }

  static void boundRows(func::FuncOp func, int64_t maxRows) {
    IntegerAttr bound = Builder(func.getContext()).getI64IntegerAttr(maxRows);
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      if (func.getArgAttr(i, NyalaDialect::kRoleAttr))
        func.setArgAttr(i, NyalaDialect::kMaxRowsAttr, bound);
  }

  /// The next value of a state must have its type: it is stored in the same place.
  static LogicalResult checkResults(func::FuncOp func) {
    for (unsigned i = 0; i < func.getNumResults(); ++i) {
      auto state = func.getResultAttrOfType<StringAttr>(i, NyalaDialect::kStateAttr);
      auto carries = [&](BlockArgument argument) {
        return func.getArgAttr(argument.getArgNumber(), NyalaDialect::kStateAttr) == state;
      };
      if (!state)
        continue;
      auto argument = llvm::find_if(func.getArguments(), carries);
      if (argument == func.getArguments().end())
        return func.emitError("state '")
               << state.getValue() << "' is a result; expected an argument with its value before";
      if (argument->getType() != func.getResultTypes()[i])
        return func.emitError("state '")
               << state.getValue() << "' is returned as " << func.getResultTypes()[i]
               << "; expected the type of its argument, " << argument->getType();
    }
    return success();
  }

  /// Gives every state its capacity.
  LogicalResult makeStatesStatic(func::FuncOp func, int64_t slots) {
    for (BlockArgument argument : func.getArguments()) {
      auto state =
          func.getArgAttrOfType<StringAttr>(argument.getArgNumber(), NyalaDialect::kStateAttr);
      if (!state)
        continue;
      RankedTensorType before = getCacheType(argument);
      RankedTensorType after = makeStatic(before, slots);
      for (unsigned dim : {0, 1})
        if (!before.isDynamicDim(dim) && before.getDimSize(dim) != after.getDimSize(dim))
          return emitError(argument.getLoc(), "state '")
                 << state.getValue() << "' has the fixed type " << before << "; expected " << after
                 << " for the chosen context and sequences";
      setStateType(argument, after);
    }
    updateFunctionType(func);
    return checkResults(func);
  }

  int64_t stateBytes = 0; ///< of the states that were checked
};

} // namespace
