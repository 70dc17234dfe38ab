//===- CudaDispatchTarget.cpp - Which fusions pay on a GPU ----------------===//
//
// Each dependent kernel costs about 2 µs whatever it does, which is as long as
// reading 6 MB takes: so whatever can be computed where it is used is.
//
//===----------------------------------------------------------------------===//
#include "codegen/WeightChunks.h"
#include "codegen/dispatch/DispatchTarget.h"
#include "ir/Contract.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nyala;

namespace {

/// Columns that a thread computes start at a multiple of it (cuda::Tile).
constexpr int64_t kTileColumns = 4;
/// Elements of a weight up to which each block quantizes its row again, unless the weight passes
/// shared memory in chunks: then few blocks do. Else larger ones have so many blocks that a kernel
/// before them costs less (Llama-3-8B's 28672 x 4096: 24 + 3 µs, and 31).
constexpr int64_t kRequantizedElements = 32 << 20;

class CudaDispatchTarget : public DispatchTarget {
public:
  bool fusesProducer(Operation *producer, Operation *root, int64_t maxRows,
                     std::string &reason) const override {
    auto product = dyn_cast<StoredWeightOpInterface>(root);
    if (!product) {
      reason = "only products take producers";
      return false;
    }
    if (product.getStoredWeight().get().getDefiningOp() == producer) {
      reason = "each block would compute the weight again";
      return false;
    }
    if (isa<arith::ExtFOp>(producer)) {
      reason = "the look-up writes it for others, too";
      return false;
    }
    if (isa<QuantizeOp>(producer) && quantizesOften(product.getStoredWeight().get())) {
      reason = "each of many blocks would quantize the row again";
      return false;
    }
    if (maxRows > 1) {
      reason = "each block would compute up to " + std::to_string(maxRows) + " rows again";
      return false;
    }
    return true;
  }

  bool fusesConsumer(Operation *consumer, Operation *root, int64_t maxRows,
                     std::string &reason) const override {
    if (nyala::getFusionKind(root) != FusionKind::Root)
      return true;
    if (isa<AttentionOp>(root) && !isa<FusibleOpInterface>(consumer))
      return true; // elementwise: rounding for the product that follows
    if (!isa<StoredWeightOpInterface>(root)) {
      reason = "only products take consumers";
      return false;
    }
    if (maxRows > kContractRows && isa<LinearOp>(root) && hasBfloatFactors(root) &&
        !isResidual(consumer, root)) {
      reason = "a library's product adds a residual, but computes nothing else";
      return false;
    }
    return suitsTiles(consumer, reason);
  }

  bool growsRows() const override { return true; }

private:
  static bool quantizesOften(Value weight) {
    RankedTensorType type = getTensorType(weight);
    return type.getNumElements() > kRequantizedElements &&
           !(getPacked(type) && cuda::getChunkSteps(getPackedLayout(type)) > 0);
  }

  static bool hasBfloatFactors(Operation *product) {
    return llvm::all_of(product->getOperands().take_front(2), [](Value factor) {
      return getTensorType(factor).getElementType().isBF16();
    });
  }

  static bool isResidual(Operation *consumer, Operation *root) {
    return isa<arith::AddFOp>(consumer) &&
           llvm::is_contained(consumer->getOperands(), root->getResult(0));
  }

  /// Can a thread compute `consumer` from the columns of a product that it has?
  static bool suitsTiles(Operation *consumer, std::string &reason) {
    if (auto append = dyn_cast<CacheAppendOp>(consumer))
      if (getBlocks(append.getType())) {
        reason = "a block of a slot has more columns than a tile";
        return false;
      }
    return keepsTiles(consumer, kTileColumns, reason);
  }
};

} // namespace

std::unique_ptr<DispatchTarget> nyala::createCudaDispatchTarget() {
  return std::make_unique<CudaDispatchTarget>();
}
