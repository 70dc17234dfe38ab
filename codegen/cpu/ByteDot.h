//===- ByteDot.h - Sums of products of bytes --------------------*- C++ -*-===//
//
// What the integer products of a target are made of. Sums are exact in 32 bits,
// whatever instructions compute them.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_BYTEDOT_H
#define NYALA_CODEGEN_CPU_BYTEDOT_H

#include "codegen/cpu/TileEmitter.h"

namespace nyala::cpu {

/// Emits sums, lane by lane, of unsigned weights times signed activations: a lane of vector<16xi32>
/// holds four bytes of each.
class ByteDotEmitter {
public:
  /// \param largestWeight bounds the weights: 15 to 255.
  ByteDotEmitter(TileEmitter &e, int64_t largestWeight);

  /// A sum that is being added up.
  struct Sum {
    mlir::Value total; ///< vector<16xi32>
    /// Without dot-product instructions: what has been added since, in pairs of 16 bits, of either
    /// half of the lanes; of weights that need a whole byte, the low and the high nibbles.
    llvm::SmallVector<mlir::Value, 4> pairs;
    int64_t pending = 0; ///< how many products there are in each lane of `pairs`
  };

  /// Four activations from `column` of a row of `values`, a memref of i8, in all lanes.
  mlir::Value loadActivations(mlir::Value values, mlir::Value row, mlir::Value column);

  /// A sum that starts with `total`.
  Sum start(mlir::Value total) const { return {total, {}, 0}; }
  void add(Sum &sum, mlir::Value weights, mlir::Value activations);
  /// vector<16xi32>.
  mlir::Value finish(Sum &sum);

private:
  enum class Unit { None, Avx2, Vnni256, Vnni512 };

  mlir::Value bytesOf(mlir::Value vector);
  mlir::Value call(llvm::StringRef intrinsic, mlir::Type type, mlir::ValueRange arguments);
  mlir::Value dot(llvm::StringRef intrinsic, mlir::Value total, mlir::Value weights,
                  mlir::Value activations);
  mlir::Value getHalf(mlir::Value vector, int64_t half);
  mlir::Value setHalf(mlir::Value vector, int64_t half, mlir::Value part);
  void addPairs(Sum &sum, mlir::Value weights, mlir::Value activations);
  void flushPairs(Sum &sum);
  mlir::Value addBytes(mlir::Value total, mlir::Value weights, mlir::Value activations);

  TileEmitter &e;
  Unit unit = Unit::None;
  bool byNibbles;     ///< AVX2: weights do not fit 7 bits
  int64_t maxPending; ///< AVX2: how many products of a lane 16 bits hold
};

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_BYTEDOT_H
