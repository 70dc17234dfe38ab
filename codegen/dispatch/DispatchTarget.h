//===- DispatchTarget.h - Which fusions pay ---------------------*- C++ -*-===//
//
// What may fuse is shared knowledge (FusibleOpInterface); what pays depends on
// the machine. One subclass a target.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_DISPATCH_DISPATCHTARGET_H
#define NYALA_CODEGEN_DISPATCH_DISPATCHTARGET_H

#include "ir/NyalaOps.h"

namespace nyala {

class DispatchTarget {
public:
  virtual ~DispatchTarget() = default;

  /// Should `producer` (a norm, a look-up, …) be computed again inside the dispatch of `root`,
  /// which has at most `maxRows` rows, instead of once in a dispatch of its own? On refusal
  /// `reason` says why, for the remark.
  virtual bool fusesProducer(mlir::Operation *producer, mlir::Operation *root, int64_t maxRows,
                             std::string &reason) const = 0;

  /// Should `consumer`, which works column by column, be computed on the tiles of `root`?
  virtual bool fusesConsumer(mlir::Operation *consumer, mlir::Operation *root,
                             std::string &reason) const = 0;
};

/// What the targets of the module's nyala.targets attribute have in common, whatever their
/// features: all variants share a program. Null with an error if there are none.
std::unique_ptr<DispatchTarget> getDispatchTarget(mlir::ModuleOp module);

} // namespace nyala

#endif // NYALA_CODEGEN_DISPATCH_DISPATCHTARGET_H
