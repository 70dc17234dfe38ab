// What LLVM has no instruction for ends in an error that names the kernel, not in a stack trace.
// RUN: rm -rf %t && mkdir %t
// RUN: not nyala-compile %s --compile-from=program -o %t/out.nyala --ptx-only 2>&1 | FileCheck %s --implicit-check-not="Stack dump" --implicit-check-not=PLEASE
// CHECK: error: {{.*}}llvm cannot compile kernel 'early': Cannot select: {{.*}}griddepcontrol
// RUN: ls %t | count 0

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">],
                   nyala.model = {architecture = "toy", arithmetic = "f32", vocabulary = 64 : i64, context = 8 : i64}} {

nyala.program @cuda_decode counts [#nyala.count<"rows", max = 1>, #nyala.count<"wanted", max = 1>]
    arguments [#nyala.argument<"tokens", count = 0>, #nyala.argument<"wanted", count = 1>]
    results [#nyala.result<"logits", count = 1, row_bytes = 256>] states [] arena 256
    attributes {nyala.device = "cuda"} {
  nyala.step @early [#nyala.buffer<arena>, #nyala.buffer<result>] rows 1 waits [] cost [0, 0, 0, 0, 0] writes [256]
}

module @sm_80 attributes {nyala.target = #nyala.cuda_target<"sm_80">} {
  gpu.module @kernels {
    llvm.func @early(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>, %rows: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, nvvm.maxntid = array<i32: 32, 1, 1>, nyala.tiles = 1 : i64} {
      nvvm.griddepcontrol wait
      llvm.return
    }
  }
}

}
