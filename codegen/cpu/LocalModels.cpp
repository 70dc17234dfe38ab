//===- LocalModels.cpp - Kernels of ops that work column by column --------===//
#include "codegen/cpu/CpuTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

namespace {

struct ActivationModel : CpuTileOpInterface::ExternalModel<ActivationModel, ActivationOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<ActivationOp>(operation);
    SmallVector<Value> vectors = e.pull(op.getInput(), tile);
    for (Value &vector : vectors)
      vector = e.activation(op.getKind(), vector);
    return vectors;
  }
};

struct GatedActivationModel
    : CpuTileOpInterface::ExternalModel<GatedActivationModel, GatedActivationOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<GatedActivationOp>(operation);
    SmallVector<Value> vectors = e.pull(op.getGate(), tile);
    SmallVector<Value> inputs = e.pull(op.getInput(), tile);
    for (auto [vector, input] : llvm::zip_equal(vectors, inputs))
      vector = arith::MulFOp::create(e.b, e.activation(op.getKind(), vector), input);
    return vectors;
  }
};

struct SplitModel : CpuTileOpInterface::ExternalModel<SplitModel, SplitOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    auto op = cast<SplitOp>(operation);
    return e.pull(op.getInput(), e.shifted(tile, op.getOffset(result)));
  }
};

struct GatherModel : CpuTileOpInterface::ExternalModel<GatherModel, GatherOp> {
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<GatherOp>(operation);
    SmallVector<Value> vectors;
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value at = arith::AddIOp::create(e.b, tile.row, e.index(r));
      Tile row = tile;
      row.rows = 1;
      row.row = e.loadIndex(op.getIndices(), at);
      llvm::append_range(vectors, e.pull(op.getInput(), row));
    }
    return vectors;
  }

  /// An id is no vector.
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<GatherOp>(operation);
    if (getTensorType(op.getResult()).getRank() > 1)
      return e.emitRowByTiles(op.getResult(), row, destinations.front());
    Value source = e.loadIndex(op.getIndices(), row);
    Value id = memref::LoadOp::create(e.b, e.getBuffer(op.getInput()), source);
    memref::StoreOp::create(e.b, id, destinations.front(), row);
  }
};

/// The kernel generator stores the pulled rows in the cache's slots (GenerateCpuKernels.cpp).
struct CacheAppendModel : CpuTileOpInterface::ExternalModel<CacheAppendModel, CacheAppendOp> {
  std::string getObstacle(Operation *operation) const {
    auto op = cast<CacheAppendOp>(operation);
    if (isa<BlockArgument>(op.getCache()) &&
        llvm::all_of(op->getUsers(), [](Operation *user) { return isa<ReturnOp>(user); }))
      return {};
    return "updates in place: expected its cache to be an argument of the kernel and its result to "
           "be only returned";
  }

  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    return e.pull(cast<CacheAppendOp>(operation).getInput(), tile);
  }
};

//===----------------------------------------------------------------------===//
// Rotary position embedding
//===----------------------------------------------------------------------===//

