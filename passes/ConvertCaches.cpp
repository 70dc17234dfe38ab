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
    if (!isKnownType()) {
      getOperation().emitError("option 'type' of nyala-convert-caches is '")
          << type.getValue() << "', expected f32, f16, q8 or q4";
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
    if (getBlockFormat())
      for (func::FuncOp func : functions)
        for (BlockArgument argument : func.getArguments())
          if (StringAttr state = getState(argument);
              state && !kept.contains(state) && failed(checkBlocks(argument, state)))
            return signalPassFailure();
    for (func::FuncOp func : functions)
      convert(func, kept);
  }

private:
  /// Channels of which a head must be a multiple: those of a vector that kernels load.
  static constexpr int64_t kHeadChannels = 16;

  bool isKnownType() {
    return type.getValue() == "f32" || type.getValue() == "f16" || getBlockFormat();
  }

  std::optional<StoredFormat> getBlockFormat() {
    if (type.getValue() == "q8")
      return StoredFormat::Q8_0;
    if (type.getValue() == "q4")
      return StoredFormat::Q4_0;
    return std::nullopt;
  }

  RankedTensorType getType(RankedTensorType before) {
    Builder builder(&getContext());
    if (auto format = getBlockFormat())
      return RankedTensorType::get(before.getShape(), builder.getF32Type(),
                                   BlocksAttr::get(&getContext(), *format));
    bool half = type.getValue() == "f16";
    return RankedTensorType::get(before.getShape(),
                                 half ? Type(builder.getF16Type()) : Type(builder.getF32Type()));
  }

  /// Blocks are asked for explicitly, by who counts on the memory that they save: what does not fit
  /// them is an error.
  LogicalResult checkBlocks(BlockArgument argument, StringAttr state) {
    int64_t channels = cast<RankedTensorType>(argument.getType()).getDimSize(2);
    auto refuse = [&](int64_t multiple, const Twine &got) {
      return emitError(argument.getLoc(), "state '")
             << state.getValue() << "' cannot be stored as " << type.getValue() << ": expected "
             << (multiple == kHeadChannels ? "heads of a multiple of " : "a multiple of ")
             << multiple << " channels, got " << got << "; choose f16 or f32";
    };
    if (channels % SlotLayout::kBlockChannels != 0)
      return refuse(SlotLayout::kBlockChannels, Twine(channels));
    if (int64_t head = findUnevenHead(argument))
      return refuse(kHeadChannels, Twine(head));
    return success();
  }

  /// Channels of a head of the cache, or of one of its next values, that are no multiple of
  /// kHeadChannels; 0 if all are.
  static int64_t findUnevenHead(Value cache) {
    for (Operation *user : cache.getUsers()) {
      if (isa<CacheAppendOp>(user))
        if (int64_t head = findUnevenHead(user->getResult(0)))
          return head;
      if (auto attention = dyn_cast<AttentionOp>(user)) {
        int64_t head = getChannels(cache) / static_cast<int64_t>(attention.getKvHeads());
        if (head % kHeadChannels != 0)
          return head;
      }
    }
    return 0;
  }

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
  //   ->  f16
  // %k0: tensor<?x?x192xf16> {nyala.state = "k"}
  // %k1 = nyala.cache_append %k0, %k … : tensor<?x?x192xf16>, tensor<?x192xf32>, …
  //   ->  q8
  // %k0: tensor<?x?x192xf32, #nyala.blocks<q8_0>> {nyala.state = "k"}
  // %k1 = nyala.cache_append %k0, %k … : tensor<?x?x192xf32, #nyala.blocks<q8_0>>, …
  void convert(func::FuncOp func, const DenseSet<StringAttr> &kept) {
    unsigned count = 0;
    for (BlockArgument argument : func.getArguments()) {
      StringAttr state = getState(argument);
      if (!state || kept.contains(state))
        continue;
      auto before = cast<RankedTensorType>(argument.getType()); // what an append can update
      RankedTensorType after = getType(before);
      if (before == after)
        continue;
      setStateType(argument, after);
      ++count;
    }
    updateFunctionType(func);
    if (count > 0)
      remark::passed(func.getLoc(), remarkOf("CachesConverted", func))
          << remark::add("{0} caches hold {1}", count, type.getValue());
  }
};

} // namespace
