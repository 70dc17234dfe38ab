//===- RowModels.cpp - GPU code of norms, softmax and reductions ----------===//
//
// What a row's elements share is computed once in the row prologue, by the whole
// block; elements are then computed where they are pulled.
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/CudaTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

Value mul(ThreadEmitter &e, Value l, Value r) { return arith::MulFOp::create(e.b, l, r); }
Value add(ThreadEmitter &e, Value l, Value r) { return arith::AddFOp::create(e.b, l, r); }
Value sub(ThreadEmitter &e, Value l, Value r) { return arith::SubFOp::create(e.b, l, r); }

Value addAll(ThreadEmitter &e, ArrayRef<Value> values) {
  Value sum = values.front();
  for (Value value : values.drop_front())
    sum = add(e, sum, value);
  return sum;
}

Value addSquares(ThreadEmitter &e, ArrayRef<Value> values) {
  Value sum = mul(e, values.front(), values.front());
  for (Value value : values.drop_front())
    sum = e.fma(value, value, sum);
  return sum;
}

/// 1 / sqrt(square + epsilon).
Value emitInverseRoot(ThreadEmitter &e, Value square, const APFloat &epsilon) {
  Value root = math::SqrtOp::create(e.b, add(e, square, e.constant(epsilon.convertToDouble())));
  return arith::DivFOp::create(e.b, e.constant(1), root);
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

struct RmsNormModel : CudaTileOpInterface::ExternalModel<RmsNormModel, RmsNormOp> {
  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<RmsNormOp>(operation);
    if (op.getGroups() > 1)
      return emitGroups(op, e, tile);
    Value factor = e.inRowPrologue(op, tile.row, [&] {
      int64_t width = getChannels(op.getInput());
      e.pullAhead(op.getInput(), tile.row);
      e.pullAhead(op.getWeight(), tile.row);
      Value squares = e.sumRow(tile.row, width, [&](const Tile &part) {
        return addSquares(e, e.pull(op.getInput(), part));
      });
      Value mean = mul(e, squares, e.constant(1.0 / width));
      return SmallVector<Value>{emitInverseRoot(e, mean, op.getEpsilon())};
    })[0];
    return scale(op, e, tile, e.pull(op.getWeight(), tile), SmallVector<Value>(tile.count, factor));
  }

private:
  static SmallVector<Value> scale(RmsNormOp op, ThreadEmitter &e, const Tile &tile,
                                  ArrayRef<Value> weights, ArrayRef<Value> factors) {
    SmallVector<Value> elements = e.pull(op.getInput(), tile);
    for (auto [x, weight, factor] : llvm::zip_equal(elements, weights, factors))
      x = mul(e, mul(e, x, factor), weight);
    return elements;
  }

  /// A warp takes one group after the other; factors lie in shared memory.
  static Value emitFactors(RmsNormOp op, ThreadEmitter &e, Value row) {
    int64_t groups = op.getGroups(), width = getChannels(op.getInput()) / groups;
    int64_t part = width % kThreadColumns == 0 ? kThreadColumns : 1;
    Value factors = e.allocateShared(groups, e.b.getF32Type());
    Value first = arith::MulIOp::create(e.b, e.getLane(), e.index(part));
    e.forRange(e.getWarp(), e.index(groups), e.getThreads() / kWarp, [&](Value group) {
      Value start = arith::MulIOp::create(e.b, group, e.index(width));
      Value none = e.constant(-0.0);
      Value squares =
          e.forRange(first, e.index(width), part * kWarp, none, [&](Value at, ValueRange sum) {
            Tile tile{row, arith::AddIOp::create(e.b, start, at), 0, part};
            return SmallVector<Value>{add(e, sum[0], addSquares(e, e.pull(op.getInput(), tile)))};
          })[0];
      Value mean = mul(e, e.addLanes(squares), e.constant(1.0 / width));
      Value factor = emitInverseRoot(e, mean, op.getEpsilon());
      Value isFirst = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, e.getLane(), e.index(0));
      e.when(isFirst, [&] { e.store(factor, factors, {}, group, 0); });
    });
    e.barrier();
    return factors;
  }

  static SmallVector<Value> emitGroups(RmsNormOp op, ThreadEmitter &e, const Tile &tile) {
    Value factors = e.inRowPrologue(
        op, tile.row, [&] { return SmallVector<Value>{emitFactors(op, e, tile.row)}; })[0];
    int64_t width = getChannels(op.getInput()) / op.getGroups();
    // Columns of a tile that share a group.
    int64_t shared = width % tile.count == 0 && tile.offset % tile.count == 0 ? tile.count : 1;
    SmallVector<Value> scales, weights;
    for (int64_t i = 0; i < tile.count; i += shared) {
      Value column = arith::AddIOp::create(e.b, tile.column, e.index(tile.offset + i));
      Value group = arith::DivUIOp::create(e.b, column, e.index(width));
      Value inGroup = arith::RemUIOp::create(e.b, column, e.index(width));
      scales.append(shared, e.load(factors, {}, group, 0, 1)[0]);
      llvm::append_range(weights, e.pull(op.getWeight(), Tile{tile.row, inGroup, 0, shared}));
    }
    return scale(op, e, tile, weights, scales);
  }
};

