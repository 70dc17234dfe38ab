//===- CudaInterfaces.td - Kernel generation, op by op ------*- tablegen -*-===//
#ifndef NYALA_CODEGEN_CUDA_CUDAINTERFACES_TD
#define NYALA_CODEGEN_CUDA_CUDAINTERFACES_TD

include "mlir/IR/OpBase.td"

def Nyala_CudaTileOpInterface : OpInterface<"CudaTileOpInterface"> {
  let cppNamespace = "::nyala::cuda";
  let description = [{
    How an op's results are computed on a GPU: the elements of a tile, pulling the operands' tiles from
    the emitter. Attached to the dialect's ops as external models (CudaTileModels.h), so that ir/ knows
    nothing of code generation.
  }];
  let methods = [
    InterfaceMethod<[{Why the op cannot be in a kernel as it is; empty if it can.}],
      "std::string", "getObstacle", (ins "::nyala::CudaTargetAttr":$target), [{}], [{ return {}; }]>,
    InterfaceMethod<[{Emits a kernel whose root the op is and whose schedule is the op's own (products,
                      attention), all of it: which blocks there are, and the writing of the kernel's results, for which
                      it pulls them (KernelResults). Returns the launch record. Ops that are no roots never are asked.}],
      "::nyala::cuda::Launch", "emitKernel",
      (ins "::nyala::cuda::KernelContext &":$kernel), [{}], [{
        llvm_unreachable("is no root");
      }]>,
    InterfaceMethod<[{Elements of a tile of result `result`.}],
      "::llvm::SmallVector<::mlir::Value>", "emitTile",
      (ins "::nyala::cuda::ThreadEmitter &":$emitter, "unsigned":$result,
           "const ::nyala::cuda::Tile &":$tile), [{}], [{
        llvm_unreachable("has no tiles");
      }]>,
    InterfaceMethod<[{Is a row of the results computed as a whole (emitRow), whatever tiles are asked for?}],
      "bool", "hasWholeRows", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{Writes row `row` of each result to its destination (of rank 1: the row; of rank 2: all
                      rows), by all threads of the block; null: that result is not asked for.}],
      "void", "emitRow",
      (ins "::nyala::cuda::ThreadEmitter &":$emitter, "::mlir::Value":$row,
           "::llvm::ArrayRef<::mlir::Value>":$destinations), [{}], [{
        for (auto [result, destination] : ::llvm::zip_equal($_op->getResults(), destinations))
          if (destination)
            emitter.emitRowByTiles(result, row, destination);
      }]>
  ];
}

#endif // NYALA_CODEGEN_CUDA_CUDAINTERFACES_TD
