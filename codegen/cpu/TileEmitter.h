//===- TileEmitter.h - Demand-driven generation of kernels ------*- C++ -*-===//
//
// A kernel's results are computed tile by tile: a tile is a few rows by a few
// vectors of 16 columns. The emitter is asked for a tile of a value; if the
// value lies in memory (a kernel argument, or a row that has been computed
// before) it loads the vectors, else it asks the defining op, which pulls the
// tiles of its operands. So fusion is the walk itself.
//
// Code goes to four places: the current one (inside the row loop), the beginning
// of a block of rows, where there is one, the tile prologue (before the row loop:
// whatever is shared by all rows of a tile) and the kernel prologue (before all
// tiles: rows that are needed as a whole).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_TILEEMITTER_H
#define NYALA_CODEGEN_CPU_TILEEMITTER_H

#include "codegen/Arithmetic.h"
#include "ir/Contract.h"
#include "ir/NyalaOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"

namespace nyala::cpu {

/// Lanes of the logical vector: one zmm of f32, two ymm where there is no AVX-512. The same on all
/// CPUs, so that sums have one order.
inline constexpr int64_t kLanes = 16;
/// Columns of a work item of a product: two row groups of the packed layout.
inline constexpr int64_t kDefaultTileColumns = 2 * kLanes;

struct Tile {
  mlir::Value row;            ///< index of the first row
  int64_t rows = 1;           ///< how many
  mlir::Value column;         ///< index of the first column
  int64_t vectors = 1;        ///< how many vectors of 16 columns
  int64_t lastLanes = kLanes; ///< valid columns of the last vector

  bool operator==(const Tile &) const = default;
  int64_t lanes(int64_t vector) const { return vector + 1 == vectors ? lastLanes : kLanes; }
};

class TileEmitter : public Arithmetic {
public:
  /// \param builder where the kernel's body is built; positioned at the kernel prologue.
  /// \param rows    index: rows of this call.
  /// \param maxRows their bound.
  /// \param scratch memref<?xi8>; its type is fixed by getScratchBytes() afterwards.
  TileEmitter(mlir::ImplicitLocOpBuilder &builder, CpuTargetAttr target, mlir::Value rows,
              int64_t maxRows, mlir::Value scratch);

  // --- Demand ------------------------------------------------------------------------------

  /// Vectors of a tile of `value`: row by row, vector by vector.
  llvm::SmallVector<mlir::Value> pull(mlir::Value value, const Tile &tile);
  /// Element `row` of a value of rank 1.
  mlir::Value pullElement(mlir::Value value, mlir::Value row);
  /// A buffer that holds all rows of `value`: an argument's, or scratch filled in the kernel
  /// prologue.
  mlir::Value getBuffer(mlir::Value value);
  /// Says that `value` lies in `buffer`.
  void setBuffer(mlir::Value value, mlir::Value buffer) { buffers[value] = buffer; }
  bool hasBuffer(mlir::Value value) const { return buffers.contains(value); }

  /// Writes row `row` of `value` to that row of `destination`, tile by tile.
  void emitRowByTiles(mlir::Value value, mlir::Value row, mlir::Value destination);
  /// The same through the op's own emitRow where it has one. `values`: a value, or several results
  /// of getJointResults().
  void emitRow(mlir::ValueRange values, mlir::Value row, llvm::ArrayRef<mlir::Value> destinations);
  /// The results whose rows are computed together with those of `value`, itself among them.
  static llvm::SmallVector<mlir::Value> getJointResults(mlir::Value value);

  /// Calls `body` at the tile prologue, once for each key and tile; later calls give the first
  /// one's value.
  mlir::Value inTilePrologue(mlir::Operation *key, mlir::Value column,
                             llvm::function_ref<mlir::Value()> body);
  /// The same at the kernel prologue, once for each key.
  mlir::Value inKernelPrologue(const void *key, llvm::function_ref<mlir::Value()> body);
  /// `tile` moved by `columns`; the sum is computed in the tile prologue.
  Tile shifted(const Tile &tile, int64_t columns);

  /// Runs `body`, which emits the tiles of a block of rows that starts with `row`. Meanwhile
  /// getRowBlock() is that row, and what the block's tiles share is computed here.
  void inRowBlock(mlir::Value row, llvm::function_ref<void()> body);
  mlir::Value getRowBlock() const { return rowBlock; }
  /// As inTilePrologue, at the beginning of the block of rows.
  mlir::Value inRowBlockPrologue(mlir::Operation *key, mlir::Value column,
                                 llvm::function_ref<mlir::Value()> body);

  /// Calls `body` at the kernel prologue.
  mlir::Value inKernelPrologue(llvm::function_ref<mlir::Value()> body);

  /// Marks the current position as the tile prologue, and forgets the last tile's.
  void beginTile();

  // --- Memory ------------------------------------------------------------------------------

  /// A fixed part of the worker's scratch.
  mlir::Value allocateScratch(llvm::ArrayRef<int64_t> shape, mlir::Type elementType);
  int64_t getScratchBytes() const { return scratchBytes; }

  /// A vector of `lanes` ≤ 16 values, zeros above. Where the buffer holds f16 the values are
  /// widened here, and rounded by store().
  mlir::Value load(mlir::Value buffer, mlir::ValueRange indices, int64_t lanes = kLanes);
  void store(mlir::Value vector, mlir::Value buffer, mlir::ValueRange indices,
             int64_t lanes = kLanes);
  /// Element `row` of a value of rank 1 that holds integers (ids, positions, sequences), as an
  /// index.
  mlir::Value loadIndex(mlir::Value ids, mlir::Value row);

