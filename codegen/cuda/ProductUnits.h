//===- ProductUnits.h - What warps multiply, by format ----------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CUDA_PRODUCTUNITS_H
#define NYALA_CODEGEN_CUDA_PRODUCTUNITS_H

#include "codegen/cuda/ProductRows.h"
#include "codegen/cuda/ProductSchedule.h"

namespace nyala::cuda {

/// Both factors bf16, the weight plain, its depth a multiple of 32: tensor cores, f32 sums.
std::unique_ptr<ProductUnit> createBfloatUnit(ThreadEmitter &e, LinearOp op);
/// Any factors, widened to f32 and multiplied in it.
std::unique_ptr<ProductUnit> createFloatUnit(ThreadEmitter &e, LinearOp op);
/// Integers, a packed weight: tensor cores add up blocks of 32 exactly.
std::unique_ptr<ProductUnit> createQuantizedUnit(ThreadEmitter &e, QuantizedLinearOp op);

/// How the lanes of a warp hold 16 x 8 sums of tensor cores: lane 4g + t has four, of columns g of
/// the octets, one octet after the other, and of rows 2t and 2t + 1.
struct LanePlaces {
  mlir::Value group; ///< g
  mlir::Value place; ///< t

  explicit LanePlaces(ThreadEmitter &e);
  static constexpr int64_t kPlaces = 4, kSums = 4;
};

/// ProductUnit::finish of such sums: `getSum(octet of rows, number)`. `paired`: column g of the
/// octets is column 2g, and 2g + 1, of the fragment.
void keepSums(ThreadEmitter &e, const LanePlaces &places, const ProductUnit::Fragment &fragment,
              bool paired, const ProductRows &rows,
              llvm::function_ref<mlir::Value(int64_t octet, int64_t number)> getSum,
              ProductUnit::Keep keep);

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PRODUCTUNITS_H
