//===- LaunchRecord.cpp - How kernels of GPUs are launched ----------------===//
#include "codegen/package/LaunchRecord.h"
#include "ir/NyalaAttrs.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace nyala;

namespace art = nyala::artifact;

flatbuffers::Offset<art::Kernel>
nyala::package::buildGpuKernel(flatbuffers::FlatBufferBuilder &builder,
                               const CodeImage::Kernel &kernel, Operation *function) {
  auto getNumber = [&](StringRef name) -> int64_t {
    auto number = function->getAttrOfType<IntegerAttr>(name);
    return number ? number.getInt() : 0;
  };
  int64_t threads = 1;
  if (auto block =
          function->getAttrOfType<DenseI32ArrayAttr>(NVVM::NVVMDialect::getMaxntidAttrName()))
    for (int32_t size : block.asArrayRef())
      threads *= size;
  flatbuffers::Offset<art::MatmulCall> call;
  if (auto product = function->getAttrOfType<MatmulCallAttr>("nyala.library_call"))
    call = art::CreateMatmulCall(builder, product.getColumns(), product.getDepth(),
                                 product.getActivations(), product.getWeight(),
                                 product.getResidual(), product.getResult());
  return art::CreateKernelDirect(
      builder, kernel.name.c_str(), kernel.entry, /*scratch_bytes=*/0, kernel.size,
      getNumber("nyala.tiles"), /*tiles_per_row=*/false, threads, getNumber("nyala.row_block"),
      getNumber("nyala.shared_bytes"), getNumber("nyala.workspace_bytes"), call,
      function->hasAttr("nyala.overlaps"));
}
