//===- CpuTileModels.h - CPU code of the dialect's ops ----------*- C++ -*-===//
//
// External models of CpuTileOpInterface for the ops of the nyala dialect.
// Without one an op cannot be in a CPU kernel.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_CPUTILEMODELS_H
#define NYALA_CODEGEN_CPU_CPUTILEMODELS_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// Products of up to this many rows read packed weights directly; those of more rows widen a panel
/// of them first.
inline constexpr int64_t kStreamedRows = 8;

/// Why a product or look-up cannot read `weight` in a kernel; empty if it can.
std::string getWeightObstacle(mlir::Value weight);

/// Adds a bias (null: none) to the vectors of a product's tile.
llvm::SmallVector<mlir::Value> addBias(TileEmitter &e, mlir::Value bias, const Tile &tile,
                                       llvm::SmallVector<mlir::Value> vectors);

void attachQuantizedModels(mlir::MLIRContext *context); // quantize, quantized linear
void attachProductModels(mlir::MLIRContext *context);   // linear, matmul
void attachLookupModels(mlir::MLIRContext *context);    // embedding, scatter-add
void attachAttentionModels(mlir::MLIRContext *context); // attention
void attachRowModels(mlir::MLIRContext *context);       // norms, softmax, reduce
void attachLocalModels(mlir::MLIRContext *context);     // activations, rope, split, gather, caches
void attachRowGradientModels(mlir::MLIRContext *context);   // of norms, softmax, cross entropy
void attachRowSumModels(mlir::MLIRContext *context);        // over rows: sums, gradients of weights
void attachLocalGradientModels(mlir::MLIRContext *context); // of activations
void attachOptimizerModels(mlir::MLIRContext *context);     // adamw, sgd
void attachSelfAttentionModels(mlir::MLIRContext *context); // among the rows of a batch

/// All of the above, when the dialect is loaded.
void registerTileModels(mlir::DialectRegistry &registry);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_CPUTILEMODELS_H
