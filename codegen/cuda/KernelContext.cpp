//===- KernelContext.cpp - The function of a GPU kernel -------------------===//
#include "codegen/KernelBuffers.h"
#include "codegen/cuda/CudaTileModels.h"
#include "ir/KernelTies.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

KernelContext::KernelContext(KernelOp kernel, CudaTargetAttr target, gpu::GPUModuleOp module)
    : kernel(kernel), target(target), module(module),
      builder(kernel.getLoc(), kernel.getContext()) {}

ThreadEmitter &KernelContext::createFunction(int64_t threads) {
  assert(!function && "has a function");
  ImplicitLocOpBuilder &b = builder;
  Attribute space = b.getI64IntegerAttr(kGlobalSpace);
  SmallVector<Type> types;
  llvm::SmallDenseSet<int64_t> written;
  for (BlockArgument argument : kernel.getBody().getArguments())
    types.push_back(
        getBufferType(getTensorType(argument), nyala::getMaxRows(kernel, argument), space));
  for (auto [index, type] : llvm::enumerate(kernel.getResultTypes())) {
    std::optional<int64_t> tied = getTiedArgument(kernel, index);
    written.insert(tied.value_or(static_cast<int64_t>(types.size())));
    if (!tied)
      types.push_back(getBufferType(cast<RankedTensorType>(type), kernel.getMaxRows(), space));
  }
  types.push_back(MemRefType::get({1}, b.getI32Type(), MemRefLayoutAttrInterface(), space));

  b.setInsertionPointToEnd(module.getBody());
  function = gpu::GPUFuncOp::create(b, kernel.getSymName(), b.getFunctionType(types, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  for (unsigned i = 0; i < types.size(); ++i) {
    function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
    if (!written.contains(i))
      function.setArgAttr(i, "llvm.readonly", b.getUnitAttr());
  }

  b.setInsertionPointToStart(&function.getBody().front());
  auto end = gpu::ReturnOp::create(b);
  b.setInsertionPoint(end);
  // A call of a kernel for one row has one.
  Value rows = arith::ConstantIndexOp::create(b, 1);
  if (kernel.getMaxRows() > 1) {
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value count = memref::LoadOp::create(b, function.getArgument(types.size() - 1), zero);
    rows = arith::IndexCastOp::create(b, b.getIndexType(), count);
  }
  emitter =
      std::make_unique<ThreadEmitter>(b, function, target, rows, kernel.getMaxRows(), threads);
  for (auto [argument, buffer] :
       llvm::zip_first(kernel.getBody().getArguments(), function.getArguments()))
    emitter->setBuffer(argument, buffer);
  return *emitter;
}

unsigned KernelContext::getResultBufferNumber(unsigned result) {
  if (std::optional<int64_t> tied = getTiedArgument(kernel, result))
    return *tied;
  unsigned number = kernel.getNumArguments();
  for (unsigned i = 0; i < result; ++i)
    number += getTiedArgument(kernel, i) ? 0 : 1;
  return number;
}

void KernelContext::finish(const Launch &launch) {
  OpBuilder b(function.getContext());
  function->setAttr("nyala.tiles", b.getI64IntegerAttr(launch.tiles));
  if (launch.rowBlock > 0)
    function->setAttr("nyala.row_block", b.getI64IntegerAttr(launch.rowBlock));
  function->setAttr("nyala.shared_bytes", b.getI64IntegerAttr(emitter->getSharedBytes()));
  function->setAttr("nyala.workspace_bytes", b.getI64IntegerAttr(emitter->getWorkspaceBytes()));
}
