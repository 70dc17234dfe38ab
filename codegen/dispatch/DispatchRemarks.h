//===- DispatchRemarks.h - What dispatches fuse, and what not ---*- C++ -*-===//
#ifndef NYALA_CODEGEN_DISPATCH_DISPATCHREMARKS_H
#define NYALA_CODEGEN_DISPATCH_DISPATCHREMARKS_H

#include "ir/NyalaOps.h"

namespace nyala {

/// An op beside a dispatch's root that could have been part of it.
struct MissedFusion {
  mlir::OperationName op;
  std::string reason;
};

struct FormedDispatch {
  DispatchOp dispatch;
  mlir::SmallVector<MissedFusion> missed;
};

/// Emits remarks of the pass nyala-form-dispatches: one for each kernel, with its ops and the
/// number of its dispatches, and one for each kind of op that stayed outside of it, with the
/// reason. Equal kernels have the name of the first, as after nyala-deduplicate-kernels.
void remarkDispatches(mlir::ModuleOp module, llvm::ArrayRef<FormedDispatch> formed);

} // namespace nyala

#endif // NYALA_CODEGEN_DISPATCH_DISPATCHREMARKS_H
