//===- EqualKernels.h - Kernels that are one ---------------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_DISPATCH_EQUALKERNELS_H
#define NYALA_CODEGEN_DISPATCH_EQUALKERNELS_H

#include "ir/NyalaOps.h"

#include "llvm/ADT/DenseMap.h"

namespace nyala {

/// For each kernel of the module the first one that differs from it in name and locations only,
/// often itself: the one that nyala-deduplicate-kernels leaves.
llvm::DenseMap<KernelOp, KernelOp> findFirstEqualKernels(mlir::ModuleOp module);

} // namespace nyala

#endif // NYALA_CODEGEN_DISPATCH_EQUALKERNELS_H
