//===- EntryPlaces.cpp - The memory of an entry point ---------------------===//
#include "ir/memory/EntryPlaces.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace nyala;

LogicalResult EntryPlaces::build() {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitOpError("expected the body of an entry point to be one block");
  return success(succeeded(collectArguments()) && succeeded(chooseDestinations()) &&
                 succeeded(collectSteps()) && succeeded(checkReturned()) &&
                 succeeded(places.checkUpdates(function.getBody().front())));
}

//===----------------------------------------------------------------------===//
// Signature
//===----------------------------------------------------------------------===//

LogicalResult EntryPlaces::collectArguments() {
  for (BlockArgument argument : function.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto type = dyn_cast<Type>(argument.getType());
    if (!type || type.getRank() == 0)
      return function.emitOpError("argument ")
             << number << " has type " << argument.getType() << ", expected a tensor";
    auto role = function.getArgAttrOfType<StringAttr>(number, NyalaDialect::kRoleAttr);
    auto state = function.getArgAttrOfType<StringAttr>(number, NyalaDialect::kStateAttr);
    if (!role && !state)
      return function.emitOpError("argument ")
             << number << " has neither '" << NyalaDialect::kRoleAttr << "' nor '"
             << NyalaDialect::kStateAttr << "'";
    if (failed(role ? addArgument(argument, type, role.getValue())
                    : addState(argument, type, state.getValue())))
      return failure();
  }
  return success();
}

LogicalResult EntryPlaces::addArgument(BlockArgument argument, Type type, StringRef role) {
  auto maxRows =
      function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), NyalaDialect::kMaxRowsAttr);
  int64_t count;
  if (!type.isDynamicDim(0)) {
    count = getFixedCount(type.getDimSize(0));
  } else if (maxRows) {
    count = getCount(role == "wanted" ? "wanted" : "rows", maxRows.getInt());
    countOf[argument] = count;
  } else {
    return function.emitOpError("argument ")
           << argument.getArgNumber() << " has no '" << NyalaDialect::kMaxRowsAttr
           << "'; run nyala-specialize-entries first";
  }
  places.addObject(argument,
                   {BufferRegion::Argument, static_cast<int64_t>(arguments.size()), {}, 0});
  arguments.push_back(ArgumentAttr::get(builder.getContext(), role, count));
  return success();
}

/// A cache has sequences, slots and channels; a matrix rows, which are its slots.
LogicalResult EntryPlaces::addState(BlockArgument argument, Type type, StringRef name) {
  if (function.getArgAttr(argument.getArgNumber(), NyalaDialect::kResidentAttr))
    return addResident(argument, type, name);
  bool matrix = type.getRank() == 2;
  if (!type.hasStaticShape() || (!matrix && type.getRank() != 3))
    return function.emitOpError("state '")
           << name << "' has type " << type
           << ", expected static sequences, slots and channels, or a static matrix; run "
              "nyala-specialize-entries first";
  int64_t slotBytes =
      matrix ? type.getDimSize(1) * type.getElementTypeBitWidth() / 8 : getSlotBytes(type);
  int64_t sequences = matrix ? 1 : type.getDimSize(0);
  int64_t slots = type.getDimSize(matrix ? 0 : 1);
  placeState(argument, StateAttr::get(builder.getContext(), name, sequences, slots, slotBytes,
                                      /*resident=*/false));
  return success();
}

/// A weight that belongs to the loaded model: one slot.
LogicalResult EntryPlaces::addResident(BlockArgument argument, Type type, StringRef name) {
  if (!type.hasStaticShape())
    return function.emitOpError("resident state '")
           << name << "' has type " << type << ", expected a static shape";
  placeState(argument, StateAttr::get(builder.getContext(), name, /*sequences=*/1, /*slots=*/1,
                                      getBytes(argument), /*resident=*/true));
  return success();
}

void EntryPlaces::placeState(BlockArgument argument, StateAttr state) {
  places.addObject(argument, {BufferRegion::State,
                              static_cast<int64_t>(states.size()),
                              {},
                              state.getSequences() * state.getSlots() * state.getSlotBytes()});
  states.push_back(state);
}

/// Bytes that a value takes at the most rows.
int64_t EntryPlaces::getBytes(Value value) const {
  auto type = cast<Type>(value.getType());
  if (getPacked(type))
    return getPackedLayout(type).getBytes();
  Operation *dispatch = value.getDefiningOp();
  int64_t count = dispatch ? rowsOf.lookup(dispatch) : countOf.lookup(value);
  int64_t bits = type.getElementTypeBitWidth();
  for (int64_t dim : type.getShape())
    bits *= ShapedType::isDynamic(dim) ? counts[count].getMax() : dim;
  return bits / 8;
}

/// Index of the count that is always `rows`.
int64_t EntryPlaces::getFixedCount(int64_t rows) { return getCount(std::to_string(rows), rows); }

