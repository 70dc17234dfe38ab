//===- Formulas.cpp - Numbers that an op and its gradient share -----------===//
#include "ir/reference/Formulas.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

using namespace nyala;

/// The inner function of gelu_tanh (Hendrycks and Gimpel 2016, section 2) is
/// `kGeluScale * (x + kGeluCube * x^3)`.
static constexpr double kGeluScale = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
static constexpr double kGeluCube = 0.044715;

double reference::activate(ActivationKind kind, double x) {
  switch (kind) {
  case ActivationKind::Silu:
    return x / (1.0 + std::exp(-x));
  case ActivationKind::Gelu:
    return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2));
  case ActivationKind::GeluTanh:
    return 0.5 * x * (1.0 + std::tanh(kGeluScale * (x + kGeluCube * x * x * x)));
  case ActivationKind::Relu:
    return std::max(x, 0.0);
  }
  llvm_unreachable("unknown activation");
}

double reference::differentiateActivation(ActivationKind kind, double x) {
  switch (kind) {
  case ActivationKind::Silu: {
    double sigmoid = 1.0 / (1.0 + std::exp(-x));
    return sigmoid * (1.0 + x * (1.0 - sigmoid));
  }
  case ActivationKind::Gelu: {
    double density = std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    return 0.5 * (1.0 + std::erf(x / std::numbers::sqrt2)) + x * density;
  }
  case ActivationKind::GeluTanh: {
    double t = std::tanh(kGeluScale * (x + kGeluCube * x * x * x));
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * kGeluScale * (1.0 + 3.0 * kGeluCube * x * x);
  }
  case ActivationKind::Relu:
    return x > 0 ? 1.0 : 0.0;
  }
  llvm_unreachable("unknown activation");
}

double reference::dot(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double reference::getRmsFactor(llvm::ArrayRef<double> x, double epsilon) {
  return 1.0 / std::sqrt(dot(x, x) / static_cast<double>(x.size()) + epsilon);
}

reference::Standardization reference::getStandardization(llvm::ArrayRef<double> x, double epsilon) {
  auto count = static_cast<double>(x.size());
  double mean = std::accumulate(x.begin(), x.end(), 0.0) / count, variance = 0;
  for (double value : x)
    variance += (value - mean) * (value - mean);
  return {mean, 1.0 / std::sqrt(variance / count + epsilon)};
}

double reference::logSumExp(llvm::ArrayRef<double> x) {
  double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
  for (double value : x)
    maximum = std::max(maximum, value);
  if (std::isinf(maximum))
    return maximum;
  for (double value : x)
    sum += std::exp(value - maximum);
  return maximum + std::log(sum);
}
