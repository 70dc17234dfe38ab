//===- GradientBuilder.cpp - What gradients of ops are built with ---------===//
#include "passes/differentiate/GradientBuilder.h"
#include "ir/TrainingOps.h"
#include "passes/differentiate/GradientModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace nyala;

Value GradientBuilder::convert(Value value, Type type) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == type)
    return value;
  Type result = type;
  if (auto tensor = dyn_cast<RankedTensorType>(value.getType()))
    result = tensor.clone(type);
  if (from.getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return create<arith::ExtFOp>(result, value);
  return create<arith::TruncFOp>(result, value);
}

FailureOr<Value> GradientBuilder::makeSplat(Type type, double value) {
  FloatAttr number = builder.getFloatAttr(getElementTypeOrSelf(type), value);
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return create<arith::ConstantOp>(number).getResult();
  if (!tensor.hasStaticShape())
    return op->emitOpError("needs a constant for its gradient: expected a static shape, got ")
           << type;
  return create<arith::ConstantOp>(DenseElementsAttr::get(tensor, number)).getResult();
}

LogicalResult GradientBuilder::expectStatic(Value value) {
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  if (!tensor || tensor.hasStaticShape())
    return success();
  return op->emitOpError("expected operands of static shape for its gradient, got ") << tensor;
}

Value GradientBuilder::splatLike(Value value, double number) {
  return *makeSplat(value.getType(), number); // the shape is static
}

Value GradientBuilder::reshape(Value value, ArrayRef<int64_t> shape) {
  RankedTensorType type = getTensorType(value);
  if (type.getShape() == shape)
    return value;
  auto allOf = [](int64_t rank) {
    return SmallVector<ReassociationIndices>{llvm::to_vector<2>(llvm::seq<int64_t>(rank))};
  };
  if (type.getRank() > 1)
    value = create<tensor::CollapseShapeOp>(type.clone({type.getNumElements()}), value,
                                            allOf(type.getRank()));
  if (shape.size() > 1)
    value = create<tensor::ExpandShapeOp>(type.clone(shape), value,
                                          allOf(static_cast<int64_t>(shape.size())));
  return value;
}

Value GradientBuilder::transpose(Value value, ArrayRef<int64_t> permutation) {
  RankedTensorType type = getTensorType(value);
  Value empty = create<tensor::EmptyOp>(applyPermutation(type.getShape(), permutation),
                                        type.getElementType());
  return create<linalg::TransposeOp>(value, empty, permutation)->getResult(0);
}

// From the last run of dimensions to the first: [A, s, B] -> [A, B].
Value GradientBuilder::sumOver(Value value, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> left(dims);
  llvm::sort(left);
  while (!left.empty()) {
    RankedTensorType type = getTensorType(value);
    int64_t last = left.pop_back_val(), first = last;
    while (!left.empty() && left.back() == first - 1)
      first = left.pop_back_val();
    ArrayRef<int64_t> shape = type.getShape();
    auto count = reference::Tensor::getNumElements;
    int64_t outer = count(shape.take_front(first)), inner = count(shape.drop_front(last + 1)),
            summed = type.getNumElements() / (outer * inner);
    if (inner > 1 && outer == 1) {
      value = create<SumRowsOp>(type.clone({1, inner}), reshape(value, {summed, inner}),
                                /*squared=*/false);
    } else {
      if (inner > 1)
        value = transpose(reshape(value, {outer, summed, inner}), {0, 2, 1});
      value = create<ReduceOp>(type.clone({outer * inner, 1}), ReduceKind::Sum,
                               reshape(value, {outer * inner, summed}));
    }
    SmallVector<int64_t> kept(shape.take_front(first));
    llvm::append_range(kept, shape.drop_front(last + 1));
    value = reshape(value, kept);
  }
  return value;
}

Value GradientBuilder::sumToVector(Value rows, RankedTensorType vector) {
  auto row = RankedTensorType::get({1, vector.getDimSize(0)}, getElementTypeOrSelf(rows.getType()));
  Value sum = create<SumRowsOp>(row, rows, /*squared=*/false);
  Value collapsed = create<tensor::CollapseShapeOp>(vector.clone(row.getElementType()), sum,
                                                    ArrayRef<ReassociationIndices>{{0, 1}});
  return convert(collapsed, vector.getElementType());
}

void nyala::registerGradientModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NyalaDialect *) {
    attachProductGradients(context);
    attachRowGradients(context);
    attachImageGradients(context);
  });
  registry.addExtension(
      +[](MLIRContext *context, arith::ArithDialect *) { attachArithGradients(context); });
  registry.addExtension(
      +[](MLIRContext *context, math::MathDialect *) { attachMathGradients(context); });
  registry.addExtension(
      +[](MLIRContext *context, tensor::TensorDialect *) { attachTensorGradients(context); });
  registry.addExtension(
      +[](MLIRContext *context, linalg::LinalgDialect *) { attachLinalgGradients(context); });
}
