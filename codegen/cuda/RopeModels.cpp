//===- RopeModels.cpp - GPU code of rotary embeddings ---------------------===//
#include "codegen/cuda/CudaTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

struct RopeTableModel : CudaTileOpInterface::ExternalModel<RopeTableModel, RopeTableOp> {
  SmallVector<Value> emitTile(Operation *op, ThreadEmitter &e, unsigned result,
                              const Tile &tile) const {
    return e.load(e.materializeRow(op->getResult(result), tile.row, e.b.getF32Type()), tile);
  }

  bool hasWholeRows(Operation *) const { return true; }

  /// A thread computes a pair. Angles are reduced in f64, as on a CPU.
  void emitRow(Operation *operation, ThreadEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<RopeTableOp>(operation);
    int64_t pairs = op.getDims() / 2;
    Value frequencies = getFrequencies(op, e);
    Type f64 = e.b.getF64Type();
    Value position =
        arith::SIToFPOp::create(e.b, f64, e.pullElement(op.getPositions(), row)).getResult();
    e.forRange(e.getThread(), e.index(pairs), e.getThreads(), [&](Value pair) {
      Value frequency = memref::LoadOp::create(e.b, frequencies, pair);
      Value angle =
          arith::MulFOp::create(e.b, position, arith::ExtFOp::create(e.b, f64, frequency));
      auto [sine, cosine] = e.sineCosine(angle);
      e.store(cosine, destinations[0], Tile{row, pair});
      e.store(sine, destinations[0], Tile{row, pair, pairs});
    });
  }

private:
  /// A table in constant memory.
  static Value getFrequencies(RopeTableOp op, ThreadEmitter &e) {
    std::optional<ArrayRef<float>> factors;
    if (op.getFactors())
      factors = *op.getFactors();
    SmallVector<float> frequencies = getRopeFrequencies(
        op.getBase().convertToDouble(), op.getDims(), op.getScale().convertToDouble(), factors);
    auto count = static_cast<int64_t>(frequencies.size());
    auto values = DenseElementsAttr::get(RankedTensorType::get(count, e.b.getF32Type()),
                                         ArrayRef<float>(frequencies));
    return e.getConstantTable("frequencies", values);
  }
};

struct RotateModel : CudaTileOpInterface::ExternalModel<RotateModel, RotateOp> {
  /// Other pairs than adjacent ones need columns that a product does not compute beside each other.
  std::string getObstacle(Operation *operation, CudaTargetAttr) const {
    auto op = cast<RotateOp>(operation);
    int64_t headDim = getChannels(op.getInput()) / op.getHeads();
    if (op.getPairing() == RopePairing::Adjacent)
      return headDim % 2 == 0 ? ""
                              : "of adjacent pairs in heads of " + std::to_string(headDim) +
                                    " channels: expected an even number of them";
    if (!isComputedFromRoot(op.getInput()))
      return {};
    return "of pairs of halves cannot follow a product in its kernel: expected adjacent pairs "
           "(nyala-interleave-rope), or a kernel of its own";
  }

  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<RotateOp>(operation);
    int64_t headDim = getChannels(op.getInput()) / op.getHeads(), dims = getChannels(op.getTable());
    bool adjacent = op.getPairing() == RopePairing::Adjacent;
    // Columns whose angles are adjacent: all of the tile's, or as few as can be.
    auto divides = [&](int64_t width) { return width % tile.count == 0; };
    int64_t least = adjacent ? 2 : 1;
    bool together = divides(headDim) && divides(tile.offset) && divides(adjacent ? dims : dims / 2);
    int64_t width = together && tile.count >= least ? tile.count : least;
    assert(tile.count % width == 0 && "adjacent pairs are rotated together");
    SmallVector<Value> elements = e.pull(op.getInput(), tile), rotated;
    for (int64_t i = 0; i < tile.count; i += width) {
      auto part = ArrayRef(elements).slice(i, width);
      llvm::append_range(rotated, adjacent ? rotateAdjacent(op, e, tile.part(i, width), part)
                                           : rotateHalves(op, e, tile.part(i, width), part));
    }
    return rotated;
  }

