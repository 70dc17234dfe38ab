//===- Reduce.cpp - What nyala-reduce does --------------------------------===//
//
// Delta debugging: halves of the ops are simplified at once, then quarters, down
// to single ops; a change stays if the test finds the module interesting. Passes
// clean up, functions lose results and arguments. All of that until nothing helps
// any more. (MLIR's reduction tree counts on patterns that never remove an op.)
//
//===----------------------------------------------------------------------===//
#include "tools/nyala-reduce/Reduce.h"
#include "tools/RegisterAll.h"
#include "tools/ToolSupport.h"
#include "tools/nyala-reduce/Simplify.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Reducer/Tester.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"

#include <unistd.h>

using namespace mlir;
using namespace nyala;
using Interestingness = Tester::Interestingness;

static constexpr char kTool[] = "nyala-reduce";

namespace {

class Reducer {
public:
  Reducer(OwningOpRef<ModuleOp> module, std::string test, ArrayRef<std::string> testArguments)
      : module(std::move(module)), testName(std::move(test)), tester(testName, testArguments) {}

  /// Reports what is wrong with the test. It must tell the module from an empty one.
  LogicalResult checkTest() {
    auto [answer, bytes] = tester.isInteresting(*module);
    if (answer != Interestingness::True) {
      reportError(kTool, "'" + testName +
                             "' does not find the module interesting: expected exit "
                             "code 1, got 0; run it by hand to see why");
      return failure();
    }
    moduleBytes = bytes;
    OwningOpRef<ModuleOp> empty = ModuleOp::create(module->getLoc());
    if (tester.isInteresting(*empty).first == Interestingness::True) {
      reportError(kTool, "'" + testName +
                             "' finds an empty module interesting: expected exit code "
                             "0, got another; does it fail for another reason?");
      return failure();
    }
    return success();
  }

  void reduce() {
    // What removes too much makes invalid modules; nobody wants to read why.
    ScopedDiagnosticHandler silence(module->getContext(), [](Diagnostic &) { return success(); });
    for (size_t before = moduleBytes + 1; moduleBytes < before;) {
      before = moduleBytes;
      reduceOps();
      tryPass(createCanonicalizerPass());
      tryPass(createCSEPass());
      reduceSignatures();
    }
    showProgress("\r\033[K");
  }

  ModuleOp getModule() { return *module; }
  size_t getBytes() const { return moduleBytes; }

private:
  /// Changes a copy, which becomes the module if it is interesting and smaller.
  void tryChange(llvm::function_ref<LogicalResult(ModuleOp)> change) {
    OwningOpRef<ModuleOp> copy = module->clone();
    if (failed(change(*copy)) || failed(verify(*copy)))
      return;
    auto [answer, bytes] = tester.isInteresting(*copy);
    ++tests;
    if (answer == Interestingness::True && bytes < moduleBytes) {
      module = std::move(copy);
      moduleBytes = bytes;
    }
    showProgress("\r\033[K" + llvm::Twine(kTool) + ": " + llvm::Twine(moduleBytes) +
                 " bytes after " + llvm::Twine(tests) + " tests");
  }

  /// On a terminal only.
  static void showProgress(const llvm::Twine &text) {
    if (llvm::errs().is_displayed())
      llvm::errs() << text;
  }

  /// Users before what they use: it is dead then.
  void reduceOps() {
    for (size_t size = countOps(*module); size > 0; size /= 2)
      for (size_t first = countOps(*module); first > 0;) {
        first -= std::min(first, size);
        tryChange([&](ModuleOp copy) { return simplifyOps(copy, first, size); });
      }
  }

  void tryPass(std::unique_ptr<Pass> pass) {
    PassManager passes(module->getContext());
    passes.addPass(std::move(pass));
    tryChange([&](ModuleOp copy) { return passes.run(copy); });
  }

  // func.func @f(%a, %b, %c) -> (t, t) { … return %x, %y }
  // becomes
  // func.func @f(%b) -> (t) { … return %y }
  void reduceSignatures() {
    SmallVector<std::string> names;
    for (auto function : module->getOps<func::FuncOp>())
      names.push_back(function.getName().str());
    for (StringRef name : names) {
      auto lookup = [&](ModuleOp in) { return in.lookupSymbol<func::FuncOp>(name); };
      for (unsigned i = lookup(*module).getNumResults(); i-- > 0;)
        tryChange([&](ModuleOp copy) { return eraseResult(lookup(copy), i); });
      for (unsigned i = lookup(*module).getNumArguments(); i-- > 0;)
        tryChange([&](ModuleOp copy) { return eraseArgument(lookup(copy), i); });
    }
  }

  OwningOpRef<ModuleOp> module;
  std::string testName;
  Tester tester; ///< refers to testName
  size_t moduleBytes = 0, tests = 0;
};

} // namespace

/// The test's path. Reports what keeps it from being run.
static FailureOr<std::string> findTest(StringRef name) {
  if (!name.contains('/'))
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(name))
      return *path;
  std::error_code error = llvm::sys::fs::access(name, llvm::sys::fs::AccessMode::Execute);
  if (!error)
    return name.contains('/') ? name.str() : "./" + name.str();
  reportError(kTool, "cannot run the test '" + name + "': " + StringRef(error.message()).lower());
  return failure();
}

/// The test gets modules in files; MLIR ends the program where it cannot make one.
static LogicalResult checkTemporaryFolder() {
  SmallString<128> path;
  std::error_code error = llvm::sys::fs::createTemporaryFile(kTool, "mlir", path);
  if (!error)
    error = llvm::sys::fs::remove(path);
  if (!error)
    return success();
  reportError(kTool, "cannot make a temporary file: " + StringRef(error.message()).lower() +
                         "; set TMPDIR to a folder for them");
  return failure();
}

int nyala::runReduce(const ReduceOptions &options) {
  // LLVM's handler has removed unfinished outputs by then.
  llvm::sys::SetInterruptFunction([] { _exit(130); });
  FailureOr<std::string> test = findTest(options.test);
  if (failed(test) || failed(checkTemporaryFolder()))
    return 1;
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  DiagnosticPrinter diagnostics(&context, kTool);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(options.input, &context);
  if (!module)
    return 1;
  Reducer reducer(std::move(module), *test, options.testArguments);
  if (failed(reducer.checkTest()))
    return 1;
  size_t before = reducer.getBytes();
  reducer.reduce();
  llvm::Error error = writeOutput(options.output, [&](llvm::raw_ostream &os) {
    printModule(reducer.getModule(), os);
    return llvm::Error::success();
  });
  if (error) {
    reportError(kTool, "cannot write '" + options.output +
                           "': " + StringRef(llvm::toString(std::move(error))).lower());
    return 1;
  }
  llvm::errs() << kTool << ": " << before << " bytes became " << reducer.getBytes() << "\n";
  return 0;
}
