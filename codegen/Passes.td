//===- Passes.td - Code generation passes --------------------*- tablegen -*-===//
#ifndef NYALA_CODEGEN_PASSES_TD
#define NYALA_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Dispatch level
//===----------------------------------------------------------------------===//

def SplitAttention : Pass<"nyala-split-attention", "::mlir::func::FuncOp"> {
  let summary = "Compute the attention of few rows in two steps";
  let description = [{
    In an entry function, `nyala.attention` of at most 8 rows over a cache of more than 256 slots becomes
    `nyala.attention_parts`, whose work divides by positions as well, and `nyala.merge_attention`, which
    is computed again by whoever reads it. With more rows there is work enough. Entries of a GPU are left
    alone: their kernels merge themselves.

    ```mlir
    %0 = nyala.attention %q, %k, %v at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
       : tensor<?x32xf32>, tensor<1x512x16xf32>, tensor<1x512x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x32xf32>
    ```
    becomes
    ```mlir
    %1 = nyala.attention_parts %q, %k, %v at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
       : tensor<?x32xf32>, tensor<1x512x16xf32>, tensor<1x512x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x72xf32>
    %0 = nyala.merge_attention %1 at %p {heads = 2, mask = #nyala.mask<causal>} : tensor<?x72xf32>, tensor<?xi32> -> tensor<?x32xf32>
    ```
  }];
}

