//===- LookupModels.cpp - GPU code of rows chosen by index ----------------===//
#include "codegen/cuda/CudaTileModels.h"
#include "codegen/cuda/PackedReader.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

struct EmbeddingModel : CudaTileOpInterface::ExternalModel<EmbeddingModel, EmbeddingOp> {
  std::string getObstacle(Operation *operation, CudaTargetAttr) const {
    Value table = cast<EmbeddingOp>(operation).getTable();
    if (isa<BlockArgument>(table) || !getPacked(getTensorType(table)))
      return {};
    return "reads stored blocks: expected its table to be an argument of the kernel";
  }

  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<EmbeddingOp>(operation);
    Tile row = tile.ofRow(e.pullIndex(op.getIds(), tile.row));
    if (getPacked(getTensorType(op.getTable())))
      return PackedReader(e, op.getTable()).load(row);
    return e.pull(op.getTable(), row);
  }
};

/// Of ids it is the emitter's (ThreadEmitter::pullElement).
struct GatherModel : CudaTileOpInterface::ExternalModel<GatherModel, GatherOp> {
  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<GatherOp>(operation);
    return e.pull(op.getInput(), tile.ofRow(e.pullIndex(op.getIndices(), tile.row)));
  }
};

} // namespace

void nyala::cuda::attachLookupModels(MLIRContext *context) {
  EmbeddingOp::attachInterface<EmbeddingModel>(*context);
  GatherOp::attachInterface<GatherModel>(*context);
}
