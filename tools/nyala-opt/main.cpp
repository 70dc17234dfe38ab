//===- main.cpp - nyala-opt: runs passes on modules -----------------------===//
#include "codegen/Passes.h"
#include "codegen/Pipelines.h"
#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cuda/CudaTileModels.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "tools/RegisterAll.h"
#include "tools/evaluation/KvLossEvaluator.h"

#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::registerAllPasses();
  nyala::registerPasses();
  nyala::registerPipelines();
  nyala::registerCodegenPasses();
  nyala::registerCodegenPipelines();

  mlir::DialectRegistry registry;
  nyala::registerAllDialects(registry);
  nyala::cpu::registerTileModels(registry);
  nyala::cuda::registerTileModels(registry);
  nyala::registerKvLoss(registry);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "nyala-opt: runs passes on a module\n", registry));
}
