//===- KernelCost.h - What a kernel costs -----------------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_KERNELCOST_H
#define NYALA_CODEGEN_KERNELCOST_H

#include "ir/NyalaOps.h"

namespace nyala {

/// On kernels that code has been generated for: the fields of OpCost in their order.
inline constexpr llvm::StringLiteral kCostAttr = "nyala.cost";

/// Gives `kernel` its cost (ir/Kernels.h), the same on all devices. For the planner.
void setKernelCost(KernelOp kernel);

} // namespace nyala

#endif // NYALA_CODEGEN_KERNELCOST_H
