//===- FinalizeKernels.cpp - Kernels get the runtime's signature ----------===//
#include "codegen/Passes.h"
#include "ir/NyalaOps.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace nyala {
#define GEN_PASS_DEF_FINALIZEKERNELS
#include "codegen/Passes.h.inc"
} // namespace nyala

using namespace mlir;
using namespace nyala;

/// @k(ptr…, i64 rows, i64 begin, i64 end, ptr scratch)
///   → @k.body, internal and always inlined, and
///     @k(ptr buffers, i64 rows, i64 begin, i64 end, ptr scratch) that calls it.
static void finalizeKernel(LLVM::LLVMFuncOp body) {
  ImplicitLocOpBuilder b(body.getLoc(), body.getContext());
  b.setInsertionPoint(body);
  std::string name = body.getName().str();
  unsigned pointers = body.getNumArguments() - 4;
  auto ptr = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  body.setName(name + ".body");
  body.setLinkage(LLVM::Linkage::Internal);
  body.setAlwaysInline(true);

  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                          {ptr, i64, i64, i64, ptr});
  auto kernel = LLVM::LLVMFuncOp::create(b, name, type);
  for (StringRef attr : {"nyala.tiles", "nyala.per_row", "nyala.scratch_bytes"})
    if (Attribute value = body->removeAttr(attr))
      kernel->setAttr(attr, value);
  Block *entry = kernel.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  SmallVector<Value> arguments;
  for (unsigned i = 0; i < pointers; ++i) {
    Value slot = LLVM::GEPOp::create(b, ptr, ptr, entry->getArgument(0),
                                     ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    arguments.push_back(LLVM::LoadOp::create(b, ptr, slot));
  }
  llvm::append_range(arguments, entry->getArguments().drop_front());
  LLVM::CallOp::create(b, body, arguments);
  LLVM::ReturnOp::create(b, ValueRange());
}

namespace {
struct FinalizeKernels : nyala::impl::FinalizeKernelsBase<FinalizeKernels> {
  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<LLVM::LLVMFuncOp>()))
      if (function->hasAttr("nyala.tiles")) {
        if (function.getNumArguments() < 4) {
          function.emitOpError(
              "expected the arguments of a generated kernel: buffers, rows, begin, "
              "end and scratch");
          return signalPassFailure();
        }
        finalizeKernel(function);
      }
  }
};
} // namespace