struct RotateModel : CpuTileOpInterface::ExternalModel<RotateModel, RotateOp> {
  /// Adjacent pairs, heads and rotated parts of whole vectors: (a, b) lie side by side in a vector;
  ///   result = x * (cos, cos) + swapped x * (-sin, sin).
  SmallVector<Value> emitTile(Operation *operation, TileEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<RotateOp>(operation);
    if (!RotateModel::isVectorizable(op)) {
      e.getBuffer(op.getResult());
      return e.pull(op.getResult(), tile);
    }
    int64_t headDim = getChannels(op.getInput()) / op.getHeads();
    SmallVector<Value> vectors = e.pull(op.getInput(), tile);
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value row = arith::AddIOp::create(e.b, tile.row, e.index(r));
      for (int64_t v = 0; v < tile.vectors; ++v) {
        Value column = arith::AddIOp::create(e.b, tile.column, e.index(v * kLanes));
        Value inHead = arith::RemUIOp::create(e.b, column, e.index(headDim));
        Value &vector = vectors[r * tile.vectors + v];
        vector = rotateVector(e, op, vector, row, inHead);
      }
    }
    return vectors;
  }

  /// Any other shape: halves of a head by vectors, adjacent pairs one by one.
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    Value destination = destinations.front();
    auto op = cast<RotateOp>(operation);
    if (RotateModel::isVectorizable(op))
      return e.emitRowByTiles(op.getResult(), row, destination);
    int64_t width = getChannels(op.getInput()), headDim = width / op.getHeads();
    int64_t dims = getChannels(op.getTable()), pairs = dims / 2;
    Value input = e.getBuffer(op.getInput()), table = e.getBuffer(op.getTable());
    bool adjacent = op.getPairing() == RopePairing::Adjacent;
    int64_t lanes = adjacent ? 1 : kLanes;
    auto get = [&](Value buffer, Value column, int64_t count) -> Value {
      if (adjacent)
        return memref::LoadOp::create(e.b, buffer, ValueRange{row, column});
      return e.load(buffer, {row, column}, count);
    };
    auto put = [&](Value value, Value column, int64_t count) {
      if (adjacent)
        memref::StoreOp::create(e.b, value, destination, ValueRange{row, column});
      else
        e.store(value, destination, {row, column}, count);
    };
    auto rotatePairs = [&](Value head, Value i, int64_t count) {
      Value inHead = adjacent ? Value(arith::MulIOp::create(e.b, i, e.index(2))) : i;
      Value columnA = arith::AddIOp::create(e.b, head, inHead);
      Value columnB = arith::AddIOp::create(e.b, columnA, e.index(adjacent ? 1 : pairs));
      Value cos = get(table, i, count);
      Value sin = get(table, arith::AddIOp::create(e.b, i, e.index(pairs)), count);
      if (op.getInverse())
        sin = arith::NegFOp::create(e.b, sin);
      Value a = get(input, columnA, count), b = get(input, columnB, count);
      auto mul = [&](Value l, Value r) -> Value { return arith::MulFOp::create(e.b, l, r); };
      put(arith::SubFOp::create(e.b, mul(a, cos), mul(b, sin)), columnA, count);
      put(arith::AddFOp::create(e.b, mul(b, cos), mul(a, sin)), columnB, count);
    };
    e.forRange(e.index(0), e.index(width), headDim, [&](Value head) {
      int64_t whole = pairs / lanes * lanes;
      e.forRange(e.index(0), e.index(whole), lanes, [&](Value i) { rotatePairs(head, i, lanes); });
      if (whole < pairs)
        rotatePairs(head, e.index(whole), pairs - whole);
      e.forRange(e.index(dims), e.index(headDim), 1, [&](Value c) {
        SmallVector<Value> at{row, arith::AddIOp::create(e.b, head, c)};
        memref::StoreOp::create(e.b, memref::LoadOp::create(e.b, input, at), destination, at);
      });
    });
  }

