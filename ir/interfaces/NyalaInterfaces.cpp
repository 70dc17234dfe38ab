//===- NyalaInterfaces.cpp - What passes ask of an op ---------------------===//
#include "ir/interfaces/NyalaInterfaces.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace nyala;

#include "ir/interfaces/NyalaInterfaces.cpp.inc"

/// Is `op` elementwise on tensors (arith, math)?
static bool isElementwiseOnTensors(Operation *op) {
  return OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1 &&
         isa<RankedTensorType>(op->getResult(0).getType());
}

bool nyala::isPointwise(Operation *op) {
  return isElementwiseOnTensors(op) || (op->hasTrait<Pointwise>() && op->getNumResults() == 1);
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

static int64_t getBytes(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape())
    return 0;
  return type.getNumElements() *
         static_cast<int64_t>(llvm::divideCeil(type.getElementTypeBitWidth(), 8));
}

/// Of an op that reads `parts` and writes as much, as a whole.
static OpCost copy(ValueRange parts) {
  OpCost cost;
  for (Value part : parts)
    cost.fixedBytes += 2 * getBytes(part);
  return cost;
}

/// A row is a product of two matrices.
static OpCost multiply(linalg::BatchMatmulOp op) {
  OpCost cost;
  auto left = cast<RankedTensorType>(op->getOperand(0).getType()),
       result = cast<RankedTensorType>(op->getResult(0).getType());
  if (!left.hasStaticShape() || !result.hasStaticShape() || result.getNumElements() == 0)
    return cost;
  int64_t rows = result.getDimSize(1), columns = result.getDimSize(2);
  int64_t depth = left.getNumElements() / (result.getDimSize(0) * rows);
  cost.flopsPerRow = 2 * rows * columns * depth;
  cost.fixedBytes = getBytes(op->getOperand(0)) + getBytes(op->getOperand(1));
  cost.bytesPerRow = getBytes(op->getResult(0)) / result.getDimSize(0);
  return cost;
}

OpCost nyala::getCost(Operation *op) {
  if (auto cost = dyn_cast<CostOpInterface>(op))
    return cost.getCost();
  if (auto products = dyn_cast<linalg::BatchMatmulOp>(op); products && op->getNumResults() == 1)
    return multiply(products);
  if (isa<linalg::TransposeOp, tensor::InsertSliceOp>(op))
    return copy(op->getOperand(0));
  if (isa<tensor::ConcatOp, tensor::ExtractSliceOp>(op))
    return copy(op->getResults());
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
