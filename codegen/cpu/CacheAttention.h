//===- CacheAttention.h - Attention over caches by rows ---------*- C++ -*-===//
//
// The schedule of few rows. Positions are divided into parts that begin at
// multiples of kPartPositions: a part is reduced to its maximum, its sum of
// exponentials and its weighted sum of values, for all query heads of a
// key-value head, so that keys and values are read once. Parts are merged in
// ascending order. So a number depends on positions alone, neither on how rows
// are computed together nor on who computes which part.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_CACHEATTENTION_H
#define NYALA_CODEGEN_CPU_CACHEATTENTION_H

#include "codegen/cpu/CpuTileModels.h"
#include "codegen/cpu/SlotAccess.h"
#include "ir/AttentionOps.h"

namespace nyala::cpu {

/// Positions [first, end) that a row attends to, and the parts that they are in.
struct PositionSpan {
  mlir::Value first, end;
  mlir::Value firstPart, endPart;
};
PositionSpan getPositionSpan(TileEmitter &e, mlir::Value positions, mlir::Value row, MaskAttr mask);

/// Of a head: the softmax of some positions before it is divided by its sum.
struct SoftmaxState {
  mlir::Value maximum, sum;                ///< of the scores; of their exponentials below it
  llvm::SmallVector<mlir::Value> weighted; ///< sum of exponential * value: vectors of 16 channels

  /// Of no position; `vectors` hold a head's values.
  static SoftmaxState getEmpty(TileEmitter &e, int64_t vectors);
  /// Of this state's positions and of another's: the one order in which parts are added.
  SoftmaxState merge(TileEmitter &e, const SoftmaxState &other) const;
  /// Stores the head's result at `column` of a row.
  void finish(TileEmitter &e, mlir::Value destination, mlir::Value row, mlir::Value column,
              int64_t channels) const;

  llvm::SmallVector<mlir::Value> flatten() const;
  static SoftmaxState unflatten(mlir::ValueRange values);
};

/// Emits rows of nyala.attention, or parts of rows of nyala.attention_parts.
class CacheAttentionEmitter {
public:
  template <typename Op>
  CacheAttentionEmitter(TileEmitter &e, Op op)
      : e(e), heads(op.getHeads()), group(heads / static_cast<int64_t>(op.getKvHeads())),
        queryDim(getChannels(op.getQuery()) / heads),
        valueDim(getChannels(op.getValues()) / static_cast<int64_t>(op.getKvHeads())),
        scale(op.getScale().convertToDouble()), keys(e, op.getKeys(), queryDim),
        values(e, op.getValues(), valueDim), query(e.getBuffer(op.getQuery())),
        positions(op.getPositions()), sequences(op.getSequences()), mask(op.getMask()) {
    scores = e.allocateScratch({getHeadsTogether(), kPartPositions}, e.b.getF32Type());
  }

  PositionSpan getSpan(mlir::Value row) { return getPositionSpan(e, positions, row, mask); }

  /// All query heads of key-value head `kvHead` of a row.
  void emitRow(mlir::Value row, mlir::Value kvHead, mlir::Value destination);
  /// A part of a key-value head of a row.
  struct Unit {
    mlir::Value kvHead, part;
  };
  /// What `layout` says of a part that the row has positions in, for all query heads. Asks for the
  /// keys of `next`.
  void emitPart(mlir::Value row, const PositionSpan &span, const Unit &unit, const Unit &next,
                const PartsLayout &layout, mlir::Value destination);

private:
  /// Query heads that are computed together: their number, the first of them, their queries times
  /// the scale, and where their keys and values are.
  struct Heads {
    mlir::Value first;
    llvm::SmallVector<llvm::SmallVector<mlir::Value>> queries;
    mlir::Value sequence, keyColumn, valueColumn;
    int64_t size() const { return static_cast<int64_t>(queries.size()); }
  };

  /// As many as keep their sums in registers.
  int64_t getHeadsTogether() const;
  void forHeads(mlir::Value row, mlir::Value kvHead, llvm::function_ref<void(const Heads &)> body);
  llvm::SmallVector<SoftmaxState> reducePart(const Heads &heads, const PositionSpan &span,
                                             mlir::Value part, const Unit &next);
  llvm::SmallVector<mlir::Value> emitScores(const Heads &heads, mlir::Value part, mlir::Value from,
                                            mlir::Value to);
  llvm::SmallVector<mlir::Value> emitProducts(const Heads &heads, mlir::Value position);
  llvm::SmallVector<mlir::Value> emitExponentials(mlir::ValueRange maxima, mlir::Value part,
                                                  mlir::Value from, mlir::Value to);
  llvm::SmallVector<mlir::Value> emitWeightedSums(const Heads &heads, mlir::Value part,
                                                  mlir::Value from, mlir::Value to,
                                                  const Unit &next);
  void prefetch(SlotReader &cache, const Heads &heads, mlir::Value column, mlir::Value slot);

  TileEmitter &e;
  const int64_t heads, group, queryDim, valueDim;
  const double scale;
  SlotReader keys, values;
  mlir::Value query, scores;
  mlir::Value positions, sequences; ///< as tensors
  MaskAttr mask;
};

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_CACHEATTENTION_H
