//===- ValuePlaces.h - Which memory the values of an entry share -*- C++ -*-===//
//
// A view (reshape, range of rows) lies in its source, an update in what it
// updates, parts of a concatenation in the whole. So places are ranges of
// objects: states, arguments, results, weights, and values of the arena, whose
// offsets are planned when all lifetimes are known.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_MEMORY_VALUEPLACES_H
#define NYALA_IR_MEMORY_VALUEPLACES_H

#include "ir/NyalaOps.h"
#include "ir/memory/Hazards.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace nyala {

/// Memory that is planned as one.
struct MemoryObject {
  BufferRegion region;
  int64_t index = 0; ///< of the region's list; of a value of the arena: its offset, once planned
  mlir::FlatSymbolRefAttr weight;
  int64_t bytes = 0;
};

/// A range of an object.
struct Place {
  unsigned object;
  int64_t offset;
  int64_t bytes;
};

class ValuePlaces {
public:
  /// Bytes of a value at the most rows; its steps' rows bound a dynamic dimension.
  using GetBytes = llvm::function_ref<int64_t(mlir::Value)>;

  /// A new object that `value` fills.
  void addObject(mlir::Value value, MemoryObject object);
  /// `value` is written over `old`.
  void placeOver(mlir::Value value, mlir::Value old);
  /// Where a dispatch is to write `value`, which it has not been asked for yet: a new object, or
  /// (below) the memory of a state. Fails if it has a destination already.
  mlir::LogicalResult reserve(mlir::Value value, MemoryObject object);
  mlir::LogicalResult reserveIn(mlir::Value value, mlir::Value state);

  /// Destinations of the parts of all concatenations in `block`.
  mlir::LogicalResult reserveParts(mlir::Block &block, GetBytes getBytes);

  /// Is `op` a view or a concatenation, which no step computes?
  static bool isView(mlir::Operation *op);
  /// Does a view show bytes that follow each other in its operand: all of them, or whole rows?
  static bool isContiguous(mlir::Operation *view);
  /// Places the results of views, concatenations and dispatches, in block order.
  mlir::LogicalResult placeView(mlir::Operation *op);
  mlir::LogicalResult placeResults(DispatchOp dispatch, GetBytes getBytes);

  /// Updates are in place: does nothing read an old value after it was overwritten?
  mlir::LogicalResult checkUpdates(mlir::Block &block) const;

  /// Gives each value of the arena its offset; returns the arena's size. A value lives from the
  /// first to the last of `steps` that writes or reads it.
  int64_t planArena(llvm::ArrayRef<mlir::Operation *> steps);

  bool contains(mlir::Value value) const { return places.contains(value); }
  const MemoryObject &getObject(mlir::Value value) const {
    return objects[places.find(value)->second.object];
  }
  const Place &getPlace(mlir::Value value) const { return places.find(value)->second; }
  BufferAttr getBuffer(mlir::Value value) const;
  MemoryRange getRange(mlir::Value value) const;

private:
  mlir::LogicalResult placePart(mlir::tensor::ConcatOp concat, unsigned index, Place place);
  mlir::LogicalResult checkRead(mlir::OpOperand &read) const;

  llvm::SmallVector<MemoryObject> objects;
  llvm::DenseMap<mlir::Value, Place> places, reserved;
  /// Results of dispatches in each object, in block order: when its bytes are written.
  llvm::DenseMap<unsigned, llvm::SmallVector<mlir::OpResult>> writes;
};

} // namespace nyala

#endif // NYALA_IR_MEMORY_VALUEPLACES_H
