// RUN: nyala-opt %s --pass-pipeline='builtin.module(gpu.module(nyala-convert-cuda-math))' --verify-diagnostics

gpu.module @kernels {
  gpu.func @functions(%x: f32, %v: vector<4xbf16>) {
    // expected-error @below {{'math.cos' op is no instruction of a GPU, and kernels are linked with no library; expected it to be expressed by others, such as math.exp2 and math.fma}}
    %0 = math.cos %x : f32
    // expected-error @below {{'math.exp' op is no instruction of a GPU}}
    %1 = math.exp %v : vector<4xbf16>
    // expected-error @below {{'arith.remf' op is no instruction of a GPU}}
    %2 = arith.remf %x, %x : f32
    gpu.return
  }
}
