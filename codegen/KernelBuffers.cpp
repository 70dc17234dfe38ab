//===- KernelBuffers.cpp - What a kernel's values lie in ------------------===//
#include "codegen/KernelBuffers.h"

using namespace mlir;
using namespace nyala;

Operation *nyala::findRoot(KernelOp kernel) {
  for (Operation &op : kernel.getBody().front())
    if (nyala::getFusionKind(&op) == FusionKind::Root)
      return &op;
  return nullptr;
}

MemRefType nyala::getBufferType(RankedTensorType type, int64_t maxRows, Attribute memorySpace) {
  auto getMemory = [&](ArrayRef<int64_t> shape, Type element) {
    return MemRefType::get(shape, element, MemRefLayoutAttrInterface(), memorySpace);
  };
  auto i8 = IntegerType::get(type.getContext(), 8);
  if (getPacked(type))
    return getMemory({getPackedLayout(type).getBytes()}, i8);
  SmallVector<int64_t> shape(type.getShape());
  for (int64_t &dim : shape)
    if (ShapedType::isDynamic(dim))
      dim = maxRows;
  if (!getBlocks(type))
    return getMemory(shape, type.getElementType());
  shape.back() = getSlotBytes(type);
  return getMemory(shape, i8);
}

int64_t nyala::getMaxRows(KernelOp kernel, BlockArgument argument) {
  for (OpOperand &use : argument.getUses())
    if (!isa<ReturnOp>(use.getOwner()) &&
        !llvm::is_contained(nyala::getRowOperands(use.getOwner()), &use))
      return std::numeric_limits<int32_t>::max();
  return kernel.getMaxRows();
}
