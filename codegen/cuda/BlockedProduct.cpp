//===- BlockedProduct.cpp - Kernels around a product of many rows ---------===//
#include "codegen/cuda/BlockedProduct.h"
#include "codegen/cuda/ProductTiles.h"
#include "codegen/cuda/WarpMatrix.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

constexpr int64_t kBlockRows = 128, kBlockColumns = 128;
constexpr int64_t kWarpRows = 64, kWarpColumns = 32;
constexpr int64_t kThreads = kWarp * (kBlockRows / kWarpRows) * (kBlockColumns / kWarpColumns);
/// What an instruction multiplies: 16 rows by 8 columns by 16.
constexpr int64_t kRows = 16, kColumns = 8, kDepth = 16;
/// Elements of 16 bytes.
constexpr int64_t kPiece = 8;
/// Numbers of a lane: adjacent columns of a row.
constexpr int64_t kPair = 2;

class BlockedProductEmitter {
public:
  BlockedProductEmitter(KernelContext &kernel, LinearOp op)
      : e(kernel.createFunction(kThreads)), op(op), results(kernel, e), tiles(e, results, kPair),
        matrix(e, BFloat16Type::get(op.getContext())), depth(getChannels(op.getInput())),
        step(depth % 64 == 0 ? 64 : 32) {}

  Launch emit() {
    // Columns of a part that a warp has: fragments of them.
    parts = static_cast<int64_t>(llvm::bit_ceil(static_cast<uint64_t>(tiles.getNumParts())));
    partColumns = kWarpColumns / parts;
    int64_t numTiles = tiles.divide(kBlockColumns / parts);
    // Blocks in the order of the grid: rows of one tile, then those of the next.
    Value number = e.add(e.mul(e.getRowBlockIndex(), numTiles), e.getTileIndex());
    Value rowBlocks =
        arith::DivUIOp::create(e.b, e.add(e.getRows(), kBlockRows - 1), e.index(kBlockRows));
    Value exists =
        arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, number, e.mul(rowBlocks, numTiles));
    left = matrix.allocateFactors(2 * kBlockRows, step);
    right = matrix.allocateFactors(2 * kBlockColumns, step);
    e.when(exists, [&] {
      tiles.setTileIndex(arith::DivUIOp::create(e.b, number, rowBlocks));
      emitBlock(e.mul(arith::RemUIOp::create(e.b, number, rowBlocks), kBlockRows));
    });
    return {.tiles = numTiles, .rowBlock = kBlockRows};
  }

