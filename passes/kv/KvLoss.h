//===- KvLoss.h - What sharing keys and values costs ------------*- C++ -*-===//
//
// The search for a map runs the model; passes generate no code. What does is
// attached to the dialect by tools that can (tools/evaluation).
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_KV_KVLOSS_H
#define NYALA_PASSES_KV_KVLOSS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectInterface.h"

#include <memory>

namespace nyala::kv {

/// How well one model predicts one text, for any sharing of its keys and values.
class KvLoss {
public:
  virtual ~KvLoss() = default;

  /// Windows that the text is cut into.
  virtual size_t getWindows() const = 0;
  /// Mean negative log-likelihood in nats of the tokens of `count` windows from `first` on, where
  /// layer i attends to the keys and values of layer map[i]; an empty map leaves the model as it
  /// is, and comes before any other. Emits an error on failure.
  virtual mlir::FailureOr<double> compute(llvm::ArrayRef<int64_t> map, size_t first,
                                          size_t count) = 0;

  mlir::FailureOr<double> compute(llvm::ArrayRef<int64_t> map) {
    return compute(map, 0, getWindows());
  }
};

class KvLossInterface : public mlir::DialectInterface::Base<KvLossInterface> {
public:
  explicit KvLossInterface(mlir::Dialect *dialect) : Base(dialect) {}

  /// For `model`, a module of the phase `input`, which is not changed, in the arithmetic and with
  /// the caches that its facts name; `calibration` is the path of a text. Null: an error was
  /// emitted.
  virtual std::unique_ptr<KvLoss> create(mlir::ModuleOp model,
                                         llvm::StringRef calibration) const = 0;

  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KvLossInterface)
};

} // namespace nyala::kv

#endif // NYALA_PASSES_KV_KVLOSS_H
