// RUN: nyala-opt %s --nyala-generate-cpu-kernels --split-input-file --verify-diagnostics

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
// expected-error @below {{result 0 is not one of nyala.sum_rows, which writes its results itself: expected a kernel of its own}}
nyala.kernel @k(%x: tensor<4x16xf32>) -> tensor<1x16xf32> attributes {max_rows = 4 : i64} {
  %0 = nyala.sum_rows %x : tensor<4x16xf32> -> tensor<1x16xf32>
  %1 = math.sqrt %0 : tensor<1x16xf32>
  nyala.return %1 : tensor<1x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%q: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x4xf32>) attributes {max_rows = 256 : i64} {
  // expected-error @below {{expected a fixed number of rows; run nyala-build-loss first}}
  %0, %1 = nyala.self_attention %q, %q, %q {heads = 4 : i64, kv_heads = 4 : i64, scale = 0.25 : f32, length = 128 : i64, mask = #nyala.mask<causal>}
     : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>, tensor<?x4xf32>
  nyala.return %0, %1 : tensor<?x64xf32>, tensor<?x4xf32>
}
}
