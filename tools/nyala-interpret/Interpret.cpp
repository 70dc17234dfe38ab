#include "tools/nyala-interpret/Interpret.h"

#include "ir/storage/Error.h"
#include "tools/RegisterAll.h"
#include "tools/nyala-interpret/Compare.h"
#include "tools/nyala-interpret/Inputs.h"
#include "tools/nyala-interpret/Output.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::interpret;
using reference::Tensor;

namespace {

/// A module of a file; diagnostics show the file's lines.
class Module {
public:
  Module(const std::string &path, MLIRContext &context)
      : path(path), handler(sources, &context, llvm::errs()) {
    std::string message;
    std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(path, &message);
    if (!buffer)
      throw Error(message);
    sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
    module = parseSourceFile<ModuleOp>(sources, &context);
    if (!module)
      throw Error(quote(path) + " is no valid module");
  }

  FunctionOpInterface getFunction(const std::string &name) {
    std::vector<std::string> names;
    for (auto function : module->getOps<FunctionOpInterface>()) {
      if (function.getName() == name)
        return function;
      names.push_back(function.getName().str());
    }
    throw Error(quote(path) + " has no function " + quote(name) +
                (names.empty() ? "" : ": it has " + llvm::join(names, ", ")));
  }

private:
  std::string path;
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
};

} // namespace

static Side run(FunctionOpInterface function, const std::map<std::string, Tensor> &inputs,
                const Options &options) {
  SmallVector<Tensor> arguments;
  for (const Parameter &argument : getArguments(function))
    arguments.push_back(inputs.at(argument.name));
  FailureOr<SmallVector<Tensor>> values =
      reference::Interpreter(options.interpreter).run(function, arguments);
  if (failed(values))
    throw Error("cannot interpret " + quote(function.getName()));
  return {getResults(function), std::move(*values)};
}

bool interpret::interpret(const Options &options) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false); // the op may be a whole function

  Module before(options.files.front(), context);
  FunctionOpInterface function = before.getFunction(options.entry);
  if (!options.compare) {
    Side side = run(function, makeInputs(function, options), options);
    printResults(side.results, side.values, options);
    return true;
  }
  Module after(options.files.back(), context);
  FunctionOpInterface functionAfter =
      after.getFunction(options.entryAfter.empty() ? options.entry : options.entryAfter);
  std::map<std::string, Tensor> inputs = makeInputs({function, functionAfter}, options);
  Side sideBefore = run(function, inputs, options);
  return compareResults(sideBefore, run(functionAfter, inputs, options), options);
}
