// RUN: nyala-opt %s --nyala-generate-cuda-kernels --split-input-file --verify-diagnostics

// expected-error @below {{has no target; expected the attribute 'nyala.targets' to hold a list of #nyala.cpu_target and #nyala.cuda_target}}
module {
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
nyala.kernel @k(%x: tensor<?x16xf32>, %p: tensor<?xi32>) -> tensor<?x16xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  // expected-error @below {{cannot be generated for a GPU; reproduce with nyala-opt --nyala-generate-cuda-kernels}}
  %0 = nyala.rope adjacent %x at %p {heads = 1 : i64, dims = 16 : i64, base = 1.0e4 : f64} : tensor<?x16xf32>, tensor<?xi32>
  nyala.return %0 : tensor<?x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
// expected-error @below {{argument 0 has type 'tensor<?x16xf64>', expected a tensor of f32, bf16, f16, ids of i32 or quantized activations}}
nyala.kernel @k(%x: tensor<?x16xf64>) -> tensor<?x16xf64> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = arith.addf %x, %x : tensor<?x16xf64>
  nyala.return %0 : tensor<?x16xf64>
}
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
nyala.kernel @k(%c: tensor<1x8x16xf32>, %x: tensor<?x16xf32>, %s: tensor<?xi32>, %q: tensor<?xi32>) -> tensor<1x8x16xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  // expected-error @below {{updates in place: expected its cache to be an argument of the kernel and its result to be only returned}}
  %0 = nyala.cache_append %c, %x at %s in %q : tensor<1x8x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %1 = nyala.cache_append %0, %x at %s in %q : tensor<1x8x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %1 : tensor<1x8x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
nyala.kernel @k(%c: tensor<1x8x32xf32, #nyala.blocks<q8_0>>, %x: tensor<?x64xf32>, %w: tensor<32x64xf32, #nyala.packed<f32>>, %s: tensor<?xi32>, %q: tensor<?xi32>) -> tensor<1x8x32xf32, #nyala.blocks<q8_0>> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %k = nyala.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  // expected-error @below {{rounds whole blocks: expected a kernel without a product}}
  %0 = nyala.cache_append %c, %k at %s in %q : tensor<1x8x32xf32, #nyala.blocks<q8_0>>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %0 : tensor<1x8x32xf32, #nyala.blocks<q8_0>>
}
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
nyala.kernel @k(%x: tensor<?x64xf32>, %w: tensor<32x64xf32, #nyala.packed<f32>>, %t: tensor<?x16xf32>) -> tensor<?x32xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %k = nyala.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  // expected-error @below {{of pairs of halves cannot follow a product in its kernel: expected adjacent pairs (nyala-interleave-rope), or a kernel of its own}}
  %0 = nyala.rotate half %k by %t {heads = 2} : tensor<?x32xf32>, tensor<?x16xf32>
  nyala.return %0 : tensor<?x32xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
nyala.kernel @k(%x: tensor<?x7xf32>, %t: tensor<?x6xf32>) -> tensor<?x7xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  // expected-error @below {{of adjacent pairs in heads of 7 channels: expected an even number of them}}
  %0 = nyala.rotate adjacent %x by %t {heads = 1} : tensor<?x7xf32>, tensor<?x6xf32>
  nyala.return %0 : tensor<?x7xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
nyala.kernel @k(%x: tensor<2x2xf32>) -> tensor<2x2xf32> attributes {max_rows = 2 : i64, nyala.device = "cuda"} {
  // expected-error @below {{expected one value everywhere, for elementwise ops alone; other constants can be weights}}
  %c = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %0 = arith.addf %x, %c : tensor<2x2xf32>
  nyala.return %0 : tensor<2x2xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
nyala.kernel @k(%a: tensor<?x16xf32>, %g: tensor<16xf32>) -> (tensor<?x16xf32> {nyala.tied = 0 : i64}) attributes {max_rows = 2 : i64, nyala.device = "cuda"} {
  // expected-error @below {{reads argument 0 of kernel 'k', which is updated in place: expected elementwise ops alone}}
  %0 = nyala.rms_norm %a, %g {epsilon = 1.0e-5 : f32} : tensor<?x16xf32>, tensor<16xf32>
  nyala.return %0 : tensor<?x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cuda_target<"sm_80">]} {
nyala.kernel @k(%x: tensor<?x128xf32>) -> tensor<?x65xi32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  // expected-error @below {{expected at most 64 values of a row, got 65}}
  %v, %i = nyala.top_k %x : tensor<?x128xf32> -> tensor<?x65xf32>, tensor<?x65xi32>
  nyala.return %i : tensor<?x65xi32>
}
}
