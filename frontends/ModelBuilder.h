//===- ModelBuilder.h - What builders of models share -----------*- C++ -*-===//
//
// A builder of an architecture calls beginForward, makes ops through the
// helpers below or through at(), and calls endForward. Weights keep the file's
// tensor names, shapes are checked against what the hyperparameters say, and a
// tensor or key that no call named is reported by finish(): nothing in a file
// is passed over silently.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_FRONTENDS_MODELBUILDER_H
#define NYALA_FRONTENDS_MODELBUILDER_H

#include "frontends/WeightFiles.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace nyala {

/// A cache of the model: an argument of @forward and, updated, a result.
struct State {
  std::string name;  ///< "blk.0.keys"
  int64_t width;     ///< channels of a slot
  mlir::Value value; ///< set by beginForward; its builder replaces it by the updated cache
};

/// Does a linear layer have a bias?
enum class Bias {
  Never,
  Always,
  IfStored, ///< if there is a tensor of its name
};

class ModelBuilder {
public:
  ModelBuilder(mlir::ModuleOp module, const WeightFiles &files, llvm::StringRef architecture);

  const WeightFiles &getFiles() const { return files; }
  /// Throws "PATH: MESSAGE".
  [[noreturn]] void fail(const std::string &message) const;
  /// Warns with "PATH: MESSAGE".
  void warn(const std::string &message);

  /// An entry of the module's `nyala.model`.
  void addFact(llvm::StringRef name, llvm::StringRef value);
  void addFact(llvm::StringRef name, int64_t value);

  // Tensors of the files.

  bool hasTensor(const llvm::Twine &name) const { return files.has(name.str()); }
  /// Throws if there is none.
  StoredTensor getTensor(llvm::StringRef name) const;
  /// A nyala.load of the tensor, which must have this shape: the same value each time. Without data
  /// the weight has no source.
  mlir::Value loadWeight(const llvm::Twine &name, llvm::ArrayRef<int64_t> shape);
  /// The values of a small vector, for what becomes an attribute.
  llvm::SmallVector<float> readValues(llvm::StringRef name, int64_t count);
  /// Takes note that the model does without the tensor, so that finish() does not report it.
  void ignoreTensor(llvm::StringRef name) { tensorsUsed.insert(name); }

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

  /// nyala.linear with NAME.weight, outputs by the input's channels.
  mlir::Value buildLinear(mlir::Value input, const llvm::Twine &name, int64_t outputs, Bias bias);
  /// nyala.rms_norm of each of `groups` equal parts of a row.
  mlir::Value buildRmsNorm(mlir::Value input, const llvm::Twine &name, double epsilon,
                           int64_t groups = 1);
  /// Appends rows to the state's cache; returns the updated cache, from then on its value.
  mlir::Value buildCacheAppend(State &state, mlir::Value rows);

  /// Sets the module's facts. Throws if a tensor was not read that must be part of the model's
  /// function, warns of other unread tensors and of `unreadKeys`, which `keysPath` holds.
  void finish(llvm::StringRef keysPath, llvm::ArrayRef<std::string> unreadKeys);

private:
  mlir::Value getArgument(unsigned index) { return function.getArgument(index); }
  StoredTensor useTensor(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);

  mlir::ModuleOp module;
  const WeightFiles &files;
  std::string architecture;
  mlir::ImplicitLocOpBuilder builder;
  llvm::SmallVector<mlir::NamedAttribute> facts;
  mlir::func::FuncOp function;
  std::vector<State> states;
  llvm::StringSet<> tensorsUsed;
  llvm::StringMap<mlir::Value> loads;
};

} // namespace nyala

#endif // NYALA_FRONTENDS_MODELBUILDER_H
