//===- KernelContext.cpp - The function of a GPU kernel -------------------===//
#include "codegen/KernelBuffers.h"
#include "codegen/cuda/CudaTileModels.h"
#include "codegen/cuda/EarlyLoads.h"
#include "ir/KernelTies.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

/// Compute capability that has programmatic dependent launch.
static constexpr unsigned kOverlapCapability = 90;

KernelContext::KernelContext(KernelOp kernel, CudaTargetAttr target, gpu::GPUModuleOp module,
                             Arguments constants)
    : kernel(kernel), target(target), module(module), constants(std::move(constants)),
      builder(kernel.getLoc(), kernel.getContext()) {}

/// Prompts' kernels take long enough that it would not show.
bool KernelContext::overlaps() const {
  return target.getComputeCapability() >= kOverlapCapability && getMaxRows() <= kContractRows;
}

bool KernelContext::isConstant(Value value) const {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == &getKernel().getBody().front() &&
         constants.contains(argument.getArgNumber());
}

/// Not the intrinsic: to LLVM that accesses no memory, so that loads may pass it.
static Operation *emitWait(ImplicitLocOpBuilder &b) {
  NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::launch_dependents);
  return LLVM::InlineAsmOp::create(
      b, /*res=*/Type(), /*operands=*/ValueRange(), "griddepcontrol.wait;", "~{memory}",
      /*has_side_effects=*/true, /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
}

void KernelContext::waitHere() {
  wait->moveBefore(emitter->b.getInsertionBlock(), emitter->b.getInsertionPoint());
}

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
    // What the kernel before may still write is read behind the wait. From memory that nobody else
    // accesses (noalias) or that does not change (ld.global.nc) loads would pass it.
    bool isWritten = written.contains(i);
    bool isRead = i < kernel.getNumArguments() || i + 1 == types.size();
    if (overlaps() && isRead && !constants.contains(i))
      continue;
    function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
    if (!isWritten)
      function.setArgAttr(i, "llvm.readonly", b.getUnitAttr());
  }

  b.setInsertionPointToStart(&function.getBody().front());
  auto end = gpu::ReturnOp::create(b);
  b.setInsertionPoint(end);
  if (overlaps())
    wait = emitWait(b);
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

/// Slots, positions: of one row each block reads the same few.
void KernelContext::readIdsBeforeWaiting() {
  moveLoadsAhead(*emitter, wait, wait, [&](BlockArgument buffer) {
    return constants.contains(buffer.getArgNumber()) && getElementTypeOrSelf(buffer).isInteger(32);
  });
}

void KernelContext::finish(const Launch &launch) {
  if (overlaps() && getMaxRows() == 1)
    readIdsBeforeWaiting();
  OpBuilder b(function.getContext());
  if (overlaps())
    function->setAttr("nyala.overlaps", b.getUnitAttr());
  function->setAttr("nyala.tiles", b.getI64IntegerAttr(launch.tiles));
  if (launch.rowBlock > 0)
    function->setAttr("nyala.row_block", b.getI64IntegerAttr(launch.rowBlock));
  function->setAttr("nyala.shared_bytes", b.getI64IntegerAttr(emitter->getSharedBytes()));
  function->setAttr("nyala.workspace_bytes", b.getI64IntegerAttr(emitter->getWorkspaceBytes()));
}
