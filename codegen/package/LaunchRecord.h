//===- LaunchRecord.h - How kernels of GPUs are launched --------*- C++ -*-===//
#ifndef NYALA_CODEGEN_PACKAGE_LAUNCHRECORD_H
#define NYALA_CODEGEN_PACKAGE_LAUNCHRECORD_H

#include "codegen/CodeImage.h"
#include "runtime/artifact_generated.h"

#include "mlir/IR/Operation.h"

namespace nyala::package {

/// Adds the kernel of a GPU to a FlatBuffer: its place in an image of code, and the launch record,
/// which is in the attributes of `function`, its code in the phase `program` (docs/cuda.md).
flatbuffers::Offset<artifact::Kernel> buildGpuKernel(flatbuffers::FlatBufferBuilder &builder,
                                                     const CodeImage::Kernel &kernel,
                                                     mlir::Operation *function);

} // namespace nyala::package

#endif // NYALA_CODEGEN_PACKAGE_LAUNCHRECORD_H