  // --- Vectors (Arithmetic has what works on scalars, too) ----------------------------------

  mlir::VectorType f32Vector(int64_t lanes = kLanes) const;
  mlir::Value broadcast(mlir::Value scalar, int64_t lanes = kLanes);
  /// a * b + c, fused only where the target has FMA.
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c) override;
  /// 2^x, relative error below 8e-5; 0 far below 0. Vectors of 16, with AVX-512.
  mlir::Value exp2Roughly(mlir::Value x);
  /// Sum (or maximum) of a vector's lanes as a tree of halves.
  mlir::Value reduceAdd(mlir::Value vector);
  mlir::Value reduceMax(mlir::Value vector);
  /// Vectors whose lane i are the reduceAdd() of vectors(i), bit by bit: several sums at once.
  /// Calls `vectors` for 0 to 15, in order.
  llvm::SmallVector<mlir::Value>
  reduceAddEach(llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t)> vectors);
  /// The same of one vector each, combined by `combine` in place of sums.
  mlir::Value reduceEach(llvm::function_ref<mlir::Value(int64_t)> vector,
                         llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);
  /// Of 16 vectors, lane j of vector i becomes lane i of vector j.
  void transpose(llvm::MutableArrayRef<mlir::Value> vectors);
  /// Widens halves (vector of i16) to f32.
  mlir::Value halfToFloat(mlir::Value bits);
  /// Rounds f32 to vector of f16, to nearest even; infinity from 65520 on.
  mlir::Value floatToHalf(mlir::Value x);

  /// Sum of `element(column index, lanes)` over `columns` columns from `first`, by vectors.
  mlir::Value sumColumns(mlir::Value first, int64_t columns,
                         llvm::function_ref<mlir::Value(mlir::Value, int64_t)> element);
  /// Several such sums at once, of the elements that `elements` gives.
  llvm::SmallVector<mlir::Value>
  sumColumns(mlir::Value first, int64_t columns, unsigned count,
             llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, int64_t)> elements);
  /// Calls `body(column offset, lanes)` for each vector of `columns` columns: a loop, and a tail.
  void forColumns(int64_t columns, llvm::function_ref<void(mlir::Value, int64_t)> body);
  /// scf.for without results over [lower, upper) by `step`.
  void forRange(mlir::Value lower, mlir::Value upper, int64_t step,
                llvm::function_ref<void(mlir::Value)> body);

  CpuTargetAttr getTarget() const { return target; }
  mlir::Value getRows() const { return rows; }
  int64_t getMaxRows() const { return maxRows; }
  /// The call's rows, rounded down to a multiple of `block`.
  mlir::Value getRowsInBlocks(int64_t block);
  /// Is this the code for calls of few rows (CpuTileOpInterface::getFewRows)?
  bool hasFewRows() const { return fewRows; }
  void setFewRows(bool few) { fewRows = few; }
  /// Are there more than kContractRows of them? i1
  mlir::Value isPrompt();
  /// Rows of `value`: this call's, unless its type says how many it has; and their bound.
  mlir::Value getRows(mlir::Value value);
  int64_t getMaxRows(mlir::Value value) const;

private:
  /// May arithmetic on `x` be rough: in a block of rows of a prompt, with AVX-512?
  bool isRough(mlir::Value x) const;
  mlir::Value expOfActivation(mlir::Value x) override;
  mlir::Value divide(mlir::Value x, mlir::Value y) override;
  llvm::SmallVector<mlir::Value> pullRoot(mlir::OpResult value, const Tile &tile);
  /// The value of a constant that is the same everywhere: a vector, or, without a shape, a scalar.
  mlir::Value splat(mlir::arith::ConstantOp constantOp, llvm::ArrayRef<int64_t> shape);
  /// An elementwise op, on operands of other types.
  mlir::Value emitElementwise(mlir::Operation *op, mlir::ValueRange operands, mlir::Type type);
  llvm::SmallVector<mlir::Value>
  reduceEach(int64_t first, int64_t count,
             llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t)> vectors,
             llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);
  mlir::Value reduce(mlir::Value vector,
                     llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);

  CpuTargetAttr target;
  mlir::Value rows;
  int64_t maxRows;
  bool fewRows;
  mlir::Value scratch;
  int64_t scratchBytes = 0;
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
  /// Code of the prologues is inserted before these ops.
  mlir::Operation *kernelPrologueEnd = nullptr;
  mlir::Operation *tilePrologueEnd = nullptr;
  mlir::Operation *rowBlockPrologueEnd = nullptr;
  mlir::Value rowBlock; ///< its first row, or null
  /// The last tile of the kernel's root, which several results may be computed from.
  struct {
    mlir::Value value;
    Tile tile;
    mlir::Block *block = nullptr;
    llvm::SmallVector<mlir::Value> vectors;
  } rootTile;
  llvm::DenseMap<const void *, mlir::Value> kernelValues;
  llvm::DenseMap<std::pair<mlir::Operation *, mlir::Value>, mlir::Value> tileValues, rowBlockValues;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value> shiftedColumns;
};

} // namespace nyala::cpu

#include "codegen/cpu/CpuInterfaces.h.inc"

#endif // NYALA_CODEGEN_CPU_TILEEMITTER_H
