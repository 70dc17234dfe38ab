//===- KernelCost.cpp - What a kernel costs -------------------------------===//
#include "codegen/KernelCost.h"
#include "ir/Kernels.h"

using namespace mlir;
using namespace nyala;

void nyala::setKernelCost(KernelOp kernel) {
  OpCost cost = getKernelCost(kernel);
  kernel->setAttr(kCostAttr, DenseI64ArrayAttr::get(kernel.getContext(),
                                                    {cost.flopsPerRow, cost.flopsPerRowPosition,
                                                     cost.fixedBytes, cost.bytesPerRow,
                                                     cost.bytesPerRowPosition}));
}
