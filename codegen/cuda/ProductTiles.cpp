//===- ProductTiles.cpp - Columns of a product that results need ----------===//
#include "codegen/cuda/ProductTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

ProductTiles::ProductTiles(ThreadEmitter &e, KernelResults &results, int64_t threadColumns)
    : e(e), tileIndex(e.getTileIndex()) {
  for (const KernelResults::Group &ofResults : results.getGroups()) {
    Group group{ofResults, std::min(threadColumns, ofResults.columns & -ofResults.columns), {}};
    Tile tile{e.index(0), e.index(0), 0, group.threadColumns};
    for (const ThreadEmitter::Demand &demand :
         e.explore([&] { results.emitTile(ofResults, tile); })) {
      int64_t offset = demand.tile.offset / tile.count * tile.count;
      if (!llvm::is_contained(group.offsets, offset))
        group.offsets.push_back(offset);
    }
    llvm::sort(group.offsets);
    numParts = std::max(numParts, static_cast<int64_t>(group.offsets.size()));
    groups.push_back(group);
  }
  // What a group does not need it gets all the same.
  for (Group &group : groups)
    group.offsets.resize(numParts, group.offsets.back());
}

int64_t ProductTiles::getNumColumns() const {
  int64_t columns = 0;
  for (const Group &group : groups)
    columns += group.results.columns;
  return columns;
}

int64_t ProductTiles::divide(int64_t columns) {
  tileColumns = columns;
  int64_t tiles = 0;
  for (Group &group : groups) {
    group.firstTile = tiles;
    group.numTiles = llvm::divideCeil(group.results.columns, tileColumns);
    tiles += group.numTiles;
  }
  return tiles;
}

Value ProductTiles::getTile(const Group &group) {
  return e.b.createOrFold<arith::SubIOp>(tileIndex, e.index(group.firstTile));
}

Value ProductTiles::isOf(const Group &group) {
  if (groups.size() == 1)
    return {};
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, getTile(group),
                               e.index(group.numTiles));
}

Value ProductTiles::getFirstColumn(int64_t part) {
  auto getShift = [&](const Group &group) {
    return e.index(group.offsets[part] - group.firstTile * tileColumns);
  };
  Value shift = getShift(groups.front());
  for (const Group &group : ArrayRef(groups).drop_front())
    shift = arith::SelectOp::create(e.b, isOf(group), getShift(group), shift);
  Value column = arith::MulIOp::create(e.b, tileIndex, e.index(tileColumns));
  return arith::AddIOp::create(e.b, column, shift);
}

bool ProductTiles::areMultiples(int64_t columns) const {
  return tileColumns % columns == 0 && llvm::all_of(groups, [&](const Group &group) {
           return llvm::all_of(group.offsets,
                               [&](int64_t offset) { return offset % columns == 0; });
         });
}

std::pair<int64_t, int64_t> ProductTiles::findPart(const Group &group, int64_t offset) {
  const int64_t *next = llvm::upper_bound(group.offsets, offset);
  // Of equal ones the first.
  const int64_t *begin = llvm::lower_bound(group.offsets, *(next - 1));
  return {begin - group.offsets.begin(), offset - *begin};
}
