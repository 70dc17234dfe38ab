//===- ValuePlaces.cpp - Which memory the values of an entry share --------===//
#include "ir/memory/ValuePlaces.h"
#include "ir/memory/ArenaPlanner.h"
#include "runtime/kernel_abi.h"

#include <limits>

using namespace mlir;
using namespace nyala;

void ValuePlaces::addObject(Value value, MemoryObject object) {
  places[value] = {static_cast<unsigned>(objects.size()), 0, object.bytes};
  objects.push_back(object);
}

void ValuePlaces::placeOver(Value value, Value old) {
  Place place = getPlace(old);
  places[value] = place;
}

LogicalResult ValuePlaces::reserve(Value value, MemoryObject object) {
  Place place{static_cast<unsigned>(objects.size()), 0, object.bytes};
  if (!reserved.try_emplace(value, place).second)
    return failure();
  objects.push_back(object);
  return success();
}

LogicalResult ValuePlaces::reserveIn(Value value, Value state) {
  return success(reserved.try_emplace(value, places.find(state)->second).second);
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

bool ValuePlaces::isView(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ExtractSliceOp,
             tensor::ConcatOp>(op);
}

/// Bytes of one step along the leading dimension.
static int64_t getRowBytes(Value value) {
  RankedTensorType type = getTensorType(value);
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  for (int64_t dim : type.getShape().drop_front())
    bytes *= dim;
  return bytes;
}

bool ValuePlaces::isContiguous(Operation *view) {
  auto slice = dyn_cast<tensor::ExtractSliceOp>(view);
  if (!slice)
    return !isa<tensor::ConcatOp>(view);
  RankedTensorType source = slice.getSourceType();
  auto isStatic = [](ArrayRef<int64_t> values) {
    return llvm::none_of(values, [](int64_t value) { return ShapedType::isDynamic(value); });
  };
  bool whole = source.getRank() > 0 && source.hasStaticShape() && !source.getEncoding() &&
               isStatic(slice.getStaticOffsets()) && isStatic(slice.getStaticSizes()) &&
               llvm::all_of(slice.getStaticStrides(), [](int64_t stride) { return stride == 1; });
  for (int64_t dim = 1; whole && dim < source.getRank(); ++dim)
    whole = slice.getStaticSizes()[dim] == source.getDimSize(dim);
  return whole;
}

/// Byte of the source at which a view begins.
static FailureOr<int64_t> getOffset(Operation *view) {
  if (!ValuePlaces::isContiguous(view))
    return view->emitOpError("has no place in the memory of its operand: expected whole rows, "
                             "one after the other");
  auto slice = dyn_cast<tensor::ExtractSliceOp>(view);
  if (!slice)
    return 0;
  return slice.getStaticOffsets().front() * getRowBytes(slice.getSource());
}

LogicalResult ValuePlaces::placeView(Operation *op) {
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    places[concat.getResult()] = reserved.find(concat.getResult())->second;
    return success();
  }
  auto source = places.find(op->getOperand(0));
  if (source == places.end())
    return op->emitOpError("shows a value that no dispatch computes");
  FailureOr<int64_t> offset = getOffset(op);
  if (failed(offset))
    return failure();
  Place place = source->second;
  place.offset += *offset;
  RankedTensorType type = getTensorType(op->getResult(0));
  if (type.hasStaticShape())
    place.bytes = type.getDimSize(0) * getRowBytes(op->getResult(0));
  places[op->getResult(0)] = place;
  return success();
}

//===----------------------------------------------------------------------===//
// Concatenations
//===----------------------------------------------------------------------===//

LogicalResult ValuePlaces::reserveParts(Block &block, GetBytes getBytes) {
  // From the end: a whole may be part of another.
  for (Operation &op : llvm::reverse(block)) {
    auto concat = dyn_cast<tensor::ConcatOp>(op);
    if (!concat)
      continue;
    if (concat.getDim() != 0 || !concat.getResultType().hasStaticShape())
      return concat.emitOpError(
                 "expected rows of a static shape to be concatenated, got dimension ")
             << concat.getDim() << " of " << concat.getResultType();
    int64_t bytes = getBytes(concat.getResult());
    // Fails if it has a destination already: its parts are then written there.
    (void)reserve(concat.getResult(), {BufferRegion::Arena, 0, {}, bytes});
    Place place = reserved.find(concat.getResult())->second;
    for (unsigned index = 0; index < concat.getNumOperands(); ++index) {
      place.bytes = getBytes(concat.getOperand(index));
      if (failed(placePart(concat, index, place)))
        return failure();
      place.offset += place.bytes;
    }
  }
  return success();
}

