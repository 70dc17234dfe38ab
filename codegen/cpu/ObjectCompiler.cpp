//===- ObjectCompiler.cpp - Kernels to machine code -----------------------===//
#include "codegen/cpu/ObjectCompiler.h"
#include "ir/NyalaDialect.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

/// The kernels alone: translation knows no nyala ops.
static OwningOpRef<ModuleOp> extractKernels(ModuleOp module, std::vector<std::string> &names) {
  OpBuilder builder(module.getContext());
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(builder, module.getLoc());
  builder.setInsertionPointToEnd(kernels->getBody());
  for (Operation &op : *module.getBody()) {
    if (!isa<LLVM::LLVMFuncOp, LLVM::GlobalOp>(op))
      continue;
    Operation *clone = builder.clone(op);
    if (auto function = dyn_cast<LLVM::LLVMFuncOp>(clone);
        function && function->hasAttr("nyala.tiles"))
      names.push_back(function.getName().str());
  }
  return kernels;
}

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
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // Kernels are vectors already; vectorizing their remainders again only costs compile time.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

FailureOr<CodeImage> nyala::cpu::compileKernels(ModuleOp module) {
  auto target = module->getAttrOfType<CpuTargetAttr>(NyalaDialect::kTargetAttr);
  if (!target)
    return module.emitError("has no target; expected the attribute '")
           << NyalaDialect::kTargetAttr << "' to hold a #nyala.cpu_target";
  std::vector<std::string> names;
  OwningOpRef<ModuleOp> kernels = extractKernels(module, names);
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(*kernels, context);
  if (!llvmModule)
    return module.emitError("kernels cannot be translated to LLVM IR");
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(target, error);
  if (!machine)
    return module.emitError("no code generator for x86-64: ") << error;
  llvmModule->setTargetTriple(machine->getTargetTriple());
  llvmModule->setDataLayout(machine->createDataLayout());
  setFunctionAttributes(*llvmModule, target);
  optimize(*llvmModule, *machine);

  SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return module.emitError("no object writer for x86-64");
  codegen.run(*llvmModule);
  FailureOr<CodeImage> image = linkImage(StringRef(object.data(), object.size()), names, error);
  if (failed(image))
    return module.emitError("kernels cannot be linked: ") << error;
  return image;
}
