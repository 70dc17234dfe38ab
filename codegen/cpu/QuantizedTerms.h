//===- QuantizedTerms.h - What rows add to all their products ---*- C++ -*-===//
#ifndef NYALA_CODEGEN_CPU_QUANTIZEDTERMS_H
#define NYALA_CODEGEN_CPU_QUANTIZEDTERMS_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// What depends on the sums of a row's values alone; the kernel prologue computes it, once. For
/// weights with minima memref<rows x blocks x f32> of `sum * scale`, what minima are multiplied by;
/// else memref<rows x (blocks * parts) x i32> of `-offset * sum`, what products lack because of the
/// offset of the weights, for each part of a block (two where halves of blocks have scales).
mlir::Value getQuantizedTerms(TileEmitter &e, QuantizedLinearOp op);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_QUANTIZEDTERMS_H
