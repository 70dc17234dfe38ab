//===- Differentiate.cpp - Gradients of a function's loss -----------------===//
//
// Forwards, the values that depend on what is trained are marked; backwards,
// each op turns the gradients of its results into those of its marked operands.
//
//===----------------------------------------------------------------------===//
#include "ir/TrainingOps.h"
#include "ir/interfaces/GradientInterface.h"
#include "passes/Passes.h"
#include "passes/States.h"
#include "passes/differentiate/GradientBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Regex.h"

namespace nyala {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// Walks one block backwards from a loss.
class Tape {
public:
  Tape(Block &block, ArrayRef<BlockArgument> trained)
      : block(block), builder(block.getTerminator()) {
    for (BlockArgument argument : trained)
      dependent.insert(argument);
    for (Operation &op : block)
      if (dependsOnTrained(op))
        for (Value result : op.getResults())
          if (isa<FloatType>(getElementTypeOrSelf(result.getType())))
            dependent.insert(result);
  }

  bool isDependent(Value value) const { return dependent.contains(value); }

  /// Builds the gradients of all marked values that `loss`, whose gradient is `seed`, depends on.
  LogicalResult differentiate(Value loss, Value seed) {
    gradients[loss] = seed;
    // Gradients go before the terminator: ops that are there already are those to visit.
    SmallVector<Operation *> ops;
    for (Operation &op : block)
      ops.push_back(&op);
    for (Operation *op : llvm::reverse(ops))
      if (llvm::any_of(op->getResults(), [&](Value result) {
            return gradients.contains(result) && isDependent(result);
          }))
        if (failed(visit(op)))
          return failure();
    return success();
  }

  /// Null if the loss does not depend on `value`.
  Value getGradient(Value value) const { return gradients.lookup(value); }
  unsigned getVisited() const { return visited; }
  OpBuilder &getBuilder() { return builder; }

private:
  bool dependsOnTrained(Operation &op) {
    bool found = false;
    op.walk([&](Operation *nested) {
      found |= llvm::any_of(nested->getOperands(), [&](Value v) { return isDependent(v); });
    });
    return found;
  }

  LogicalResult visit(Operation *op) {
    auto differentiable = dyn_cast<GradientOpInterface>(op);
    if (!differentiable)
      return op->emitOpError("has no gradient, but the loss depends on what is trained by way of "
                             "it; freeze what is before it, or give the op a "
                             "GradientOpInterface (passes/differentiate/GradientModels.h)");
    ++visited;
    SmallVector<Value> given;
    for (Value result : op->getResults())
      given.push_back(gradients.lookup(result));
    SmallVector<bool> needed;
    for (Value operand : op->getOperands())
      needed.push_back(isDependent(operand));
    FailureOr<SmallVector<Value>> built = differentiable.buildGradient(builder, given, needed);
    if (failed(built))
      return failure();
    for (auto [operand, gradient] : llvm::zip_equal(op->getOperands(), *built))
      if (gradient)
        add(operand, gradient);
    return success();
  }

  // A value with several uses: the sum of what they give.
  void add(Value value, Value gradient) {
    Value &sum = gradients[value];
    sum = sum ? addGradients(builder, sum, gradient) : gradient;
  }

  Block &block;
  OpBuilder builder;
  llvm::DenseSet<Value> dependent;
  DenseMap<Value, Value> gradients;
  unsigned visited = 0;
};

struct Differentiate : nyala::impl::DifferentiateBase<Differentiate> {
  using DifferentiateBase::DifferentiateBase;

  void runOnOperation() override {
    if (failed(differentiate()))
      signalPassFailure();
  }

private:
  bool isOfWeights() const { return wrt == "weights"; }

  LogicalResult differentiate() {
    auto function = getOperation().lookupSymbol<func::FuncOp>(functionName);
    if (!function || function.isExternal())
      return getOperation().emitError("expected a function @")
             << functionName.getValue() << " to differentiate";
    if (!function.getBody().hasOneBlock())
      return function.emitOpError("has ")
             << function.getBody().getBlocks().size() << " blocks; expected one to differentiate";
    SmallVector<BlockArgument> arguments;
    FailureOr<Value> loss = findLoss(function);
    if (failed(loss) || failed(isOfWeights() ? findWeights(function, arguments)
                                             : findNumbered(function, arguments)))
      return failure();

    Tape tape(function.getBody().front(), arguments);
    Value seed = makeSplat(tape.getBuilder(), loss->getLoc(), loss->getType(), 1);
    if (failed(tape.differentiate(*loss, seed)))
      return failure();
    unsigned before = function.getNumResults();
    for (BlockArgument argument : arguments)
      if (failed(addResult(function, argument, tape)))
        return failure();
    remark::passed(function.getLoc(), remark::RemarkOpts::name("Differentiated")
                                          .category("nyala-differentiate")
                                          .function(function.getName()))
        << remark::add("{0} gradients, by way of {1} ops", function.getNumResults() - before,
                       tape.getVisited());
    return success();
  }

