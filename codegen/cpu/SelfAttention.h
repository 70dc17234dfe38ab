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

#include "codegen/cpu/AttentionBlocks.h"
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
class SelfAttentionEmitter : public AttentionBlockEmitter {
public:
  template <typename Op>
  SelfAttentionEmitter(TileEmitter &e, Op op)
      : AttentionBlockEmitter(e, getProductTile(e.getTarget()), op.getMask()),
        length(op.getLength()), heads(op.getHeads()), kvHeads(op.getKvHeads()),
        keyDim(getChannels(op.getQuery()) / heads), valueDim(getChannels(op.getResult()) / heads),
        scale(op.getScale().convertToDouble()) {}

  int64_t getPaddedLength() const { return llvm::alignTo(length, kBlock); }

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
  /// rows [first, first + count) of `head` times `factor`, zeros beyond the sequence.
  void copyRows(const HeadRows &head, mlir::Value first, int64_t count, double factor,
                mlir::Value destination);

  const int64_t length, heads, kvHeads, keyDim, valueDim;
  const double scale;
};

/// Why a kernel cannot hold an op with `rows` rows; empty if it can.
std::string getSelfAttentionObstacle(mlir::Value rows);

void attachSelfAttentionGradientModel(mlir::MLIRContext *context);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_SELFATTENTION_H
