//===- KernelChecks.cpp - What a CPU kernel can be ------------------------===//
#include "codegen/cpu/KernelChecks.h"
#include "codegen/KernelBuffers.h"
#include "codegen/TiedResults.h"
#include "codegen/cpu/CpuTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

/// Buffers hold f32, factors of bf16, quantized activations (i8, sums in i32), ids (i32), packed
/// weights or caches (f32, f16 or blocks).
static LogicalResult checkTypes(KernelOp kernel) {
  auto check = [&](Type type, StringRef what, unsigned index, int64_t leastRank) {
    auto tensor = cast<RankedTensorType>(type);
    int64_t rank = tensor.getRank();
    Type element = tensor.getElementType();
    bool integers = element.isInteger(32) || (rank == 2 && element.isInteger(8));
    bool fits = element.isF32() || (rank <= 2 && integers) || (rank == 3 && element.isF16()) ||
                (rank == 2 && element.isBF16());
    if (rank >= leastRank && rank <= 3 && fits)
      return success();
    return LogicalResult(kernel.emitOpError(what) << " " << index << " has type " << type
                                                  << ", expected a tensor of f32, factors of bf16, "
                                                     "ids of i32, quantized activations or a cache "
                                                     "of f16");
  };
  for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes()))
    if (failed(check(type, "argument", index, 1)))
      return failure();
  for (auto [index, result] :
       llvm::enumerate(kernel.getBody().front().getTerminator()->getOperands())) {
    // An argument is copied by vectors, which do not write ids.
    int64_t leastRank = result.getDefiningOp() ? 1 : 2;
    if (failed(check(result.getType(), "result", index, leastRank)))
      return failure();
  }
  return success();
}

/// Only instructions round to bf16 and multiply it.
static LogicalResult checkFeatures(KernelOp kernel, CpuTargetAttr target) {
  if (target.hasFeature("avx512bf16"))
    return success();
  for (Operation &op : kernel.getBody().front().without_terminator())
    for (Type type : llvm::concat<Type>(op.getOperandTypes(), op.getResultTypes()))
      if (getElementTypeOrSelf(type).isBF16())
        return op.emitOpError("computes with ")
               << type << ", for which the target '" << target.getArch()
               << "' has no instructions: expected a CPU with the feature avx512bf16, or products "
                  "of f32 (without nyala-round-products)";
  return success();
}

/// Blocks are stored as a whole: no tile may end within one.
static LogicalResult checkAppend(KernelOp kernel, CacheAppendOp append) {
  auto root = dyn_cast_or_null<CpuTileOpInterface>(findRoot(kernel));
  if (!getBlocks(append.getType()) || !root ||
      root.getTileColumns() % SlotLayout::kBlockChannels == 0)
    return success();
  return append.emitOpError("to a cache in blocks gets tiles of ")
         << root.getTileColumns() << " columns from " << root->getName()
         << ": expected a multiple of " << SlotLayout::kBlockChannels;
}

static LogicalResult checkOps(KernelOp kernel) {
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      if (failed(checkConstant(constant)))
        return failure();
    } else if (auto tileOp = dyn_cast<CpuTileOpInterface>(op)) {
      if (std::string obstacle = tileOp.getObstacle(); !obstacle.empty())
        return op.emitOpError(obstacle);
      if (auto append = dyn_cast<CacheAppendOp>(op); append && failed(checkAppend(kernel, append)))
        return failure();
    } else if (!isElementwise(&op)) {
      return op.emitOpError("cannot be generated for a CPU; reproduce with nyala-opt "
                            "--nyala-generate-cpu-kernels");
    }
  }
  return success();
}

/// A root with work items of its own writes its results itself.
static LogicalResult checkItems(KernelOp kernel) {
  auto root = dyn_cast_or_null<CpuTileOpInterface>(findRoot(kernel));
  if (!root || !root.getItems())
    return success();
  for (auto [index, result] :
       llvm::enumerate(kernel.getBody().front().getTerminator()->getOperands()))
    if (result.getDefiningOp() != root)
      return kernel.emitOpError("result ")
             << index << " is not one of " << root->getName()
             << ", which writes its results itself: expected a kernel of its own";
  return success();
}

LogicalResult nyala::cpu::checkKernel(KernelOp kernel, CpuTargetAttr target) {
  if (failed(checkTypes(kernel)) || failed(checkFeatures(kernel, target)) ||
      failed(checkOps(kernel)) || failed(checkItems(kernel)))
    return failure();
  auto root = dyn_cast_or_null<CpuTileOpInterface>(findRoot(kernel));
  return checkTies(kernel, root && !root.getItems() ? root.getOperation() : nullptr);
}
