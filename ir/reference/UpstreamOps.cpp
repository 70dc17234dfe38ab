#include "ir/reference/UpstreamOps.h"

#include "ir/reference/Checks.h"
#include "ir/reference/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::reference;

bool reference::isKnownUpstream(Operation *op) {
  return isa<arith::ConstantOp, tensor::DimOp, tensor::CastOp, tensor::ConcatOp, tensor::EmptyOp,
             tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp,
             tensor::InsertSliceOp>(op);
}

static Tensor makeScalar(double value) {
  Tensor result(ArrayRef<int64_t>{});
  result.mutableValues()[0] = value;
  return result;
}

static double toDouble(APFloat number) {
  bool losesInfo;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

/// i1 is 0 or 1, other integers are signed.
static double toDouble(const APInt &number) {
  return number.getBitWidth() == 1 ? static_cast<double>(number.getZExtValue())
                                   : static_cast<double>(number.getSExtValue());
}

static FailureOr<Tensor> evaluateConstant(arith::ConstantOp op) {
  Attribute value = op.getValue();
  if (auto number = dyn_cast<FloatAttr>(value))
    return makeScalar(toDouble(number.getValue()));
  if (auto number = dyn_cast<IntegerAttr>(value))
    if (number.getValue().getSignificantBits() <= 64)
      return makeScalar(toDouble(number.getValue()));
  auto elements = dyn_cast<DenseElementsAttr>(value);
  if (!elements || !isa<RankedTensorType>(op.getType()))
    return op.emitOpError("is not a constant that the interpreter knows");
  if (!fits(elements.getType().getShape()))
    return op.emitOpError("is too large to interpret: expected at most ")
           << kMaxElements << " elements";
  Tensor result(elements.getType().getShape());
  MutableArrayRef<double> out = result.mutableValues();
  if (isa<FloatType>(elements.getElementType()))
    for (auto [target, number] : llvm::zip(out, elements.getValues<APFloat>()))
      target = toDouble(number);
  else if (elements.getElementType().isIntOrIndex() &&
           (elements.getElementType().isIndex() ||
            elements.getElementType().getIntOrFloatBitWidth() <= 64))
    for (auto [target, number] : llvm::zip(out, elements.getValues<APInt>()))
      target = toDouble(number);
  else
    return op.emitOpError("is not a constant that the interpreter knows");
  return result;
}

static FailureOr<Tensor> evaluateConcat(tensor::ConcatOp op, ArrayRef<Tensor> operands) {
  uint64_t dim = op.getDim();
  SmallVector<int64_t> shape(operands[0].getShape());
  shape[dim] = 0;
  for (const Tensor &operand : operands) {
    for (auto [d, size] : llvm::enumerate(operand.getShape()))
      if (d != dim && size != shape[d])
        return op.emitOpError("expected operands that differ in dimension ")
               << dim << " alone, got [" << operands[0].getShape() << "] and ["
               << operand.getShape() << "]";
    shape[dim] += operand.dim(dim);
  }
  if (failed(checkFits(op, shape)))
    return failure();

  // Each operand gives a slice of every outer index.
  Tensor result(shape);
  MutableArrayRef<double> out = result.mutableValues();
  int64_t outer = Tensor::getNumElements(ArrayRef(shape).take_front(dim));
  int64_t position = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (const Tensor &operand : operands) {
      int64_t count = operand.size() / outer;
      llvm::copy(operand.values().slice(o * count, count), out.begin() + position);
      position += count;
    }
  return result;
}

/// Calls fn(i, place) for element i of a slice of `whole` and its place there. Offsets, sizes and
/// strides are constants. Ranks of slice and whole may differ by dimensions of one; their order
/// stays.
template <typename Op, typename Fn>
static LogicalResult forEachOfSlice(Op op, const Tensor &whole, Fn fn) {
  ArrayRef<int64_t> offsets = op.getStaticOffsets(), sizes = op.getStaticSizes(),
                    strides = op.getStaticStrides();
  for (ArrayRef<int64_t> values : {offsets, sizes, strides})
    if (ShapedType::isDynamicShape(values))
      return op.emitOpError("expected constant offsets, sizes and strides");
  for (auto [dim, offset, size, stride] : llvm::enumerate(offsets, sizes, strides)) {
    int64_t length = whole.dim(dim);
    if (offset < 0 || size < 0 || stride < 1 || offset > length ||
        (size > 0 && (offset == length || size - 1 > (length - 1 - offset) / stride)))
      return op.emitOpError("slice of ")
             << size << " from " << offset << (stride == 1 ? "" : " in steps") << " in dimension "
             << dim << " is outside 0.." << length - 1;
  }
  int64_t count = Tensor::getNumElements(sizes);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, place = 0, step = 1;
    for (int64_t dim = static_cast<int64_t>(sizes.size()) - 1; dim >= 0; --dim) {
      place += (offsets[dim] + rest % sizes[dim] * strides[dim]) * step;
      rest /= sizes[dim];
      step *= whole.dim(dim);
    }
    fn(i, place);
  }
  return success();
}

