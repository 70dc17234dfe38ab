//===- AttentionModels.cpp - Kernels of attention over caches -------------===//
#include "codegen/cuda/BlockedAttention.h"
#include "codegen/cuda/CacheAttention.h"
#include "codegen/cuda/CudaTileModels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

double nyala::cuda::getBinaryScale(AttentionOp op) {
  return op.getScale().convertToDouble() * 1.4426950408889634;
}

Value nyala::cuda::exp2(ThreadEmitter &e, Value x) {
  Type f32 = e.b.getF32Type();
  return LLVM::InlineAsmOp::create(e.b, f32, x, "ex2.approx.ftz.f32 $0, $1;", "=f,f",
                                   /*has_side_effects=*/false, /*is_align_stack=*/false,
                                   LLVM::TailCallKind::None, /*asm_dialect=*/nullptr,
                                   /*operand_attrs=*/nullptr)
      .getResult(0);
}

namespace {

/// Three kernels: calls of few rows divide the positions of a row among blocks; prompts are
/// computed on tensor cores if those can multiply what caches hold; other prompts by rows.
struct AttentionModel : CudaTileOpInterface::ExternalModel<AttentionModel, AttentionOp> {
  std::string getObstacle(Operation *operation, CudaTargetAttr) const {
    auto op = cast<AttentionOp>(operation);
    if (isPrompt(op) && BlockedAttentionEmitter::canRead(op))
      return {};
    return CacheAttentionEmitter::getObstacle(op);
  }

  Launch emitKernel(Operation *operation, KernelContext &kernel) const {
    auto op = cast<AttentionOp>(operation);
    if (!isPrompt(op))
      return emitParts(op, kernel);
    return BlockedAttentionEmitter::canRead(op) ? emitBlocks(op, kernel) : emitRows(op, kernel);
  }

private:
  static bool isPrompt(AttentionOp op) {
    auto kernel = op->getParentOfType<KernelOp>();
    return static_cast<int64_t>(kernel.getMaxRows()) > kContractRows;
  }

  /// Calls `body` with what writes tiles of the result.
  static void withWriter(AttentionOp op, KernelContext &kernel, ThreadEmitter &e,
                         function_ref<void(AttentionWriter)> body) {
    KernelResults results(kernel, e);
    body([&](const Tile &tile, ArrayRef<Value> elements, Value condition) {
      e.provide(op.getResult(), tile, elements);
      for (const KernelResults::Group &group : results.getGroups())
        results.emitTile(group, tile, condition);
    });
  }

  /// Tiles: the groups of heads of a part, whose blocks read the same positions, side by side.
  static Launch emitParts(AttentionOp op, KernelContext &kernel) {
    ThreadEmitter &e = kernel.createFunction(CacheAttentionEmitter::kThreads);
    CacheAttentionEmitter emitter(e, op);
    // Two blocks a multiprocessor, where registers suffice: one loads while the other merges.
    if (emitter.isNarrow())
      kernel.getFunction()->setAttr("nvvm.minctasm", e.b.getI32IntegerAttr(2));
    int64_t groups = CacheAttentionEmitter::getHeadGroups(op);
    Value row = e.getRowBlockIndex(), tile = e.getTileIndex();
    whenRow(e, row, [&] {
      Value group = arith::RemUIOp::create(e.b, tile, e.index(groups));
      Value part = arith::DivUIOp::create(e.b, tile, e.index(groups));
      withWriter(op, kernel, e,
                 [&](AttentionWriter write) { emitter.emitPart(group, part, row, write); });
    });
    return {groups * CacheAttentionEmitter::getParts(op), 1};
  }

  static Launch emitRows(AttentionOp op, KernelContext &kernel) {
    ThreadEmitter &e = kernel.createFunction(CacheAttentionEmitter::kThreads);
    CacheAttentionEmitter emitter(e, op);
    Value row = e.getRowBlockIndex();
    whenRow(e, row, [&] {
      withWriter(op, kernel, e,
                 [&](AttentionWriter write) { emitter.emitRow(e.getTileIndex(), row, write); });
    });
    return {CacheAttentionEmitter::getHeadGroups(op), 1};
  }

  /// Blocks of rows from the last, which sees the most, to the first.
  static Launch emitBlocks(AttentionOp op, KernelContext &kernel) {
    ThreadEmitter &e = kernel.createFunction(BlockedAttentionEmitter::kThreads);
    BlockedAttentionEmitter emitter(e, op);
    int64_t blockRows = BlockedAttentionEmitter::getBlockRows(op, e.getMaxRows());
    Value ceiled = arith::AddIOp::create(e.b, e.getRows(), e.index(blockRows - 1));
    Value blocks = arith::DivUIOp::create(e.b, ceiled, e.index(blockRows));
    Value last = arith::SubIOp::create(e.b, blocks, e.index(1));
    Value block = arith::SubIOp::create(e.b, last, e.getRowBlockIndex());
    Value isThere = arith::CmpIOp::create(e.b, arith::CmpIPredicate::sge, block, e.index(0));
    e.when(isThere, [&] {
      withWriter(op, kernel, e,
                 [&](AttentionWriter write) { emitter.emit(e.getTileIndex(), block, write); });
    });
    return {static_cast<int64_t>(op.getHeads()), blockRows};
  }

  static void whenRow(ThreadEmitter &e, Value row, function_ref<void()> body) {
    e.when(arith::CmpIOp::create(e.b, arith::CmpIPredicate::slt, row, e.getRows()), body);
  }
};

} // namespace

void nyala::cuda::attachAttentionModels(MLIRContext *context) {
  AttentionOp::attachInterface<AttentionModel>(*context);
}
