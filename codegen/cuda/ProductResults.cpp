//===- ProductResults.cpp - What follows a product of few rows ------------===//
#include "codegen/cuda/ProductResults.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

/// Numbers between the sums of two rows: no two rows' numbers of a column share a bank.
static constexpr int64_t kPadding = 4;

void ProductResults::allocate(int64_t rows, int64_t columns, int64_t copies) {
  memory = e.allocateShared({copies * warps, rows, columns + kPadding}, e.b.getF32Type());
}

void ProductResults::useCopy(Value number) {
  firstWarp = arith::MulIOp::create(e.b, number, e.index(warps));
}

Value ProductResults::getSumsOf(Value warp) {
  return firstWarp ? Value(arith::AddIOp::create(e.b, firstWarp, warp)) : warp;
}

void ProductResults::keep(Value sum, Value row, Value column, int64_t offset) {
  e.store(sum, memory, ValueRange{getSumsOf(e.getWarp()), row}, column, offset);
}

Value ProductResults::isBelow(Value value, int64_t bound) {
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, value, e.index(bound));
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

void ProductResults::begin(Value row, int64_t numRows) {
  places.clear();
  for (const ProductTiles::Group &group : tiles.getGroups())
    places.push_back(findPlaces(group, row, numRows));
}

SmallVector<ProductResults::Place> ProductResults::findPlaces(const ProductTiles::Group &group,
                                                              Value row, int64_t numRows) {
  int64_t count = group.threadColumns, tileColumns = tiles.getTileColumns();
  int64_t perRow = tileColumns / count;
  int64_t items = numRows * perRow, columns = group.results.columns;
  Value start = arith::MulIOp::create(e.b, tiles.getTile(group), e.index(tileColumns));
  SmallVector<Place> places;
  for (int64_t first = 0; first < items; first += e.getThreads()) {
    Place place;
    Value item = e.b.createOrFold<arith::AddIOp>(e.getThread(), e.index(first));
    place.row = e.index(0);
    place.column = arith::MulIOp::create(e.b, arith::RemUIOp::create(e.b, item, e.index(perRow)),
                                         e.index(count));
    place.condition = isBelow(item, items);
    place.tile = {row, arith::AddIOp::create(e.b, start, place.column), 0, count};
    place.warps = llvm::divideCeil(std::min(items - first, e.getThreads()), kWarp);
    auto restrict = [&](Value condition) {
      place.condition = arith::AndIOp::create(e.b, place.condition, condition);
    };
    if (tiles.getGroups().size() > 1 || columns % tileColumns != 0) {
      restrict(isBelow(place.tile.column, columns));
      place.tile.column = arith::MinUIOp::create(e.b, place.tile.column, e.index(columns - count));
    }
    if (numRows > 1) {
      Value number = arith::DivUIOp::create(e.b, item, e.index(perRow));
      Value at = arith::AddIOp::create(e.b, row, number);
      restrict(arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, at, e.getRows()));
      place.row = arith::MinUIOp::create(e.b, number, e.index(numRows - 1));
      place.tile.row =
          arith::MinUIOp::create(e.b, at, arith::SubIOp::create(e.b, e.getRows(), e.index(1)));
    }
    places.push_back(place);
  }
  return places;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void ProductResults::emit() {
  for (auto [group, ofGroup] : llvm::zip_equal(tiles.getGroups(), places))
    emitGroup(group, ofGroup);
}

void ProductResults::emitGroup(const ProductTiles::Group &group, ArrayRef<Place> places) {
  auto emit = [&] {
    for (const Place &place : places)
      e.when(isBelow(e.getWarp(), place.warps), [&] { emitPlace(group, place); });
  };
  if (Value isMine = tiles.isOf(group))
    e.when(isMine, emit);
  else
    emit();
}

void ProductResults::emitPlace(const ProductTiles::Group &group, const Place &place) {
  for (const auto &demand : e.runDry([&] { results.emitTile(group.results, place.tile); }))
    e.provide(demand.value, demand.tile, getSums(group, place, demand.tile));
  results.emitTile(group.results, place.tile, place.condition);
}

static void addTo(ThreadEmitter &e, SmallVector<Value> &sums, ArrayRef<Value> addends) {
  if (sums.empty())
    return sums.assign(addends.begin(), addends.end());
  for (auto [sum, addend] : llvm::zip_equal(sums, addends))
    sum = arith::AddFOp::create(e.b, sum, addend);
}

SmallVector<Value> ProductResults::getSums(const ProductTiles::Group &group, const Place &place,
                                           const Tile &tile) {
  auto [part, behind] = ProductTiles::findPart(group, tile.offset);
  int64_t offset = part * tiles.getTileColumns() + behind;
  SmallVector<Value> sums;
  for (int64_t warp = 0; warp < warps; ++warp) {
    SmallVector<Value> addends = e.load(memory, ValueRange{getSumsOf(e.index(warp)), place.row},
                                        place.column, offset, tile.count);
    addTo(e, sums, addends);
  }
  if (bias)
    addTo(e, sums, e.load(e.getBuffer(bias), tile));
  return sums;
}
