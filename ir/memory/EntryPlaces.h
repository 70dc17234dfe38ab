//===- EntryPlaces.h - The memory of an entry point -------------*- C++ -*-===//
//
// What an entry of dispatches needs of memory, as its program will have it: counts
// of rows, arguments, results and states, the place of every value, and the arena.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_MEMORY_ENTRYPLACES_H
#define NYALA_IR_MEMORY_ENTRYPLACES_H

#include "ir/memory/ValuePlaces.h"

namespace nyala {

class EntryPlaces {
public:
  explicit EntryPlaces(mlir::func::FuncOp function)
      : function(function), builder(function.getContext()) {}

  /// Places all values. Emits an error where a value has no place, or an update needs a copy.
  mlir::LogicalResult build();

  /// Gives each value of the arena its offset; returns the arena's size.
  int64_t planArena() { return places.planArena(getStepOps()); }

  const ValuePlaces &getPlaces() const { return places; }
  llvm::ArrayRef<DispatchOp> getSteps() const { return steps; }
  llvm::SmallVector<mlir::Operation *> getStepOps() const { return {steps.begin(), steps.end()}; }
  llvm::ArrayRef<CountAttr> getCounts() const { return counts; }
  llvm::ArrayRef<ArgumentAttr> getArguments() const { return arguments; }
  llvm::ArrayRef<ResultAttr> getResults() const { return results; }
  llvm::ArrayRef<StateAttr> getStates() const { return states; }

  /// Index of the count that a dispatch's rows are.
  int64_t getRowCount(DispatchOp dispatch) const { return rowsOf.lookup(dispatch); }
  /// Bytes that an argument or a result of a dispatch takes at the most rows.
  int64_t getBytes(mlir::Value value) const;

private:
  using Type = mlir::RankedTensorType;

  mlir::LogicalResult collectArguments();
  mlir::LogicalResult addArgument(mlir::BlockArgument argument, Type type, llvm::StringRef role);
  mlir::LogicalResult addState(mlir::BlockArgument argument, Type type, llvm::StringRef name);
  mlir::LogicalResult addResident(mlir::BlockArgument argument, Type type, llvm::StringRef name);
  void placeState(mlir::BlockArgument argument, StateAttr state);
  int64_t getFixedCount(int64_t rows);
  int64_t getCount(llvm::StringRef name, int64_t max);
  mlir::LogicalResult chooseDestinations();
  mlir::Value findState(llvm::StringRef name);
  mlir::FailureOr<int64_t> findRows(DispatchOp dispatch);
  mlir::LogicalResult collectSteps();
  mlir::LogicalResult checkReturned();

  mlir::func::FuncOp function;
  mlir::Builder builder;
  llvm::SmallVector<CountAttr> counts;
  llvm::SmallVector<ArgumentAttr> arguments;
  llvm::SmallVector<ResultAttr> results;
  llvm::SmallVector<StateAttr> states;
  llvm::SmallVector<DispatchOp> steps;
  ValuePlaces places;
  llvm::DenseMap<mlir::Value, int64_t> countOf;
  llvm::DenseMap<mlir::Operation *, int64_t> rowsOf;
};

} // namespace nyala

#endif // NYALA_IR_MEMORY_ENTRYPLACES_H
