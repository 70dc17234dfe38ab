// Round trips of the model level's ops: custom and generic syntax, and bytecode.
// RUN: nyala-opt %s | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --mlir-print-op-generic | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --emit-bytecode | nyala-opt | FileCheck %s

// CHECK: module attributes {
// CHECK-SAME: nyala.model = {layers = 30 : i64}
// CHECK-SAME: nyala.targets = [#nyala.cpu_target<"x86-64-v3", features = "avx2", "fma">]
// CHECK-SAME: nyala.tokenizer = "m.gguf"
module attributes {nyala.model = {layers = 30 : i64}, nyala.tokenizer = "m.gguf",
                   nyala.targets = [#nyala.cpu_target<"x86-64-v3", features = "avx2", "fma">]} {

// CHECK: nyala.weight @a : tensor<48x64xf32> source <"m.gguf", offset = 64, bytes = 1920, format = q4_1>
nyala.weight @a : tensor<48x64xf32> source <"m.gguf", offset = 64, bytes = 1920, format = q4_1>
// CHECK: nyala.weight @plain : tensor<4xf32>{{$}}
nyala.weight @plain : tensor<4xf32>
// CHECK: nyala.weight @half : tensor<4xf16> source <"a \22b\22", offset = 0, bytes = 8, format = f16> {note = 1 : i64}
nyala.weight @half : tensor<4xf16> source <"a \22b\22", offset = 0, bytes = 8, format = f16> {note = 1 : i64}
// CHECK: nyala.weight @b : tensor<48x64xf32, #nyala.packed<q4_1>> initializer {
// CHECK-NEXT: %[[LOADED:.*]] = nyala.load @a : tensor<48x64xf32>
// CHECK-NEXT: %[[PACKED:.*]] = nyala.pack %[[LOADED]] : tensor<48x64xf32> -> tensor<48x64xf32, #nyala.packed<q4_1>>
// CHECK-NEXT: nyala.yield %[[PACKED]] : tensor<48x64xf32, #nyala.packed<q4_1>>
nyala.weight @b : tensor<48x64xf32, #nyala.packed<q4_1>> initializer {
  %0 = nyala.load @a : tensor<48x64xf32>
  %1 = nyala.pack %0 : tensor<48x64xf32> -> tensor<48x64xf32, #nyala.packed<q4_1>>
  nyala.yield %1 : tensor<48x64xf32, #nyala.packed<q4_1>>
}

// CHECK: nyala.weight @mean : tensor<48x64xf32> initializer {
// CHECK-NEXT: %[[VALUE:.*]] = nyala.load @a : tensor<48x64xf32>
// CHECK-NEXT: %[[ROUNDED:.*]] = nyala.requantize %[[VALUE]] as <q8_0> : tensor<48x64xf32>
// CHECK-NEXT: nyala.yield %[[ROUNDED]] : tensor<48x64xf32>
nyala.weight @mean : tensor<48x64xf32> initializer {
  %0 = nyala.load @a : tensor<48x64xf32>
  %1 = nyala.requantize %0 as <q8_0> : tensor<48x64xf32>
  nyala.yield %1 : tensor<48x64xf32>
}

// CHECK-LABEL: func @load
func.func @load() -> tensor<48x64xf32> {
  // The name of the value is that of the weight.
  // CHECK: %a = nyala.load @a : tensor<48x64xf32>
  %0 = nyala.load @a : tensor<48x64xf32>
  return %0 : tensor<48x64xf32>
}

// CHECK-LABEL: func @rows
func.func @rows(%ids: tensor<?xi32>, %table: tensor<100x8xf32>, %x: tensor<?x8xf32>) {
  // CHECK: nyala.embedding %{{.*}}, %{{.*}} : tensor<?xi32>, tensor<100x8xf32> -> tensor<?x8xf32>
  %0 = nyala.embedding %ids, %table : tensor<?xi32>, tensor<100x8xf32> -> tensor<?x8xf32>
  // CHECK: nyala.gather %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %1 = nyala.gather %x, %ids : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  // CHECK: nyala.gather %{{.*}}, %{{.*}} : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
  %3 = nyala.gather %ids, %ids : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
  // CHECK: nyala.split %{{.*}} : tensor<?x8xf32> -> tensor<?x5xf32>, tensor<?x3xf32>
  %2:2 = nyala.split %x : tensor<?x8xf32> -> tensor<?x5xf32>, tensor<?x3xf32>
  return
}

// CHECK-LABEL: func @linear
func.func @linear(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %bias: tensor<4xf32>) {
  // CHECK: nyala.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %0 = nyala.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  // CHECK: nyala.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1 = nyala.linear %x, %w bias %bias : tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: func @quantized
func.func @quantized(%x: tensor<?x64xf32>, %w: tensor<4x64xf32>, %bias: tensor<4xf32>) {
  // CHECK: nyala.quantize %{{.*}} : tensor<?x64xf32> -> tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>
  %q, %s, %t = nyala.quantize %x : tensor<?x64xf32> -> tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>
  // CHECK: nyala.quantized_linear %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<4x64xf32> -> tensor<?x4xf32>
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<4x64xf32> -> tensor<?x4xf32>
  // CHECK: nyala.quantized_linear %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} bias %{{.*}} : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<4x64xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1 = nyala.quantized_linear %q, %s, %t, %w bias %bias : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<4x64xf32>, tensor<4xf32> -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: func @norms
func.func @norms(%x: tensor<?x8xf32>, %w: tensor<8xf32>, %half: tensor<4xf32>) {
  // CHECK: nyala.rms_norm %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<?x8xf32>, tensor<8xf32>
  %0 = nyala.rms_norm %x, %w {epsilon = 1.0e-5 : f32} : tensor<?x8xf32>, tensor<8xf32>
  // CHECK: nyala.rms_norm %{{.*}}, %{{.*}} {epsilon = 5.000000e-01 : f32, groups = 2 : i64} : tensor<?x8xf32>, tensor<4xf32>
  %1 = nyala.rms_norm %x, %half {epsilon = 0.5 : f32, groups = 2 : i64} : tensor<?x8xf32>, tensor<4xf32>
  // CHECK: nyala.layer_norm %{{.*}}, %{{.*}} {epsilon = 5.000000e-01 : f32} : tensor<?x8xf32>, tensor<8xf32>{{$}}
  %2 = nyala.layer_norm %x, %w {epsilon = 0.5 : f32} : tensor<?x8xf32>, tensor<8xf32>
  // CHECK: nyala.layer_norm %{{.*}}, %{{.*}} bias %{{.*}} {epsilon = 5.000000e-01 : f32} : tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>
  %3 = nyala.layer_norm %x, %w bias %w {epsilon = 0.5 : f32} : tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>
  return
}

// CHECK-LABEL: func @rope
func.func @rope(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) {
  // CHECK: nyala.rope adjacent %{{.*}} at %{{.*}} {base = 1.000000e+04 : f64, dims = 4 : i64, heads = 2 : i64} : tensor<?x8xf32>, tensor<?xi32>
  %0 = nyala.rope adjacent %x at %positions {heads = 2, dims = 4, base = 1.0e4} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: nyala.rope half %{{.*}} at %{{.*}} {base = 1.000000e+04 : f64, dims = 4 : i64, factors = array<f32: 1.000000e+00, 8.000000e+00>, heads = 1 : i64, scale = 2.500000e-01 : f64} : tensor<?x8xf32>, tensor<?xi32>
  %1 = nyala.rope half %x at %positions {heads = 1, dims = 4, base = 1.0e4, scale = 0.25 : f64, factors = array<f32: 1.0, 8.0>} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: %[[TABLE:.*]] = nyala.rope_table %{{.*}} {base = 1.000000e+04 : f64, dims = 4 : i64} : tensor<?xi32> -> tensor<?x4xf32>
  %2 = nyala.rope_table %positions {dims = 4, base = 1.0e4} : tensor<?xi32> -> tensor<?x4xf32>
  // CHECK: nyala.rotate adjacent %{{.*}} by %[[TABLE]] {heads = 2 : i64} : tensor<?x8xf32>, tensor<?x4xf32>
  %3 = nyala.rotate adjacent %x by %2 {heads = 2} : tensor<?x8xf32>, tensor<?x4xf32>
  // CHECK: nyala.rotate half %{{.*}} by %[[TABLE]]
  %4 = nyala.rotate half %x by %2 {heads = 2} : tensor<?x8xf32>, tensor<?x4xf32>
  return
}

// CHECK-LABEL: func @attention
func.func @attention(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %keys: tensor<1x?x4xf32>, %values: tensor<1x?x4xf32>, %ids: tensor<?xi32>) {
  // CHECK: nyala.cache_append %{{.*}}, %{{.*}} at %{{.*}} in %{{.*}} : tensor<1x?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %0 = nyala.cache_append %keys, %k at %ids in %ids : tensor<1x?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  // CHECK: nyala.attention %{{[a-z0-9]+}}, %{{[a-z0-9]+}}, %{{[a-z0-9]+}} at %{{[a-z0-9]+}} in %{{[a-z0-9]+}}
  // CHECK-SAME: {heads = 2 : i64, kv_heads = 1 : i64, mask = #nyala.mask<causal>, scale = 5.000000e-01 : f32}
  // CHECK-SAME: : tensor<?x8xf32>, tensor<1x?x4xf32>, tensor<1x?x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  %1 = nyala.attention %q, %0, %values at %ids in %ids
    {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<?x8xf32>, tensor<1x?x4xf32>, tensor<1x?x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  // CHECK: mask = #nyala.mask<causal, window = 512>
  %2 = nyala.attention %q, %0, %values at %ids in %ids
    {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal, window = 512>}
    : tensor<?x8xf32>, tensor<1x?x4xf32>, tensor<1x?x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: func @attention_over_blocks
// CHECK-SAME: tensor<1x?x64xf32, #nyala.blocks<q8_0>>, %{{.*}}: tensor<1x?x64xf32, #nyala.blocks<q4_0>>
func.func @attention_over_blocks(%q: tensor<?x64xf32>, %keys: tensor<1x?x64xf32, #nyala.blocks<q8_0>>, %values: tensor<1x?x64xf32, #nyala.blocks<q4_0>>, %ids: tensor<?xi32>) {
  // CHECK: nyala.cache_append %{{.*}} : tensor<1x?x64xf32, #nyala.blocks<q8_0>>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>
  %0 = nyala.cache_append %keys, %q at %ids in %ids : tensor<1x?x64xf32, #nyala.blocks<q8_0>>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>
  // CHECK: nyala.attention
  // CHECK-SAME: : tensor<?x64xf32>, tensor<1x?x64xf32, #nyala.blocks<q8_0>>, tensor<1x?x64xf32, #nyala.blocks<q4_0>>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  %1 = nyala.attention %q, %0, %values at %ids in %ids
    {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<?x64xf32>, tensor<1x?x64xf32, #nyala.blocks<q8_0>>, tensor<1x?x64xf32, #nyala.blocks<q4_0>>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func @activations
func.func @activations(%x: tensor<?x8xf32>) {
  // CHECK: nyala.activation silu %{{.*}} : tensor<?x8xf32>
  %0 = nyala.activation silu %x : tensor<?x8xf32>
  // CHECK: nyala.activation gelu %
  %1 = nyala.activation gelu %x : tensor<?x8xf32>
  // CHECK: nyala.activation gelu_tanh %
  %2 = nyala.activation gelu_tanh %x : tensor<?x8xf32>
  // CHECK: nyala.activation relu %
  %3 = nyala.activation relu %x : tensor<?x8xf32>
  // CHECK: nyala.gated_activation silu %{{.*}}, %{{.*}} : tensor<?x8xf32>
  %4 = nyala.gated_activation silu %x, %x : tensor<?x8xf32>
  // CHECK: nyala.softmax %{{.*}} : tensor<?x8xf32>
  %5 = nyala.softmax %x : tensor<?x8xf32>
  // CHECK: nyala.reduce sum %{{.*}} : tensor<?x8xf32> -> tensor<?x1xf32>
  %6 = nyala.reduce sum %x : tensor<?x8xf32> -> tensor<?x1xf32>
  // CHECK: nyala.reduce mean %
  %7 = nyala.reduce mean %x : tensor<?x8xf32> -> tensor<?x1xf32>
  // CHECK: nyala.reduce max %
  %8 = nyala.reduce max %x : tensor<?x8xf32> -> tensor<?x1xf32>
  // CHECK: nyala.top_k %{{.*}} : tensor<?x8xf32> -> tensor<?x3xf32>, tensor<?x3xi32>
  %9, %10 = nyala.top_k %x : tensor<?x8xf32> -> tensor<?x3xf32>, tensor<?x3xi32>
  return
}

}