  static FailureOr<Value> findLoss(func::FuncOp function) {
    auto terminator = function.getBody().front().getTerminator();
    if (terminator->getNumOperands() == 0)
      return function.emitOpError("has no results; expected a loss");
    unsigned number = 0;
    for (unsigned i = 0; i < terminator->getNumOperands(); ++i) {
      auto name = function.getResultAttrOfType<StringAttr>(i, NyalaDialect::kResultAttr);
      if (name && name.getValue() == "loss")
        number = i;
      if (function.getResultAttr(i, kGradientAttr))
        return function.emitOpError("has gradients already: result ")
               << i << " is marked " << kGradientAttr;
    }
    Value loss = terminator->getOperand(number);
    auto tensor = dyn_cast<RankedTensorType>(loss.getType());
    bool single = !tensor || (tensor.hasStaticShape() && tensor.getNumElements() == 1);
    if (!single || !isa<FloatType>(getElementTypeOrSelf(loss.getType())))
      return function.emitOpError("expected result ")
             << number << ", the loss, to be one float, got " << loss.getType();
    return loss;
  }

  LogicalResult findWeights(func::FuncOp function, SmallVectorImpl<BlockArgument> &arguments) {
    llvm::Regex regex(train.empty() ? StringRef(".") : StringRef(train));
    std::string error;
    if (!regex.isValid(error))
      return emitError(getOperation().getLoc(), "option 'train' of nyala-differentiate is '")
             << train.getValue() << "', not a regular expression: " << error;
    // States that the function returns are its own to update (running statistics of norms).
    llvm::StringSet<> updated;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (auto name = function.getResultAttrOfType<StringAttr>(i, NyalaDialect::kStateAttr))
        updated.insert(name);
    SmallVector<StringRef> names;
    for (BlockArgument argument : function.getArguments()) {
      auto name =
          function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), NyalaDialect::kStateAttr);
      if (!name || updated.contains(name))
        continue;
      names.push_back(name);
      if (!regex.match(name))
        continue;
      if (failed(expectFloats(function, argument)))
        return failure();
      arguments.push_back(argument);
    }
    if (!arguments.empty())
      return success();
    if (names.empty())
      return function.emitOpError("has no argument marked ")
             << NyalaDialect::kStateAttr << "; expected weights to differentiate with respect to";
    constexpr size_t most = 8;
    InFlightDiagnostic unmatched = function.emitOpError("has no weight that '")
                                   << train.getValue() << "' matches; it has "
                                   << llvm::join(ArrayRef(names).take_front(most), ", ");
    if (names.size() > most)
      unmatched << " and " << names.size() - most << " more";
    return unmatched;
  }

  LogicalResult findNumbered(func::FuncOp function, SmallVectorImpl<BlockArgument> &arguments) {
    SmallVector<StringRef> numbers;
    StringRef(wrt).split(numbers, ',');
    for (StringRef text : numbers) {
      unsigned number;
      if (text.trim().getAsInteger(10, number))
        return emitError(getOperation().getLoc(), "option 'wrt' of nyala-differentiate is '")
               << wrt.getValue() << "', expected weights, or numbers of arguments (0,2)";
      if (number >= function.getNumArguments())
        return function.emitOpError("has ")
               << function.getNumArguments() << " arguments, no argument " << number;
      BlockArgument argument = function.getArgument(number);
      if (llvm::is_contained(arguments, argument))
        return emitError(getOperation().getLoc(), "option 'wrt' of nyala-differentiate is '")
               << wrt.getValue() << "', which names argument " << number << " twice";
      if (failed(expectFloats(function, argument)))
        return failure();
      arguments.push_back(argument);
    }
    return success();
  }

  static LogicalResult expectFloats(func::FuncOp function, BlockArgument argument) {
    if (isa<FloatType>(getElementTypeOrSelf(argument.getType())))
      return success();
    return function.emitOpError("expected argument ")
           << argument.getArgNumber()
           << " to be of floats to differentiate with respect to it, got " << argument.getType();
  }

  // return %loss   ->   return %loss, %dw
  LogicalResult addResult(func::FuncOp function, BlockArgument argument, Tape &tape) {
    auto name =
        function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), NyalaDialect::kStateAttr);
    Value gradient = tape.getGradient(argument);
    if (!gradient && isOfWeights()) {
      function.emitWarning("the loss does not depend on weight '")
          << name.getValue() << "': it is not trained";
      return success();
    }
    if (!gradient) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (type && !type.hasStaticShape())
        return function.emitOpError("does not depend on argument ")
               << argument.getArgNumber() << "; expected a static shape to return zeros, got "
               << type;
      gradient = makeSplat(tape.getBuilder(), argument.getLoc(), argument.getType(), 0);
    }
    Operation *terminator = function.getBody().front().getTerminator();
    DictionaryAttr attributes;
    if (isOfWeights())
      attributes = DictionaryAttr::get(
          &getContext(), NamedAttribute(StringAttr::get(&getContext(), kGradientAttr), name));
    if (failed(function.insertResult(function.getNumResults(), gradient.getType(), attributes)))
      return failure();
    terminator->insertOperands(terminator->getNumOperands(), gradient);
    return success();
  }

  static Value makeSplat(OpBuilder &builder, Location loc, Type type, double value) {
    TypedAttr number = builder.getFloatAttr(getElementTypeOrSelf(type), value);
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      number = DenseElementsAttr::get(tensor, number);
    return arith::ConstantOp::create(builder, loc, number);
  }
};

} // namespace
