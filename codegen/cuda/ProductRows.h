//===- ProductRows.h - Activations as products read them --------*- C++ -*-===//
#ifndef NYALA_CODEGEN_CUDA_PRODUCTROWS_H
#define NYALA_CODEGEN_CUDA_PRODUCTROWS_H

#include "codegen/cuda/ThreadEmitter.h"

namespace nyala::cuda {

/// Operands of a product, of whose rows a lane reads some: from global memory where they lie there,
/// from shared memory where the block has computed a row, or computed as they are read.
class ProductRows {
public:
  /// \param operands arguments, or results of one op. \param places index, of rows among eight:
  /// those
  ///                 that this lane reads.
  ProductRows(ThreadEmitter &e, mlir::ValueRange operands, mlir::ValueRange places);

  /// Does an operand depend on whole rows of others (norms)?
  bool needWholeRows() const { return wholeRows; }

  /// See ProductUnit::beginRows.
  void begin(mlir::Value row, int64_t octets);
  bool isSingle() const { return single; }
  int64_t getOctets() const { return octets; } ///< 1 where it is a single row

  /// `count` adjacent elements of an operand, from column `column`, a multiple of `count`: of row
  /// `places[place]` of an octet. A vector of the operand's element type.
  mlir::Value load(unsigned operand, int64_t octet, unsigned place, mlir::Value column,
                   int64_t count) const;

private:
  /// Bytes of a row that warps read from global memory at once; what copies are multiples of.
  static constexpr int64_t kDirectBytes = 4096, kCopyBytes = 16;

  static bool isLong(mlir::Value operand);
  mlir::Value copy(mlir::Value buffer, mlir::Value row);

  ThreadEmitter &e;
  llvm::SmallVector<mlir::Value> operands, places;
  bool wholeRows, single = false;
  int64_t octets = 0;
  llvm::SmallVector<mlir::Value> rows;   ///< octet by octet, place by place
  llvm::SmallVector<mlir::Value> memory; ///< of each operand; null: it is computed
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_PRODUCTROWS_H
