#include "ir/reference/UpstreamOps.h"

#include "ir/reference/Checks.h"
#include "ir/reference/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::reference;

bool reference::isKnownUpstream(Operation *op) {
  return isa<arith::ConstantOp, tensor::DimOp, tensor::CastOp, tensor::ConcatOp,
             tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp>(op);
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

/// Offsets and sizes are constants, strides one.
static FailureOr<Tensor> evaluateSlice(tensor::ExtractSliceOp op, const Tensor &input) {
  ArrayRef<int64_t> offsets = op.getStaticOffsets(), sizes = op.getStaticSizes();
  if (ShapedType::isDynamicShape(offsets) || ShapedType::isDynamicShape(sizes) ||
      !op.hasUnitStride())
    return op.emitOpError("expected constant offsets and sizes, and strides of one");
  for (auto [dim, offset, size] : llvm::enumerate(offsets, sizes))
    if (offset < 0 || size < 0 || offset > input.dim(dim) - size)
      return op.emitOpError("slice of ") << size << " from " << offset << " in dimension " << dim
                                         << " is outside 0.." << input.dim(dim) - 1;
  // Ranks may differ by dimensions of one; their order stays.
  Tensor result(op.getType().getShape());
  MutableArrayRef<double> out = result.mutableValues();
  for (int64_t i = 0; i < result.size(); ++i) {
    int64_t rest = i, source = 0, stride = 1;
    for (int64_t dim = static_cast<int64_t>(sizes.size()) - 1; dim >= 0; --dim) {
      source += (offsets[dim] + rest % sizes[dim]) * stride;
      rest /= sizes[dim];
      stride *= input.dim(dim);
    }
    out[i] = input[source];
  }
  return result;
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
  if (isa<tensor::CastOp>(op)) // the interpreter checks the shape against the type
    return operands[0];
  double dim = operands[1][0];
  if (!(dim >= 0 && dim < static_cast<double>(operands[0].getShape().size())))
    return op->emitOpError("dimension ") << static_cast<int64_t>(dim) << " does not exist";
  return makeScalar(static_cast<double>(operands[0].dim(static_cast<unsigned>(dim))));
}
