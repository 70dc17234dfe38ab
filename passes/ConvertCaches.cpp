//===- ConvertCaches.cpp - The numbers that caches hold -------------------===//
#include "ir/NyalaOps.h"
#include "passes/Passes.h"
#include "passes/States.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace nyala {
#define GEN_PASS_DEF_CONVERTCACHES
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

struct ConvertCaches : nyala::impl::ConvertCachesBase<ConvertCaches> {
  using ConvertCachesBase::ConvertCachesBase;

  void runOnOperation() override {
    Builder builder(&getContext());
    Type element = type.getValue() == "f16"   ? builder.getF16Type()
                   : type.getValue() == "f32" ? builder.getF32Type()
                                              : Type();
    if (!element) {
      getOperation().emitError("option 'type' of nyala-convert-caches is '")
          << type.getValue() << "', expected f16 or f32";
      return signalPassFailure();
    }
    SmallVector<func::FuncOp> functions;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (llvm::hasSingleElement(func.getBody()))
        functions.push_back(func);
    // What one function cannot convert stays everywhere: they hand the same memory to each other.
    DenseSet<StringAttr> kept;
    for (func::FuncOp func : functions)
      for (BlockArgument argument : func.getArguments())
        if (StringAttr state = getState(argument))
          if (Operation *obstacle = findObstacle(argument); obstacle && kept.insert(state).second)
            remark::missed(argument.getLoc(), remarkOf("CacheNotConverted", func))
                << remark::reason(
                       "state '{0}' is used by {1} too, not by appends and attention alone",
                       state.getValue(), obstacle->getName());
    for (func::FuncOp func : functions)
      convert(func, element, kept);
  }

private:
  static remark::RemarkOpts remarkOf(StringRef name, func::FuncOp func) {
    return remark::RemarkOpts::name(name).category("nyala-convert-caches").function(func.getName());
  }

  /// The name of the state that `argument` is, if that is a cache.
  static StringAttr getState(BlockArgument argument) {
    auto func = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    bool isCache = llvm::any_of(argument.getUses(), isCacheOfAppend);
    return isCache ? func.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                       NyalaDialect::kStateAttr)
                   : StringAttr();
  }

  static bool isCacheOfAppend(OpOperand &use) {
    auto append = dyn_cast<CacheAppendOp>(use.getOwner());
    return append && &append.getCacheMutable() == &use;
  }

  /// What uses the cache, or one of its next values, in a way that depends on its type.
  static Operation *findObstacle(Value cache) {
    for (OpOperand &use : cache.getUses()) {
      Operation *user = use.getOwner();
      if (isCacheOfAppend(use)) {
        if (Operation *obstacle = findObstacle(user->getResult(0)))
          return obstacle;
        continue;
      }
      auto attention = dyn_cast<AttentionOp>(user);
      bool isRead = attention &&
                    (&attention.getKeysMutable() == &use || &attention.getValuesMutable() == &use);
      if (!isRead && !isa<func::ReturnOp>(user))
        return user;
    }
    return nullptr;
  }

  // %k0: tensor<?x?x192xf32> {nyala.state = "k"}
  // %k1 = nyala.cache_append %k0, %k … : tensor<?x?x192xf32>, tensor<?x192xf32>, …
  //   ->
  // %k0: tensor<?x?x192xf16> {nyala.state = "k"}
  // %k1 = nyala.cache_append %k0, %k … : tensor<?x?x192xf16>, tensor<?x192xf32>, …
  static void convert(func::FuncOp func, Type element, const DenseSet<StringAttr> &kept) {
    unsigned count = 0;
    for (BlockArgument argument : func.getArguments()) {
      StringAttr state = getState(argument);
      if (!state || kept.contains(state))
        continue;
      auto before = cast<RankedTensorType>(argument.getType()); // what an append can update
      if (before.getElementType() == element)
        continue;
      setStateType(argument, before.clone(element));
      ++count;
    }
    updateFunctionType(func);
    if (count > 0)
      remark::passed(func.getLoc(), remarkOf("CachesConverted", func))
          << remark::add("{0} caches hold {1}", count, element);
  }
};

} // namespace
