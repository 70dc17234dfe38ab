//===- StageWeights.cpp - Weights as a GPU reads them ---------------------===//
#include "ir/Variants.h"
#include "ir/WeightOps.h"
#include "passes/Passes.h"
#include "passes/States.h"
#include "passes/WeightExpressions.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"

namespace nyala {
#define GEN_PASS_DEF_STAGEWEIGHTS
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

/// Entry of nyala.model: "none" if the artifact is to have no weights.
static constexpr llvm::StringLiteral kWeightsKey = "weights";
/// Of random weights: small enough for activations to stay finite.
static constexpr float kDeviation = 0.02F;

namespace {

/// Operations are one if they differ in location only.
struct EqualOperations : llvm::DenseMapInfo<Operation *> {
  static unsigned getHashValue(Operation *op) {
    return OperationEquivalence::computeHash(op, OperationEquivalence::directHashValue,
                                             OperationEquivalence::ignoreHashValue,
                                             OperationEquivalence::IgnoreLocations);
  }
  static bool isEqual(Operation *left, Operation *right) {
    if (left == right)
      return true;
    auto isSentinel = [](Operation *op) { return op == getEmptyKey() || op == getTombstoneKey(); };
    return !isSentinel(left) && !isSentinel(right) &&
           OperationEquivalence::isEquivalentTo(left, right, OperationEquivalence::exactValueMatch,
                                                nullptr, OperationEquivalence::IgnoreLocations);
  }
};

/// A weight as kernels read it.
struct Stage {
  std::string name; ///< of the state
  Value value;      ///< in the function that computes it
};

struct StageWeights : nyala::impl::StageWeightsBase<StageWeights> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto model = module->getAttrOfType<DictionaryAttr>(NyalaDialect::kModelAttr);
    auto weights = model ? model.getAs<StringAttr>(kWeightsKey) : StringAttr();
    isAbsent = weights && weights.getValue() == "none";
    auto entries = llvm::filter_to_vector(module.getOps<func::FuncOp>(), [](func::FuncOp function) {
      return function->hasAttr(NyalaDialect::kEntryAttr) && getDevice(function) == Device::Cuda;
    });
    std::string name = getEntrySymbol(Device::Cuda, isAbsent ? "randomize" : "init");
    if (Operation *taken = module.lookupSymbol(name)) {
      taken->emitError("the name @")
          << name << " is taken; expected it free for what writes weights";
      return signalPassFailure();
    }
    for (func::FuncOp entry : entries)
      collectNames(entry);
    OpBuilder builder(module.getContext());
    builder.setInsertionPointToEnd(module.getBody());
    init = func::FuncOp::create(builder, module.getLoc(), name, builder.getFunctionType({}, {}));
    init.addEntryBlock();
    for (func::FuncOp entry : entries)
      stageFrom(entry);
    if (stages.empty())
      init.erase();
    else if (failed(finishInit()))
      signalPassFailure();
    clear();
  }

private:
  void collectNames(func::FuncOp entry) {
    for (unsigned i = 0; i < entry.getNumArguments(); ++i)
      if (auto state = entry.getArgAttrOfType<StringAttr>(i, NyalaDialect::kStateAttr))
        names.insert(state.getValue());
  }

  /// Is `value` to be computed when a model is loaded? What only moves stored bits (packing,
  /// concatenation) is not: it happens at compile time.
  bool isStaged(Value value) const {
    return isAbsent || nyala::getFusionKind(value.getDefiningOp());
  }

  // func.func @cuda_decode(…) {
  //   %w = nyala.load @w : tensor<64x32xf32>
  //   %b = arith.truncf %w : tensor<64x32xf32> to tensor<64x32xbf16>
  //   %y = nyala.linear %x, %b
  //   ->
  // func.func @cuda_decode(…, %b: tensor<64x32xbf16> {nyala.resident, nyala.state = "w"}) {
  //   %y = nyala.linear %x, %b
  void stageFrom(func::FuncOp entry) {
    // All stages are found before a use is replaced: expressions may share parts.
    SmallVector<std::pair<Value, unsigned>> staged;
    for (Value root : findWeightExpressions(entry, [](Operation *) { return true; }))
      if (isStaged(root))
        staged.push_back({root, getStage(root)});
    DenseMap<unsigned, Value> arguments;
    for (auto [root, stage] : staged) {
      Value &argument = arguments[stage];
      if (!argument) {
        unsigned number = entry.getNumArguments();
        (void)entry.insertArgument(number, root.getType(), getAttributes(stages[stage]),
                                   root.getLoc());
        argument = entry.getArgument(number);
      }
      root.replaceAllUsesWith(argument);
    }
    eraseDeadOps(entry);
  }

