//===- EarlyLoads.h - Loads ahead of what they wait behind ------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CUDA_EARLYLOADS_H
#define NYALA_CODEGEN_CUDA_EARLYLOADS_H

#include "codegen/cuda/ThreadEmitter.h"

namespace nyala::cuda {

/// Moves loads from the kernel's arguments that come behind `barrier` to `place`, if what they need
/// can be computed there: angles of rotations, slots of caches, residuals are under way while a
/// product is computed. Without that each would be waited for in turn, behind the product.
///
///   place:                                  place:
///                                             %slot = ld.global [%slots]
///   ... product ...                   ->    ... product ...
///   barrier                                 barrier
///   if %mine { %slot = load %slots[%row] }  if %mine { }
///
/// All threads come by: what is read where only some would read has to be there for all. Nothing
/// between the two may write what is read.
///
/// \param place, barrier ops of one block. \param isMeant chooses among the arguments.
void moveLoadsAhead(
    ThreadEmitter &e, mlir::Operation *place, mlir::Operation *barrier,
    llvm::function_ref<bool(mlir::BlockArgument)> isMeant = [](mlir::BlockArgument) {
      return true;
    });

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_EARLYLOADS_H
