//===- KernelChecks.h - What a CPU kernel can be ----------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CPU_KERNELCHECKS_H
#define NYALA_CODEGEN_CPU_KERNELCHECKS_H

#include "ir/NyalaOps.h"

namespace nyala::cpu {

/// Emits an error and fails where the types, ops or ties of `kernel` are none that code can be
/// generated for on `target`.
mlir::LogicalResult checkKernel(KernelOp kernel, CpuTargetAttr target);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_KERNELCHECKS_H
