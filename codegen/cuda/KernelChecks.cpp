//===- KernelChecks.cpp - What a GPU kernel can be ------------------------===//
#include "codegen/cuda/KernelChecks.h"
#include "codegen/KernelBuffers.h"
#include "codegen/TiedResults.h"
#include "codegen/cuda/CudaTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

/// Buffers hold f32, bf16, f16, ids or sums (i32), quantized activations (i8), packed weights or
/// caches.
static LogicalResult checkTypes(KernelOp kernel) {
  auto check = [&](Type type, StringRef what, unsigned index) -> LogicalResult {
    auto tensor = cast<RankedTensorType>(type);
    Type element = tensor.getElementType();
    bool fits = element.isF32() || element.isBF16() || element.isF16() || element.isInteger(32) ||
                (tensor.getRank() == 2 && element.isInteger(8));
    if (fits && tensor.getRank() >= 1 && tensor.getRank() <= 3)
      return success();
    return kernel.emitOpError(what)
           << " " << index << " has type " << type
           << ", expected a tensor of f32, bf16, f16, ids of i32 or quantized activations";
  };
  for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes()))
    if (failed(check(type, "argument", index)))
      return failure();
  for (auto [index, type] : llvm::enumerate(kernel.getResultTypes()))
    if (failed(check(type, "result", index)))
      return failure();
  return success();
}

static LogicalResult checkOps(KernelOp kernel, CudaTargetAttr target) {
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      if (failed(checkConstant(constant)))
        return failure();
    } else if (auto tileOp = dyn_cast<CudaTileOpInterface>(op)) {
      if (std::string obstacle = tileOp.getObstacle(target); !obstacle.empty())
        return op.emitOpError(obstacle);
    } else if (!isElementwise(&op)) {
      return op.emitOpError("cannot be generated for a GPU; reproduce with nyala-opt "
                            "--nyala-generate-cuda-kernels");
    }
  }
  return success();
}

LogicalResult nyala::cuda::checkKernel(KernelOp kernel, CudaTargetAttr target) {
  if (failed(checkTypes(kernel)) || failed(checkOps(kernel, target)))
    return failure();
  return checkTies(kernel, findRoot(kernel));
}