private:
  static bool isVectorizable(RotateOp op) {
    int64_t headDim = getChannels(op.getInput()) / op.getHeads();
    return op.getPairing() == RopePairing::Adjacent && headDim % kLanes == 0 &&
           getChannels(op.getTable()) % kLanes == 0;
  }

  static Value rotateVector(TileEmitter &e, RotateOp op, Value x, Value row, Value inHead) {
    int64_t headDim = getChannels(op.getInput()) / op.getHeads(), dims = getChannels(op.getTable());
    Value table = e.getBuffer(op.getTable());
    // Channels beyond the rotated ones read some angle and pass through.
    Value inside = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, inHead, e.index(dims));
    Value angle = arith::DivUIOp::create(e.b, inHead, e.index(2));
    if (dims < headDim)
      angle = arith::SelectOp::create(e.b, inside, angle, e.index(0));
    auto pairs = [&](Value column) -> Value {
      Value half =
          vector::LoadOp::create(e.b, e.f32Vector(kLanes / 2), table, ValueRange{row, column});
      SmallVector<int64_t> twice;
      for (int64_t i = 0; i < kLanes; ++i)
        twice.push_back(i / 2);
      return vector::ShuffleOp::create(e.b, half, half, twice);
    };
    Value cos = pairs(angle);
    Value sin = pairs(arith::AddIOp::create(e.b, angle, e.index(dims / 2)));
    SmallVector<float> signs;
    SmallVector<int64_t> swap;
    for (int64_t i = 0; i < kLanes; ++i) {
      signs.push_back((i % 2 != 0) != op.getInverse() ? 1.0F : -1.0F);
      swap.push_back(i ^ 1);
    }
    Value sign = arith::ConstantOp::create(
        e.b, DenseElementsAttr::get(e.f32Vector(), ArrayRef<float>(signs)));
    Value swapped = vector::ShuffleOp::create(e.b, x, x, swap);
    Value turned = arith::MulFOp::create(e.b, swapped, arith::MulFOp::create(e.b, sin, sign));
    Value rotated = arith::AddFOp::create(e.b, arith::MulFOp::create(e.b, x, cos), turned);
    return dims < headDim ? Value(arith::SelectOp::create(e.b, inside, rotated, x)) : rotated;
  }
};

struct RopeTableModel : CpuTileOpInterface::ExternalModel<RopeTableModel, RopeTableOp> {
  SmallVector<Value> emitTile(Operation *op, TileEmitter &e, unsigned result,
                              const Tile &tile) const {
    e.getBuffer(op->getResult(result));
    return e.pull(op->getResult(result), tile);
  }

  /// Angles are reduced in f64: positions up to 2^31 times any frequency stay exact to 1e-6.
  void emitRow(Operation *operation, TileEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    Value destination = destinations.front();
    auto op = cast<RopeTableOp>(operation);
    std::optional<ArrayRef<float>> factors;
    if (op.getFactors())
      factors = *op.getFactors();
    SmallVector<float> frequencies = getRopeFrequencies(
        op.getBase().convertToDouble(), op.getDims(), op.getScale().convertToDouble(), factors);
    int64_t pairs = frequencies.size();
    Value position = memref::LoadOp::create(e.b, e.getBuffer(op.getPositions()), row);
    auto f64 = VectorType::get(kLanes, e.b.getF64Type());
    Value angle = e.broadcast(arith::SIToFPOp::create(e.b, e.b.getF64Type(), position));
    for (int64_t first = 0; first < pairs; first += kLanes) {
      int64_t lanes = std::min(kLanes, pairs - first);
      SmallVector<double> values(kLanes, 0.0);
      std::copy_n(frequencies.begin() + first, lanes, values.begin());
      Value frequency =
          arith::ConstantOp::create(e.b, DenseElementsAttr::get(f64, ArrayRef<double>(values)));
      auto [sine, cosine] = e.sineCosine(arith::MulFOp::create(e.b, angle, frequency));
      e.store(cosine, destination, {row, e.index(first)}, lanes);
      e.store(sine, destination, {row, e.index(pairs + first)}, lanes);
    }
  }
};

} // namespace

void nyala::cpu::attachLocalModels(MLIRContext *context) {
  ActivationOp::attachInterface<ActivationModel>(*context);
  GatedActivationOp::attachInterface<GatedActivationModel>(*context);
  SplitOp::attachInterface<SplitModel>(*context);
  GatherOp::attachInterface<GatherModel>(*context);
  CacheAppendOp::attachInterface<CacheAppendModel>(*context);
  RotateOp::attachInterface<RotateModel>(*context);
  RopeTableOp::attachInterface<RopeTableModel>(*context);
}

void nyala::cpu::registerTileModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NyalaDialect *) {
    attachProductModels(context);
    attachLookupModels(context);
    attachQuantizedModels(context);
    attachAttentionModels(context);
    attachRowModels(context);
    attachLocalModels(context);
    attachRowGradientModels(context);
    attachRowSumModels(context);
    attachLocalGradientModels(context);
    attachOptimizerModels(context);
    attachSelfAttentionModels(context);
  });
}
