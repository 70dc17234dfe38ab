//===- ShareRopeTables.cpp - One table of angles for all layers -----------===//
#include "ir/NyalaOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

namespace nyala {
#define GEN_PASS_DEF_SHAREROPETABLES
#include "passes/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

struct ShareRopeTables : nyala::impl::ShareRopeTablesBase<ShareRopeTables> {
  /// All that a table depends on: positions, base, dims, scale, factors (may be null).
  using TableKey = std::tuple<Value, Attribute, Attribute, Attribute, Attribute>;

  /// The table of `rope`'s angles. It follows `previous`, the last table of the same positions, or
  /// the positions themselves: so it dominates every rope of them.
  static RopeTableOp createTable(RopeOp rope, RopeTableOp previous) {
    Value positions = rope.getPositions();
    OpBuilder builder(rope.getContext());
    builder.setInsertionPointAfterValue(previous ? previous.getResult() : positions);
    int64_t rows = cast<RankedTensorType>(positions.getType()).getDimSize(0);
    // f32 whatever the activations' type: angles of late positions need the precision.
    auto type =
        RankedTensorType::get({rows, static_cast<int64_t>(rope.getDims())}, builder.getF32Type());
    return RopeTableOp::create(builder, rope.getLoc(), type, positions, rope.getBaseAttr(),
                               rope.getDimsAttr(), rope.getScaleAttr(), rope.getFactorsAttr());
  }

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    llvm::MapVector<TableKey, std::pair<RopeTableOp, unsigned>> tables; // with the number of users
    llvm::DenseMap<Value, RopeTableOp> lastTables;                      // by positions
    func.walk([&](RopeOp rope) {
      // %r = nyala.rope P %x at %positions {heads = H, PARAMETERS}
      //   ->
      // %t = nyala.rope_table %positions {PARAMETERS}    once, after %positions
      // %r = nyala.rotate P %x by %t {heads = H}
      auto &[table, users] = tables[{rope.getPositions(), rope.getBaseAttr(), rope.getDimsAttr(),
                                     rope.getScaleAttr(), rope.getFactorsAttr()}];
      if (!table)
        table = lastTables[rope.getPositions()] =
            createTable(rope, lastTables.lookup(rope.getPositions()));
      ++users;
      OpBuilder builder(rope);
      auto rotate = RotateOp::create(builder, rope.getLoc(), rope.getType(), rope.getPairingAttr(),
                                     rope.getInput(), table.getResult(), rope.getHeadsAttr(),
                                     /*inverse=*/UnitAttr());
      rotate->setDiscardableAttrs(rope->getDiscardableAttrDictionary());
      rope.replaceAllUsesWith(rotate.getResult());
      rope.erase();
    });
    for (auto &[key, entry] : tables)
      remark::passed(entry.first.getLoc(), remark::RemarkOpts::name("RopeTableShared")
                                               .category("nyala-share-rope-tables")
                                               .function(func.getName()))
          << remark::add("one table of angles for {0} rotations", entry.second);
  }
};

} // namespace