def FormDispatches : Pass<"nyala-form-dispatches", "::mlir::ModuleOp"> {
  let summary = "Fuse the ops of entry functions into dispatches of kernels";
  let description = [{
    A dispatch forms around each root (a product, an attention): ops that work column by column join it
    behind, norms and look-ups before it where the target says that this pays. What is left becomes
    row-wise dispatches; an elementwise op joins the one that alone reads it. Each body is outlined as a
    nyala.kernel. Its rows are those of an argument, or a constant where they are static. A result that
    updates an operand (InPlaceOpInterface), or that is the next value of a state and reads the old one
    elementwise alone, is tied to it. Views (`tensor.expand_shape`, `tensor.extract_slice`, …) stay outside.

    ```mlir
    %0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x64xf32>, tensor<64xf32>
    %1 = nyala.linear %0, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
    %2 = arith.addf %x, %1 : tensor<?x64xf32>
    ```
    becomes
    ```mlir
    %rows = tensor.dim %tokens, %c0 : tensor<?xi32>
    %2 = nyala.dispatch @decode_linear_64x64 rows(%rows) (%x, %g, %w) tied [-1] : …
    ```

    The target is that of the function's device (`nyala.device`), which its kernels carry, too. On GPUs a
    row-wise dispatch takes whatever reads its rows, a norm and the rounding behind it, say.

    Remarks say which ops each kernel has and how many dispatches call it, and of each kind of op that could
    have been part of it why it is not. Equal kernels are counted as one: the first, which
    `nyala-deduplicate-kernels` leaves.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def DeduplicateKernels : Pass<"nyala-deduplicate-kernels", "::mlir::ModuleOp"> {
  let summary = "Let dispatches share kernels whose bodies are equal";
  let description = [{
    Kernels of one device that differ in name and locations only are one; the first stays. Thirty equal
    layers compile once.
  }];
}

//===----------------------------------------------------------------------===//
// Kernel level
//===----------------------------------------------------------------------===//

def GenerateCpuKernels : Pass<"nyala-generate-cpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn kernels on tensors into loops over vectors, for each of the module's CPU targets";
  let description = [{
    For each target a module of its name is added, a variant. In it each nyala.kernel has become a
    func.func on buffers: its operands and the results that are not tied to one, then the number of rows,
    the range of work items and scratch. Its attributes `nyala.tiles`, `nyala.per_row` and
    `nyala.scratch_bytes` say how it is launched. The nyala.kernel stays and gets the attribute
    `nyala.cost`, for the planner.

    ```mlir
    module attributes {nyala.targets = [#nyala.cpu_target<"x86-64-v3", features = "avx2", "fma">]} {
      nyala.kernel @k(%x: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {max_rows = 4 : i64} { … }
    }
    ```
    becomes
    ```mlir
    module attributes {nyala.targets = […]} {
      nyala.kernel @k(…) -> … attributes {max_rows = 4 : i64, nyala.cost = array<i64: …>} { … }
      module @"x86-64-v3" attributes {nyala.target = #nyala.cpu_target<"x86-64-v3", …>} {
        func.func @k(%x: memref<4x64xf32>, %y: memref<4x64xf32>, %rows: index, %begin: index,
                     %end: index, %scratch: memref<0xi8>) attributes {nyala.tiles = 1 : i64, …} { … }
      }
    }
    ```
  }];
  let dependentDialects = ["::mlir::amx::AMXDialect", "::mlir::func::FuncDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def GenerateCudaKernels : Pass<"nyala-generate-cuda-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn kernels on tensors into functions of GPU threads, for each of the module's GPU targets";
  let description = [{
    For each target a module of its name is added, a variant. In it each nyala.kernel whose device is "cuda" has
    become a gpu.func on buffers in global memory: its operands and the results that are not tied to one, then the
    call's number of rows, then, if it has one, its workspace. Its attributes `nyala.tiles`, `nyala.row_block`,
    `nyala.shared_bytes` and `nyala.workspace_bytes` say how it is launched, `nyala.overlaps` that it waits itself for
    the kernel before it (docs/cuda.md). What is a weight in all dispatches of a kernel may be read before that.

    ```mlir
    module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {
      nyala.kernel @k(%x: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} { … }
    }
    ```
    becomes
    ```mlir
    module attributes {nyala.targets = […]} {
      nyala.kernel @k(…) -> … attributes {max_rows = 4 : i64, nyala.device = "cuda"} { … }
      module @sm_90a attributes {nyala.target = #nyala.cuda_target<"sm_90a">} {
        gpu.module @kernels {
          gpu.func @k(%x: memref<4x64xf32, 1>, %y: memref<4x64xf32, 1>, %rows: memref<1xi32, 1>) kernel
              attributes {known_block_size = array<i32: 32, 1, 1>, nyala.tiles = 1 : i64, nyala.row_block = 1 : i64, …} { … }
        }
      }
    }
    ```
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

//===----------------------------------------------------------------------===//
// Program level
//===----------------------------------------------------------------------===//

def BuildPrograms : Pass<"nyala-build-programs", "::mlir::ModuleOp"> {
  let summary = "Plan memory and turn entry functions into programs of steps";
  let description = [{
    Every value of an entry gets its place: weights and states their own regions, arguments and results
    the caller's, the others an offset in the arena that no value alive at the same time shares. Views
    lie in what they show, parts of a `tensor.concat` in the whole. Updates are proved to be in place; a
    copy that would be needed is an error. Every variant must have the kernels; the nyala.kernels, from
    which they were generated, have served their purpose.
  }];
}

def FinalizeKernels : Pass<"nyala-finalize-kernels", "::mlir::ModuleOp"> {
  let summary = "Give kernels in the LLVM dialect the signature of the runtime's ABI";
  let description = [{
    Adds to each kernel `@k.body(base pointers…, rows, begin, end, scratch)` a function `@k(buffers, rows,
    begin, end, scratch)` that takes the base pointers from an array (runtime/kernel_abi.h).
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ConvertCudaMath : Pass<"nyala-convert-cuda-math", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Turn functions that are instructions of a GPU into LLVM's intrinsics";
  let description = [{
    Upstream's conversion of gpu.modules would turn every function into a call of CUDA's library, which nyala
    does not link. `math.exp2` becomes the instruction `ex2.approx`; roots are rounded correctly. A function
    that has no instruction is an error.

    ```mlir
    %0 = math.fma %a, %b, %c : f32
    ```
    becomes
    ```mlir
    %0 = llvm.call_intrinsic "llvm.fma"(%a, %b, %c) : (f32, f32, f32) -> f32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect"];
}

#endif // NYALA_CODEGEN_PASSES_TD
