//===- PlainProduct.cpp - Products of row-major matrices ------------------===//
//
// A work item is a tile of columns: the tile prologue copies those columns of
// the second factor into a panel, a vector of columns for each step along the
// depth, which all blocks of rows are then multiplied with:
//
//   for tile:  panel[k][j] = B[k][tile + j]
//     for rows by blocks:  for k:  sums[r][j] += A[r][k] * panel[k][j]
//
// In bf16 a step is a pair: panel[k][j] holds B[2k][tile + j] and
// B[2k + 1][tile + j] in 32 bits, as the instruction wants them.
//
//===----------------------------------------------------------------------===//
#include "codegen/cpu/PlainProduct.h"
#include "codegen/cpu/TileProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cpu;

/// Rows computed together with AVX-512: 8 rows by 2 vectors of sums, 16 of 32 registers.
static constexpr int64_t kRowBlock = 8;
/// A transposed first factor whose rows are multiples of this many bytes apart is copied: down a
/// column of it, all cache lines compete for the same few places of the caches.
static constexpr int64_t kConflictBytes = 4096;

static std::string toString(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// What `value` is rounded from, or itself.
static Value getRounded(Value value) {
  auto rounding = value.getDefiningOp<arith::TruncFOp>();
  return rounding ? rounding.getIn() : value;
}

namespace {

/// Emits the tiles of one product.
class ProductEmitter {
public:
  ProductEmitter(TileEmitter &emitter, const PlainProduct &product)
      : e(emitter), b(emitter.b), product(product),
        depth(getTensorType(product.b).getDimSize(product.transposeB ? 1 : 0)),
        isPaired(getTensorType(product.b).getElementType().isBF16()), perStep(isPaired ? 2 : 1),
        steps(llvm::divideCeilSigned(depth, perStep)) {}

  SmallVector<Value> emitTile(const Tile &tile) {
    Value panel = e.inTilePrologue(product.op, tile.column, [&] { return makePanel(tile); });
    auto factor = product.transposeA ? makeColumnFactor(tile) : makeRowFactor(tile);
    auto advance = [&](Value step, int64_t length, ValueRange sums) {
      SmallVector<Value> columns, next;
      for (int64_t v = 0; v < tile.vectors; ++v)
        columns.push_back(e.load(panel, {step, e.index(v * kLanes)}));
      for (int64_t r = 0; r < tile.rows; ++r) {
        Value multiplier = e.broadcast(factor(r, step, length));
        for (int64_t v = 0; v < tile.vectors; ++v)
          next.push_back(multiplyAdd(e, multiplier, columns[v], sums[r * tile.vectors + v]));
      }
      return next;
    };
    SmallVector<Value> sums(tile.rows * tile.vectors, e.constant(e.f32Vector(), 0));
    int64_t whole = depth / perStep;
    if (whole > 0) {
      auto loop = scf::ForOp::create(b, e.index(0), e.index(whole), e.index(1), sums);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      scf::YieldOp::create(b, advance(loop.getInductionVar(), perStep, loop.getRegionIterArgs()));
      sums.assign(loop.result_begin(), loop.result_end());
    }
    if (whole < steps)
      sums = advance(e.index(whole), depth % perStep, sums);
    return sums;
  }

private:
  /// The element of row r of the tile at a step of `length` numbers.
  using Factor = std::function<Value(int64_t r, Value step, int64_t length)>;

  Type getStepType() const { return isPaired ? Type(b.getI32Type()) : b.getF32Type(); }

  Value add(Value index, int64_t offset) {
    return offset == 0 ? index : Value(arith::AddIOp::create(b, index, e.index(offset)));
  }
  Value multiply(Value index, int64_t by) {
    return by == 1 ? index : Value(arith::MulIOp::create(b, index, e.index(by)));
  }

  //===--------------------------------------------------------------------===//
  // Arithmetic
  //===--------------------------------------------------------------------===//

  /// 16 numbers of bf16 after 16 others, from memory of f32 or bf16. None of `second`: zeros.
  struct Place {
    Value row, column;
    int64_t lanes;
  };
  Value loadBoth(Value memory, const Place &first, const Place &second) {
    auto load = [&](const Place &place) {
      if (place.lanes > 0)
        return e.load(memory, {place.row, place.column}, place.lanes);
      auto element = cast<MemRefType>(memory.getType()).getElementType();
      return e.constant(VectorType::get(kLanes, element), 0);
    };
    Value low = load(first), high = load(second);
    if (cast<VectorType>(low.getType()).getElementType().isF32())
      return roundToBf16(e, low, high);
    return vector::ShuffleOp::create(b, low, high, llvm::to_vector(llvm::seq(2 * kLanes)));
  }

  //===--------------------------------------------------------------------===//
  // Copies
  //===--------------------------------------------------------------------===//

  /// One step of 16 columns of a matrix whose rows run along the depth. `length` rows of it.
  Value loadStep(Value memory, Value step, int64_t length, Value column, int64_t lanes) {
    Value row = multiply(step, perStep);
    if (!isPaired)
      return e.load(memory, {row, column}, lanes);
    Value rows = loadBoth(memory, {row, column, lanes},
                          {add(row, 1), column, length == perStep ? lanes : 0});
    return vector::BitCastOp::create(b, VectorType::get(kLanes, getStepType()),
                                     interleavePairs(e, rows));
  }

  /// All steps, and how many numbers each has.
  void forSteps(function_ref<void(Value, int64_t)> body) {
    int64_t whole = depth / perStep;
    e.forRange(e.index(0), e.index(whole), 1, [&](Value step) { body(step, perStep); });
    if (whole < steps)
      body(e.index(whole), depth % perStep);
  }

  Value makePanel(const Tile &tile) {
    Value source = e.getBuffer(getRounded(product.b));
    Value panel = e.allocateScratch({steps, tile.vectors * kLanes}, getStepType());
    for (int64_t v = 0; v < tile.vectors; ++v) {
      Value column = add(tile.column, v * kLanes), at = e.index(v * kLanes);
      if (product.transposeB)
        fillTransposed(source, column, tile.lanes(v), panel, at);
      else
        forSteps([&](Value step, int64_t length) {
          e.store(loadStep(source, step, length, column, tile.lanes(v)), panel, {step, at});
        });
    }
    return panel;
  }

  /// Of a matrix whose columns run along the depth: squares of 16 rows by 16 steps, transposed.
  void fillTransposed(Value source, Value first, int64_t rows, Value panel, Value at) {
    auto type = VectorType::get(kLanes, getStepType());
    auto emitSquare = [&](Value start, int64_t length) {
      Value zero = isPaired ? e.intConstant(type, 0) : e.constant(type, 0);
      SmallVector<Value> square(kLanes, zero);
      for (int64_t j = 0; j < rows; ++j) {
        Value row = add(first, j);
        if (!isPaired) {
          square[j] = e.load(source, {row, start}, length);
          continue;
        }
        Value both = loadBoth(source, {row, start, std::min(length, kLanes)},
                              {row, add(start, kLanes), std::max<int64_t>(length - kLanes, 0)});
        square[j] = vector::BitCastOp::create(b, type, both);
      }
      e.transpose(square);
      Value step = isPaired ? Value(arith::DivUIOp::create(b, start, e.index(perStep))) : start;
      for (int64_t i = 0; i < llvm::divideCeilSigned(length, perStep); ++i)
        e.store(square[i], panel, {add(step, i), at});
    };
    int64_t side = kLanes * perStep, full = depth / side * side;
    e.forRange(e.index(0), e.index(full), side, [&](Value start) { emitSquare(start, side); });
    if (full < depth)
      emitSquare(e.index(full), depth - full);
  }

  /// The transposed first factor, once a call: strips[i][k][r] is step k of row 8 i + r.
  Value makeStrips() {
    Value source = e.getBuffer(getRounded(product.a));
    int64_t rows = getTensorType(product.a).getDimSize(1), perVector = kLanes / kRowBlock;
    Value strips = e.allocateScratch(
        {llvm::divideCeilSigned(rows, kLanes) * perVector, steps, kRowBlock}, getStepType());
    e.forColumns(rows, [&](Value row, int64_t lanes) {
      Value strip = arith::DivUIOp::create(b, row, e.index(kRowBlock));
      forSteps([&](Value step, int64_t length) {
        Value loaded = loadStep(source, step, length, row, lanes);
        for (int64_t i = 0; i < perVector; ++i) {
          Value part = vector::ExtractStridedSliceOp::create(
              b, loaded, ArrayRef<int64_t>{i * kRowBlock}, ArrayRef<int64_t>{kRowBlock},
              ArrayRef<int64_t>{1});
          vector::StoreOp::create(b, part, strips, ValueRange{add(strip, i), step, e.index(0)});
        }
      });
    });
    return strips;
  }

  //===--------------------------------------------------------------------===//
  // The first factor
  //===--------------------------------------------------------------------===//

  Factor makeRowFactor(const Tile &tile) {
    Value memory = e.getBuffer(product.a);
    return [this, memory, &tile](int64_t r, Value step, int64_t length) -> Value {
      Value row = add(tile.row, r), k = multiply(step, perStep);
      if (!isPaired)
        return memref::LoadOp::create(b, memory, ValueRange{row, k});
      if (length < perStep) {
        Value last = memref::LoadOp::create(b, memory, ValueRange{row, k});
        return arith::ExtUIOp::create(b, b.getI32Type(),
                                      arith::BitcastOp::create(b, b.getI16Type(), last));
      }
      auto type = VectorType::get(perStep, b.getBF16Type());
      Value pair = vector::LoadOp::create(b, type, memory, ValueRange{row, k});
      pair = vector::BitCastOp::create(b, VectorType::get(1, b.getI32Type()), pair);
      return vector::ExtractOp::create(b, pair, ArrayRef<int64_t>{0});
    };
  }

  Factor makeColumnFactor(const Tile &tile) {
    int64_t rows = getTensorType(product.a).getDimSize(1);
    bool conflicts = rows * int64_t(sizeof(float)) % kConflictBytes == 0;
    if (!isPaired && !(conflicts && e.getTarget().hasFeature("avx512f"))) {
      Value memory = e.getBuffer(product.a);
      return [this, memory, &tile](int64_t r, Value step, int64_t) -> Value {
        return memref::LoadOp::create(b, memory, ValueRange{step, add(tile.row, r)});
      };
    }
    Value strips = e.inKernelPrologue(product.op, [&] { return makeStrips(); });
    Value strip = arith::DivUIOp::create(b, tile.row, e.index(kRowBlock));
    Value in = arith::RemUIOp::create(b, tile.row, e.index(kRowBlock)); // 0 of whole blocks
    return [this, strips, strip, in, &tile](int64_t r, Value step, int64_t) -> Value {
      Value lane = tile.rows == kRowBlock ? e.index(r) : in;
      return memref::LoadOp::create(b, strips, ValueRange{strip, step, lane});
    };
  }

  TileEmitter &e;
  ImplicitLocOpBuilder &b;
  const PlainProduct &product;
  int64_t depth;   ///< numbers that each sum adds up products of
  bool isPaired;   ///< bf16
  int64_t perStep; ///< numbers that one instruction multiplies, of each lane
  int64_t steps;
};

} // namespace

bool nyala::cpu::isPlainMatrix(Value value) {
  RankedTensorType type = getTensorType(value);
  return isa<BlockArgument>(value) && !type.getEncoding() && type.getElementType().isF32();
}

std::string nyala::cpu::getPlainObstacle(const PlainProduct &product) {
  for (Value operand : {product.a, product.b}) {
    // Rows of the first factor may be computed before the tiles, row r for row r of the result.
    if (!isa<BlockArgument>(getRounded(operand)) && (operand == product.b || product.transposeA))
      return "expected factors that are arguments of the kernel, or rounded from such";
    RankedTensorType type = getTensorType(operand);
    Type element = type.getElementType();
    if (type.getEncoding() || (!element.isF32() && !element.isBF16()))
      return "expected plain factors of f32 or bf16, got " + toString(type);
  }
  if (getTensorType(product.a).getElementType() != getTensorType(product.b).getElementType())
    return "expected factors of one type, got " + toString(product.a.getType()) + " and " +
           toString(product.b.getType());
  if (!getTensorType(product.op->getResult(0)).getElementType().isF32())
    return "expected a result of f32, got " + toString(product.op->getResult(0).getType());
  if (RankedTensorType type = getTensorType(product.b); type.isDynamicDim(0))
    return "expected a second factor of static shape, got " + toString(type);
  return {};
}

int64_t nyala::cpu::getPlainRowBlock(CpuTargetAttr target) {
  return target.hasFeature("avx512f") ? kRowBlock : 3;
}

SmallVector<Value> nyala::cpu::emitPlainTile(TileEmitter &e, const PlainProduct &product,
                                             const Tile &tile) {
  return ProductEmitter(e, product).emitTile(tile);
}
