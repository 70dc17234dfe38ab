//===- NyalaInterfaces.h - What passes ask of an op -------------*- C++ -*-===//
#ifndef NYALA_IR_INTERFACES_NYALAINTERFACES_H
#define NYALA_IR_INTERFACES_NYALAINTERFACES_H

#include "ir/reference/Tensor.h"

#include "mlir/IR/OpDefinition.h"

namespace nyala {

/// What executing an op costs. Totals are fixed + rows * (perRow + positions * perRowPosition),
/// where `positions` is the number of cached positions a row attends to.
struct OpCost {
  int64_t flopsPerRow = 0;
  int64_t flopsPerRowPosition = 0;
  int64_t fixedBytes = 0; ///< weights
  int64_t bytesPerRow = 0;
  int64_t bytesPerRowPosition = 0;

  OpCost &operator+=(const OpCost &other) {
    flopsPerRow += other.flopsPerRow;
    flopsPerRowPosition += other.flopsPerRowPosition;
    fixedBytes += other.fixedBytes;
    bytesPerRow += other.bytesPerRow;
    bytesPerRowPosition += other.bytesPerRowPosition;
    return *this;
  }
};

/// How an op's results depend on its operands, for fusion.
enum class FusionKind {
  /// A dispatch forms around it: products and attention.
  Root,
  /// A range of columns of a result row needs the same (or a shifted) range of the same row of the
  /// operands: elementwise ops, rotations within a head, splits, cache updates.
  ColumnLocal,
  /// A result row needs a whole row of the operand: norms, softmax, reductions.
  RowReduction,
  /// Reads rows of its first-level table by index: embedding, gather.
  Lookup,
};

/// Each element of the result depends, of operands of its type, on the same element alone.
template <typename ConcreteType>
class Pointwise : public mlir::OpTrait::TraitBase<ConcreteType, Pointwise> {};

} // namespace nyala

#include "ir/interfaces/NyalaInterfaces.h.inc"

namespace nyala {

/// Fusion kind of any op: that of its interface, ColumnLocal for elementwise ops of other dialects
/// on tensors; nullopt: the op stays outside dispatches.
std::optional<FusionKind> getFusionKind(mlir::Operation *op);

/// Has `op` one result, each element of which depends, of operands of its type, on the same element
/// alone? Then it can be computed in the place of such an operand.
bool isPointwise(mlir::Operation *op);

/// The argument of the enclosing function whose leading dimension is the number of rows of
/// `value`, found through RowDomainOpInterface and elementwise ops; null if there is none.
mlir::Value getRowSource(mlir::Value value);

/// Operands of which result row r reads row r alone: those of RowDomainOpInterface, all operands of
/// an elementwise op on tensors; none: the op's results have no rows, or nothing is known of them.
llvm::SmallVector<mlir::OpOperand *> getRowOperands(mlir::Operation *op);

/// Cost of any op: its interface's; elementwise ops of other dialects on tensors one FLOP an
/// element; else nothing.
OpCost getCost(mlir::Operation *op);

} // namespace nyala

#endif // NYALA_IR_INTERFACES_NYALAINTERFACES_H
