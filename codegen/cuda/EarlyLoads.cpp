//===- EarlyLoads.cpp - Loads ahead of what they wait behind --------------===//
#include "codegen/cuda/EarlyLoads.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

namespace {

class LoadMover {
public:
  LoadMover(ThreadEmitter &e, Operation *place, function_ref<bool(BlockArgument)> isMeant)
      : e(e), place(place), isMeant(isMeant), function(place->getParentOfType<gpu::GPUFuncOp>()) {}

  bool isMovable(Operation *op) {
    return isLoad(op) && llvm::all_of(op->getOperands(), [&](Value v) { return isReachable(v); });
  }

  /// With what its operands are computed by.
  void move(Operation *op) {
    for (Value operand : op->getOperands())
      if (!isThere(operand))
        move(operand.getDefiningOp());
    op->moveBefore(place);
    if (isLoad(op))
      pin(op);
  }

private:
  /// Of as many bytes as one instruction loads, from an argument of the kernel.
  bool isLoad(Operation *op) {
    if (!isa<memref::LoadOp, vector::LoadOp>(op) ||
        !llvm::is_contained(function.getArguments(), op->getOperand(0)) ||
        !isMeant(cast<BlockArgument>(op->getOperand(0))))
      return false;
    int64_t bytes = getBytes(op->getResult(0).getType());
    return bytes >= 2 && bytes <= 16 && llvm::isPowerOf2_64(bytes);
  }

  static int64_t getBytes(Type type) {
    auto vector = dyn_cast<VectorType>(type);
    int64_t bits = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    return (vector ? vector.getNumElements() : 1) * bits / 8;
  }

  bool isThere(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return cast<BlockArgument>(value).getOwner()->getParentOp()->isProperAncestor(place);
    return op->getBlock()->getParentOp()->isAncestor(place) &&
           op->getBlock()->findAncestorOpInBlock(*place) != nullptr &&
           op->isBeforeInBlock(op->getBlock()->findAncestorOpInBlock(*place));
  }

  bool isReachable(Value value) {
    if (isThere(value))
      return true;
    Operation *op = value.getDefiningOp();
    return op && (isLoad(op) || (op->getNumRegions() == 0 && isPure(op))) &&
           llvm::all_of(op->getOperands(), [&](Value v) { return isReachable(v); });
  }

  /// LLVM would move it back to where its result is used.
  void pin(Operation *load) {
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPoint(load);
    Value buffer = load->getOperand(0);
    auto type = cast<MemRefType>(buffer.getType());
    auto [strides, start] = type.getStridesAndOffset();
    Value offset = e.index(0);
    for (auto [index, stride] : llvm::zip_equal(load->getOperands().drop_front(), strides))
      offset = e.b.createOrFold<arith::AddIOp>(
          offset, e.b.createOrFold<arith::MulIOp>(
                      index, e.index(stride * type.getElementTypeBitWidth() / 8)));
    Type result = load->getResult(0).getType();
    Value words = e.loadHere(buffer, offset, getBytes(result));
    auto vector = dyn_cast<VectorType>(result);
    Value loaded = words;
    auto loadedType = vector ? vector : VectorType::get(1, result);
    if (words.getType() != loadedType)
      loaded = vector::BitCastOp::create(e.b, loadedType, words);
    if (!vector)
      loaded = vector::ExtractOp::create(e.b, loaded, 0);
    load->getResult(0).replaceAllUsesWith(loaded);
    load->erase();
  }

  ThreadEmitter &e;
  Operation *place;
  function_ref<bool(BlockArgument)> isMeant;
  gpu::GPUFuncOp function;
};

} // namespace

void nyala::cuda::moveLoadsAhead(ThreadEmitter &e, Operation *place, Operation *barrier,
                                 function_ref<bool(BlockArgument)> isMeant) {
  LoadMover mover(e, place, isMeant);
  SmallVector<Operation *> loads;
  for (Operation *op = barrier->getNextNode(); op; op = op->getNextNode())
    op->walk([&](Operation *inner) {
      if (mover.isMovable(inner))
        loads.push_back(inner);
    });
  // One that another's address depends on comes first, and moves before that one.
  for (Operation *load : loads)
    mover.move(load);
}
