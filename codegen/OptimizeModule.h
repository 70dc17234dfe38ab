//===- OptimizeModule.h - LLVM's passes over kernels ------------*- C++ -*-===//
#ifndef NYALA_CODEGEN_OPTIMIZEMODULE_H
#define NYALA_CODEGEN_OPTIMIZEMODULE_H

#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

namespace nyala {

/// Runs LLVM's default pipeline of O3, as `machine` and `tuning` ask for it.
void optimizeModule(llvm::Module &module, llvm::TargetMachine &machine,
                    llvm::PipelineTuningOptions tuning = {});

} // namespace nyala

#endif // NYALA_CODEGEN_OPTIMIZEMODULE_H
