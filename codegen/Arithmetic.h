//===- Arithmetic.h - Functions out of basic operations ---------*- C++ -*-===//
//
// What kernels compute beyond +, -, * and /, out of operations that every target
// has: kernels call no library, and CPUs and GPUs share formulas. Operands are
// scalars or vectors of f32 unless said otherwise.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_ARITHMETIC_H
#define NYALA_CODEGEN_ARITHMETIC_H

#include "ir/NyalaAttrs.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace nyala {

class Arithmetic {
public:
  mlir::ImplicitLocOpBuilder &b;

  mlir::Value index(int64_t value);
  /// Sums and products of indices, folded where they are known.
  mlir::Value add(mlir::Value l, mlir::Value r);
  mlir::Value add(mlir::Value l, int64_t r);
  mlir::Value mul(mlir::Value l, int64_t r);
  mlir::Value constant(mlir::Type type, double value); ///< splat
  mlir::Value intConstant(mlir::Type type, int64_t value);
  /// a * b + c, fused where the target can.
  virtual mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c) = 0;
  mlir::Value max(mlir::Value x, mlir::Value y); ///< y if x is NaN
  mlir::Value min(mlir::Value x, mlir::Value y);
  /// The nearest integers, ties to even, of floats below 2^22 in magnitude: i32.
  mlir::Value roundToIntegers(mlir::Value x);
  /// e^x, relative error below 2e-7 on [-87, 88]; clamped outside, but no number if x is none.
  mlir::Value exp(mlir::Value x);
  /// The natural logarithm of a normal number above zero, relative error below 2e-7; no number if x
  /// is none or infinite.
  mlir::Value log(mlir::Value x);
  /// Sine and cosine of an f64 below 2^31 in magnitude, as f32: error below 1e-6.
  std::pair<mlir::Value, mlir::Value> sineCosine(mlir::Value x);
  /// Gelu leaves a math.erf, which upstream approximates.
  mlir::Value activation(ActivationKind kind, mlir::Value x);

protected:
  /// i32, in the shape of `type`.
  static mlir::Type toI32(mlir::Type type);

  /// What activations are made of; exp() and a division, where a target has nothing cheaper.
  virtual mlir::Value expOfActivation(mlir::Value x) { return exp(x); }
  virtual mlir::Value divide(mlir::Value x, mlir::Value y);

  explicit Arithmetic(mlir::ImplicitLocOpBuilder &builder) : b(builder) {}
  ~Arithmetic() = default;
};

} // namespace nyala

#endif // NYALA_CODEGEN_ARITHMETIC_H
