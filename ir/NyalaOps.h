//===- NyalaOps.h - Ops of the nyala dialect --------------------*- C++ -*-===//
#ifndef NYALA_IR_NYALAOPS_H
#define NYALA_IR_NYALAOPS_H

#include "ir/NyalaAttrs.h"
#include "ir/NyalaDialect.h"
#include "ir/interfaces/NyalaInterfaces.h"
#include "ir/storage/PackedLayout.h"
#include "ir/storage/SlotLayout.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "ir/NyalaOps.h.inc"

namespace nyala {

inline mlir::RankedTensorType getTensorType(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType());
}

/// Channels of activations, columns of a weight, channels of a cache: the last dimension.
inline int64_t getChannels(mlir::Value value) { return getTensorType(value).getShape().back(); }

/// The packed encoding of a weight's type; null if it is plain.
inline PackedAttr getPacked(mlir::RankedTensorType type) {
  return mlir::dyn_cast_or_null<PackedAttr>(type.getEncoding());
}

/// Layout of a weight whose type has a packed encoding.
PackedLayout getPackedLayout(mlir::RankedTensorType type);

/// The blocks that a cache's slots are stored in; null if they hold plain floats.
inline BlocksAttr getBlocks(mlir::RankedTensorType type) {
  return mlir::dyn_cast_or_null<BlocksAttr>(type.getEncoding());
}

/// Layout of a slot of a cache whose type has blocks.
SlotLayout getSlotLayout(mlir::RankedTensorType type);

/// Bytes of a slot of a cache.
int64_t getSlotBytes(mlir::RankedTensorType cache);

/// Channels whose sum nyala.quantize gives: the fewest that a stored weight's scale covers.
inline constexpr int64_t kSumChannels = 16;

/// Frequencies of a rotary embedding, `dims / 2` of them, as nyala.rope's documentation defines
/// them; computed in f64, rounded to f32.
llvm::SmallVector<float> getRopeFrequencies(double base, int64_t dims, double scale,
                                            std::optional<llvm::ArrayRef<float>> factors);

} // namespace nyala

#endif // NYALA_IR_NYALAOPS_H