static FailureOr<Tensor> evaluateSlice(tensor::ExtractSliceOp op, const Tensor &input) {
  Tensor result(op.getType().getShape());
  MutableArrayRef<double> out = result.mutableValues();
  if (failed(forEachOfSlice(op, input, [&](int64_t i, int64_t place) { out[i] = input[place]; })))
    return failure();
  return result;
}

static FailureOr<Tensor> evaluateInsert(tensor::InsertSliceOp op, ArrayRef<Tensor> operands) {
  Tensor result = operands[1];
  MutableArrayRef<double> out = result.mutableValues();
  if (failed(forEachOfSlice(op, operands[1],
                            [&](int64_t i, int64_t place) { out[place] = operands[0][i]; })))
    return failure();
  return result;
}

/// What an empty tensor holds is for nobody to ask; zeros.
static FailureOr<Tensor> evaluateEmpty(tensor::EmptyOp op) {
  if (!op.getType().hasStaticShape())
    return op.emitOpError("expected a static shape, got ") << op.getType();
  if (failed(checkFits(op, op.getType().getShape())))
    return failure();
  return Tensor(op.getType().getShape());
}

/// The values of `input` in another shape of as many.
static FailureOr<Tensor> reshape(Operation *op, const Tensor &input, ArrayRef<int64_t> shape) {
  bool positive = llvm::all_of(shape, [](int64_t size) { return size >= 0; });
  if (!positive || !fits(shape) || Tensor::getNumElements(shape) != input.size())
    return op->emitOpError("cannot give [")
           << input.getShape() << "] the shape [" << shape << "]: expected as many elements";
  Tensor result(shape);
  llvm::copy(input.values(), result.mutableValues().begin());
  return result;
}

static FailureOr<Tensor> evaluateExpand(tensor::ExpandShapeOp op, ArrayRef<Tensor> operands) {
  SmallVector<int64_t> shape(op.getStaticOutputShape());
  ArrayRef<Tensor> sizes = operands.drop_front();
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size)) {
      size = static_cast<int64_t>(sizes.front()[0]);
      sizes = sizes.drop_front();
    }
  return reshape(op, operands[0], shape);
}

static FailureOr<Tensor> evaluateCollapse(tensor::CollapseShapeOp op, ArrayRef<Tensor> operands) {
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    shape.push_back(1);
    for (int64_t dim : group)
      shape.back() *= operands[0].dim(dim);
  }
  return reshape(op, operands[0], shape);
}

FailureOr<Tensor> reference::evaluateUpstream(Operation *op, ArrayRef<Tensor> operands) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return evaluateConstant(constant);
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    return evaluateConcat(concat, operands);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return evaluateExpand(expand, operands);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return evaluateCollapse(collapse, operands);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return evaluateSlice(slice, operands[0]);
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return evaluateInsert(insert, operands);
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return evaluateEmpty(empty);
  if (isa<tensor::CastOp>(op)) // the interpreter checks the shape against the type
    return operands[0];
  double dim = operands[1][0];
  if (!(dim >= 0 && dim < static_cast<double>(operands[0].getShape().size())))
    return op->emitOpError("dimension ") << static_cast<int64_t>(dim) << " does not exist";
  return makeScalar(static_cast<double>(operands[0].dim(static_cast<unsigned>(dim))));
}
