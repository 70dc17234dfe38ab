//===- PtxCompiler.cpp - GPU kernels to PTX and machine code --------------===//
#include "codegen/cuda/PtxCompiler.h"
#include "codegen/BackendErrors.h"
#include "codegen/OptimizeModule.h"
#include "codegen/cuda/CudaTarget.h"
#include "ir/Variants.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

static constexpr unsigned kSharedMemory = 3; ///< address space

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(CudaTargetAttr target,
                                                                std::string &error) {
  static const bool initialized = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *nvptx = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!nvptx)
    return nullptr;
  // Products and sums are contracted only where kernels say so: the bits are docs/numerics.md's.
  return std::unique_ptr<llvm::TargetMachine>(nvptx->createTargetMachine(
      triple, target.getArch(), "+ptx" + std::to_string(getPtxVersion(target)),
      llvm::TargetOptions(), std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

namespace {

/// A variant on its way to PTX and to machine code, in a context of its own.
struct Compilation {
  ModuleOp variant;
  CudaTargetAttr target;
  std::vector<std::string> names; ///< of its kernels
  std::unique_ptr<llvm::LLVMContext> context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> module;
  CodeImage ptx, cubin;
  Assembly assembly;
  std::string error;
};

} // namespace

static gpu::GPUModuleOp getKernels(ModuleOp variant) {
  return variant.lookupSymbol<gpu::GPUModuleOp>(kGpuModuleName);
}

/// Reads the variant alone: variants are translated one after the other, because MLIR's context may
/// be without locks.
static LogicalResult translate(Compilation &compilation) {
  ModuleOp variant = compilation.variant;
  gpu::GPUModuleOp kernels = getKernels(variant);
  if (!kernels)
    return variant.emitError("is for a GPU; expected it to have a gpu.module '")
           << kGpuModuleName << "'";
  for (auto function : kernels.getOps<LLVM::LLVMFuncOp>())
    if (function->hasAttr("nyala.tiles"))
      compilation.names.push_back(function.getName().str());
  compilation.module = translateModuleToLLVMIR(kernels, *compilation.context);
  if (compilation.module)
    return success();
  return variant.emitError("kernels cannot be translated to LLVM IR");
}

/// Dynamic shared memory is an array of no elements, which gpu-to-nvvm defines:
///   @__dynamic_shmem__0 = internal addrspace(3) global [0 x i8] undef
///   → @__dynamic_shmem__0 = external addrspace(3) global [0 x i8]
/// Of a definition LLVM would know that nothing lies in it.
static void declareDynamicMemory(llvm::Module &module) {
  for (llvm::GlobalVariable &global : module.globals()) {
    auto *type = dyn_cast<llvm::ArrayType>(global.getValueType());
    if (global.getAddressSpace() != kSharedMemory || !type || type->getNumElements() != 0)
      continue;
    global.setInitializer(nullptr);
    global.setLinkage(llvm::GlobalValue::ExternalLinkage);
  }
}

/// Names what the kernels call and nothing defines; empty if there is nothing.
static std::string findUndefined(const llvm::Module &module) {
  for (const llvm::Function &function : module)
    if (function.isDeclaration() && !function.isIntrinsic() && !function.use_empty())
      return function.getName().str();
  return "";
}

/// Offsets of the kernels' texts: from `.visible .entry` to the closing brace.
static void findTexts(CodeImage &ptx, ArrayRef<std::string> names) {
  StringRef text(ptx.bytes.data(), ptx.bytes.size());
  for (const std::string &name : names) {
    size_t begin = text.find("\n.visible .entry " + name + "(");
    size_t end = begin == StringRef::npos ? begin : text.find("\n}\n", begin);
    if (end == StringRef::npos)
      ptx.kernels.push_back({name, 0, 0});
    else
      ptx.kernels.push_back({name, begin + 1, end + 3 - (begin + 1)});
  }
}

static void compileToPtx(Compilation &compilation) {
  std::string &error = compilation.error;
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(compilation.target, error);
  if (!machine) {
    error = "no code generator for GPUs: " + error;
    return;
  }
  llvm::Module &module = *compilation.module;
  collectErrors(*compilation.context, error);
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());
  declareDynamicMemory(module);
  if (std::string name = findUndefined(module); !name.empty()) {
    error = "kernels call '" + name +
            "', which no instruction computes and nothing defines; express it by operations that "
            "GPUs have";
    return;
  }
  optimizeModule(module, *machine);

  compilation.ptx.arch = compilation.target.getArch().str();
  compilation.ptx.format = "ptx";
  llvm::raw_svector_ostream stream(compilation.ptx.bytes);
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr, llvm::CodeGenFileType::AssemblyFile)) {
    error = "no writer of PTX";
    return;
  }
  codegen.run(module);
  findTexts(compilation.ptx, compilation.names);
  compilation.ptx.bytes.push_back(0);
}

