//===- ProductModels.cpp - GPU kernels around products --------------------===//
#include "codegen/cuda/BlockedProduct.h"
#include "codegen/cuda/ProductUnits.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

/// Why a product cannot read `weight` in a kernel; empty if it can.
static std::string getWeightObstacle(Value weight) {
  if (isa<BlockArgument>(weight))
    return {};
  return "expected a weight that is an argument of the kernel: one that is loaded from a model "
         "file, "
         "or a state that nyala-stage-weights has made";
}

namespace {

struct LinearModel : CudaTileOpInterface::ExternalModel<LinearModel, LinearOp> {
  std::string getObstacle(Operation *op, CudaTargetAttr) const {
    return getWeightObstacle(cast<LinearOp>(op).getWeight());
  }

  Launch emitKernel(Operation *operation, KernelContext &kernel) const {
    auto op = cast<LinearOp>(operation);
    if (kernel.getMaxRows() > kContractRows && canBlockProduct(kernel.getKernel(), op))
      return emitBlockedProductKernel(kernel, op);
    int64_t depth = getChannels(op.getInput());
    auto isBfloat = [](Value value) { return getElementTypeOrSelf(value).isBF16(); };
    bool rounded = isBfloat(op.getInput()) && isBfloat(op.getWeight()) &&
                   !getTensorType(op.getWeight()).getEncoding() && depth % kStepColumns == 0;
    return emitProductKernel(kernel, op.getWeight(), op.getBias(), depth, [&](ThreadEmitter &e) {
      return rounded ? createBfloatUnit(e, op) : createFloatUnit(e, op);
    });
  }
};

struct QuantizedLinearModel
    : CudaTileOpInterface::ExternalModel<QuantizedLinearModel, QuantizedLinearOp> {
  std::string getObstacle(Operation *operation, CudaTargetAttr) const {
    Value weight = cast<QuantizedLinearOp>(operation).getWeight();
    std::string obstacle = getWeightObstacle(weight);
    if (obstacle.empty() && !getPacked(getTensorType(weight)))
      return "expected a packed weight; has nyala-pack-weights run?";
    return obstacle;
  }

  Launch emitKernel(Operation *operation, KernelContext &kernel) const {
    auto op = cast<QuantizedLinearOp>(operation);
    return emitProductKernel(kernel, op.getWeight(), op.getBias(), getChannels(op.getValues()),
                             [&](ThreadEmitter &e) { return createQuantizedUnit(e, op); });
  }
};

} // namespace

void nyala::cuda::attachProductModels(MLIRContext *context) {
  LinearOp::attachInterface<LinearModel>(*context);
  QuantizedLinearOp::attachInterface<QuantizedLinearModel>(*context);
}