private:
  using Fragment = WarpMatrixEmitter::Fragment;

  Value divide(Value l, int64_t r) { return arith::DivUIOp::create(e.b, l, e.index(r)); }
  Value remain(Value l, int64_t r) { return arith::RemUIOp::create(e.b, l, e.index(r)); }

  void emitBlock(Value firstRow) {
    constexpr int64_t warpsOfRow = kBlockColumns / kWarpColumns;
    warpRow = e.mul(divide(e.getWarp(), warpsOfRow), kWarpRows);
    warpColumn = remain(e.getWarp(), warpsOfRow);
    findRows(firstRow);
    findPieces(firstRow);
    SmallVector<Value> sums = multiplyDepth();
    for (const ProductTiles::Group &group : tiles.getGroups()) {
      auto emit = [&] { emitResults(group, sums); };
      if (Value isMine = tiles.isOf(group))
        e.when(isMine, emit);
      else
        emit();
    }
  }

  /// Rows of the lane's sums; what the row prologue may need comes before it.
  void findRows(Value firstRow) {
    Value last = arith::SubIOp::create(e.b, e.getRows(), e.index(1));
    Value first = e.add(e.add(firstRow, warpRow), divide(e.getLane(), 4));
    for (int64_t row = 0; row < kWarpRows; row += kRows / 2) {
      Value at = e.add(first, row);
      rowExists.push_back(arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, at, e.getRows()));
      rows.push_back(arith::MinUIOp::create(e.b, at, last));
    }
    e.beginRow();
  }

  //===--------------------------------------------------------------------===//
  // Factors
  //===--------------------------------------------------------------------===//

  /// 16 bytes of a factor that a thread brings, in each step: where from, where to.
  struct Piece {
    Value source, row, column;
  };

  void findPieces(Value firstRow) {
    int64_t piecesOfRow = step / kPiece, rowsAtOnce = kThreads / piecesOfRow;
    Value inBlock = divide(e.getThread(), piecesOfRow);
    Value column = e.mul(remain(e.getThread(), piecesOfRow), kPiece);
    Value lastRow = arith::SubIOp::create(e.b, e.getRows(), e.index(1));
    for (int64_t row = 0; row < kBlockRows; row += rowsAtOnce) {
      Value at = e.add(inBlock, row);
      Value source = arith::MinUIOp::create(e.b, e.add(firstRow, at), lastRow);
      leftPieces.push_back({source, at, column});
    }
    SmallVector<Value> firstColumns;
    for (int64_t part = 0; part < tiles.getNumParts(); ++part)
      firstColumns.push_back(tiles.getFirstColumn(part));
    for (int64_t row = 0; row < kBlockColumns; row += rowsAtOnce) {
      Value at = e.add(inBlock, row);
      // Columns of the parts alternate, so that a warp has the same ones of each.
      Value inWarp = remain(at, kWarpColumns), part = divide(inWarp, partColumns);
      Value first = firstColumns.front();
      for (auto [i, other] : llvm::enumerate(ArrayRef(firstColumns).drop_front())) {
        Value isLater = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ugt, part, e.index(i));
        first = arith::SelectOp::create(e.b, isLater, other, first);
      }
      Value source = e.add(e.add(first, e.mul(divide(at, kWarpColumns), partColumns)),
                           remain(inWarp, partColumns));
      int64_t last = getTensorType(op.getWeight()).getDimSize(0) - 1;
      rightPieces.push_back({arith::MinUIOp::create(e.b, source, e.index(last)), at, column});
    }
  }

  /// Brings columns `first` … + step of both factors into half `half` of shared memory.
  void bring(Value first, Value half) {
    Value input = e.getBuffer(op.getInput());
    for (const Piece &piece : leftPieces) {
      Value row = e.add(piece.row, e.mul(half, kBlockRows)), column = e.add(first, piece.column);
      if (input) {
        copy(input, piece.source, column, left, row, piece.column);
        continue;
      }
      SmallVector<Value> elements = e.pull(op.getInput(), Tile{piece.source, column, 0, kPiece});
      e.store(elements, left, ValueRange{row}, piece.column, 0);
    }
    for (const Piece &piece : rightPieces)
      copy(e.getBuffer(op.getWeight()), piece.source, e.add(first, piece.column), right,
           e.add(piece.row, e.mul(half, kBlockColumns)), piece.column);
    matrix.commitCopies();
  }

  void copy(Value buffer, Value fromRow, Value fromColumn, Value factors, Value row, Value column) {
    constexpr int64_t bytes = 2;
    Value offset = e.mul(e.add(e.mul(fromRow, depth), fromColumn), bytes);
    matrix.copyAsync(e.getAddress(buffer, offset), factors, row, column);
  }

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  static constexpr int64_t kFragmentRows = kWarpRows / kRows,
                           kFragmentColumns = kWarpColumns / kColumns, kSums = 4;

  SmallVector<Value> multiplyDepth() {
    bring(e.index(0), e.index(0));
    SmallVector<Value> zeros(kFragmentRows * kFragmentColumns * kSums, e.constant(0));
    return e.forRange(e.index(0), e.index(depth), step, zeros, [&](Value first, ValueRange sums) {
      Value half = remain(divide(first, step), 2);
      matrix.waitForCopies();
      e.barrier();
      Value next = e.add(first, step);
      Value isLess = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, next, e.index(depth));
      e.when(isLess, [&] { bring(next, arith::SubIOp::create(e.b, e.index(1), half)); });
      return multiplyStep(half, sums);
    });
  }

  SmallVector<Value> multiplyStep(Value half, ValueRange sums) {
    SmallVector<Value> next(sums);
    Value leftRow = e.add(e.mul(half, kBlockRows), warpRow);
    Value rightRow = e.add(e.mul(half, kBlockColumns), e.mul(warpColumn, kWarpColumns));
    for (int64_t column = 0; column < step; column += kDepth) {
      // 16 rows of the weight are two right fragments: columns 0 … 7 and 8 … 15 of the product.
      SmallVector<Fragment> lefts, rights;
      for (int64_t row = 0; row < kWarpColumns; row += kRows) {
        Fragment both = matrix.loadLeft(right, e.add(rightRow, row), column);
        rights.push_back({both[0], both[2]});
        rights.push_back({both[1], both[3]});
      }
      for (int64_t row = 0; row < kWarpRows; row += kRows)
        lefts.push_back(matrix.loadLeft(left, e.add(leftRow, row), column));
      for (auto [i, ofLeft] : llvm::enumerate(lefts))
        for (auto [j, ofRight] : llvm::enumerate(rights)) {
          auto carried = MutableArrayRef(next).slice((i * kFragmentColumns + j) * kSums, kSums);
          llvm::copy(matrix.multiply(ofLeft, ofRight, Fragment(carried)), carried.begin());
        }
    }
    return next;
  }

  //===--------------------------------------------------------------------===//
  // Results
  //===--------------------------------------------------------------------===//

  void emitResults(const ProductTiles::Group &group, ArrayRef<Value> sums) {
    int64_t columns = group.results.columns, count = group.threadColumns;
    Value start =
        e.add(e.mul(tiles.getTile(group), tiles.getTileColumns()),
              e.add(e.mul(warpColumn, partColumns), e.mul(remain(e.getLane(), 4), kPair)));
    for (int64_t fragment = 0; fragment < partColumns / kColumns; ++fragment)
      for (int64_t i = 0; i < kPair; i += count) {
        Value column = e.add(start, fragment * kColumns + i);
        Value isColumn =
            arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, column, e.index(columns));
        column = arith::MinUIOp::create(e.b, column, e.index(columns - count));
        for (auto [number, row] : llvm::enumerate(rows)) {
          Tile tile{row, column, 0, count};
          for (const auto &demand : e.runDry([&] { results.emitTile(group.results, tile); }))
            e.provide(demand.value, demand.tile,
                      getSums(group, demand.tile, fragment, number, i, sums));
          results.emitTile(group.results, tile,
                           arith::AndIOp::create(e.b, rowExists[number], isColumn));
        }
      }
  }

  /// Of a tile that begins at the lane's column `first` of a fragment of its part.
  SmallVector<Value> getSums(const ProductTiles::Group &group, const Tile &tile, int64_t fragment,
                             int64_t row, int64_t first, ArrayRef<Value> sums) {
    auto [part, behind] = ProductTiles::findPart(group, tile.offset);
    int64_t number = row / 2 * kFragmentColumns + part * (partColumns / kColumns) + fragment;
    SmallVector<Value> found(
        sums.slice(number * kSums + row % 2 * kPair + first + behind, tile.count));
    if (!op.getBias())
      return found;
    for (auto [sum, bias] : llvm::zip_equal(found, e.load(e.getBuffer(op.getBias()), tile)))
      sum = arith::AddFOp::create(e.b, sum, bias);
    return found;
  }

  ThreadEmitter &e;
  LinearOp op;
  KernelResults results;
  ProductTiles tiles;
  WarpMatrixEmitter matrix;
  int64_t depth, step, parts = 1, partColumns = kWarpColumns;
  Value left, right;         ///< two steps of the factors, one after the other
  Value warpRow, warpColumn; ///< the warp's first row in the block; its number among those of a row
  SmallVector<Value> rows, rowExists;
  SmallVector<Piece> leftPieces, rightPieces;
};

