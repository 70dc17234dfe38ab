#include "ir/reference/Interpreter.h"

#include "ir/reference/Checks.h"
#include "ir/reference/Elementwise.h"
#include "ir/reference/LinalgOps.h"
#include "ir/reference/UpstreamOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::reference;

using Results = FailureOr<SmallVector<Tensor>>;

/// Deeper nesting of calls and initializers is taken for endless recursion.
static constexpr unsigned kMaxDepth = 64;

bool reference::fits(ArrayRef<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t size : shape) {
    // Each size too: those of an empty tensor may not be absurd either.
    if (size < 0 || size > kMaxElements)
      return false;
    elements *= size;
    if (elements > kMaxElements)
      return false;
  }
  return true;
}

static InFlightDiagnostic emitTooLarge(Operation *op, Type type) {
  return op->emitOpError("a tensor of type ")
         << type << " is too large to interpret: expected at most " << kMaxElements << " elements";
}

/// Can a value of `shape` have type `type`? Scalars have rank 0.
static bool isOfType(ArrayRef<int64_t> shape, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return shape.empty() && type.isIntOrIndexOrFloat();
  return succeeded(verifyCompatibleShape(shape, tensor.getShape()));
}

void Interpreter::round(Type type, Tensor &tensor) const {
  type = getElementTypeOrSelf(type);
  if (options.precision == Precision::F64 || !isa<FloatType>(type) || type.isF64())
    return;
  for (double &value : tensor.mutableValues())
    value = roundTo(type, value);
}

//===----------------------------------------------------------------------===//
// Functions and weights
//===----------------------------------------------------------------------===//

Results Interpreter::run(FunctionOpInterface function, ArrayRef<Tensor> arguments) {
  if (function.isExternal())
    return function.emitOpError("has no body to interpret");
  if (!function.getFunctionBody().hasOneBlock())
    return function.emitOpError("has several blocks; the interpreter runs straight-line code");
  if (arguments.size() != function.getNumArguments())
    return function.emitOpError("expected ")
           << function.getNumArguments() << " arguments, got " << arguments.size();
  Values values;
  for (auto [index, argument, tensor] : llvm::enumerate(function.getArguments(), arguments)) {
    if (!isOfType(tensor.getShape(), argument.getType()))
      return function.emitOpError("expected argument ")
             << index << " of type " << argument.getType() << ", got shape [" << tensor.getShape()
             << "]";
    auto maxRows = function.getArgAttrOfType<IntegerAttr>(index, NyalaDialect::kMaxRowsAttr);
    if (maxRows && !tensor.getShape().empty() && tensor.dim(0) > maxRows.getInt())
      return function.emitOpError("expected at most ")
             << maxRows.getInt() << " rows in argument " << index << ", got " << tensor.dim(0);
    values[argument] = tensor;
    round(argument.getType(), values[argument]);
    // An append's result is rounded by the op itself: just the slots that it writes.
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (BlocksAttr blocks = type ? getBlocks(type) : BlocksAttr())
      roundToBlocks(blocks.getFormat(), values[argument].mutableValues());
  }
  return runBlock(function.getFunctionBody().front(), std::move(values));
}

FailureOr<Tensor> Interpreter::getWeight(WeightOp weight) {
  if (!fits(weight.getTensorType().getShape()))
    return emitTooLarge(weight, weight.getType());
  if (weight.getInitialValue()) {
    Results values = runBlock(weight.getInitializer().front(), Values());
    if (failed(values))
      return failure();
    return values->front();
  }
  if (weight.getSource() && !options.randomWeights)
    return reader.read(weight);
  return makeRandomWeight(weight, options.seed);
}

/// Runs the ops and returns the operands of the last one, the terminator. Values go when their last
/// user has run, so that not all weights of a model are held at once.
Results Interpreter::runBlock(Block &block, Values values) {
  if (depth == kMaxDepth)
    return block.getParentOp()->emitOpError("is nested too deeply in calls and initializers");
  ++depth;
  llvm::scope_exit leave([&] { --depth; });

  DenseMap<Value, unsigned> usesLeft;
  for (Operation &op : block) {
    SmallVector<Tensor> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values.lookup(operand));
    if (isa<func::ReturnOp, ReturnOp, YieldOp>(op))
      return operands;

    Results results = runOp(&op, operands);
    if (failed(results))
      return failure();
    for (auto [value, tensor] : llvm::zip_equal(op.getResults(), *results)) {
      if (!isOfType(tensor.getShape(), value.getType()))
        return op.emitOpError("gives a value of shape [")
               << tensor.getShape() << "], which type " << value.getType() << " excludes";
      if (value.use_empty())
        continue;
      round(value.getType(), tensor);
      values[value] = std::move(tensor);
    }
    for (Value operand : op.getOperands()) {
      auto [left, isNew] = usesLeft.try_emplace(operand, 0);
      if (isNew)
        left->second = std::distance(operand.use_begin(), operand.use_end());
      if (--left->second == 0)
        values.erase(operand);
    }
  }
  return block.getParentOp()->emitOpError("has no terminator");
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Results Interpreter::runOp(Operation *op, ArrayRef<Tensor> operands) {
  if (auto reference = dyn_cast<ReferenceOpInterface>(op))
    return runReference(reference, operands);
  if (auto load = dyn_cast<LoadOp>(op)) {
    FailureOr<Tensor> value =
        getWeight(symbols.lookupNearestSymbolFrom<WeightOp>(op, load.getWeightAttr()));
    if (failed(value))
      return failure();
    return single(*value);
  }
  if (auto dispatch = dyn_cast<DispatchOp>(op))
    return runDispatch(dispatch, operands);
  if (auto call = dyn_cast<func::CallOp>(op))
    return run(symbols.lookupNearestSymbolFrom<func::FuncOp>(op, call.getCalleeAttr()), operands);

  FailureOr<Tensor> value;
  if (isKnownElementwise(op))
    value = evaluateElementwise(op, operands);
  else if (isKnownUpstream(op))
    value = evaluateUpstream(op, operands);
  else if (isKnownLinalg(op))
    value = evaluateLinalg(op, operands);
  else
    return op->emitOpError("is not an op that the interpreter knows");
  if (failed(value))
    return failure();
  return single(*value);
}

Results Interpreter::runReference(ReferenceOpInterface op, ArrayRef<Tensor> operands) {
  // Results are as large as their types say, with the rows of the row operand.
  auto rowDomain = dyn_cast<RowDomainOpInterface>(op.getOperation());
  for (Type type : op->getResultTypes()) {
    SmallVector<int64_t> shape(cast<RankedTensorType>(type).getShape());
    if (ShapedType::isDynamic(shape[0]) && rowDomain)
      shape[0] = operands[rowDomain.getRowOperand().getOperandNumber()].dim(0);
    if (!ShapedType::isDynamicShape(shape) && !fits(shape))
      return emitTooLarge(op, type);
  }
  return op.evaluate(operands);
}

Results Interpreter::runDispatch(DispatchOp dispatch, ArrayRef<Tensor> operands) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(dispatch, dispatch.getKernelAttr());
  if (!kernel)
    return dispatch.emitOpError("refers to '")
           << dispatch.getKernel() << "', which is no nyala.kernel; the interpreter runs modules "
           << "of the phases input, model and dispatch";
  auto rows = static_cast<int64_t>(operands[0][0]);
  if (rows < 0 || rows > static_cast<int64_t>(kernel.getMaxRows()))
    return dispatch.emitOpError("expected at most ") << kernel.getMaxRows() << " rows for kernel '"
                                                     << dispatch.getKernel() << "', got " << rows;
  return run(kernel, operands.drop_front());
}
