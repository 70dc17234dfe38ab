//===- WeightStream.cpp - Chunks of a weight through shared memory --------===//
#include "codegen/cuda/WeightStream.h"
#include "codegen/cuda/CudaTarget.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;

/// At least: more than half of a multiprocessor's 228 KiB. Deeper rings gain nothing.
static constexpr int64_t kRingBytes = 116 << 10;
static constexpr int64_t kBarrierBytes = 8;
/// Space of the shared memory of a cluster of blocks, of which a block's own is part.
static constexpr unsigned kClusterSpace = 7;

/// PTX 8.0 has bulk copies. GPUs for workstations (12.0 and newer) have 100 KiB of shared memory.
bool nyala::cuda::canStreamWeights(CudaTargetAttr target) {
  constexpr unsigned oldest = 90, smaller = 120, ptx = 80;
  return target.getComputeCapability() >= oldest && target.getComputeCapability() < smaller &&
         getPtxVersion(target) >= ptx;
}

WeightStream::WeightStream(ThreadEmitter &e, Value weight, int64_t warps, int64_t chunkBytes,
                           Value count, Locate locate)
    : e(e), weight(weight), count(count), locate(std::move(locate)), chunkBytes(chunkBytes),
      places(llvm::divideCeil(kRingBytes, warps * chunkBytes)) {
  memory = e.allocateShared(warps * places * chunkBytes, e.b.getI8Type());
  barriers = e.allocateShared(warps * places, e.b.getI64Type());
  firstPlace = times(e.getWarp(), places);
}

Value WeightStream::times(Value value, int64_t factor) {
  return arith::MulIOp::create(e.b, value, e.index(factor));
}

Value WeightStream::getPlace(Value number) {
  return arith::AddIOp::create(e.b, firstPlace,
                               arith::RemUIOp::create(e.b, number, e.index(places)));
}

Value WeightStream::getBarrier(Value place) {
  return e.getAddress(barriers, times(place, kBarrierBytes));
}

Value WeightStream::isFirstLane() {
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq, e.getLane(), e.index(0));
}

void WeightStream::ask(Value number) {
  Value place = getPlace(number), barrier = getBarrier(place);
  Value bytes = e.intConstant(e.b.getI32Type(), chunkBytes);
  NVVM::MBarrierArriveExpectTxOp::create(e.b, /*res=*/Type(), barrier, bytes,
                                         NVVM::MemScopeKind::CTA, /*relaxed=*/false,
                                         /*predicate=*/Value());
  auto cluster = LLVM::LLVMPointerType::get(e.b.getContext(), kClusterSpace);
  Value target =
      LLVM::AddrSpaceCastOp::create(e.b, cluster, e.getAddress(memory, times(place, chunkBytes)));
  NVVM::CpAsyncBulkGlobalToSharedClusterOp::create(
      e.b, target, e.getAddress(weight, locate(number)), barrier, bytes, /*multicastMask=*/Value(),
      /*l2CacheHint=*/Value());
}

void WeightStream::begin() {
  e.when(isFirstLane(), [&] {
    Value one = e.intConstant(e.b.getI32Type(), 1);
    for (int64_t place = 0; place < places; ++place)
      NVVM::MBarrierInitOp::create(
          e.b, getBarrier(arith::AddIOp::create(e.b, firstPlace, e.index(place))), one,
          /*predicate=*/Value());
    NVVM::FenceMbarrierInitOp::create(e.b);
    Value first = arith::MinUIOp::create(e.b, count, e.index(places));
    e.forRange(e.index(0), first, 1, [&](Value number) { ask(number); });
  });
  NVVM::SyncWarpOp::create(e.b, e.intConstant(e.b.getI32Type(), -1));
}

Value WeightStream::wait(Value number) {
  Type i32 = e.b.getI32Type();
  Value round = arith::DivUIOp::create(e.b, number, e.index(places));
  Value phase =
      arith::IndexCastOp::create(e.b, i32, arith::RemUIOp::create(e.b, round, e.index(2)));
  constexpr int64_t nanoseconds = 1000000; // at most, before it looks again
  Value place = getPlace(number);
  NVVM::MBarrierTryWaitParityOp::create(e.b, getBarrier(place), phase,
                                        e.intConstant(i32, nanoseconds));
  return times(place, chunkBytes);
}

void WeightStream::release(Value number) {
  NVVM::SyncWarpOp::create(e.b, e.intConstant(e.b.getI32Type(), -1));
  Value next = arith::AddIOp::create(e.b, number, e.index(places));
  Value isThere = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ult, next, count);
  e.when(arith::AndIOp::create(e.b, isFirstLane(), isThere), [&] { ask(next); });
}