/// Index of a count; its bound is the largest of its arguments'.
int64_t EntryPlaces::getCount(StringRef name, int64_t max) {
  for (auto [index, count] : llvm::enumerate(counts))
    if (count.getName() == name) {
      count = CountAttr::get(builder.getContext(), name, std::max(count.getMax(), max));
      return index;
    }
  counts.push_back(CountAttr::get(builder.getContext(), name, max));
  return counts.size() - 1;
}

//===----------------------------------------------------------------------===//
// Steps and places
//===----------------------------------------------------------------------===//

/// What some values must be written to: results, states, and concatenations.
LogicalResult EntryPlaces::chooseDestinations() {
  for (auto dispatch : function.getBody().front().getOps<DispatchOp>()) {
    FailureOr<int64_t> rows = findRows(dispatch);
    if (failed(rows))
      return failure();
    rowsOf[dispatch] = *rows;
  }
  auto terminator = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned number = operand.getOperandNumber();
    auto result = dyn_cast<OpResult>(operand.get());
    auto dispatch = operand.get().getDefiningOp<DispatchOp>();
    bool isNew = dispatch && dispatch.getTied()[result.getResultNumber()] < 0;
    if (auto state = function.getResultAttrOfType<StringAttr>(number, NyalaDialect::kStateAttr)) {
      // The next value of a state that does not depend on the old one.
      Value old = findState(state.getValue());
      if (isNew && old && old.getType() == operand.get().getType())
        (void)places.reserveIn(operand.get(), old);
      continue;
    }
    auto name = function.getResultAttrOfType<StringAttr>(number, NyalaDialect::kResultAttr);
    MemoryObject object{BufferRegion::Result, static_cast<int64_t>(results.size()), {}, 0};
    if (isNew)
      object.bytes = getBytes(operand.get());
    if (!name || !isNew || failed(places.reserve(operand.get(), object)))
      return function.emitOpError("result ")
             << number << " must be computed by a dispatch and carry '" << NyalaDialect::kResultAttr
             << "' or '" << NyalaDialect::kStateAttr << "'";
    auto type = cast<Type>(operand.get().getType());
    if (type.getRank() != 2)
      return function.emitOpError("result ")
             << number << " has type " << type << ", expected rows by channels";
    int64_t count = type.isDynamicDim(0) ? rowsOf[dispatch] : getFixedCount(type.getDimSize(0));
    results.push_back(ResultAttr::get(builder.getContext(), name.getValue(), count,
                                      type.getDimSize(1) * type.getElementTypeBitWidth() / 8));
  }
  return places.reserveParts(function.getBody().front(),
                             [this](Value value) { return getBytes(value); });
}

Value EntryPlaces::findState(StringRef name) {
  for (BlockArgument argument : function.getArguments())
    if (auto state = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                           NyalaDialect::kStateAttr))
      if (state.getValue() == name)
        return argument;
  return Value();
}

/// Index of the count that a dispatch's rows are.
FailureOr<int64_t> EntryPlaces::findRows(DispatchOp dispatch) {
  if (auto constant = dispatch.getRows().getDefiningOp<arith::ConstantIndexOp>())
    return getFixedCount(constant.value());
  auto dim = dispatch.getRows().getDefiningOp<tensor::DimOp>();
  auto source = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
  if (!source || !countOf.contains(source))
    return dispatch.emitOpError("expected its rows to be a constant, or the size of an "
                                "argument's leading dimension");
  return countOf[source];
}

LogicalResult EntryPlaces::collectSteps() {
  for (Operation &op : function.getBody().front()) {
    if (auto load = dyn_cast<LoadOp>(op)) {
      places.addObject(load.getResult(), {BufferRegion::Weight, 0, load.getWeightAttr(), 0});
    } else if (auto dispatch = dyn_cast<DispatchOp>(op)) {
      if (failed(places.placeResults(dispatch, [this](Value value) { return getBytes(value); })))
        return failure();
      steps.push_back(dispatch);
    } else if (ValuePlaces::isView(&op)) {
      if (failed(places.placeView(&op)))
        return failure();
    } else if (!isa<tensor::DimOp, arith::ConstantOp, func::ReturnOp>(op)) {
      return op.emitOpError("is not part of a dispatch; expected a module of the kernel phase");
    }
  }
  return success();
}

/// The next value of each state must lie where the old one did.
LogicalResult EntryPlaces::checkReturned() {
  auto terminator = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned number = operand.getOperandNumber();
    auto state = function.getResultAttrOfType<StringAttr>(number, NyalaDialect::kStateAttr);
    if (!state)
      continue;
    Value old = findState(state.getValue());
    if (!old || !places.contains(operand.get()) ||
        places.getRange(old) != places.getRange(operand.get()))
      return function.emitOpError("result ")
             << number << " is the next value of state '" << state.getValue()
             << "' but is not tied to it: this needs a copy of the state";
  }
  return success();
}
