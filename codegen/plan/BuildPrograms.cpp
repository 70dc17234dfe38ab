//===- BuildPrograms.cpp - Entries become programs of steps ---------------===//
#include "codegen/KernelCost.h"
#include "codegen/Passes.h"
#include "codegen/plan/ValuePlaces.h"
#include "ir/Kernels.h"
#include "ir/Variants.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace nyala {
#define GEN_PASS_DEF_BUILDPROGRAMS
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

namespace {

/// Builds the program of one entry function.
class ProgramBuilder {
public:
  ProgramBuilder(func::FuncOp function, SymbolTableCollection &symbols)
      : function(function), device(getDevice(function)),
        variants(getVariants(function->getParentOfType<ModuleOp>(), device)), symbols(symbols),
        builder(function.getContext()) {}

  LogicalResult build() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitOpError("expected the body of an entry point to be one block");
    if (failed(collectArguments()) || failed(chooseDestinations()) || failed(collectSteps()) ||
        failed(checkReturned()) || failed(places.checkUpdates(function.getBody().front())))
      return failure();
    arenaBytes = places.planArena(steps);
    emitProgram();
    return success();
  }

private:
  using Type = mlir::RankedTensorType;

  //===--------------------------------------------------------------------===//
  // Signature
  //===--------------------------------------------------------------------===//

