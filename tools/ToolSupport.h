//===- ToolSupport.h - What the compiler's tools share ----------*- C++ -*-===//
#ifndef NYALA_TOOLS_TOOLSUPPORT_H
#define NYALA_TOOLS_TOOLSUPPORT_H

#include "ir/WriteOutput.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace nyala {

/// Prints "TOOL: error: MESSAGE" on stderr, the place first where a location names one.
class DiagnosticPrinter {
public:
  DiagnosticPrinter(mlir::MLIRContext *context, std::string tool);

private:
  void print(mlir::Diagnostic &diagnostic) const;

  std::string tool;
  mlir::ScopedDiagnosticHandler handler;
};

/// Prints "TOOL: error: MESSAGE".
void reportError(llvm::StringRef tool, const llvm::Twine &message);

/// The module as text (with default flags, so that all tools print alike).
void printModule(mlir::ModuleOp module, llvm::raw_ostream &os);

} // namespace nyala

#endif // NYALA_TOOLS_TOOLSUPPORT_H
