//===- ModelBuilder.h - What builders of architectures share ----*- C++ -*-===//
//
// A builder of an architecture reads its hyperparameters, calls beginForward,
// makes ops through the helpers below or through at(), and calls endForward.
// Weights keep the file's tensor names, shapes are checked against what the
// hyperparameters say, and a tensor or key that no call named is reported by
// finish(): nothing in a file is passed over silently.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_GGUF_MODELBUILDER_H
#define NYALA_FRONTENDS_GGUF_MODELBUILDER_H

#include "frontends/gguf/Hyperparameters.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace nyala::gguf {

/// A cache of the model: an argument of @forward and, updated, a result.
struct State {
  std::string name;  ///< "blk.0.keys"
  int64_t width;     ///< channels of a slot
  mlir::Value value; ///< set by beginForward; its builder replaces it by the updated cache
};

class ModelBuilder {
public:
  /// Builds into `module`; weights refer to the file by `absolutePath`.
  ModelBuilder(mlir::ModuleOp module, const GgufFile &file, llvm::StringRef architecture,
               llvm::StringRef absolutePath);

  Hyperparameters &getHyperparameters() { return hyperparameters; }
  const GgufFile &getFile() const { return file; }
  /// Throws "PATH: MESSAGE".
  [[noreturn]] void fail(const std::string &message) const;

  /// An entry of the module's `nyala.model`.
  void addFact(llvm::StringRef name, llvm::StringRef value);
  void addFact(llvm::StringRef name, int64_t value);

  // Tensors of the file.

  bool hasTensor(const llvm::Twine &name) const;
  /// Throws if there is none.
  const TensorInfo &getTensor(llvm::StringRef name) const;
  /// A nyala.load of the tensor, which must have this shape: the same value each time.
  mlir::Value loadWeight(const llvm::Twine &name, llvm::ArrayRef<int64_t> shape);
  /// The values of a small vector, for what becomes an attribute.
  llvm::SmallVector<float> readValues(llvm::StringRef name, int64_t count);

  // The function.

  /// Starts @forward with a cache argument for each state.
  void beginForward(std::vector<State> states);
  /// Ends it: returns the logits and the states' values.
  void endForward(mlir::Value logits);

  mlir::Value getTokens() { return getArgument(0); }
  mlir::Value getPositions() { return getArgument(1); }
  mlir::Value getSequences() { return getArgument(2); }
  mlir::Value getSlots() { return getArgument(3); }
  mlir::Value getWanted() { return getArgument(4); }
  State &getState(size_t index) { return states[index]; }

  /// The builder, set to give ops this name as their location.
  mlir::ImplicitLocOpBuilder &at(const llvm::Twine &name);
  /// tensor<?xCHANNELSxf32>
  mlir::RankedTensorType getRowsType(int64_t channels);

  // Layers of many architectures; `name` is that of their tensors without ".weight" and ".bias".

  /// nyala.linear with NAME.weight, outputs by the input's channels, and NAME.bias if there is one.
  mlir::Value buildLinear(mlir::Value input, const llvm::Twine &name, int64_t outputs);
  mlir::Value buildRmsNorm(mlir::Value input, const llvm::Twine &name, double epsilon);
  /// Appends rows to the state's cache; returns the updated cache, from then on its value.
  mlir::Value buildCacheAppend(State &state, mlir::Value rows);

  /// Sets the module's facts. Throws if a tensor was not read that must be part of the model's
  /// function, warns of other unread tensors and of unread keys.
  void finish();

private:
  mlir::Value getArgument(unsigned index) { return function.getArgument(index); }
  const TensorInfo &useTensor(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);

  mlir::ModuleOp module;
  const GgufFile &file;
  std::string architecture, absolutePath;
  Hyperparameters hyperparameters;
  mlir::ImplicitLocOpBuilder builder;
  llvm::SmallVector<mlir::NamedAttribute> facts;
  mlir::func::FuncOp function;
  std::vector<State> states;
  llvm::StringSet<> tensorsUsed;
  llvm::StringMap<mlir::Value> loads;
};

} // namespace nyala::gguf

#endif // NYALA_FRONTENDS_GGUF_MODELBUILDER_H
