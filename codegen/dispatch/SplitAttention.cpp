//===- SplitAttention.cpp - Attention of few rows in two steps ------------===//
#include "codegen/Passes.h"
#include "ir/AttentionOps.h"
#include "ir/Variants.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace nyala {
#define GEN_PASS_DEF_SPLITATTENTION
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// With more rows, rows and key-value heads are work items enough.
constexpr int64_t kFewRows = 8;

struct SplitAttention : nyala::impl::SplitAttentionBase<SplitAttention> {
  void runOnOperation() override {
    if (!getOperation()->hasAttr(NyalaDialect::kEntryAttr) ||
        getDevice(getOperation()) != Device::Cpu)
      return;
    getOperation().walk([&](AttentionOp op) {
      if (hasFewRows(op) && hasSeveralParts(op))
        split(op);
    });
  }

private:
  bool hasFewRows(AttentionOp op) {
    if (!op.getType().isDynamicDim(0))
      return op.getType().getDimSize(0) <= kFewRows;
    auto source = dyn_cast_or_null<BlockArgument>(nyala::getRowSource(op.getResult()));
    if (!source)
      return false;
    auto maxRows = getOperation().getArgAttrOfType<IntegerAttr>(source.getArgNumber(),
                                                                NyalaDialect::kMaxRowsAttr);
    return maxRows && maxRows.getInt() <= kFewRows;
  }

  static bool hasSeveralParts(AttentionOp op) {
    RankedTensorType keys = getTensorType(op.getKeys());
    return !keys.isDynamicDim(1) && keys.getDimSize(1) > kPartPositions;
  }

  // %a = nyala.attention %q, %k, %v at %p in %s
  //   ->
  // %parts = nyala.attention_parts %q, %k, %v at %p in %s
  // %a = nyala.merge_attention %parts at %p
  static void split(AttentionOp op) {
    OpBuilder builder(op);
    int64_t slots = getTensorType(op.getKeys()).getDimSize(1), heads = op.getHeads();
    PartsLayout layout{llvm::divideCeilSigned(slots, kPartPositions),
                       getChannels(op.getResult()) / heads};
    auto type = op.getType().clone({op.getType().getDimSize(0), heads * layout.getHeadColumns()});
    auto parts =
        AttentionPartsOp::create(builder, op.getLoc(), type, op->getOperands(), op->getAttrs());
    auto merged = MergeAttentionOp::create(builder, op.getLoc(), op.getType(), parts.getResult(),
                                           op.getPositions(), op.getHeadsAttr(), op.getMaskAttr());
    op.replaceAllUsesWith(merged.getResult());
    op.erase();
  }
};

} // namespace
