//===- ToolSupport.cpp - What the compiler's tools share ------------------===//
#include "tools/ToolSupport.h"

using namespace mlir;
using namespace nyala;

DiagnosticPrinter::DiagnosticPrinter(MLIRContext *context, std::string tool)
    : tool(std::move(tool)), handler(context, [this](Diagnostic &diagnostic) {
        print(diagnostic);
        return success();
      }) {
  // The operation of an error may be the whole module, which says nothing to users of models.
  context->printOpOnDiagnostic(false);
}

static StringRef getSeverityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Remark:
    return "remark";
  case DiagnosticSeverity::Note:
    break;
  }
  return "note";
}

void DiagnosticPrinter::print(Diagnostic &diagnostic) const {
  llvm::raw_ostream &os = llvm::errs();
  os << tool << ": " << getSeverityName(diagnostic.getSeverity()) << ": ";
  if (auto name = dyn_cast<NameLoc>(diagnostic.getLocation()))
    os << "at '" << name.getName().getValue() << "': ";
  else if (auto file = dyn_cast<FileLineColLoc>(diagnostic.getLocation()))
    os << file.getFilename().getValue() << ":" << file.getLine() << ":" << file.getColumn() << ": ";
  os << diagnostic << "\n";
  for (Diagnostic &note : diagnostic.getNotes())
    print(note);
}

void nyala::reportError(StringRef tool, const llvm::Twine &message) {
  llvm::errs() << tool << ": error: " << message << "\n";
}

void nyala::printModule(ModuleOp module, llvm::raw_ostream &os) { module.print(os); }