struct LayerNormModel : CudaTileOpInterface::ExternalModel<LayerNormModel, LayerNormOp> {
  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<LayerNormOp>(operation);
    SmallVector<Value> moments =
        e.inRowPrologue(op, tile.row, [&] { return emitMoments(op, e, tile.row); });
    SmallVector<Value> elements = e.pull(op.getInput(), tile);
    for (auto [x, weight] : llvm::zip_equal(elements, e.pull(op.getWeight(), tile)))
      x = mul(e, mul(e, sub(e, x, moments[0]), moments[1]), weight);
    if (op.getBias())
      for (auto [x, bias] : llvm::zip_equal(elements, e.pull(op.getBias(), tile)))
        x = add(e, x, bias);
    return elements;
  }

private:
  /// Mean, and 1 / the standard deviation.
  static SmallVector<Value> emitMoments(LayerNormOp op, ThreadEmitter &e, Value row) {
    int64_t width = getChannels(op.getInput());
    e.pullAhead(op.getInput(), row);
    e.pullAhead(op.getWeight(), row);
    Value inverse = e.constant(1.0 / width);
    Value sum = e.sumRow(row, width,
                         [&](const Tile &tile) { return addAll(e, e.pull(op.getInput(), tile)); });
    Value mean = mul(e, sum, inverse);
    Value squares = e.sumRow(row, width, [&](const Tile &tile) {
      return addSquares(e, llvm::map_to_vector(e.pull(op.getInput(), tile),
                                               [&](Value x) { return sub(e, x, mean); }));
    });
    return {mean, emitInverseRoot(e, mul(e, squares, inverse), op.getEpsilon())};
  }
};

//===----------------------------------------------------------------------===//
// Softmax, reductions
//===----------------------------------------------------------------------===//

Value emitMaximum(ThreadEmitter &e, Value input, Value row) {
  return e.maxRow(row, getChannels(input), [&](const Tile &tile) {
    SmallVector<Value> elements = e.pull(input, tile);
    Value maximum = elements.front();
    for (Value x : ArrayRef(elements).drop_front())
      maximum = arith::MaxNumFOp::create(e.b, maximum, x);
    return maximum;
  });
}

struct SoftmaxModel : CudaTileOpInterface::ExternalModel<SoftmaxModel, SoftmaxOp> {
  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<SoftmaxOp>(operation);
    auto powers = [&](const Tile &part, Value maximum) {
      return llvm::map_to_vector(e.pull(op.getInput(), part),
                                 [&](Value x) { return e.exp(sub(e, x, maximum)); });
    };
    SmallVector<Value> shared = e.inRowPrologue(op, tile.row, [&] {
      Value maximum = emitMaximum(e, op.getInput(), tile.row);
      Value sum = e.sumRow(tile.row, getChannels(op.getInput()),
                           [&](const Tile &part) { return addAll(e, powers(part, maximum)); });
      return SmallVector<Value>{maximum, arith::DivFOp::create(e.b, e.constant(1), sum)};
    });
    return llvm::map_to_vector(powers(tile, shared[0]),
                               [&](Value x) { return mul(e, x, shared[1]); });
  }
};

struct ReduceModel : CudaTileOpInterface::ExternalModel<ReduceModel, ReduceOp> {
  SmallVector<Value> emitTile(Operation *operation, ThreadEmitter &e, unsigned,
                              const Tile &tile) const {
    auto op = cast<ReduceOp>(operation);
    return e.inRowPrologue(op, tile.row, [&] {
      if (op.getKind() == ReduceKind::Max)
        return SmallVector<Value>{emitMaximum(e, op.getInput(), tile.row)};
      int64_t width = getChannels(op.getInput());
      Value sum = e.sumRow(tile.row, width, [&](const Tile &part) {
        return addAll(e, e.pull(op.getInput(), part));
      });
      if (op.getKind() == ReduceKind::Mean)
        sum = mul(e, sum, e.constant(1.0 / width));
      return SmallVector<Value>{sum};
    });
  }
};

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

/// A block of 32 channels is that of 8 adjacent lanes: bit by bit what a CPU computes.
struct QuantizeModel : CudaTileOpInterface::ExternalModel<QuantizeModel, QuantizeOp> {
  SmallVector<Value> emitTile(Operation *op, ThreadEmitter &e, unsigned result,
                              const Tile &tile) const {
    auto types = llvm::map_to_vector(op->getResultTypes(),
                                     [](Type type) { return getElementTypeOrSelf(type); });
    return e.load(e.materializeRows(op->getResults(), tile.row, types)[result], tile);
  }

