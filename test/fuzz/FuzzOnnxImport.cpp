//===- FuzzOnnxImport.cpp - Hostile graphs of ONNX ------------------------===//
//
// The whole importer: what it does not refuse is a valid module.
//
//===----------------------------------------------------------------------===//

#include "frontends/onnx/OnnxImport.h"
#include "ir/storage/Error.h"
#include "test/fuzz/MemoryFile.h"
#include "test/fuzz/Mutation.h"
#include "test/fuzz/OnnxMutator.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

using namespace nyala;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const test::MemoryFile memory({data, size});
  // Types and attributes of a context are never freed: a new one each time.
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string errors;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
      errors += diagnostic.str() + "\n";
    return mlir::success();
  });
  try {
    ModelSizes sizes;
    if (size % 2 == 0)
      sizes.batch = 3;
    mlir::OwningOpRef<mlir::ModuleOp> module = onnx::importModel(context, memory.getPath(), sizes);
    if (failed(mlir::verify(*module))) {
      llvm::errs() << errors;
      std::abort();
    }
  } catch (const Error &) {
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  return test::replaceInput(test::mutateOnnx({data, size}, seed), data, size, maxSize);
}
