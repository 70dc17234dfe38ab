//===- GradientBuilder.cpp - What gradients of ops are built with ---------===//
#include "passes/differentiate/GradientBuilder.h"
#include "ir/TrainingOps.h"
#include "passes/differentiate/GradientModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
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
  });
  registry.addExtension(
      +[](MLIRContext *context, arith::ArithDialect *) { attachArithGradients(context); });
  registry.addExtension(
      +[](MLIRContext *context, math::MathDialect *) { attachMathGradients(context); });
  registry.addExtension(
      +[](MLIRContext *context, tensor::TensorDialect *) { attachTensorGradients(context); });
}
