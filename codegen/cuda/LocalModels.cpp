//===- LocalModels.cpp - GPU code of ops that work column by column -------===//
#include "codegen/KernelBuffers.h"
#include "codegen/cuda/CudaTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

struct ActivationModel : CudaTileOpInterface::ExternalModel<ActivationModel, ActivationOp> {
  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<ActivationOp>(operation);
    return llvm::map_to_vector(e.pull(op.getInput(), tile),
                               [&](Value x) { return e.activation(op.getKind(), x); });
  }
};

struct GatedActivationModel
    : CudaTileOpInterface::ExternalModel<GatedActivationModel, GatedActivationOp> {
  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<GatedActivationOp>(operation);
    SmallVector<Value> elements = e.pull(op.getGate(), tile);
    SmallVector<Value> inputs = e.pull(op.getInput(), tile);
    for (auto [element, input] : llvm::zip_equal(elements, inputs))
      element = arith::MulFOp::create(e.b, e.activation(op.getKind(), element), input);
    return elements;
  }
};

struct SplitModel : CudaTileOpInterface::ExternalModel<SplitModel, SplitOp> {
  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned result,
                              const Tile &tile) const {
    auto op = cast<SplitOp>(operation);
    return e.pull(op.getInput(), tile.shifted(op.getOffset(result)));
  }
};

/// What is appended goes to its slots when it is stored (KernelResults).
struct CacheAppendModel : CudaTileOpInterface::ExternalModel<CacheAppendModel, CacheAppendOp> {
  std::string getObstacle(Operation *operation, CudaTargetAttr) const {
    auto op = cast<CacheAppendOp>(operation);
    if (getBlocks(op.getType()) && findRoot(op->getParentOfType<KernelOp>()))
      return "rounds whole blocks: expected a kernel without a product";
    if (isa<BlockArgument>(op.getCache()) &&
        llvm::all_of(op->getUsers(), [](Operation *user) { return isa<ReturnOp>(user); }))
      return {};
    return "updates in place: expected its cache to be an argument of the kernel and its result to "
           "be only returned";
  }
};

} // namespace

void nyala::cuda::attachLocalModels(MLIRContext *context) {
  ActivationOp::attachInterface<ActivationModel>(*context);
  GatedActivationOp::attachInterface<GatedActivationModel>(*context);
  SplitOp::attachInterface<SplitModel>(*context);
  CacheAppendOp::attachInterface<CacheAppendModel>(*context);
}

void nyala::cuda::registerTileModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NyalaDialect *) {
    attachAttentionModels(context);
    attachLocalModels(context);
    attachLookupModels(context);
    attachProductModels(context);
    attachRopeModels(context);
    attachRowModels(context);
    attachTopKModels(context);
    attachWeightModels(context);
  });
}
