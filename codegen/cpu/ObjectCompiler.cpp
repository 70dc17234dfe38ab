//===- ObjectCompiler.cpp - Kernels to machine code -----------------------===//
#include "codegen/cpu/ObjectCompiler.h"
#include "codegen/BackendErrors.h"
#include "codegen/OptimizeModule.h"
#include "ir/Variants.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(CpuTargetAttr target,
                                                                std::string &error) {
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  const llvm::Target *x86 = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!x86)
    return nullptr;
  // The baseline and exactly the features named; the CPU's name only tunes.
  std::string features;
  for (StringAttr feature : target.getFeatures())
    features += (features.empty() ? "+" : ",+") + feature.getValue().str();
  return std::unique_ptr<llvm::TargetMachine>(
      x86->createTargetMachine(triple, "x86-64", features, llvm::TargetOptions(), llvm::Reloc::PIC_,
                               llvm::CodeModel::Small, llvm::CodeGenOptLevel::Aggressive));
}

static void setFunctionAttributes(llvm::Module &module, CpuTargetAttr target) {
  for (llvm::Function &function : module) {
    function.addFnAttr("tune-cpu", target.getArch());
    // Tuning for some CPUs prefers 256 bits; the kernels are written for whole vectors.
    if (target.hasFeature("avx512f")) {
      function.addFnAttr("prefer-vector-width", "512");
      function.addFnAttr("min-legal-vector-width", "512");
    }
    // Nothing outside the image may be called: no stack probes, no libm, no memset.
    function.addFnAttr("no-builtins");
    function.setDoesNotThrow();
  }
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  // Kernels are vectors already; vectorizing their remainders again only costs compile time.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  optimizeModule(module, machine, tuning);
}

namespace {

/// A variant on its way to machine code, in a context of its own.
struct Compilation {
  ModuleOp variant;
  CpuTargetAttr target;
  std::vector<std::string> names; ///< of its kernels
  std::unique_ptr<llvm::LLVMContext> context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> module;
  CodeImage image;
  std::string error;
};

} // namespace

/// Reads the variant alone: variants are translated one after the other, because MLIR's context may
/// be without locks.
static LogicalResult translate(Compilation &compilation) {
  ModuleOp variant = compilation.variant;
  compilation.target = cast<CpuTargetAttr>(getTarget(variant));
  for (auto function : variant.getOps<LLVM::LLVMFuncOp>())
    if (function->hasAttr("nyala.tiles"))
      compilation.names.push_back(function.getName().str());
  compilation.module = translateModuleToLLVMIR(variant, *compilation.context);
  if (compilation.module)
    return success();
  return variant.emitError("kernels cannot be translated to LLVM IR");
}

/// Touches nothing but `compilation`: variants compile at the same time.
static void compile(Compilation &compilation) {
  std::string &error = compilation.error;
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(compilation.target, error);
  if (!machine) {
    error = "no code generator for x86-64: " + error;
    return;
  }
  llvm::Module &module = *compilation.module;
  collectErrors(*compilation.context, error);
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());
  setFunctionAttributes(module, compilation.target);
  optimize(module, *machine);

  SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr, llvm::CodeGenFileType::ObjectFile)) {
    error = "no object writer for x86-64";
    return;
  }
  codegen.run(module);
  if (!error.empty())
    return;
  FailureOr<CodeImage> image =
      linkImage(StringRef(object.data(), object.size()), compilation.names, error);
  if (failed(image)) {
    error = "kernels cannot be linked: " + error;
    return;
  }
  compilation.image = std::move(*image);
  compilation.image.arch = compilation.target.getArch().str();
}

FailureOr<std::vector<CodeImage>> nyala::cpu::compileKernels(ModuleOp module) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  std::vector<Compilation> compilations;
  for (ModuleOp variant : getVariants(module, Device::Cpu)) {
    compilations.emplace_back().variant = variant;
    if (failed(translate(compilations.back())))
      return failure();
  }
  if (getVariants(module).empty())
    return module.emitError("has no kernels; expected a module of the phase program");
  {
    FatalBackendErrors errors(module);
    llvm::parallelForEach(compilations, compile);
  }
  std::vector<CodeImage> images;
  for (Compilation &compilation : compilations) {
    if (!compilation.error.empty())
      return compilation.variant.emitError(compilation.error);
    images.push_back(std::move(compilation.image));
  }
  return images;
}
