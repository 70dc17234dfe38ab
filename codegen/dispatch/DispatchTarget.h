//===- DispatchTarget.h - Which fusions pay ---------------------*- C++ -*-===//
//
// What may fuse is shared knowledge (FusibleOpInterface); what pays depends on
// the machine. One subclass a device: all variants share its programs, so that it
// sees no features.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_DISPATCH_DISPATCHTARGET_H
#define NYALA_CODEGEN_DISPATCH_DISPATCHTARGET_H

#include "ir/NyalaOps.h"
#include "ir/Variants.h"

namespace nyala {

class DispatchTarget {
public:
  virtual ~DispatchTarget() = default;

  /// Should `producer` (a norm, a look-up, …) be computed again inside the dispatch of `root`,
  /// which has at most `maxRows` rows, instead of once in a dispatch of its own? On refusal
  /// `reason` says why, for the remark.
  virtual bool fusesProducer(mlir::Operation *producer, mlir::Operation *root, int64_t maxRows,
                             std::string &reason) const = 0;

  /// Should `consumer` be computed in the dispatch around `root`: on the tiles of a product, if it
  /// works column by column; in a row-wise dispatch that grows, whatever reads that row alone?
  virtual bool fusesConsumer(mlir::Operation *consumer, mlir::Operation *root, int64_t maxRows,
                             std::string &reason) const = 0;

  /// Do row-wise dispatches grow around their first op, as those of products do? If not, only
  /// elementwise ops wait for the one that reads them.
  virtual bool growsRows() const { return false; }

protected:
  /// A tile of a product starts at a multiple of `columns`: does `consumer` keep that, where it
  /// shifts columns, and need no others than a tile has?
  static bool keepsTiles(mlir::Operation *consumer, int64_t columns, std::string &reason);
};

std::unique_ptr<DispatchTarget> createCpuDispatchTarget();
std::unique_ptr<DispatchTarget> createCudaDispatchTarget();

inline std::unique_ptr<DispatchTarget> createDispatchTarget(Device device) {
  return device == Device::Cuda ? createCudaDispatchTarget() : createCpuDispatchTarget();
}

} // namespace nyala

#endif // NYALA_CODEGEN_DISPATCH_DISPATCHTARGET_H
