//===- AddOptimizer.cpp - From gradients to new weights -------------------===//
#include "ir/TrainingOps.h"
#include "passes/Passes.h"
#include "passes/States.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/Regex.h"

namespace nyala {
#define GEN_PASS_DEF_ADDOPTIMIZER
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// A function that gains arguments and results while its body grows.
class EntryBuilder {
public:
  explicit EntryBuilder(func::FuncOp function)
      : function(function),
        terminator(cast<func::ReturnOp>(function.getBody().front().getTerminator())),
        builder(terminator) {}

  BlockArgument addState(Type type, const Twine &name) {
    return addArgument(type, {NyalaDialect::kStateAttr, builder.getStringAttr(name)}, name);
  }

  BlockArgument addScalar(StringRef role) {
    BlockArgument argument =
        addArgument(getScalarType(), {NyalaDialect::kRoleAttr, builder.getStringAttr(role)}, role);
    function.setArgAttr(argument.getArgNumber(), NyalaDialect::kMaxRowsAttr,
                        builder.getI64IntegerAttr(1));
    return argument;
  }

  void addResult(Value value, StringRef key, const Twine &name) {
    unsigned index = terminator->getNumOperands();
    terminator->insertOperands(index, value);
    updateFunctionType(function);
    function.setResultAttr(index, key, builder.getStringAttr(name));
  }

  RankedTensorType getScalarType() { return RankedTensorType::get({1, 1}, builder.getF32Type()); }

  Value constant(RankedTensorType type, double value) {
    return arith::ConstantOp::create(
        builder, loc(), DenseElementsAttr::get(type, builder.getF32FloatAttr(value).getValue()));
  }

  Location loc() { return function.getLoc(); }

  func::FuncOp function;
  func::ReturnOp terminator;
  OpBuilder builder;

private:
  BlockArgument addArgument(Type type, std::pair<StringRef, Attribute> attribute,
                            const Twine &name) {
    unsigned index = function.getNumArguments();
    NamedAttrList attributes;
    attributes.set(attribute.first, attribute.second);
    LogicalResult inserted =
        function.insertArgument(index, type, attributes.getDictionary(builder.getContext()),
                                NameLoc::get(builder.getStringAttr(name)));
    assert(succeeded(inserted) && "the function has a body");
    (void)inserted;
    return function.getArgument(index);
  }
};

struct AddOptimizer : nyala::impl::AddOptimizerBase<AddOptimizer> {
  using AddOptimizerBase::AddOptimizerBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  /// A weight and its gradient.
  struct Trained {
    std::string name;
    BlockArgument weight;
    Value gradient;
  };

  LogicalResult run() {
    ModuleOp module = getOperation();
    if (failed(checkOptions()))
      return failure();
    auto function = module.lookupSymbol<func::FuncOp>(functionName);
    if (!function || !llvm::hasSingleElement(function.getBody()))
      return module.emitError("expected a function @")
             << functionName << " of one block to add an optimizer to";
    EntryBuilder entry(function);
    SmallVector<Trained> trained;
    if (failed(takeGradients(entry, trained)))
      return failure();
    if (accumulate == 1) {
      addUpdate(entry, trained);
      return success();
    }
    return splitEntries(module, entry, trained);
  }

  LogicalResult checkOptions() {
    auto check = [&](bool holds, const Twine &what) -> LogicalResult {
      return holds ? success()
                   : LogicalResult(getOperation().emitError("nyala-add-optimizer: expected ")
                                   << what);
    };
    std::string message;
    if (failed(check(kind == "adamw" || kind == "sgd",
                     "kind to be adamw or sgd, got '" + kind + "'")) ||
        failed(check(accumulate >= 1, "to accumulate at least one batch")) ||
        failed(check(clip >= 0, "a norm to clip at that is not negative (0: none)")) ||
        failed(check(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "betas in [0, 1)")) ||
        failed(check(momentum >= 0 && momentum < 1, "a momentum in [0, 1)")) ||
        failed(check(weightDecay >= 0 && epsilon > 0,
                     "a weight decay that is not negative and a positive epsilon")))
      return failure();
    return check(noDecay.empty() || llvm::Regex(noDecay).isValid(message),
                 "a regular expression for no-decay: " + message);
  }

  /// Removes the results that are gradients from the function, and pairs them with their weights.
  LogicalResult takeGradients(EntryBuilder &entry, SmallVector<Trained> &trained) {
    func::FuncOp function = entry.function;
    llvm::StringMap<BlockArgument> states;
    for (BlockArgument argument : function.getArguments())
      if (auto state = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                             NyalaDialect::kStateAttr))
        states[state.getValue()] = argument;