/// A cubin is an ELF file with a section `.text.NAME` for each kernel.
static void findCode(CodeImage &cubin, ArrayRef<std::string> names) {
  std::map<std::string, CodeImage::Kernel> found;
  StringRef bytes(cubin.bytes.data(), cubin.bytes.size());
  using llvm::object::ELF64LEFile;
  if (llvm::Expected<ELF64LEFile> file = ELF64LEFile::create(bytes)) {
    if (auto sections = file->sections())
      for (const auto &section : *sections) {
        llvm::Expected<StringRef> name = file->getSectionName(section);
        if (!name)
          llvm::consumeError(name.takeError());
        else if (name->consume_front(".text."))
          found[name->str()] = {name->str(), section.sh_offset, section.sh_size};
      }
    else
      llvm::consumeError(sections.takeError());
  } else {
    llvm::consumeError(file.takeError());
  }
  for (const std::string &name : names) {
    auto kernel = found.find(name);
    cubin.kernels.push_back(kernel == found.end() ? CodeImage::Kernel{name, 0, 0} : kernel->second);
  }
}

/// Touches nothing but `compilation`: variants compile at the same time.
static void compile(Compilation &compilation, const std::optional<Ptxas> &ptxas) {
  compileToPtx(compilation);
  if (!compilation.error.empty() || !ptxas)
    return;
  StringRef text(compilation.ptx.bytes.data(), compilation.ptx.bytes.size() - 1);
  FailureOr<Assembly> assembly =
      assemble(*ptxas, text, compilation.target.getArch(), compilation.error);
  if (failed(assembly))
    return;
  compilation.assembly = std::move(*assembly);
  compilation.cubin.arch = compilation.ptx.arch;
  compilation.cubin.format = "cubin";
  compilation.cubin.bytes = std::move(compilation.assembly.cubin);
  findCode(compilation.cubin, compilation.names);
}

/// Says what ptxas said, once all threads are done.
static void report(Compilation &compilation) {
  if (!compilation.assembly.warnings.empty())
    compilation.variant.emitWarning(StringRef(compilation.assembly.warnings).trim());
  if (!compilation.variant.getContext()->getRemarkEngine())
    return;
  gpu::GPUModuleOp kernels = getKernels(compilation.variant);
  for (const std::string &name : compilation.names) {
    auto resources = compilation.assembly.kernels.find(name);
    if (resources == compilation.assembly.kernels.end())
      continue;
    const KernelResources &kernel = resources->second;
    auto optionsOf = [&](StringRef remark) {
      return remark::RemarkOpts::name(remark).category("nyala-compile-ptx").function(name);
    };
    Location loc = kernels.lookupSymbol(name)->getLoc();
    remark::analysis(loc, optionsOf("Registers"))
        << remark::add("@{0} for {1}: {2} registers", name, compilation.ptx.arch, kernel.registers);
    if (kernel.spillStoreBytes > 0 || kernel.spillLoadBytes > 0)
      remark::missed(loc, optionsOf("Spills"))
          << remark::add("@{0} for {1} spills", name, compilation.ptx.arch)
          << remark::reason("{0} registers do not suffice: a thread stores {1} bytes to local "
                            "memory and loads {2}",
                            kernel.registers, kernel.spillStoreBytes, kernel.spillLoadBytes);
  }
}

FailureOr<std::vector<CodeImage>> nyala::cuda::compileKernels(ModuleOp module,
                                                              const std::optional<Ptxas> &ptxas) {
  MLIRContext *context = module.getContext();
  registerBuiltinDialectTranslation(*context);
  registerGPUDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  registerNVVMDialectTranslation(*context);
  std::vector<Compilation> compilations;
  for (ModuleOp variant : getVariants(module, Device::Cuda)) {
    auto target = cast<CudaTargetAttr>(getTarget(variant));
    if (getPtxVersion(target) == 0)
      return variant.emitError("is for the unknown GPU architecture '") << target.getArch() << "'";
    Compilation &compilation = compilations.emplace_back();
    compilation.variant = variant;
    compilation.target = target;
    if (failed(translate(compilation)))
      return failure();
  }
  {
    FatalBackendErrors errors(module);
    llvm::parallelForEach(compilations,
                          [&](Compilation &compilation) { compile(compilation, ptxas); });
  }
  std::vector<CodeImage> images;
  for (Compilation &compilation : compilations) {
    if (!compilation.error.empty())
      return compilation.variant.emitError(compilation.error);
    report(compilation);
    if (ptxas)
      images.push_back(std::move(compilation.cubin));
  }
  for (Compilation &compilation : compilations)
    images.push_back(std::move(compilation.ptx));
  return images;
}