  DictionaryAttr getAttributes(const Stage &stage) {
    Builder builder(&getContext());
    return builder.getDictionaryAttr(
        {builder.getNamedAttr(NyalaDialect::kResidentAttr, builder.getUnitAttr()),
         builder.getNamedAttr(NyalaDialect::kStateAttr, builder.getStringAttr(stage.name))});
  }

  /// The stage that computes what `root` does: a new one, or one that is there already.
  unsigned getStage(Value root) {
    WeightExpression expression = collectExpression(root);
    auto builder = OpBuilder::atBlockEnd(&init.getBody().front());
    IRMapping mapping;
    for (Operation *op : expression) {
      Operation *clone = builder.clone(*op, mapping);
      auto [known, isNew] = computed.insert(clone);
      if (isNew)
        continue;
      mapping.map(op->getResults(), (*known)->getResults());
      clone->erase();
    }
    Value value = mapping.lookup(root);
    auto [it, isNew] = stageOf.try_emplace(value, stages.size());
    if (isNew) {
      std::string base = getWeightNames(expression), name = base;
      for (unsigned i = 1; !names.insert(name).second; ++i)
        name = base + "_" + std::to_string(i);
      stages.push_back({name, value});
      remark::passed(root.getLoc(), remark::RemarkOpts::name("WeightStaged")
                                        .category("nyala-stage-weights")
                                        .function(init.getName()))
          << remark::add("computes state \"{0}\"", name);
    }
    return it->second;
  }

  /// Makes the function an entry that returns the next values of all states.
  LogicalResult finishInit() {
    Block &block = init.getBody().front();
    auto builder = OpBuilder::atBlockEnd(&block);
    SmallVector<Value> values;
    for (const Stage &stage : stages) {
      unsigned number = init.getNumArguments();
      (void)init.insertArgument(number, stage.value.getType(), getAttributes(stage),
                                stage.value.getLoc());
      if (isAbsent && failed(checkRandom(stage)))
        return failure();
      values.push_back(isAbsent ? makeRandom(builder, init.getArgument(number)) : stage.value);
    }
    func::ReturnOp::create(builder, init.getLoc(), values);
    updateFunctionType(init);
    for (auto [index, stage] : llvm::enumerate(stages))
      init.setResultAttr(index, NyalaDialect::kStateAttr, builder.getStringAttr(stage.name));
    init->setAttr(NyalaDialect::kEntryAttr, builder.getUnitAttr());
    setDevice(init, Device::Cuda);
    eraseDeadOps(init);
    return success();
  }

  static LogicalResult checkRandom(const Stage &stage) {
    PackedAttr packed = getPacked(getTensorType(stage.value));
    if (!packed || packed.getFormat() == StoredFormat::F32 || canQuantize(packed.getFormat()))
      return success();
    return emitError(stage.value.getLoc(), "cannot make up weight '")
           << stage.name << "', which is stored as " << getInfo(packed.getFormat()).name
           << "; expected f32, q8_0 or q4_0, or products of bf16";
  }

  /// Numbers that become a weight: near one for those of norms. All have the same seed, so that
  /// weights of one type share a kernel.
  static Value makeRandom(OpBuilder &builder, Value state) {
    bool isVector = getTensorType(state).getRank() == 1;
    return RandomOp::create(
        builder, state.getLoc(), state.getType(), state, builder.getF32FloatAttr(kDeviation),
        builder.getF32FloatAttr(isVector ? 1 : 0), builder.getI32IntegerAttr(0));
  }

  void clear() {
    names.clear();
    stages.clear();
    stageOf.clear();
    computed.clear();
  }

  bool isAbsent = false;
  func::FuncOp init;
  llvm::StringSet<> names; ///< of states
  SmallVector<Stage> stages;
  DenseMap<Value, unsigned> stageOf;
  DenseSet<Operation *, EqualOperations> computed; ///< in `init`
};

} // namespace
