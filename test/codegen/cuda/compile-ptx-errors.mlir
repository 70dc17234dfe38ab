// What a kernel calls must be there.
// RUN: not nyala-compile %s --compile-from=program -o %t.nyala --ptx-only 2>&1 | FileCheck %s
// CHECK: nyala-compile: error: {{.*}}compile-ptx-errors.mlir:[[# @LINE + 6]]:{{[0-9]+}}: kernels call '__nv_fmodf', which no instruction computes and nothing defines; express it by operations that GPUs have

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">],
                   nyala.model = {architecture = "toy", arithmetic = "f32", vocabulary = 64 : i64, context = 8 : i64}} {
nyala.program @cuda_init counts [] arguments [] results [] states [] arena 0 attributes {nyala.device = "cuda"} {
}
module @sm_90a attributes {nyala.target = #nyala.cuda_target<"sm_90a">} {
  gpu.module @kernels {
    llvm.func @__nv_fmodf(f32, f32) -> f32
    llvm.func @k(%x: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.maxntid = array<i32: 32, 1, 1>, nyala.tiles = 1 : i64} {
      %0 = llvm.load %x : !llvm.ptr<1> -> f32
      %1 = llvm.call @__nv_fmodf(%0, %0) : (f32, f32) -> f32
      llvm.store %1, %x : f32, !llvm.ptr<1>
      llvm.return
    }
  }
}
}
