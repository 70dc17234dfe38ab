//===- Formulas.h - Numbers that an op and its gradient share ---*- C++ -*-===//
#ifndef NYALA_IR_REFERENCE_FORMULAS_H
#define NYALA_IR_REFERENCE_FORMULAS_H

#include "ir/NyalaAttrs.h"

#include "llvm/ADT/ArrayRef.h"

namespace nyala::reference {

double activate(ActivationKind kind, double x);
/// The derivative at `x`; of relu at 0 it is 0.
double differentiateActivation(ActivationKind kind, double x);

/// The sum of products; `a` and `b` are equally long.
double dot(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b);

/// `1 / sqrt(mean(x^2) + epsilon)`; x is not empty.
double getRmsFactor(llvm::ArrayRef<double> x, double epsilon);

/// `(x - mean) * factor` has mean 0 and variance 1, but for epsilon.
struct Standardization {
  double mean, factor;
};
/// With the biased variance; x is not empty.
Standardization getStandardization(llvm::ArrayRef<double> x, double epsilon);

/// `log(sum(exp(x)))`, without overflow; minus infinity for no values.
double logSumExp(llvm::ArrayRef<double> x);

} // namespace nyala::reference

#endif // NYALA_IR_REFERENCE_FORMULAS_H
