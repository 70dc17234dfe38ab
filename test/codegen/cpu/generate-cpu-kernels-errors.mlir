// RUN: nyala-opt %s --nyala-generate-cpu-kernels --split-input-file --verify-diagnostics

// expected-error @below {{has no target; expected the attribute 'nyala.targets' to hold a list of #nyala.cpu_target and #nyala.cuda_target}}
module {
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<?x16xf32>, %p: tensor<?xi32>) -> tensor<?x16xf32> attributes {max_rows = 1 : i64} {
  // expected-error @below {{cannot be generated for a CPU; reproduce with nyala-opt --nyala-generate-cpu-kernels}}
  %0 = nyala.rope adjacent %x at %p {heads = 1 : i64, dims = 16 : i64, base = 1.0e4 : f64} : tensor<?x16xf32>, tensor<?xi32>
  nyala.return %0 : tensor<?x16xf32>
}
}

// -----

// A weight that is computed within the kernel.
module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<?x16xf32>, %w: tensor<32x16xf32>) -> tensor<?x32xf32> attributes {max_rows = 1 : i64} {
  %s = arith.addf %w, %w : tensor<32x16xf32>
  // expected-error @below {{expected a packed weight that is an argument of the kernel}}
  %0 = nyala.linear %x, %s : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<?xi32>, %w: tensor<32x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 1 : i64} {
  %s = arith.addf %w, %w : tensor<32x16xf32>
  // expected-error @below {{expected a packed weight that is an argument of the kernel}}
  %0 = nyala.embedding %x, %s : tensor<?xi32>, tensor<32x16xf32> -> tensor<?x16xf32>
  nyala.return %0 : tensor<?x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%c: tensor<1x8x16xf32>, %x: tensor<?x16xf32>, %s: tensor<?xi32>, %q: tensor<?xi32>) -> tensor<1x8x16xf32> attributes {max_rows = 1 : i64} {
  // expected-error @below {{updates in place: expected its cache to be an argument of the kernel and its result to be only returned}}
  %0 = nyala.cache_append %c, %x at %s in %q : tensor<1x8x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %1 = nyala.cache_append %0, %x at %s in %q : tensor<1x8x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %1 : tensor<1x8x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<2x2xf32>) -> tensor<2x2xf32> attributes {max_rows = 2 : i64} {
  // expected-error @below {{expected one value everywhere, for elementwise ops alone; other constants can be weights}}
  %c = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %0 = arith.addf %x, %c : tensor<2x2xf32>
  nyala.return %0 : tensor<2x2xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<?x2xf32>) -> tensor<?x2xf32> attributes {max_rows = 2 : i64} {
  // expected-error @below {{expected one value everywhere, for elementwise ops alone; other constants can be weights}}
  %c = arith.constant dense<1.0> : tensor<2xf32>
  %0 = nyala.rms_norm %x, %c {epsilon = 1.0e-5 : f32} : tensor<?x2xf32>, tensor<2xf32>
  nyala.return %0 : tensor<?x2xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
// expected-error @below {{argument 1 has type 'tensor<?x16xf16>', expected a tensor of f32, factors of bf16, ids of i32, quantized activations or a cache of f16}}
nyala.kernel @k(%x: tensor<?x16xf32>, %y: tensor<?x16xf16>) -> tensor<?x16xf32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
// expected-error @below {{result 0 has type 'tensor<?xi32>', expected a tensor of f32, factors of bf16, ids of i32, quantized activations or a cache of f16}}
nyala.kernel @k(%x: tensor<?xi32>) -> tensor<?xi32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?xi32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<?x16xf32>, %p: tensor<1x8x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 1 : i64} {
  // expected-error @below {{cannot be generated for a CPU}}
  %0 = arith.addf %p, %p : tensor<1x8x16xf32>
  nyala.return %x : tensor<?x16xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%q: tensor<?x96xf32>, %c: tensor<1x8x96xf32, #nyala.blocks<q8_0>>, %p: tensor<?xi32>) -> tensor<?x96xf32> attributes {max_rows = 1 : i64} {
  // expected-error @below {{reads heads of 24 channels from a cache in blocks: expected a multiple of 16}}
  %0 = nyala.attention %q, %c, %c at %p in %p {heads = 4 : i64, kv_heads = 4 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x96xf32>, tensor<1x8x96xf32, #nyala.blocks<q8_0>>, tensor<1x8x96xf32, #nyala.blocks<q8_0>>, tensor<?xi32>, tensor<?xi32> -> tensor<?x96xf32>
  nyala.return %0 : tensor<?x96xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%q: tensor<?x32xf32>, %c: tensor<1x8x32xf32>, %b: tensor<1x8x32xf32, #nyala.blocks<q8_0>>, %p: tensor<?xi32>) -> tensor<1x8x32xf32, #nyala.blocks<q8_0>> attributes {max_rows = 1 : i64} {
  // expected-error @above {{result 0 is not one of nyala.attention, which writes its results itself: expected a kernel of its own}}
  %0 = nyala.attention %q, %c, %c at %p in %p {heads = 2 : i64, kv_heads = 2 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<1x8x32xf32>, tensor<1x8x32xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x32xf32>
  %1 = nyala.cache_append %b, %0 at %p in %p : tensor<1x8x32xf32, #nyala.blocks<q8_0>>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %1 : tensor<1x8x32xf32, #nyala.blocks<q8_0>>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<8x16xf32>, %w: tensor<16x32xf32>) -> tensor<8x32xf32> attributes {max_rows = 8 : i64} {
  %s = arith.addf %w, %w : tensor<16x32xf32>
  // expected-error @below {{expected factors that are arguments of the kernel, or rounded from such}}
  %0 = nyala.matmul %x, %s : tensor<8x16xf32>, tensor<16x32xf32> -> tensor<8x32xf32>
  nyala.return %0 : tensor<8x32xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<?x8xf32>, %y: tensor<?x32xf32>) -> tensor<8x32xf32> attributes {max_rows = 8 : i64} {
  // expected-error @below {{expected a second factor of static shape, got tensor<?x32xf32>}}
  %0 = nyala.matmul %x, %y {transpose_a} : tensor<?x8xf32>, tensor<?x32xf32> -> tensor<8x32xf32>
  nyala.return %0 : tensor<8x32xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.kernel @k(%x: tensor<?x32xf32>, %i: tensor<?xi32>) -> tensor<8x32xf32> attributes {max_rows = 8 : i64} {
  // expected-error @below {{expected operands and a result of static shapes}}
  %0 = nyala.scatter_add %x at %i : tensor<?x32xf32>, tensor<?xi32> -> tensor<8x32xf32>
  nyala.return %0 : tensor<8x32xf32>
}
}

// -----

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64-v4", features = "avx512f">]} {
nyala.kernel @k(%x: tensor<8x32xf32>, %y: tensor<32x32xbf16>) -> tensor<8x32xf32> attributes {max_rows = 8 : i64} {
  // expected-error @below {{computes with 'tensor<8x32xbf16>', for which the target 'x86-64-v4' has no instructions: expected a CPU with the feature avx512bf16, or products of f32}}
  %0 = arith.truncf %x : tensor<8x32xf32> to tensor<8x32xbf16>
  %1 = nyala.matmul %0, %y : tensor<8x32xbf16>, tensor<32x32xbf16> -> tensor<8x32xf32>
  nyala.return %1 : tensor<8x32xf32>
}
}
