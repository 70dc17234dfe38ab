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

/// Is it an argument of the kernel that holds rows of f32? Trained weights are states of the
/// runtime, which nothing packs.
bool isPlainMatrix(mlir::Value value);

/// Adds a bias (null: none) to the vectors of a product's tile.
llvm::SmallVector<mlir::Value> addBias(TileEmitter &e, mlir::Value bias, const Tile &tile,
                                       llvm::SmallVector<mlir::Value> vectors);

/// A product of plain, row-major matrices of f32: of `a` and `b`, or of their transposes.
struct PlainProduct {
  mlir::Operation *op; ///< that computes it
  mlir::Value a, b;
  bool transposeA, transposeB;
};

/// Why a kernel cannot compute the product; empty if it can.
std::string getPlainObstacle(const PlainProduct &product);
/// Rows whose sums stay in registers.
int64_t getPlainRowBlock(CpuTargetAttr target);
/// The sums of a tile of the product.
llvm::SmallVector<mlir::Value> emitPlainTile(TileEmitter &e, const PlainProduct &product,
                                             const Tile &tile);

void attachQuantizedModels(mlir::MLIRContext *context); // quantize, quantized linear
void attachProductModels(mlir::MLIRContext *context);   // linear
void attachLookupModels(mlir::MLIRContext *context);    // embedding, scatter-add
void attachMatmulModels(mlir::MLIRContext *context);    // matmul
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