/// Is `value` computed column by column from values of the same rows, which lie in memory?
bool isColumnLocal(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return true;
  return nyala::getFusionKind(op) == FusionKind::ColumnLocal &&
         llvm::all_of(op->getOperands(), isColumnLocal);
}

/// The call of a library that computes all that the kernel does; null if there is none.
MatmulCallAttr findLibraryCall(KernelContext &context, LinearOp op) {
  auto getNumber = [&](Value value) -> int64_t {
    auto argument = dyn_cast<BlockArgument>(value);
    return argument ? context.getBufferNumber(argument) : -1;
  };
  auto *terminator = context.getKernel().getBody().front().getTerminator();
  int64_t activations = getNumber(op.getInput());
  if (terminator->getNumOperands() != 1 || op.getBias() || activations < 0)
    return {};
  Value result = terminator->getOperand(0);
  int64_t residual = -1;
  if (auto sum = result.getDefiningOp<arith::AddFOp>()) {
    Value other = sum.getLhs() == op.getResult() ? sum.getRhs() : sum.getLhs();
    residual = getNumber(other);
    bool isSum = sum.getLhs() == op.getResult() || sum.getRhs() == op.getResult();
    if (!isSum || residual < 0)
      return {};
  } else if (result != op.getResult()) {
    return {};
  }
  return MatmulCallAttr::get(op.getContext(), getChannels(op.getResult()),
                             getChannels(op.getInput()), activations, getNumber(op.getWeight()),
                             residual, context.getResultBufferNumber(0));
}

} // namespace

bool nyala::cuda::canBlockProduct(KernelOp kernel, LinearOp op) {
  // Blocks of a cache are wider than what lanes side by side hold of a row.
  for (auto append : kernel.getBody().getOps<CacheAppendOp>())
    if (getBlocks(append.getType()))
      return false;
  auto isBfloat = [](Value value) { return getElementTypeOrSelf(value).isBF16(); };
  return isBfloat(op.getInput()) && isBfloat(op.getWeight()) &&
         !getTensorType(op.getWeight()).getEncoding() && getChannels(op.getInput()) % 32 == 0 &&
         isColumnLocal(op.getInput());
}

Launch nyala::cuda::emitBlockedProductKernel(KernelContext &kernel, LinearOp op) {
  Launch launch = BlockedProductEmitter(kernel, op).emit();
  if (MatmulCallAttr call = findLibraryCall(kernel, op))
    kernel.getFunction()->setAttr("nyala.library_call", call);
  return launch;
}