LogicalResult ValuePlaces::placePart(tensor::ConcatOp concat, unsigned index, Place place) {
  Value part = concat.getOperand(index);
  auto error = [&](StringRef what) {
    return concat.emitOpError("operand ")
           << index << ' ' << what << ": placing it among the others needs a copy";
  };
  auto result = dyn_cast<OpResult>(part);
  auto dispatch = result ? dyn_cast<DispatchOp>(result.getOwner()) : DispatchOp();
  if (dispatch ? dispatch.getTied()[result.getResultNumber()] >= 0
               : !part.getDefiningOp<tensor::ConcatOp>())
    return error("is not computed by a dispatch that could write it there");
  if (!reserved.try_emplace(part, place).second)
    return error("already has another place");
  return success();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

LogicalResult ValuePlaces::placeResults(DispatchOp dispatch, GetBytes getBytes) {
  llvm::SmallDenseSet<int64_t> updated;
  for (auto [tied, result] : llvm::zip_equal(dispatch.getTied(), dispatch->getResults())) {
    if (tied < 0) {
      auto destination = reserved.find(result);
      if (destination != reserved.end())
        places[result] = destination->second;
      else
        addObject(result, {BufferRegion::Arena, 0, {}, getBytes(result)});
    } else {
      auto place = places.find(dispatch.getInputs()[tied]);
      BufferRegion region =
          place == places.end() ? BufferRegion::Weight : objects[place->second.object].region;
      if (region != BufferRegion::State && region != BufferRegion::Arena)
        return dispatch.emitOpError("updates operand ")
               << tied << " in place, which is neither a state nor computed by a dispatch";
      if (!updated.insert(tied).second)
        return dispatch.emitOpError("updates operand ")
               << tied << " in place twice: this needs a copy of the state";
      placeOver(result, dispatch.getInputs()[tied]);
    }
    writes[places.find(result)->second.object].push_back(result);
  }
  return success();
}

/// The op that computes the bytes of `value`; null: it is an argument.
static Operation *getWriter(Value value) {
  Operation *op = value.getDefiningOp();
  while (op && ValuePlaces::isView(op) && !isa<tensor::ConcatOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return op;
}

/// Reading is right if nothing wrote the same bytes since the value was computed.
LogicalResult ValuePlaces::checkRead(OpOperand &read) const {
  auto it = places.find(read.get());
  if (it == places.end())
    return success();
  const Place &place = it->second;
  auto written = writes.find(place.object);
  if (written == writes.end())
    return success();
  Operation *reader = read.getOwner(), *writer = getWriter(read.get());
  for (OpResult result : written->second) {
    auto update = cast<DispatchOp>(result.getOwner());
    const Place &target = places.find(result)->second;
    bool overlaps =
        place.offset < target.offset + target.bytes && target.offset < place.offset + place.bytes;
    bool isNew = writer && !writer->isBeforeInBlock(update);
    if (!overlaps || isNew || reader->isBeforeInBlock(update))
      continue;
    int64_t tied = update.getTied()[result.getResultNumber()];
    if (reader == update && tied == static_cast<int64_t>(read.getOperandNumber()) - 1)
      continue;
    StringRef what = objects[place.object].region == BufferRegion::State ? "state" : "value";
    StringRef who = reader == update ? "it reads elsewhere" : "a later operation still reads";
    InFlightDiagnostic error = update.emitOpError("updates a ")
                               << what << " in place that " << who << ": this needs a copy of the "
                               << what;
    error.attachNote(reader->getLoc()) << "read here";
    return error;
  }
  return success();
}

LogicalResult ValuePlaces::checkUpdates(Block &block) const {
  for (Operation &op : block) {
    if (isView(&op) && !isa<tensor::ConcatOp>(op))
      continue;
    for (OpOperand &operand : op.getOpOperands())
      if (failed(checkRead(operand)))
        return failure();
  }
  return success();
}

int64_t ValuePlaces::planArena(ArrayRef<Operation *> steps) {
  llvm::MapVector<unsigned, ArenaValue> values;
  auto touch = [&](Value value, int64_t step) {
    auto place = places.find(value);
    if (place == places.end() || objects[place->second.object].region != BufferRegion::Arena)
      return;
    unsigned object = place->second.object;
    auto [it, isNew] = values.try_emplace(object, ArenaValue{objects[object].bytes, step, step});
    it->second.lastStep = step;
  };
  for (auto [index, op] : llvm::enumerate(steps)) {
    int64_t step = index;
    for (Value operand : op->getOperands())
      touch(operand, step);
    for (Value result : op->getResults())
      touch(result, step);
  }
  std::vector<ArenaValue> planned;
  for (auto &[object, value] : values)
    planned.push_back(value);
  int64_t bytes = nyala::planArena(planned, NYALA_BUFFER_ALIGNMENT);
  for (auto [entry, value] : llvm::zip_equal(values, planned))
    objects[entry.first].index = value.offset;
  return bytes;
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

BufferAttr ValuePlaces::getBuffer(Value value) const {
  const Place &place = getPlace(value);
  const MemoryObject &object = objects[place.object];
  bool arena = object.region == BufferRegion::Arena;
  return BufferAttr::get(value.getContext(), object.region, object.weight, arena ? 0 : object.index,
                         place.offset + (arena ? object.index : 0));
}

MemoryRange ValuePlaces::getRange(Value value) const {
  const Place &place = getPlace(value);
  const MemoryObject &object = objects[place.object];
  if (object.region == BufferRegion::Arena)
    return {object.region, 0, object.index + place.offset,
            object.index + place.offset + place.bytes - 1};
  if (place.bytes == 0)
    return {object.region, object.index, 0, std::numeric_limits<int64_t>::max()};
  return {object.region, object.index, place.offset, place.offset + place.bytes - 1};
}
