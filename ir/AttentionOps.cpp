//===- AttentionOps.cpp - Attention over caches ---------------------------===//
//
// Verifiers, row domains and fusion of nyala.attention and of its two steps.
// Costs are in interfaces/CostModels.cpp, meanings in
// reference/ReferenceAttention.cpp.
//
//===----------------------------------------------------------------------===//
#include "ir/AttentionOps.h"
#include "ir/OpChecks.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace nyala;

/// Everything but the result's channels, which are `resultDim(channels of a value's head)` a head.
template <typename Op>
static LogicalResult verifyAttention(Op op, function_ref<int64_t(int64_t)> resultDim) {
  int64_t queryDim, keyDim, valueDim;
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  RankedTensorType keys = getTensorType(op.getKeys()), values = getTensorType(op.getValues());
  if (failed(expectHeads(op, getChannels(op.getQuery()), heads, "the query", queryDim)) ||
      failed(expectHeads(op, keys.getDimSize(2), kvHeads, "the keys", keyDim)) ||
      failed(expectHeads(op, values.getDimSize(2), kvHeads, "the values", valueDim)))
    return failure();
  if (heads % kvHeads != 0)
    return op.emitOpError("expected heads to be a multiple of ")
           << kvHeads << " key-value heads, got " << heads;
  if (failed(expectEqual(op, "channels of a key's head", queryDim, keyDim)) ||
      failed(expectEqual(op, "channels of the result", heads * resultDim(valueDim),
                         getChannels(op.getResult()))) ||
      failed(expectRows(op, op.getQuery(), op.getResult(), "the result")) ||
      failed(expectRows(op, op.getQuery(), op.getPositions(), "the positions")) ||
      failed(expectRows(op, op.getQuery(), op.getSequences(), "the sequences")))
    return failure();
  for (unsigned dim : {0, 1})
    if (failed(expectEqual(op, dim == 0 ? "sequences of the values" : "slots of the values",
                           keys.getDimSize(dim), values.getDimSize(dim))))
      return failure();
  return success();
}

template <typename Op> static SmallVector<OpOperand *> getAttentionRowOperands(Op op) {
  return {&op.getQueryMutable(), &op.getPositionsMutable(), &op.getSequencesMutable()};
}

//===----------------------------------------------------------------------===//
// In one step
//===----------------------------------------------------------------------===//

LogicalResult AttentionOp::verify() {
  return verifyAttention(*this, [](int64_t valueDim) { return valueDim; });
}

OpOperand &AttentionOp::getRowOperand() { return getQueryMutable(); }
SmallVector<OpOperand *> AttentionOp::getRowOperands() { return getAttentionRowOperands(*this); }
FusionKind AttentionOp::getFusionKind() { return FusionKind::Root; }

//===----------------------------------------------------------------------===//
// In two steps
//===----------------------------------------------------------------------===//

static int64_t countParts(int64_t slots) { return llvm::divideCeil(slots, kPartPositions); }

PartsLayout PartsLayout::get(AttentionPartsOp op) {
  return {countParts(getTensorType(op.getKeys()).getDimSize(1)),
          getChannels(op.getValues()) / static_cast<int64_t>(op.getKvHeads())};
}

PartsLayout PartsLayout::get(MergeAttentionOp op) {
  int64_t heads = op.getHeads(), valueDim = getChannels(op.getResult()) / heads;
  return {getChannels(op.getParts()) / heads / (valueDim + 2), valueDim};
}

LogicalResult AttentionPartsOp::verify() {
  RankedTensorType keys = getTensorType(getKeys());
  if (keys.isDynamicDim(1))
    return emitOpError("expected a static number of slots, got ") << keys;
  return verifyAttention(*this, [&](int64_t valueDim) {
    return PartsLayout{countParts(keys.getDimSize(1)), valueDim}.getHeadColumns();
  });
}

OpOperand &AttentionPartsOp::getRowOperand() { return getQueryMutable(); }
SmallVector<OpOperand *> AttentionPartsOp::getRowOperands() {
  return getAttentionRowOperands(*this);
}
FusionKind AttentionPartsOp::getFusionKind() { return FusionKind::Root; }

LogicalResult MergeAttentionOp::verify() {
  int64_t valueDim, headColumns;
  if (failed(expectHeads(*this, getChannels(getResult()), getHeads(), "the result", valueDim)) ||
      failed(expectHeads(*this, getChannels(getParts()), getHeads(), "the parts", headColumns)))
    return failure();
  int64_t partColumns = PartsLayout{1, valueDim}.getPartColumns();
  if (headColumns % partColumns != 0)
    return emitOpError("expected channels of a head of the parts to be a multiple of ")
           << partColumns << ", a part of " << valueDim << " channels, got " << headColumns;
  if (failed(expectRows(*this, getParts(), getResult(), "the result")))
    return failure();
  return expectRows(*this, getParts(), getPositions(), "the positions");
}

OpOperand &MergeAttentionOp::getRowOperand() { return getPartsMutable(); }
SmallVector<OpOperand *> MergeAttentionOp::getRowOperands() {
  return {&getPartsMutable(), &getPositionsMutable()};
}
FusionKind MergeAttentionOp::getFusionKind() { return FusionKind::RowReduction; }

#define GET_OP_CLASSES
#include "ir/AttentionOps.cpp.inc"
