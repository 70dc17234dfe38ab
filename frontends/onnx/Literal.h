//===- Literal.h - Values known when a graph is imported --------*- C++ -*-===//
//
// Shapes, axes and what is computed of them: ONNX has them as tensors. Elements
// are numbers; types are floats, integers and bool.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_ONNX_LITERAL_H
#define NYALA_FRONTENDS_ONNX_LITERAL_H

#include "frontends/onnx/OnnxTensor.h"

#include <string_view>

namespace nyala::onnx {

enum class ElementKind { Float, Integer, Bool };

struct Literal {
  ElementKind kind = ElementKind::Integer;
  std::vector<int64_t> shape;
  std::vector<int64_t> integers = {}; ///< of integers and bool
  std::vector<double> floats = {};    ///< of floats
  /// Does it depend on the shape of something computed? Then the batch is in it already.
  bool ofShape = false;

  static Literal makeIntegers(std::vector<int64_t> values);
  int64_t size() const {
    return static_cast<int64_t>(kind == ElementKind::Float ? floats.size() : integers.size());
  }
  double getNumber(int64_t i) const {
    return kind == ElementKind::Float ? floats[i] : static_cast<double>(integers[i]);
  }
};

/// Most elements of a literal: more is data, which never becomes part of the IR.
inline constexpr int64_t kMaxLiteral = int64_t(1) << 20;

/// The values of a stored tensor of at most kMaxLiteral numbers; nullopt of other types.
std::optional<Literal> readLiteral(const OnnxTensor &tensor);

/// What an elementwise op ("Add", "Sqrt", "Where") gives, by ONNX's rules of broadcasting. Nullopt
/// if the op is not known, shapes do not fit, or an integer division has no result.
std::optional<Literal> foldElementwise(std::string_view op, std::span<const Literal> operands);

/// Elements `indices` along `axis`, which is in range, as are the indices; the result has `shape`.
Literal pick(const Literal &literal, int64_t axis, std::span<const int64_t> indices,
             std::vector<int64_t> shape);

/// The literals after one another along `axis`, in which alone they differ.
Literal concatenate(std::span<const Literal> literals, int64_t axis);

/// As another kind; floats lose their fraction as in C, bool is whether a number is not 0.
Literal convert(Literal literal, ElementKind kind);

} // namespace nyala::onnx

#endif // NYALA_FRONTENDS_ONNX_LITERAL_H
