//===- CpuTarget.h - CPUs by name -------------------------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CPU_CPUTARGET_H
#define NYALA_CODEGEN_CPU_CPUTARGET_H

#include "ir/NyalaAttrs.h"

#include "mlir/IR/BuiltinAttributes.h"

namespace nyala::cpu {

/// The target that `--cpu=name` stands for: "native" (this machine, with the features that its
/// operating system lets programs use) or a name LLVM knows ("x86-64-v3", "sapphirerapids").
/// Features are those that generated code can profit from; others are left out, so that the runtime
/// asks for no more than is used. Fails with `error` for an unknown name.
mlir::FailureOr<CpuTargetAttr> getCpuTarget(mlir::MLIRContext *context, llvm::StringRef name,
                                            std::string &error);

/// The targets of `--cpu=list`: names separated by commas, or "generic-multi". Those with more
/// features come first, so that a runtime which takes the first that fits takes the best; otherwise
/// they keep the list's order. One that has the features of an earlier one, no more and no less,
/// would never run and is left out. Fails with `error` for an unknown name and for one that is
/// there twice.
mlir::FailureOr<mlir::ArrayAttr> getCpuTargets(mlir::MLIRContext *context, llvm::StringRef list,
                                               std::string &error);

/// The list that "generic-multi" stands for: AMX; AVX-512 with dot products of integers (Ice Lake
/// and Zen 4 and later); AVX-512; AVX2 with dot products (clients since Alder Lake); AVX2.
llvm::StringRef getGenericCpus();

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_CPUTARGET_H
