//===- Tensor.h - Values of the reference interpreter -----------*- C++ -*-===//
//
// Dense row-major tensors of the interpreter. Values are kept as double
// whatever their element type: integers are exact to 2^53, and f32 results are
// rounded to f32 by the interpreter when it runs in f32.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_REFERENCE_TENSOR_H
#define NYALA_IR_REFERENCE_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace nyala::reference {

/// Copies share their data; writing goes through `mutableValues`, which copies shared data first.
class Tensor {
public:
  Tensor() = default;
  /// Zero-filled.
  explicit Tensor(llvm::ArrayRef<int64_t> shape)
      : shape(shape), data(std::make_shared<std::vector<double>>(getNumElements(shape))) {}

  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t dim(unsigned i) const { return shape[i]; }
  int64_t size() const { return data ? static_cast<int64_t>(data->size()) : 0; }
  /// Number of elements in a row of the leading dimension.
  int64_t rowSize() const { return shape.empty() || shape[0] == 0 ? 0 : size() / shape[0]; }

  double operator[](int64_t i) const { return (*data)[i]; }
  llvm::ArrayRef<double> values() const {
    return data ? llvm::ArrayRef<double>(*data) : llvm::ArrayRef<double>();
  }
  llvm::ArrayRef<double> row(int64_t r) const { return values().slice(r * rowSize(), rowSize()); }
  llvm::MutableArrayRef<double> mutableValues() {
    if (data && data.use_count() > 1)
      data = std::make_shared<std::vector<double>>(*data);
    return data ? llvm::MutableArrayRef<double>(*data) : llvm::MutableArrayRef<double>();
  }

  static int64_t getNumElements(llvm::ArrayRef<int64_t> shape) {
    int64_t n = 1;
    for (int64_t d : shape)
      n *= d;
    return n;
  }

private:
  llvm::SmallVector<int64_t, 4> shape;
  std::shared_ptr<std::vector<double>> data;
};

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_TENSOR_H
