//===- BuildPrograms.cpp - Entries become programs of steps ---------------===//
#include "codegen/Passes.h"
#include "codegen/plan/ArenaPlanner.h"
#include "ir/NyalaOps.h"
#include "runtime/kernel_abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

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
  explicit ProgramBuilder(func::FuncOp function)
      : function(function), builder(function.getContext()) {}

  LogicalResult build() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitOpError("expected the body of an entry point to be one block");
    if (failed(collectArguments()) || failed(collectSteps()) || failed(placeReturned()) ||
        failed(checkStatesInPlace()))
      return failure();
    placeInArena();
    emitProgram();
    return success();
  }

private:
  using Type = mlir::RankedTensorType;

  /// What the steps of an entry work on.
  struct Storage {
    BufferRegion region;
    int64_t index = 0;
    FlatSymbolRefAttr weight;
  };

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
      if (role) {
        auto maxRows = function.getArgAttrOfType<IntegerAttr>(number, NyalaDialect::kMaxRowsAttr);
        if (!maxRows)
          return function.emitOpError("argument ")
                 << number << " has no '" << NyalaDialect::kMaxRowsAttr
                 << "'; run nyala-specialize-entries first";
        StringRef count = role.getValue() == "wanted" ? "wanted" : "rows";
        int64_t index = getCount(count, maxRows.getInt());
        storage[argument] = {BufferRegion::Argument, static_cast<int64_t>(arguments.size()), {}};
        countOf[argument] = index;
        arguments.push_back(ArgumentAttr::get(builder.getContext(), role.getValue(), index));
      } else if (state) {
        if (!type.hasStaticShape() || type.getRank() != 3)
          return function.emitOpError("state '")
                 << state.getValue() << "' has type " << type
                 << ", expected static sequences, slots and channels; run "
                    "nyala-specialize-entries first";
        storage[argument] = {BufferRegion::State, static_cast<int64_t>(states.size()), {}};
        states.push_back(StateAttr::get(builder.getContext(), state.getValue(), type.getDimSize(0),
                                        type.getDimSize(1), getSlotBytes(type)));
      } else {
        return function.emitOpError("argument ")
               << number << " has neither '" << NyalaDialect::kRoleAttr << "' nor '"
               << NyalaDialect::kStateAttr << "'";
      }
    }
    return success();
  }

  /// Bytes that a result takes at the most rows.
  int64_t getBytes(DispatchOp dispatch, Value result) {
    auto type = cast<Type>(result.getType());
    int64_t elements = counts[rowsOf[dispatch]].getMax();
    for (int64_t dim : type.getShape())
      elements *= ShapedType::isDynamic(dim) ? 1 : dim;
    return elements * type.getElementTypeBitWidth() / 8;
  }

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

  LogicalResult collectSteps() {
    for (Operation &op : function.getBody().front()) {
      if (auto load = dyn_cast<LoadOp>(op)) {
        storage[load.getResult()] = {BufferRegion::Weight, 0, load.getWeightAttr()};
      } else if (auto dispatch = dyn_cast<DispatchOp>(op)) {
        auto dim = dispatch.getRows().getDefiningOp<tensor::DimOp>();
        auto source = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
        if (!source || !countOf.contains(source))
          return dispatch.emitOpError("expected its rows to be the size of an argument's leading "
                                      "dimension");
        rowsOf[dispatch] = countOf[source];
        if (failed(checkKernel(dispatch)) || failed(placeTied(dispatch)))
          return failure();
        stepIndex[dispatch] = steps.size();
        steps.push_back(dispatch);
      } else if (!isa<tensor::DimOp, arith::ConstantOp, func::ReturnOp>(op)) {
        return op.emitOpError("is not part of a dispatch; expected a module of the kernel phase");
      }
    }
    return success();
  }

  LogicalResult checkKernel(DispatchOp dispatch) {
    Operation *kernel = SymbolTable::lookupNearestSymbolFrom(function, dispatch.getKernelAttr());
    if (kernel->getAttrOfType<IntegerAttr>("nyala.tiles") &&
        kernel->getAttrOfType<DenseI64ArrayAttr>("nyala.cost"))
      return success();
    return dispatch.emitOpError("calls kernel '")
           << dispatch.getKernel()
           << "', which has not been generated; run nyala-generate-cpu-kernels first";
  }

  /// Results that update a state lie where it does.
  LogicalResult placeTied(DispatchOp dispatch) {
    llvm::SmallDenseSet<int64_t> updated;
    for (auto [tied, result] : llvm::zip_equal(dispatch.getTied(), dispatch.getResults())) {
      if (tied < 0)
        continue;
      auto place = storage.find(dispatch.getInputs()[tied]);
      if (place == storage.end() || place->second.region != BufferRegion::State)
        return dispatch.emitOpError("updates operand ") << tied << " in place, which is no state";
      if (!updated.insert(tied).second)
        return dispatch.emitOpError("updates operand ")
               << tied << " in place twice: this needs a copy of the state";
      Storage copy = place->second;
      storage[result] = copy;
    }
    return success();
  }

  LogicalResult placeReturned() {
    auto terminator = cast<func::ReturnOp>(function.getBody().front().getTerminator());
    for (OpOperand &operand : terminator->getOpOperands()) {
      unsigned number = operand.getOperandNumber();
      if (auto state = function.getResultAttrOfType<StringAttr>(number, NyalaDialect::kStateAttr)) {
        auto place = storage.find(operand.get());
        bool sameState = place != storage.end() && place->second.region == BufferRegion::State &&
                         states[place->second.index].getName() == state.getValue();
        if (!sameState)
          return function.emitOpError("result ")
                 << number << " is the next value of state '" << state.getValue()
                 << "' but is not tied to it: this needs a copy of the state";
        continue;
      }
      auto name = function.getResultAttrOfType<StringAttr>(number, NyalaDialect::kResultAttr);
      auto dispatch = operand.get().getDefiningOp<DispatchOp>();
      if (!name || !dispatch || storage.contains(operand.get()))
        return function.emitOpError("result ")
               << number << " must be computed by a dispatch and carry '"
               << NyalaDialect::kResultAttr << "' or '" << NyalaDialect::kStateAttr << "'";
      auto type = cast<Type>(operand.get().getType());
      if (type.getRank() != 2)
        return function.emitOpError("result ")
               << number << " has type " << type << ", expected rows by channels";
      storage[operand.get()] = {BufferRegion::Result, static_cast<int64_t>(results.size()), {}};
      results.push_back(ResultAttr::get(builder.getContext(), name.getValue(), rowsOf[dispatch],
                                        type.getDimSize(1) * type.getElementTypeBitWidth() / 8));
    }
    return success();
  }

  /// An update in place is right only if nothing reads the old value afterwards.
  LogicalResult checkStatesInPlace() {
    for (DispatchOp dispatch : steps)
      for (int64_t tied : dispatch.getTied()) {
        if (tied < 0)
          continue;
        Value old = dispatch.getInputs()[tied];
        for (Operation *user : old.getUsers())
          if (user != dispatch && !user->isBeforeInBlock(dispatch))
            return dispatch
                       .emitOpError("updates a state in place that a later operation still "
                                    "reads: this needs a copy of the state")
                       .attachNote(user->getLoc())
                   << "read here";
      }
    return success();
  }

  void placeInArena() {
    std::vector<ArenaValue> values;
    SmallVector<Value> placed;
    for (DispatchOp dispatch : steps)
      for (Value result : dispatch.getResults()) {
        if (storage.contains(result))
          continue;
        int64_t last = stepIndex[dispatch];
        for (Operation *user : result.getUsers())
          if (auto reader = dyn_cast<DispatchOp>(user))
            last = std::max(last, stepIndex[reader]);
        values.push_back({getBytes(dispatch, result), stepIndex[dispatch], last});
        placed.push_back(result);
      }
    arenaBytes = planArena(values, NYALA_BUFFER_ALIGNMENT);
    for (auto [value, place] : llvm::zip_equal(placed, values))
      storage[value] = {BufferRegion::Arena, place.offset, {}};
    for (auto [value, place] : llvm::zip_equal(placed, values))
      bytesOf[value] = place.bytes;
  }

  //===--------------------------------------------------------------------===//
  // Order
  //===--------------------------------------------------------------------===//

  /// Steps that touched the same memory before: the last writer of what a step reads, and writer
  /// and readers of what it overwrites.
  class Hazards {
  public:
    void read(int64_t step, BufferRegion region, int64_t first, int64_t last,
              llvm::SmallSetVector<int64_t, 4> &waits) {
      for (const Access &access : accesses)
        if (access.writes && access.overlaps(region, first, last))
          waits.insert(access.step);
      pending.push_back({step, false, region, first, last});
    }
    void write(int64_t step, BufferRegion region, int64_t first, int64_t last,
               llvm::SmallSetVector<int64_t, 4> &waits) {
      for (const Access &access : accesses)
        if (access.overlaps(region, first, last))
          waits.insert(access.step);
      // What is overwritten as a whole needs not be waited for again.
      llvm::erase_if(accesses, [&](const Access &access) {
        return access.region == region && first <= access.first && access.last <= last;
      });
      pending.push_back({step, true, region, first, last});
    }
    void endStep() {
      accesses.append(pending);
      pending.clear();
    }

  private:
    struct Access {
      int64_t step;
      bool writes;
      BufferRegion region;
      int64_t first, last; // bytes of the arena, else the index of the buffer
      bool overlaps(BufferRegion otherRegion, int64_t otherFirst, int64_t otherLast) const {
        return region == otherRegion && first <= otherLast && otherFirst <= last;
      }
    };
    SmallVector<Access> accesses, pending;
  };

  std::pair<int64_t, int64_t> getRange(Value value) {
    const Storage &place = storage.find(value)->second;
    if (place.region != BufferRegion::Arena)
      return {place.index, place.index};
    return {place.index, place.index + bytesOf[value] - 1};
  }

  //===--------------------------------------------------------------------===//
  // Output
  //===--------------------------------------------------------------------===//

  BufferAttr getBuffer(Value value) {
    const Storage &place = storage.find(value)->second;
    bool arena = place.region == BufferRegion::Arena;
    return BufferAttr::get(builder.getContext(), place.region, place.weight,
                           arena ? 0 : place.index, arena ? place.index : 0);
  }

  template <typename Attr> ArrayAttr toArray(ArrayRef<Attr> attrs) {
    return builder.getArrayAttr(SmallVector<Attribute>(attrs.begin(), attrs.end()));
  }

  void emitProgram() {
    builder.setInsertionPoint(function);
    auto program =
        ProgramOp::create(builder, function.getLoc(), function.getSymName(),
                          toArray<CountAttr>(counts), toArray<ArgumentAttr>(arguments),
                          toArray<ResultAttr>(results), toArray<StateAttr>(states), arenaBytes);
    builder.setInsertionPointToStart(&program.getBody().emplaceBlock());
    Hazards hazards;
    for (auto [index, dispatch] : llvm::enumerate(steps)) {
      int64_t step = index;
      llvm::SmallSetVector<int64_t, 4> waits;
      SmallVector<Attribute> buffers;
      SmallVector<int64_t> writes;
      for (Value input : dispatch.getInputs()) {
        buffers.push_back(getBuffer(input));
        auto [first, last] = getRange(input);
        hazards.read(step, storage.find(input)->second.region, first, last, waits);
      }
      for (auto [tied, result] : llvm::zip_equal(dispatch.getTied(), dispatch.getResults())) {
        if (tied < 0) {
          buffers.push_back(getBuffer(result));
          writes.push_back(getBytes(dispatch, result));
        }
        auto [first, last] = getRange(result);
        hazards.write(step, storage.find(result)->second.region, first, last, waits);
      }
      hazards.endStep();
      auto kernel = SymbolTable::lookupNearestSymbolFrom(function, dispatch.getKernelAttr());
      SmallVector<int64_t> sorted(waits.begin(), waits.end());
      llvm::sort(sorted);
      StepOp::create(builder, dispatch.getLoc(), dispatch.getKernel(),
                     builder.getArrayAttr(buffers), rowsOf[dispatch],
                     kernel->getAttrOfType<IntegerAttr>("nyala.tiles").getInt(),
                     kernel->hasAttr("nyala.per_row"), sorted,
                     kernel->getAttrOfType<DenseI64ArrayAttr>("nyala.cost").asArrayRef(), writes);
    }
    function.erase();
  }

  func::FuncOp function;
  OpBuilder builder;
  SmallVector<CountAttr> counts;
  SmallVector<ArgumentAttr> arguments;
  SmallVector<ResultAttr> results;
  SmallVector<StateAttr> states;
  SmallVector<DispatchOp> steps;
  int64_t arenaBytes = 0;
  DenseMap<Value, Storage> storage; ///< index: the offset for values in the arena
  DenseMap<Value, int64_t> countOf, bytesOf;
  DenseMap<Operation *, int64_t> rowsOf, stepIndex;
};

struct BuildPrograms : nyala::impl::BuildProgramsBase<BuildPrograms> {
  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function->hasAttr(NyalaDialect::kEntryAttr) && failed(ProgramBuilder(function).build()))
        return signalPassFailure();
  }
};

} // namespace
