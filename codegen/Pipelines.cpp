//===- Pipelines.cpp - From entries to programs ---------------------------===//
#include "codegen/Pipelines.h"
#include "codegen/Passes.h"
#include "passes/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace nyala;

void nyala::buildDispatchPipeline(OpPassManager &pm) {
  // Packing decides the stored layout; hoisting then makes each packed weight a symbol of its own.
  // In between, what a GPU computes of packed weights leaves its entries.
  pm.addPass(createPackWeights());
  pm.addPass(createCSEPass());
  pm.addPass(createStageWeights());
  pm.addPass(createHoistWeights());
  // Only now: what prompts compute of weights at each call stays where it is.
  pm.addNestedPass<func::FuncOp>(createRoundPrompts());
  // What is merged behind attention fuses like a norm.
  pm.addNestedPass<func::FuncOp>(createSplitAttention());
  // Equal layers become equal only once their weights are operands.
  pm.addPass(createFormDispatches());
  pm.addPass(createDeduplicateKernels());
  pm.addPass(createCSEPass());
}

void nyala::buildKernelPipeline(OpPassManager &pm) {
  pm.addPass(createGenerateCpuKernels());
  pm.addPass(createGenerateCudaKernels());
  // The generators emit index arithmetic freely and count on these to clean up. Variants are
  // nested modules, which the pass manager takes at the same time.
  auto &variants = pm.nest<ModuleOp>();
  auto cleanUp = [](OpPassManager &functions) {
    functions.addPass(createCanonicalizerPass());
    functions.addPass(createCSEPass());
    functions.addPass(createLoopInvariantCodeMotionPass());
  };
  cleanUp(variants.nest<func::FuncOp>());
  cleanUp(variants.nest<gpu::GPUModuleOp>().nest<gpu::GPUFuncOp>());
}

/// gpu.funcs on memrefs to kernels in the NVVM and LLVM dialects, whose arguments are addresses.
static void buildCudaPipeline(OpPassManager &pm) {
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(createConvertNVGPUToNVVMPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  // What follows would call a library for every function.
  pm.addPass(createConvertCudaMath());
  ConvertGpuOpsToNVVMOpsOptions options;
  options.useBarePtrCallConv = true;
  pm.addPass(createConvertGpuOpsToNVVMOps(options));
  pm.addPass(createConvertNVVMToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void nyala::buildProgramPipeline(OpPassManager &pm) {
  pm.addPass(createBuildPrograms());

  auto &variants = pm.nest<ModuleOp>();
  // Nothing is left of GPUs' kernels for what lowers those of CPUs.
  buildCudaPipeline(variants.nest<gpu::GPUModuleOp>());
  auto &functions = variants.nest<func::FuncOp>();
  functions.addPass(createConvertVectorToSCFPass());
  functions.addPass(createSCFToControlFlowPass());
  functions.addPass(memref::createExpandStridedMetadataPass());
  variants.addPass(createLowerAffinePass());
  variants.addPass(createConvertVectorToLLVMPass());
  variants.addPass(createConvertMathToLLVMPass());
  variants.addPass(createArithToLLVMConversionPass());
  variants.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions options;
  options.useBarePtrCallConv = true;
  variants.addPass(createConvertFuncToLLVMPass(options));
  // All that is left: tiles that loops carry are arguments of blocks, which takes one conversion of
  // both dialects.
  variants.addPass(createConvertToLLVMPass());
  variants.addPass(createReconcileUnrealizedCastsPass());
  variants.addPass(createCanonicalizerPass());
  variants.addPass(createCSEPass());

  variants.addPass(createFinalizeKernels());
}

void nyala::registerCodegenPipelines() {
  PassPipelineRegistration<>("nyala-dispatch-pipeline",
                             "Pack weights and fuse entry functions into dispatches",
                             buildDispatchPipeline);
  PassPipelineRegistration<>(
      "nyala-kernel-pipeline",
      "Generate the kernels' loops and vectors for each of the module's targets",
      buildKernelPipeline);
  PassPipelineRegistration<>("nyala-program-pipeline",
                             "Plan memory and lower kernels to the LLVM dialect",
                             buildProgramPipeline);
}