    llvm::BitVector taken(function.getNumResults());
    for (OpOperand &operand : entry.terminator->getOpOperands()) {
      unsigned number = operand.getOperandNumber();
      auto name = function.getResultAttrOfType<StringAttr>(number, kGradientAttr);
      if (!name)
        continue;
      BlockArgument weight = states.lookup(name.getValue());
      if (!weight || weight.getType() != operand.get().getType())
        return function.emitOpError("result ")
               << number << " is the gradient of '" << name.getValue()
               << "'; expected a state of that name and of type " << operand.get().getType();
      trained.push_back({name.getValue().str(), weight, operand.get()});
      taken.set(number);
    }
    if (trained.empty())
      return function.emitOpError("has no result marked '")
             << kGradientAttr << "'; run nyala-differentiate first";
    for (int number = taken.size() - 1; number >= 0; --number)
      if (taken[number])
        entry.terminator->eraseOperand(number);
    SmallVector<Attribute> attributes;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (!taken[i])
        attributes.push_back(DictionaryAttr::get(&getContext(), function.getResultAttrs(i)));
    updateFunctionType(function);
    function.setResAttrsAttr(ArrayAttr::get(&getContext(), attributes));
    return success();
  }

  // return %loss, %dw {nyala.gradient = "w"}
  //   ->
  // %scale = min(1, clip / |all gradients|)
  // %w1, %m1, %v1 = nyala.adamw %w, %m, %v, %dw rate %rate scale %scale corrections %c1, %c2
  // return %loss, %norm, %w1, %m1, %v1, …
  void addUpdate(EntryBuilder &entry, ArrayRef<Trained> trained) {
    Value norm = buildNorm(entry, trained);
    Value scale = buildScale(entry, norm);
    Value rate = entry.addScalar("rate");
    entry.addResult(norm, NyalaDialect::kResultAttr, "gradient_norm");
    if (kind == "sgd")
      addSgd(entry, trained, rate, scale);
    else
      addAdamW(entry, trained, rate, scale);
  }

  Value buildNorm(EntryBuilder &entry, ArrayRef<Trained> trained) {
    OpBuilder &b = entry.builder;
    RankedTensorType scalar = entry.getScalarType();
    Value sum;
    for (const Trained &one : trained) {
      Location loc = one.weight.getLoc();
      auto row = RankedTensorType::get({1, getChannels(one.gradient)}, b.getF32Type());
      Value squares = SumRowsOp::create(b, loc, row, one.gradient, /*squared=*/true);
      Value part = ReduceOp::create(b, loc, scalar, ReduceKind::Sum, squares);
      sum = sum ? Value(arith::AddFOp::create(b, loc, sum, part)) : part;
    }
    return math::SqrtOp::create(b, entry.loc(), sum);
  }

  /// Not finite if the norm is not.
  Value buildScale(EntryBuilder &entry, Value norm) {
    OpBuilder &b = entry.builder;
    RankedTensorType scalar = entry.getScalarType();
    Value one = entry.constant(scalar, 1);
    // Infinity clipped would be 0.
    Value guard = arith::MulFOp::create(b, entry.loc(), norm, entry.constant(scalar, 0));
    if (clip == 0)
      return arith::AddFOp::create(b, entry.loc(), one, guard);
    Value shifted = arith::AddFOp::create(b, entry.loc(), norm, entry.constant(scalar, 1e-6));
    Value ratio = arith::DivFOp::create(b, entry.loc(), entry.constant(scalar, clip), shifted);
    Value least = arith::MinimumFOp::create(b, entry.loc(), one, ratio);
    return arith::AddFOp::create(b, entry.loc(), least, guard);
  }

  /// Matrices decay; vectors (norms, biases) do not, nor what `no-decay` matches.
  double getDecay(const Trained &one) {
    bool vector = getTensorType(one.weight).getDimSize(0) == 1;
    bool excluded = !noDecay.empty() && llvm::Regex(noDecay).match(one.name);
    return vector || excluded ? 0.0 : weightDecay.getValue();
  }

