#include "tools/nyala-import/ImportTool.h"
#include "frontends/Import.h"
#include "tools/ToolSupport.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace nyala;

static constexpr char kTool[] = "nyala-import";

static llvm::Error writeModule(ModuleOp module, const ImportOptions &options,
                               llvm::raw_ostream &os) {
  if (options.bytecode)
    (void)writeBytecodeToFile(module, os); // fails only for a version that was asked for
  else if (options.locations)
    module.print(os, OpPrintingFlags().enableDebugInfo());
  else
    printModule(module, os);
  return llvm::Error::success();
}

int nyala::runImport(const ImportOptions &options) {
  if (options.bytecode && options.output == "-" && llvm::outs().is_displayed()) {
    reportError(kTool, "bytecode is not written to a terminal; give a file with -o");
    return 2;
  }
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DiagnosticPrinter diagnostics(&context, kTool);
  OwningOpRef<ModuleOp> module = importModel(context, options.model, options.sizes);
  if (!module)
    return 1;

  llvm::Error error = writeOutput(
      options.output, [&](llvm::raw_ostream &os) { return writeModule(*module, options, os); });
  if (!error)
    return 0;
  llvm::handleAllErrors(std::move(error), [&](const llvm::ErrorInfoBase &info) {
    std::string reason = llvm::StringRef(info.convertToErrorCode().message()).lower();
    reportError(kTool, "cannot write '" + options.output + "': " + reason);
  });
  return 1;
}
