//===- CpuTarget.h - CPUs by name -------------------------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CPU_CPUTARGET_H
#define NYALA_CODEGEN_CPU_CPUTARGET_H

#include "ir/NyalaAttrs.h"

namespace nyala::cpu {

/// The target that `--cpu=name` stands for: "native" (this machine, with the features that its
/// operating system lets programs use) or a name LLVM knows ("x86-64-v3", "sapphirerapids").
/// Features are those that generated code can profit from; others are left out, so that the runtime
/// asks for no more than is used. Fails with `error` for an unknown name.
mlir::FailureOr<CpuTargetAttr> getCpuTarget(mlir::MLIRContext *context, llvm::StringRef name,
                                            std::string &error);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_CPUTARGET_H
