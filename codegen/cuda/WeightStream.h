//===- WeightStream.h - Chunks of a weight through shared memory -*- C++ -*-===//
//
// Each warp has a ring of chunks of its own, so that warps wait for no other. Its first
// lane asks for chunks by asynchronous bulk copies, which need no registers; a barrier of
// each place in the ring counts the bytes that have arrived:
//
//   chunk     0        1        …  places - 1    places …
//             asked for by begin()               each by release() of the chunk before it there
//   wait(n)   phase n / places of the barrier of place n % places
//
// The ring takes so much of shared memory that a multiprocessor holds one such block: blocks of
// the kernel that comes next would otherwise share some multiprocessors, and leave others idle.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CUDA_WEIGHTSTREAM_H
#define NYALA_CODEGEN_CUDA_WEIGHTSTREAM_H

#include "codegen/cuda/ThreadEmitter.h"

#include <functional>

namespace nyala::cuda {

/// Does the target have bulk copies, and shared memory for the rings?
bool canStreamWeights(CudaTargetAttr target);

class WeightStream {
public:
  /// The byte offset in the weight of a chunk of this warp.
  using Locate = std::function<mlir::Value(mlir::Value number)>;

  /// \param weight     bytes in global memory.
  /// \param chunkBytes a multiple of 16, as are offsets.
  /// \param count      index: chunks of each warp.
  WeightStream(ThreadEmitter &e, mlir::Value weight, int64_t warps, int64_t chunkBytes,
               mlir::Value count, Locate locate);

  /// Asks for the first chunks. All threads of the block come by.
  void begin();
  /// Waits for chunk `number`, for all lanes of the warp; returns its byte offset in getMemory().
  mlir::Value wait(mlir::Value number);
  /// Says that the lanes have read chunk `number`: asks for the one that takes its place.
  void release(mlir::Value number);

  mlir::Value getMemory() const { return memory; } ///< memref<bytes x i8, 3>

private:
  void ask(mlir::Value number);
  mlir::Value getPlace(mlir::Value number);
  mlir::Value getBarrier(mlir::Value place);
  mlir::Value isFirstLane();
  mlir::Value times(mlir::Value value, int64_t factor);

  ThreadEmitter &e;
  mlir::Value weight, count, memory, barriers, firstPlace;
  Locate locate;
  int64_t chunkBytes, places;
};

} // namespace nyala::cuda

#endif // NYALA_CODEGEN_CUDA_WEIGHTSTREAM_H
