//===- KernelCost.cpp - What a kernel costs -------------------------------===//
#include "codegen/KernelCost.h"

using namespace mlir;
using namespace nyala;

void nyala::setKernelCost(KernelOp kernel) {
  OpCost cost;
  for (Operation &op : kernel.getBody().front())
    cost += nyala::getCost(&op);
  cost.bytesPerRow = 0;
  auto addRow = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    if (tensor.isDynamicDim(0))
      cost.bytesPerRow += (tensor.getRank() == 2 ? tensor.getDimSize(1) : 1) *
                          llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
  };
  llvm::for_each(kernel.getArgumentTypes(), addRow);
  llvm::for_each(kernel.getResultTypes(), addRow);
  kernel->setAttr(kCostAttr, DenseI64ArrayAttr::get(kernel.getContext(),
                                                    {cost.flopsPerRow, cost.flopsPerRowPosition,
                                                     cost.fixedBytes, cost.bytesPerRow,
                                                     cost.bytesPerRowPosition}));
}
