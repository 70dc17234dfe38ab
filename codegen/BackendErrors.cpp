//===- BackendErrors.cpp - What LLVM's code generator refuses -------------===//
#include "codegen/BackendErrors.h"

#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"

#include <cstdlib>

using namespace mlir;
using namespace nyala;

static void collect(const llvm::DiagnosticInfo *info, void *error) {
  if (info->getSeverity() != llvm::DS_Error)
    return;
  llvm::raw_string_ostream stream(*static_cast<std::string *>(error));
  llvm::DiagnosticPrinterRawOStream printer(stream);
  info->print(printer);
}

void nyala::collectErrors(llvm::LLVMContext &context, std::string &error) {
  context.setDiagnosticHandlerCallBack(collect, &error);
}

/// The function that this thread compiles. Of what it is at, LLVM keeps the words that it would
/// print in a crash: "Running pass 'NAME' on function '@NAME'".
static std::string findFunction() {
  auto *entry = static_cast<const llvm::PrettyStackTraceEntry *>(llvm::SavePrettyStackState());
  for (; entry; entry = entry->getNextEntry()) {
    std::string words;
    llvm::raw_string_ostream stream(words);
    entry->print(stream);
    auto [name, rest] = StringRef(words).split("on function '@").second.split('\'');
    if (!name.empty())
      return name.str();
  }
  return "";
}

void FatalBackendErrors::report(void *module, const char *reason, bool) {
  std::string function = findFunction();
  cast<ModuleOp>(static_cast<Operation *>(module)).emitError("llvm cannot compile ")
      << (function.empty() ? std::string("the kernels") : "kernel '" + function + "'") << ": "
      << StringRef(reason).split('\n').first
      << "; another --cpu or --cuda-arch may do, and a report of this error helps";
  llvm::sys::RunInterruptHandlers();
  std::_Exit(1); // other threads may be at work
}
