//===- Kernels.h - What a kernel is and costs -------------------*- C++ -*-===//
#ifndef NYALA_IR_KERNELS_H
#define NYALA_IR_KERNELS_H

#include "ir/NyalaOps.h"

namespace nyala {

/// On steps: the key of the kernel that they call.
inline constexpr llvm::StringLiteral kKeyAttr = "nyala.key";

/// What a kernel computes, as a name that is the same in every compilation: its ops and types, and
/// a digest of all that it is but for its name, its locations and the attributes that code
/// generation adds. Measured times of kernels are kept under it (docs/rematerialization.md).
///
///   "matmul+addf(512x576xf32,576x1536xf32,512x1536xf32)->(512x1536xf32)#0123456789abcdef"
std::string getKernelKey(KernelOp kernel);

/// FLOPs and bytes of a kernel: those of its body, bytes of rows counted at the kernel's border
/// alone.
OpCost getKernelCost(KernelOp kernel);

} // namespace nyala

#endif // NYALA_IR_KERNELS_H