  LogicalResult collectArguments() {
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

  LogicalResult addArgument(BlockArgument argument, Type type, StringRef role) {
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
  LogicalResult addState(BlockArgument argument, Type type, StringRef name) {
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
  LogicalResult addResident(BlockArgument argument, Type type, StringRef name) {
    if (!type.hasStaticShape())
      return function.emitOpError("resident state '")
             << name << "' has type " << type << ", expected a static shape";
    placeState(argument, StateAttr::get(builder.getContext(), name, /*sequences=*/1, /*slots=*/1,
                                        getBytes(argument), /*resident=*/true));
    return success();
  }

  void placeState(BlockArgument argument, StateAttr state) {
    places.addObject(argument, {BufferRegion::State,
                                static_cast<int64_t>(states.size()),
                                {},
                                state.getSequences() * state.getSlots() * state.getSlotBytes()});
    states.push_back(state);
  }

  /// Bytes that a value takes at the most rows.
  int64_t getBytes(Value value) {
    auto type = cast<Type>(value.getType());
    if (getPacked(type))
      return getPackedLayout(type).getBytes();
    auto dispatch = value.getDefiningOp<DispatchOp>();
    int64_t bits = type.getElementTypeBitWidth();
    for (int64_t dim : type.getShape())
      bits *= ShapedType::isDynamic(dim) ? counts[rowsOf[dispatch]].getMax() : dim;
    return bits / 8;
  }

  /// Index of the count that is always `rows`.
  int64_t getFixedCount(int64_t rows) { return getCount(std::to_string(rows), rows); }

  /// Index of a count; its bound is the largest of its arguments'.
  int64_t getCount(StringRef name, int64_t max) {
    for (auto [index, count] : llvm::enumerate(counts))
      if (count.getName() == name) {
        count = CountAttr::get(builder.getContext(), name, std::max(count.getMax(), max));
        return index;
      }
    counts.push_back(CountAttr::get(builder.getContext(), name, max));
    return counts.size() - 1;
  }

  //===--------------------------------------------------------------------===//
  // Steps and places
  //===--------------------------------------------------------------------===//

  /// What some values must be written to: results, states, and concatenations.
  LogicalResult chooseDestinations() {
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
               << number << " must be computed by a dispatch and carry '"
               << NyalaDialect::kResultAttr << "' or '" << NyalaDialect::kStateAttr << "'";
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

  Value findState(StringRef name) {
    for (BlockArgument argument : function.getArguments())
      if (auto state = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                             NyalaDialect::kStateAttr))
        if (state.getValue() == name)
          return argument;
    return Value();
  }

  /// Index of the count that a dispatch's rows are.
  FailureOr<int64_t> findRows(DispatchOp dispatch) {
    if (auto constant = dispatch.getRows().getDefiningOp<arith::ConstantIndexOp>())
      return getFixedCount(constant.value());
    auto dim = dispatch.getRows().getDefiningOp<tensor::DimOp>();
    auto source = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
    if (!source || !countOf.contains(source))
      return dispatch.emitOpError("expected its rows to be a constant, or the size of an "
                                  "argument's leading dimension");
    return countOf[source];
  }

  LogicalResult collectSteps() {
    for (Operation &op : function.getBody().front()) {
      if (auto load = dyn_cast<LoadOp>(op)) {
        places.addObject(load.getResult(), {BufferRegion::Weight, 0, load.getWeightAttr(), 0});
      } else if (auto dispatch = dyn_cast<DispatchOp>(op)) {
        if (failed(checkKernel(dispatch)) ||
            failed(places.placeResults(dispatch, [this](Value value) { return getBytes(value); })))
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

  LogicalResult checkKernel(DispatchOp dispatch) {
    if (variants.empty() || !getCost(dispatch))
      return dispatch.emitOpError("calls kernel '")
             << dispatch.getKernel() << "', which has not been generated; run nyala-generate-"
             << getName(device) << "-kernels first";
    for (ModuleOp variant : variants) {
      Operation *code = lookupKernel(variant, dispatch.getKernelAttr(), symbols);
      if (!code || !code->getAttrOfType<IntegerAttr>("nyala.tiles"))
        return dispatch.emitOpError("calls kernel '")
               << dispatch.getKernel() << "', for which variant '" << getArch(getTarget(variant))
               << "' has no code";
    }
    return success();
  }

  DenseI64ArrayAttr getCost(DispatchOp dispatch) {
    Operation *kernel = symbols.lookupNearestSymbolFrom(function, dispatch.getKernelAttr());
    return kernel->getAttrOfType<DenseI64ArrayAttr>(kCostAttr);
  }

  /// The key of the kernel that a dispatch calls.
  StringAttr getKey(DispatchOp dispatch) {
    auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(function, dispatch.getKernelAttr());
    StringAttr &key = keys[kernel];
    if (!key)
      key = builder.getStringAttr(getKernelKey(kernel));
    return key;
  }

  /// The next value of each state must lie where the old one did.
  LogicalResult checkReturned() {
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

  //===--------------------------------------------------------------------===//
  // Output
  //===--------------------------------------------------------------------===//

  template <typename Attr> ArrayAttr toArray(ArrayRef<Attr> attrs) {
    return builder.getArrayAttr(SmallVector<Attribute>(attrs.begin(), attrs.end()));
  }

  void emitProgram() {
    builder.setInsertionPoint(function);
    auto program =
        ProgramOp::create(builder, function.getLoc(), function.getSymName(),
                          toArray<CountAttr>(counts), toArray<ArgumentAttr>(arguments),
                          toArray<ResultAttr>(results), toArray<StateAttr>(states), arenaBytes);
    setDevice(program, device);
    builder.setInsertionPointToStart(&program.getBody().emplaceBlock());
    Hazards hazards;
    for (auto [index, dispatch] : llvm::enumerate(steps)) {
      int64_t step = index;
      Hazards::Waits waits;
      SmallVector<Attribute> buffers;
      SmallVector<int64_t> writes, updates;
      SmallVector<bool> floats;
      for (Value input : dispatch.getInputs()) {
        buffers.push_back(places.getBuffer(input));
        hazards.read(step, places.getRange(input), waits);
      }
      for (auto [tied, result] : llvm::zip_equal(dispatch.getTied(), dispatch.getResults())) {
        if (tied >= 0)
          updates.push_back(tied);
        else if (places.getObject(result).region == BufferRegion::State)
          updates.push_back(buffers.size());
        if (tied < 0) {
          buffers.push_back(places.getBuffer(result));
          writes.push_back(getBytes(result));
          floats.push_back(cast<Type>(result.getType()).getElementType().isF32());
        }
        hazards.write(step, places.getRange(result), waits);
      }
      hazards.endStep();
      SmallVector<int64_t> sorted(waits.begin(), waits.end());
      llvm::sort(sorted);
      auto built = StepOp::create(builder, dispatch.getLoc(), dispatch.getKernel(),
                                  builder.getArrayAttr(buffers), rowsOf[dispatch], sorted,
                                  getCost(dispatch).asArrayRef(), writes, floats, updates);
      built->setAttr(kKeyAttr, getKey(dispatch));
    }
    function.erase();
  }

  func::FuncOp function;
  Device device;
  SmallVector<ModuleOp> variants;
  SymbolTableCollection &symbols;
  OpBuilder builder;
  SmallVector<CountAttr> counts;
  SmallVector<ArgumentAttr> arguments;
  SmallVector<ResultAttr> results;
  SmallVector<StateAttr> states;
  SmallVector<DispatchOp> steps;
  int64_t arenaBytes = 0;
  ValuePlaces places;
  DenseMap<Value, int64_t> countOf;
  DenseMap<Operation *, int64_t> rowsOf;
  DenseMap<Operation *, StringAttr> keys; ///< of kernels
};

struct BuildPrograms : nyala::impl::BuildProgramsBase<BuildPrograms> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTableCollection symbols;
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function->hasAttr(NyalaDialect::kEntryAttr) &&
          failed(ProgramBuilder(function, symbols).build()))
        return signalPassFailure();
    for (KernelOp kernel : llvm::make_early_inc_range(module.getOps<KernelOp>()))
      kernel.erase();
  }
};

} // namespace
