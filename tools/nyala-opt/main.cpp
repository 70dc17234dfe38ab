//===- main.cpp - nyala-opt: runs passes on modules -----------------------===//
#include "tools/RegisterAll.h"

#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::registerAllPasses();
  mlir::DialectRegistry registry;
  nyala::registerAllDialects(registry);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "nyala-opt: runs passes on a module\n", registry));
}
