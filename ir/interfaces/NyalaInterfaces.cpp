//===- NyalaInterfaces.cpp - What passes ask of an op ---------------------===//
#include "ir/interfaces/NyalaInterfaces.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace nyala;

#include "ir/interfaces/NyalaInterfaces.cpp.inc"

/// Is `op` elementwise on tensors (arith, math)?
static bool isElementwiseOnTensors(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1 &&
         isa<RankedTensorType>(op->getResult(0).getType());
}

std::optional<FusionKind> nyala::getFusionKind(Operation *op) {
  if (auto fusible = dyn_cast<FusibleOpInterface>(op))
    return fusible.getFusionKind();
  if (isElementwiseOnTensors(op))
    return FusionKind::ColumnLocal;
  return std::nullopt;
}

Value nyala::getRowSource(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto domain = dyn_cast<RowDomainOpInterface>(op))
      value = domain.getRowOperand().get();
    else if (isElementwiseOnTensors(op))
      value = op->getOperand(0);
    else
      return Value();
  }
  return value;
}

SmallVector<OpOperand *> nyala::getRowOperands(Operation *op) {
  if (auto domain = dyn_cast<RowDomainOpInterface>(op))
    return domain.getRowOperands();
  if (isElementwiseOnTensors(op))
    return llvm::to_vector_of<OpOperand *>(llvm::make_pointer_range(op->getOpOperands()));
  return {};
}

OpCost nyala::getCost(Operation *op) {
  if (auto cost = dyn_cast<CostOpInterface>(op))
    return cost.getCost();
  OpCost result;
  if (isElementwiseOnTensors(op)) {
    // Of a vector each element is a row.
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op->getResult(0).getType()).getShape();
    int64_t width = reference::Tensor::getNumElements(shape.drop_front(shape.empty() ? 0 : 1));
    result.flopsPerRow = width;
    result.bytesPerRow = 4 * width * (op->getNumOperands() + 1);
  }
  return result;
}
