#include "tools/nyala-import/ImportTool.h"
#include "frontends/Import.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace nyala;

static void reportError(const llvm::Twine &message) {
  llvm::errs() << "nyala-import: error: " << message << "\n";
}

/// "nyala-import: error: MESSAGE", with the location only where it names something.
static LogicalResult printDiagnostic(Diagnostic &diagnostic) {
  llvm::raw_ostream &os = llvm::errs();
  os << "nyala-import: ";
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    os << "error: ";
    break;
  case DiagnosticSeverity::Warning:
    os << "warning: ";
    break;
  case DiagnosticSeverity::Note:
  case DiagnosticSeverity::Remark:
    os << "note: ";
    break;
  }
  if (auto name = dyn_cast<NameLoc>(diagnostic.getLocation()))
    os << "at '" << name.getName().getValue() << "': ";
  os << diagnostic << "\n";
  for (Diagnostic &note : diagnostic.getNotes())
    (void)printDiagnostic(note);
  return success();
}

static llvm::Error writeModule(ModuleOp module, const ImportOptions &options,
                               llvm::raw_ostream &os) {
  if (options.bytecode)
    (void)writeBytecodeToFile(module, os); // fails only for a version that was asked for
  else
    module.print(os, OpPrintingFlags().enableDebugInfo(options.locations));
  os.flush();
  // The stream would end the program without a word if it found its error unread.
  if (auto *file = dynamic_cast<llvm::raw_fd_ostream *>(&os); file && file->has_error()) {
    std::error_code error = file->error();
    file->clear_error();
    return llvm::errorCodeToError(error);
  }
  return llvm::Error::success();
}

/// Writes a file aside and renames it. Pipes and devices, which a file must not take the place of,
/// are written to directly.
static llvm::Error writeOutput(StringRef path,
                               llvm::function_ref<llvm::Error(llvm::raw_ostream &)> write) {
  llvm::sys::fs::file_status status;
  bool special = path != "-" && !llvm::sys::fs::status(path, status) &&
                 status.type() != llvm::sys::fs::file_type::regular_file &&
                 status.type() != llvm::sys::fs::file_type::directory_file;
  if (!special)
    return llvm::writeToOutput(path, write);
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  return error ? llvm::errorCodeToError(error) : write(os);
}

int nyala::runImport(const ImportOptions &options) {
  if (options.bytecode && options.output == "-" && llvm::outs().is_displayed()) {
    reportError("bytecode is not written to a terminal; give a file with -o");
    return 2;
  }
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler handler(&context, printDiagnostic);
  OwningOpRef<ModuleOp> module = importModel(context, options.model);
  if (!module)
    return 1;

  llvm::Error error = writeOutput(
      options.output, [&](llvm::raw_ostream &os) { return writeModule(*module, options, os); });
  if (!error)
    return 0;
  llvm::handleAllErrors(std::move(error), [&](const llvm::ErrorInfoBase &info) {
    std::string reason = llvm::StringRef(info.convertToErrorCode().message()).lower();
    reportError("cannot write '" + options.output + "': " + reason);
  });
  return 1;
}
