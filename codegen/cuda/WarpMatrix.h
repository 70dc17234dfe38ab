//===- WarpMatrix.h - Products of a warp's matrices -------------*- C++ -*-===//
//
// Tensor cores multiply 16 x 16 by 16 x 8 matrices of f16 or bf16, which the
// lanes of a warp hold in fragments (PTX ISA, "Matrix Fragments for
// mma.m16n8k16"), and add up in f32:
//
//   left    16 rows x 16     4 pairs: rows g and g + 8, columns 2t and 2t + 8
//   right   16 x 8 columns   2 pairs: column g, rows 2t and 2t + 8
//   sums    16 rows x 8      4 numbers: rows g and g + 8, columns 2t and 2t + 1
//
// with g = lane / 4 and t = lane % 4. Two fragments of sums side by side are a
// left fragment once they are rounded. Factors come from shared memory, whose
// rows are padded by 16 bytes so that no two of eight rows share a bank.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_WARPMATRIX_H
#define NYALA_CODEGEN_CUDA_WARPMATRIX_H

#include "codegen/cuda/ThreadEmitter.h"

namespace nyala::cuda {

class WarpMatrixEmitter {
public:
  using Fragment = llvm::SmallVector<mlir::Value, 4>;

  /// \param type of factors: f16 or bf16.
  WarpMatrixEmitter(ThreadEmitter &e, mlir::FloatType type);

  /// Shared memory for rows of `columns` factors, a multiple of 16.
  mlir::Value allocateFactors(int64_t rows, int64_t columns);
  /// The left fragment of rows `row` … + 15 and columns `column` … + 15.
  Fragment loadLeft(mlir::Value factors, mlir::Value row, int64_t column);
  /// The right fragments of two adjacent products, columns of the product being rows `row` … + 15
  /// of shared memory, where their depth is columns `column` … + 15.
  std::array<Fragment, 2> loadRight(mlir::Value factors, int64_t row, int64_t column);
  /// The same of factors whose depth is rows `row` … + 15 of shared memory.
  std::array<Fragment, 2> loadRightTransposed(mlir::Value factors, int64_t row, int64_t column);
  /// The left fragment whose rows are columns `column` … + 15, its depth rows `row` … + 15.
  Fragment loadLeftTransposed(mlir::Value factors, mlir::Value row, int64_t column);
  /// Sums + left * right; no sums: zeros.
  Fragment multiply(const Fragment &left, const Fragment &right, const Fragment &sums);
  /// Two adjacent fragments of sums as a left one.
  Fragment round(const Fragment &first, const Fragment &second);

  /// Two numbers rounded, as fragments hold them.
  mlir::Value pack(mlir::Value low, mlir::Value high);

  /// Asks for 16 bytes of global memory, to be written at element `column` of row `row`; for
  /// `bytes` (i32) of them if given, with zeros for the rest.
  void copyAsync(mlir::Value source, mlir::Value factors, mlir::Value row, mlir::Value column,
                 mlir::Value bytes = {});
  /// Closes the group of what this thread has asked for.
  void commitCopies();
  /// Waits for all groups of this thread but the last `pending`.
  void waitForCopies(int64_t pending = 0);

private:
  Fragment loadMatrices(mlir::Value factors, mlir::Value row, mlir::Value column, bool transposed);
  mlir::Value getPointer(mlir::Value factors, mlir::Value row, mlir::Value column);

  ThreadEmitter &e;
  mlir::FloatType type;
  mlir::Value laneOf8, laneOf16; ///< lane modulo 8, 16
  mlir::Value eighth, sixteenth; ///< 8 * (lane / 8 % 2), 8 * (lane / 16)
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_WARPMATRIX_H
