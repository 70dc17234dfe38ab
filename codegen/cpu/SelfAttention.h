//===- SelfAttention.h - Attention among the rows of a batch ----*- C++ -*-===//
//
// Both directions work on one sequence and head at a time, with keys (and, for
// the gradient, values) transposed in scratch, so that scores of 16 positions
// are one vector. Everything in scratch is padded with zeros to whole blocks of
// rows and whole vectors; what belongs to no row or channel is never stored.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_SELFATTENTION_H
#define NYALA_CODEGEN_CPU_SELFATTENTION_H

#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/TileProduct.h"
#include "ir/TrainingOps.h"

namespace nyala::cpu {

/// Positions and rows of a block.
inline constexpr int64_t kBlock = 64;

/// Channels [column, column + dims) of the rows of one sequence: one head of an operand or result.
struct HeadRows {
  mlir::Value buffer;   ///< all rows, all heads
  mlir::Value firstRow; ///< of the sequence
  mlir::Value column;
  int64_t dims = 0;
};

/// What the forward op and its gradient share: both have its heads, scale, length and mask.
class SelfAttentionEmitter {
public:
  template <typename Op>
  SelfAttentionEmitter(TileEmitter &e, Op op)
      : e(e), tile(getProductTile(e.getTarget())), length(op.getLength()), heads(op.getHeads()),
        kvHeads(op.getKvHeads()), keyDim(getChannels(op.getQuery()) / heads),
        valueDim(getChannels(op.getResult()) / heads), window(op.getMask().getWindow()),
        scale(op.getScale().convertToDouble()) {}

  int64_t getPanelColumns() const { return tile.vectors * kLanes; }
  int64_t getPaddedLength() const { return llvm::alignTo(length, kBlock); }

  mlir::Value add(mlir::Value l, mlir::Value r);
  mlir::Value add(mlir::Value l, int64_t r);
  mlir::Value mul(mlir::Value l, int64_t r);
  mlir::Value minimum(mlir::Value l, mlir::Value r);
  /// The largest multiple of `unit` that is not above l ≥ 0.
  mlir::Value floor(mlir::Value l, int64_t unit);
  mlir::Value ceil(mlir::Value l, int64_t unit);

  /// Head number `head`, of `dims` channels, of the sequence that begins at row `firstRow`.
  HeadRows getHead(mlir::Value buffer, mlir::Value firstRow, mlir::Value head, int64_t dims);
  /// `lanes` channels from `channel` of a row of the sequence.
  mlir::Value load(const HeadRows &head, mlir::Value row, mlir::Value channel, int64_t lanes);
  void store(mlir::Value vector, const HeadRows &head, mlir::Value row, mlir::Value channel,
             int64_t lanes);

  /// Scratch for `head` transposed: panels of getPanelColumns() positions, each channels by
  /// positions.
  mlir::Value allocatePanels(int64_t dims);
  void packPanels(const HeadRows &head, mlir::Value panels);
  /// Scratch for kBlock rows.
  mlir::Value allocateRows(int64_t rows, int64_t dims);
  /// rows [first, first + count) of `head` times `factor`, zeros beyond the sequence.
  void copyRows(const HeadRows &head, mlir::Value first, int64_t count, double factor,
                mlir::Value destination);

  /// destination[row.., column..] = left[row..] · panels, at the panel of position `position`: sums
  /// of `dims` products.
  void emitScores(mlir::Value left, mlir::Value row, mlir::Value panels, mlir::Value position,
                  int64_t dims, mlir::Value destination, mlir::Value column);
  /// A tile of sums in scratch, whole vectors.
  void storeTile(mlir::ValueRange sums, mlir::Value destination, const Tile &at);
  llvm::SmallVector<mlir::Value> loadTile(mlir::Value source, const Tile &at);
  /// Calls `body` for tiles of `dims` channels of rows from `row`: a loop, and a tail.
  void forChannels(mlir::Value row, int64_t dims, llvm::function_ref<void(const Tile &)> body);

  /// Does row `row` attend to positions [position, position + 16)? A mask; both count from the
  /// sequence's first row.
  mlir::Value emitMask(mlir::Value row, mlir::Value position);
  /// The first position that row `row` attends to.
  mlir::Value getFirstPosition(mlir::Value row);

  TileEmitter &e;
  const ProductTile tile;
  const int64_t length, heads, kvHeads, keyDim, valueDim, window;
  const double scale;
};

/// Why a kernel cannot hold an op with `rows` rows; empty if it can.
std::string getSelfAttentionObstacle(mlir::Value rows);

void attachSelfAttentionGradientModel(mlir::MLIRContext *context);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_SELFATTENTION_H