  bool hasWholeRows(Operation *) const { return true; }

  void emitRow(Operation *operation, ThreadEmitter &e, Value row,
               ArrayRef<Value> destinations) const {
    auto op = cast<QuantizeOp>(operation);
    int64_t columns = getChannels(op.getInput()), width = e.getThreads() * kThreadColumns;
    // All lanes of a warp come by: they exchange values. Loads are under way together.
    constexpr int64_t most = 16;
    for (int64_t begin = 0; begin < columns; begin += most * width) {
      SmallVector<std::pair<Tile, SmallVector<Value>>> parts;
      for (int64_t offset = begin; offset < std::min(columns, begin + most * width);
           offset += width) {
        Tile tile{row, e.getThreadColumn(), offset, kThreadColumns};
        parts.push_back({tile, pullColumns(op, e, tile)});
      }
      for (auto &[tile, x] : parts)
        emitColumns(op, e, tile, x, destinations);
    }
  }

private:
  static constexpr double kLargest = 127;

  /// Do threads of the block have tiles that begin behind the row's end?
  static bool isPart(QuantizeOp op, ThreadEmitter &e, const Tile &tile) {
    return tile.offset + e.getThreads() * kThreadColumns > getChannels(op.getInput());
  }

  static Value getColumn(ThreadEmitter &e, const Tile &tile) {
    return arith::AddIOp::create(e.b, tile.column, e.index(tile.offset));
  }

  static Value isInside(QuantizeOp op, ThreadEmitter &e, const Tile &tile) {
    return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, getColumn(e, tile),
                                 e.index(getChannels(op.getInput())));
  }

  /// Zeros behind the row's end.
  static SmallVector<Value> pullColumns(QuantizeOp op, ThreadEmitter &e, const Tile &tile) {
    auto pull = [&] { return e.pull(op.getInput(), tile); };
    return isPart(op, e, tile) ? e.pullWhere(isInside(op, e, tile), pull) : pull();
  }

  static void emitColumns(QuantizeOp op, ThreadEmitter &e, const Tile &tile, ArrayRef<Value> x,
                          ArrayRef<Value> destinations) {
    Value column = getColumn(e, tile);
    bool part = isPart(op, e, tile);
    Value inside = isInside(op, e, tile);
    Value largest;
    for (Value value : x) {
      Value magnitude =
          arith::MaxNumFOp::create(e.b, value, arith::NegFOp::create(e.b, value).getResult());
      largest = largest ? Value(arith::MaxNumFOp::create(e.b, largest, magnitude)) : magnitude;
    }
    largest = e.maxLanes(largest, PackedLayout::kBlockColumns / kThreadColumns);
    Value zero = e.constant(0);
    Value positive = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGT, largest, zero);
    Value quotient = arith::DivFOp::create(e.b, e.constant(kLargest), largest);
    Value factor = arith::SelectOp::create(e.b, positive, quotient, zero);
    SmallVector<Value> integers;
    Value sum;
    for (Value value : x) {
      integers.push_back(e.roundToIntegers(mul(e, value, factor)));
      sum = sum ? Value(arith::AddIOp::create(e.b, sum, integers.back())) : integers.back();
    }
    sum = e.addLanes(sum, kSumChannels / kThreadColumns);
    auto store = [&](unsigned result, Value value, int64_t channels) {
      Value rest = arith::RemUIOp::create(e.b, column, e.index(channels));
      Value isFirst = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, rest, e.index(0));
      if (part)
        isFirst = arith::AndIOp::create(e.b, isFirst, inside);
      Value at = arith::DivUIOp::create(e.b, column, e.index(channels));
      if (destinations[result])
        e.when(isFirst, [&] { e.store(value, destinations[result], Tile{tile.row, at}); });
    };
    store(1, arith::DivFOp::create(e.b, largest, e.constant(kLargest)),
          PackedLayout::kBlockColumns);
    store(2, sum, kSumChannels);
    if (!destinations[0])
      return;
    if (part)
      e.when(inside, [&] { e.store(integers, destinations[0], tile); });
    else
      e.store(integers, destinations[0], tile);
  }
};

} // namespace

void nyala::cuda::attachRowModels(MLIRContext *context) {
  RmsNormOp::attachInterface<RmsNormModel>(*context);
  LayerNormOp::attachInterface<LayerNormModel>(*context);
  SoftmaxOp::attachInterface<SoftmaxModel>(*context);
  ReduceOp::attachInterface<ReduceModel>(*context);
  QuantizeOp::attachInterface<QuantizeModel>(*context);
}
