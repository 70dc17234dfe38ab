//===- GraphBuilder.h - What nodes of ONNX graphs are built with -*- C++ -*-===//
//
// Knows the tensors of a graph by name: as values of @forward, as weights that
// are loaded when a node reads them, or as literals (shapes, axes). All shapes
// are static. Floats of any width are f32, integers i32, bool i1.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_ONNX_GRAPHBUILDER_H
#define NYALA_FRONTENDS_ONNX_GRAPHBUILDER_H

#include "frontends/onnx/Literal.h"
#include "frontends/onnx/OnnxFile.h"
#include "ir/NyalaOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

#include <deque>

namespace nyala::onnx {

/// How weights are made that the graph computes from nothing: all elements `mean`, or random.
struct Generator {
  std::vector<int64_t> shape;
  double mean = 0;
  double deviation = 0; ///< of uniform random numbers; 0: a constant
  uint32_t seed = 0;
};

/// A tensor of the graph: one of these.
struct Definition {
  mlir::Value value = {}; ///< of @forward; of a weight once it is loaded
  const OnnxTensor *stored = nullptr;
  std::optional<Generator> generated = {};
  std::optional<Literal> literal = {};

  /// Is it trainable data? Stored floats of any rank but 0, which is part of a formula, and what
  /// the graph generates.
  bool isWeight() const {
    return generated ||
           (stored && isFloatType(stored->proto.data_type()) && !stored->shape.empty());
  }
};

/// Batch sizes in the file and as wanted.
struct Batch {
  int64_t stated = 1, wanted = 1;
};

class GraphBuilder {
public:
  GraphBuilder(mlir::ModuleOp module, OnnxFile &file, Batch batch);

  OnnxFile &getFile() const { return file; }
  Batch getBatch() const { return batch; }
  /// Throws "PATH: MESSAGE", behind the path the node that is being built, if one is.
  [[noreturn]] void fail(const llvm::Twine &message) const;
  void warn(const llvm::Twine &message);
  /// Names the node that is being built, for messages and locations; empty: none.
  void setNode(std::string description, llvm::StringRef name);

  // Tensors by name.

  /// Throws if there is one of this name.
  void define(llvm::StringRef name, Definition definition);
  /// Throws if there is none.
  Definition &get(llvm::StringRef name);
  /// Its value; loads a weight, makes a literal a constant.
  mlir::Value getValue(llvm::StringRef name);
  /// Keeps a tensor that a definition refers to.
  const OnnxTensor *keep(OnnxTensor tensor) { return &kept.emplace_back(std::move(tensor)); }
  /// Its numbers, if they are known now and few enough: of initializers, too.
  std::optional<Literal> findLiteral(llvm::StringRef name);

  // The function.

  void beginForward(llvm::ArrayRef<mlir::Type> types, llvm::ArrayRef<std::string> roles);
  mlir::Value getArgument(unsigned index) { return function.getArgument(index); }
  void endForward(llvm::ArrayRef<mlir::Value> results, llvm::ArrayRef<std::string> names);

  // Ops; types are those of results.

  template <typename Op, typename... Args> mlir::Value create(Args &&...args) {
    return Op::create(builder, std::forward<Args>(args)...)->getResult(0);
  }
  mlir::ImplicitLocOpBuilder &getBuilder() { return builder; }

  /// Throws unless all sizes are positive and there are at most kMaxElements elements.
  mlir::RankedTensorType getTensor(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  mlir::RankedTensorType getFloats(llvm::ArrayRef<int64_t> shape);
  /// A constant with the same number everywhere.
  mlir::Value makeSplat(mlir::RankedTensorType type, double number);
  mlir::Value makeSplatLike(mlir::Value value, double number);
  mlir::Value makeConstant(const Literal &literal);

  /// The same elements in a shape of as many; views of one another.
  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  /// Leading dimensions up to `axis` as rows, the others as channels.
  mlir::Value toMatrix(mlir::Value value, unsigned axis);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation);
  /// By ONNX's rules: sizes of 1, and dimensions that lack in front, are repeated. Throws if they
  /// do not fit.
  mlir::Value broadcast(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  /// Elements from `offsets` in steps of `strides`.
  mlir::Value slice(mlir::Value value, llvm::ArrayRef<int64_t> offsets,
                    llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> strides);

  /// Warns of initializers that nothing reads.
  void finish();

private:
  mlir::Value loadStored(llvm::StringRef name, const OnnxTensor &tensor);
  mlir::Value loadGenerated(llvm::StringRef name, const Generator &generator);
  mlir::Value loadWeight(WeightOp weight);
  std::string chooseSymbol(llvm::StringRef name);

  mlir::ModuleOp module;
  OnnxFile &file;
  Batch batch;
  mlir::ImplicitLocOpBuilder builder;
  mlir::func::FuncOp function;
  llvm::StringMap<Definition> definitions;
  llvm::StringSet<> symbols, read;
  std::deque<OnnxTensor> kept;
  std::string node;
};

/// "[2, 3]"
std::string formatShape(llvm::ArrayRef<int64_t> shape);
/// The shape of a value that is a ranked tensor, as all are.
inline llvm::ArrayRef<int64_t> getShape(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType()).getShape();
}
inline mlir::Type getElementType(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType()).getElementType();
}
inline bool isFloat(mlir::Value value) { return mlir::isa<mlir::FloatType>(getElementType(value)); }

} // namespace nyala::onnx

#endif // NYALA_FRONTENDS_ONNX_GRAPHBUILDER_H
