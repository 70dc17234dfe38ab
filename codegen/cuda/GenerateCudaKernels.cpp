//===- GenerateCudaKernels.cpp - Kernels as functions of GPU threads ------===//
//
// Three schedules: around a product, blocks are ranges of its columns; around
// attention, its own units of work; else a block is a row. docs/cuda.md.
//
//===----------------------------------------------------------------------===//
#include "codegen/KernelBuffers.h"
#include "codegen/KernelCost.h"
#include "codegen/Passes.h"
#include "codegen/cuda/CudaTileModels.h"
#include "codegen/cuda/KernelChecks.h"
#include "ir/Variants.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Threading.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace nyala {
#define GEN_PASS_DEF_GENERATECUDAKERNELS
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

struct GenerateCudaKernels : nyala::impl::GenerateCudaKernelsBase<GenerateCudaKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<ArrayAttr> targets = getTargets(module);
    if (failed(targets))
      return signalPassFailure();
    SmallVector<KernelOp> kernels =
        llvm::filter_to_vector(module.getOps<KernelOp>(),
                               [](KernelOp kernel) { return getDevice(kernel) == Device::Cuda; });
    auto b = OpBuilder::atBlockEnd(module.getBody());
    Constants constants = findConstants(module, kernels);
    SmallVector<ModuleOp> variants;
    for (Attribute target : *targets) {
      if (getTargetDevice(target) != Device::Cuda)
        continue;
      for (KernelOp kernel : kernels)
        if (failed(checkKernel(kernel, cast<CudaTargetAttr>(target))))
          return signalPassFailure();
      variants.push_back(ModuleOp::create(b, module.getLoc(), getArch(target)));
      variants.back()->setAttr(NyalaDialect::kTargetAttr, target);
    }
    // Kernels are only read.
    parallelForEach(&getContext(), variants,
                    [&](ModuleOp variant) { generate(constants, variant); });
    for (KernelOp kernel : kernels)
      setKernelCost(kernel);
  }

  using Constants = llvm::MapVector<KernelOp, KernelContext::Arguments>;

  /// Is it a weight, which nothing but an init writes, or what a call is given (positions), which
  /// is there before its first kernel begins?
  static bool isConstant(Value value) {
    if (value.getDefiningOp<LoadOp>())
      return true;
    auto argument = dyn_cast<BlockArgument>(value);
    auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : nullptr;
    return function && llvm::any_of(ArrayRef{NyalaDialect::kResidentAttr, NyalaDialect::kRoleAttr},
                                    [&](StringRef name) {
                                      return function.getArgAttr(argument.getArgNumber(), name);
                                    });
  }

  /// Of each kernel the arguments that are constant in all dispatches, if there are some, and are
  /// not written.
  static Constants findConstants(ModuleOp module, ArrayRef<KernelOp> kernels) {
    llvm::StringMap<SmallVector<DispatchOp>> dispatches;
    module.walk([&](DispatchOp dispatch) { dispatches[dispatch.getKernel()].push_back(dispatch); });
    Constants constants;
    for (KernelOp kernel : kernels) {
      KernelContext::Arguments &ofKernel = constants[kernel];
      ArrayRef<DispatchOp> all = dispatches[kernel.getSymName()];
      for (unsigned i = 0; i < kernel.getNumArguments() && !all.empty(); ++i)
        if (llvm::all_of(all, [&](DispatchOp dispatch) {
              return isConstant(dispatch.getInputs()[i]) &&
                     !llvm::is_contained(dispatch.getTied(), static_cast<int64_t>(i));
            }))
          ofKernel.insert(i);
    }
    return constants;
  }

  static void generate(const Constants &kernels, ModuleOp variant) {
    auto target = cast<CudaTargetAttr>(getTarget(variant));
    auto b = OpBuilder::atBlockEnd(variant.getBody());
    auto module = gpu::GPUModuleOp::create(b, variant.getLoc(), kGpuModuleName);
    for (const auto &[key, constants] : kernels) {
      KernelOp kernel = key;
      KernelContext context(kernel, target, module, constants);
      auto root = cast_if_present<CudaTileOpInterface>(findRoot(kernel));
      context.finish(root ? root.emitKernel(context) : emitRowsKernel(context));
    }
    // The one function that the emitter leaves to upstream's approximation.
    RewritePatternSet patterns(module.getContext());
    populatePolynomialApproximateErfPattern(patterns);
    walkAndApplyPatterns(module, std::move(patterns));
  }
};

} // namespace