private:
  static bool isComputedFromRoot(Value value) {
    Operation *op = value.getDefiningOp();
    return op && (nyala::getFusionKind(op) == FusionKind::Root ||
                  llvm::any_of(op->getOperands(), isComputedFromRoot));
  }

  static Value isLess(ThreadEmitter &e, Value l, int64_t bound) {
    return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, l, e.index(bound));
  }

  /// The tile's first column in its head.
  static Value getInHead(RotateOp op, ThreadEmitter &e, const Tile &tile) {
    int64_t headDim = getChannels(op.getInput()) / op.getHeads();
    Value column = arith::AddIOp::create(e.b, tile.column, e.index(tile.offset));
    return arith::RemUIOp::create(e.b, column, e.index(headDim));
  }

  /// Channels beyond the rotated ones read some angle and pass through.
  static Value whereInside(RotateOp op, ThreadEmitter &e, Value inHead, Value inside,
                           Value outside) {
    int64_t headDim = getChannels(op.getInput()) / op.getHeads(), dims = getChannels(op.getTable());
    if (dims == headDim)
      return inside;
    return arith::SelectOp::create(e.b, isLess(e, inHead, dims), inside, outside);
  }

  static SmallVector<Value> rotateAdjacent(RotateOp op, ThreadEmitter &e, const Tile &tile,
                                           ArrayRef<Value> x) {
    int64_t pairs = getChannels(op.getTable()) / 2;
    Value inHead = getInHead(op, e, tile);
    Value angle =
        whereInside(op, e, inHead, arith::DivUIOp::create(e.b, inHead, e.index(2)), e.index(0));
    SmallVector<Value> cosines = e.pull(op.getTable(), Tile{tile.row, angle, 0, tile.count / 2});
    SmallVector<Value> sines = e.pull(op.getTable(), Tile{tile.row, angle, pairs, tile.count / 2});
    SmallVector<Value> rotated;
    for (auto [pair, cosine, sine] : llvm::enumerate(cosines, sines)) {
      Value a = x[2 * pair], b = x[2 * pair + 1];
      auto [first, second] = rotate(op, e, a, b, cosine, sine);
      rotated.push_back(whereInside(op, e, inHead, first, a));
      rotated.push_back(whereInside(op, e, inHead, second, b));
    }
    return rotated;
  }

  static std::pair<Value, Value> rotate(RotateOp op, ThreadEmitter &e, Value a, Value b,
                                        Value cosine, Value sine) {
    if (op.getInverse())
      sine = arith::NegFOp::create(e.b, sine);
    auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(e.b, l, r); };
    return {arith::SubFOp::create(e.b, mul(a, cosine), mul(b, sine)),
            arith::AddFOp::create(e.b, mul(b, cosine), mul(a, sine))};
  }

  /// Each column with its partner, half of the rotated part of the head away.
  static SmallVector<Value> rotateHalves(RotateOp op, ThreadEmitter &e, const Tile &tile,
                                         ArrayRef<Value> x) {
    int64_t pairs = getChannels(op.getTable()) / 2;
    Value inHead = getInHead(op, e, tile), isFirst = isLess(e, inHead, pairs);
    Value column = arith::AddIOp::create(e.b, tile.column, e.index(tile.offset));
    Value next = arith::AddIOp::create(e.b, column, e.index(pairs));
    Value last = arith::SubIOp::create(e.b, column, e.index(pairs));
    Value partner = arith::SelectOp::create(e.b, isFirst, next, last);
    partner = whereInside(op, e, inHead, partner, column);
    Value inHalf = arith::SelectOp::create(
        e.b, isFirst, inHead, arith::SubIOp::create(e.b, inHead, e.index(pairs)).getResult());
    Value angle = whereInside(op, e, inHead, inHalf, e.index(0));
    SmallVector<Value> others = e.pull(op.getInput(), Tile{tile.row, partner, 0, tile.count});
    SmallVector<Value> cosines = e.pull(op.getTable(), Tile{tile.row, angle, 0, tile.count});
    SmallVector<Value> sines = e.pull(op.getTable(), Tile{tile.row, angle, pairs, tile.count});
    SmallVector<Value> rotated;
    for (auto [mine, other, cosine, sine] : llvm::zip_equal(x, others, cosines, sines)) {
      Value asFirst = rotate(op, e, mine, other, cosine, sine).first;
      Value asSecond = rotate(op, e, other, mine, cosine, sine).second;
      Value turned = arith::SelectOp::create(e.b, isFirst, asFirst, asSecond);
      rotated.push_back(whereInside(op, e, inHead, turned, mine));
    }
    return rotated;
  }
};

} // namespace

void nyala::cuda::attachRopeModels(MLIRContext *context) {
  RopeTableOp::attachInterface<RopeTableModel>(*context);
  RotateOp::attachInterface<RotateModel>(*context);
}
