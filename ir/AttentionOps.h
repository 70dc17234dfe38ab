//===- AttentionOps.h - Attention in two steps ------------------*- C++ -*-===//
#ifndef NYALA_IR_ATTENTIONOPS_H
#define NYALA_IR_ATTENTIONOPS_H

#include "ir/NyalaOps.h"

#define GET_OP_CLASSES
#include "ir/AttentionOps.h.inc"

namespace nyala {

/// Positions of a part: parts begin at multiples of it.
inline constexpr int64_t kPartPositions = 256;

/// Columns of nyala.attention_parts, or of what nyala.merge_attention reads.
struct PartsLayout {
  int64_t parts;    ///< of a head
  int64_t valueDim; ///< channels of a head of the values

  static PartsLayout get(AttentionPartsOp op);
  static PartsLayout get(MergeAttentionOp op);

  /// Numbers of one part: the weighted sum, its maximum, its sum of exponentials.
  int64_t getPartColumns() const { return valueDim + 2; }
  int64_t getMaximumColumn() const { return valueDim; }
  int64_t getSumColumn() const { return valueDim + 1; }
  int64_t getHeadColumns() const { return parts * getPartColumns(); }
};

} // namespace nyala

#endif // NYALA_IR_ATTENTIONOPS_H
