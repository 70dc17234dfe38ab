//===- KernelBuffers.h - What a kernel's values lie in ----------*- C++ -*-===//
#ifndef NYALA_CODEGEN_KERNELBUFFERS_H
#define NYALA_CODEGEN_KERNELBUFFERS_H

#include "ir/NyalaOps.h"

namespace nyala {

/// The op that a kernel is formed around; null if there is none.
mlir::Operation *findRoot(KernelOp kernel);

/// The buffer that holds a kernel's operand or result, in `memorySpace`: packed weights and caches
/// in blocks are bytes.
mlir::MemRefType getBufferType(mlir::RankedTensorType type, int64_t maxRows,
                               mlir::Attribute memorySpace = {});

/// A bound of the rows of an argument: the kernel's, unless an op reads any rows of it by index.
int64_t getMaxRows(KernelOp kernel, mlir::BlockArgument argument);

} // namespace nyala

#endif // NYALA_CODEGEN_KERNELBUFFERS_H
