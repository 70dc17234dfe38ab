//===- PlainProduct.h - Products of row-major matrices ----------*- C++ -*-===//
//
// Emits the tiles of products whose operands nothing has packed: the products
// of training steps, of weights that change and of gradients.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_PLAINPRODUCT_H
#define NYALA_CODEGEN_CPU_PLAINPRODUCT_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// A product of `a` and `b`, or of their transposes: both of f32, or both of bf16 with sums in f32.
struct PlainProduct {
  mlir::Operation *op; ///< that computes it
  mlir::Value a, b;
  bool transposeA, transposeB;
};

/// Is it an argument of the kernel that holds rows of f32? Trained weights are: states of the
/// runtime, which nothing packs.
bool isPlainMatrix(mlir::Value value);

/// Why a kernel cannot compute the product; empty if it can. A factor that is rounded to bf16
/// within the kernel is rounded where it is copied, so that it needs no memory of its own.
std::string getPlainObstacle(const PlainProduct &product);
/// Rows whose sums stay in registers.
int64_t getPlainRowBlock(CpuTargetAttr target);
/// The sums of a tile of the product.
llvm::SmallVector<mlir::Value> emitPlainTile(TileEmitter &e, const PlainProduct &product,
                                             const Tile &tile);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_PLAINPRODUCT_H