  void addAdamW(EntryBuilder &entry, ArrayRef<Trained> trained, Value rate, Value scale) {
    OpBuilder &b = entry.builder;
    Value correction1 = addCorrection(entry, "correction1", beta1);
    Value correction2 = addCorrection(entry, "correction2", beta2);
    for (const Trained &one : trained) {
      Value mean = entry.addState(one.weight.getType(), "mean:" + one.name);
      Value variance = entry.addState(one.weight.getType(), "variance:" + one.name);
      auto f32 = [&](double value) { return b.getF32FloatAttr(value); };
      auto step = AdamWOp::create(b, one.weight.getLoc(), one.weight, mean, variance, one.gradient,
                                  rate, scale, correction1, correction2, f32(beta1), f32(beta2),
                                  f32(epsilon), f32(getDecay(one)));
      entry.addResult(step.getNewWeight(), NyalaDialect::kStateAttr, one.name);
      entry.addResult(step.getNewMean(), NyalaDialect::kStateAttr, "mean:" + one.name);
      entry.addResult(step.getNewVariance(), NyalaDialect::kStateAttr, "variance:" + one.name);
    }
  }

  /// 1 - beta^t after t steps, as q' = beta * q + (1 - beta): exact where 1 - beta^t would cancel.
  Value addCorrection(EntryBuilder &entry, StringRef name, double beta) {
    OpBuilder &b = entry.builder;
    RankedTensorType scalar = entry.getScalarType();
    Value old = entry.addState(scalar, name);
    Value decayed = arith::MulFOp::create(b, entry.loc(), old, entry.constant(scalar, beta));
    Value next = arith::AddFOp::create(b, entry.loc(), decayed, entry.constant(scalar, 1 - beta));
    entry.addResult(next, NyalaDialect::kStateAttr, name);
    return next;
  }

  void addSgd(EntryBuilder &entry, ArrayRef<Trained> trained, Value rate, Value scale) {
    OpBuilder &b = entry.builder;
    for (const Trained &one : trained) {
      Value velocity = entry.addState(one.weight.getType(), "velocity:" + one.name);
      auto step =
          SgdOp::create(b, one.weight.getLoc(), one.weight, velocity, one.gradient, rate, scale,
                        b.getF32FloatAttr(momentum), b.getF32FloatAttr(getDecay(one)));
      entry.addResult(step.getNewWeight(), NyalaDialect::kStateAttr, one.name);
      entry.addResult(step.getNewVelocity(), NyalaDialect::kStateAttr, "velocity:" + one.name);
    }
  }

  // @train_step: return %loss, %dw {nyala.gradient = "w"}
  //   ->
  // @accumulate: %g1 = arith.addf %g, %dw; return %loss, %g1 {nyala.state = "gradient:w"}
  // @update: the update above with %g for %dw; %g is 0 afterwards
  LogicalResult splitEntries(ModuleOp module, EntryBuilder &entry, ArrayRef<Trained> trained) {
    for (StringRef name : {"accumulate", "update"})
      if (Operation *taken = module.lookupSymbol(name))
        return taken->emitError("the name @")
               << name << " is taken; expected it free for the entry point";
    for (const Trained &one : trained) {
      std::string name = "gradient:" + one.name;
      Value state = entry.addState(one.weight.getType(), name);
      Value sum = arith::AddFOp::create(entry.builder, one.weight.getLoc(), state, one.gradient);
      entry.addResult(sum, NyalaDialect::kStateAttr, name);
    }
    entry.function.setName("accumulate");

    OpBuilder builder(module.getContext());
    builder.setInsertionPointAfter(entry.function);
    auto update =
        func::FuncOp::create(builder, entry.loc(), "update", builder.getFunctionType({}, {}));
    update->setAttr(NyalaDialect::kEntryAttr, builder.getUnitAttr());
    builder.setInsertionPointToStart(update.addEntryBlock());
    func::ReturnOp::create(builder, entry.loc());

    EntryBuilder applied(update);
    SmallVector<Trained> accumulated;
    for (const Trained &one : trained) {
      BlockArgument weight = applied.addState(one.weight.getType(), one.name);
      accumulated.push_back(
          {one.name, weight, applied.addState(weight.getType(), "gradient:" + one.name)});
    }
    addUpdate(applied, accumulated);
    for (const Trained &one : accumulated) {
      auto type = getTensorType(one.gradient);
      Value cleared = arith::MulFOp::create(applied.builder, one.weight.getLoc(), one.gradient,
                                            applied.constant(type, 0));
      applied.addResult(cleared, NyalaDialect::kStateAttr, "gradient:" + one.name);
    }
    return success();
  }
};

} // namespace
