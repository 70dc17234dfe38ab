//===- BackendErrors.h - What LLVM's code generator refuses -----*- C++ -*-===//
#ifndef NYALA_CODEGEN_BACKENDERRORS_H
#define NYALA_CODEGEN_BACKENDERRORS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/ErrorHandling.h"

namespace nyala {

/// Errors that LLVM reports while it compiles modules of `context`, and goes on, are appended to
/// `error`, which outlives it.
void collectErrors(llvm::LLVMContext &context, std::string &error);

/// What it cannot go on from (an operation that no instruction computes) ends the process. While
/// this is there, it does so with an error on `module`, which names the kernel, exit code 1 and no
/// temporary files left behind. One at a time in a process.
class FatalBackendErrors {
public:
  explicit FatalBackendErrors(mlir::ModuleOp module) : handler(&report, module.getOperation()) {}

private:
  [[noreturn]] static void report(void *module, const char *reason, bool isCrash);

  llvm::ScopedFatalErrorHandler handler;
};

} // namespace nyala

#endif // NYALA_CODEGEN_BACKENDERRORS_H
