//===- ToolSupport.cpp - What the compiler's tools share ------------------===//
#include "tools/ToolSupport.h"

#include "llvm/Support/FileSystem.h"

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

/// A stream ends the program without a word if its error stays unread.
static llvm::Error takeError(llvm::raw_ostream &os) {
  os.flush();
  auto *file = dynamic_cast<llvm::raw_fd_ostream *>(&os);
  if (!file || !file->has_error())
    return llvm::Error::success();
  std::error_code error = file->error();
  file->clear_error();
  return llvm::errorCodeToError(error);
}

llvm::Error nyala::writeOutput(StringRef path,
                               llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write) {
  auto writeAndCheck = [&](llvm::raw_ostream &os) -> llvm::Error {
    if (llvm::Error error = write(os))
      return error;
    return takeError(os);
  };
  llvm::sys::fs::file_status status;
  bool special = path != "-" && !llvm::sys::fs::status(path, status) &&
                 status.type() != llvm::sys::fs::file_type::regular_file &&
                 status.type() != llvm::sys::fs::file_type::directory_file;
  if (!special)
    return llvm::writeToOutput(path, writeAndCheck);
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  return error ? llvm::errorCodeToError(error) : writeAndCheck(os);
}
