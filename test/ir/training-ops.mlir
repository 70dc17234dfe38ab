// Round trips of ops of training steps: custom and generic syntax, and bytecode.
// RUN: nyala-opt %s | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --mlir-print-op-generic | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --emit-bytecode | nyala-opt | FileCheck %s

// CHECK-LABEL: func.func @products
func.func @products(%a: tensor<?x8xf32>, %b: tensor<8x4xf32>, %c: tensor<4x8xf32>, %d: tensor<?x4xf32>, %h: tensor<16x8xbf16>) {
  // CHECK: nyala.matmul %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<8x4xf32> -> tensor<?x4xf32>
  %0 = nyala.matmul %a, %b : tensor<?x8xf32>, tensor<8x4xf32> -> tensor<?x4xf32>
  // CHECK: nyala.matmul %{{.*}}, %{{.*}} plus %{{.*}} {transpose_b} : tensor<?x8xf32>, tensor<4x8xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %1 = nyala.matmul %a, %c plus %d {transpose_b} : tensor<?x8xf32>, tensor<4x8xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: nyala.matmul %{{.*}}, %{{.*}} {transpose_a} : tensor<?x4xf32>, tensor<?x8xf32> -> tensor<4x8xf32>
  %2 = nyala.matmul %d, %a {transpose_a} : tensor<?x4xf32>, tensor<?x8xf32> -> tensor<4x8xf32>
  // Operands may be narrower than sums.
  // CHECK: nyala.matmul %{{.*}}, %{{.*}} {transpose_b} : tensor<16x8xbf16>, tensor<16x8xbf16> -> tensor<16x16xf32>
  %3 = nyala.matmul %h, %h {transpose_b} : tensor<16x8xbf16>, tensor<16x8xbf16> -> tensor<16x16xf32>
  return
}

// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<?x8xf32>, %ids: tensor<?xi32>, %table: tensor<100x8xf32>, %column: tensor<?x1xf32>) {
  // CHECK: nyala.sum_rows %{{.*}} : tensor<?x8xf32> -> tensor<1x8xf32>
  %0 = nyala.sum_rows %x : tensor<?x8xf32> -> tensor<1x8xf32>
  // CHECK: nyala.sum_rows %{{.*}} {squared} : tensor<?x8xf32> -> tensor<1x8xf32>
  %1 = nyala.sum_rows %x {squared} : tensor<?x8xf32> -> tensor<1x8xf32>
  // CHECK: nyala.scatter_add %{{.*}} at %{{.*}} : tensor<?x8xf32>, tensor<?xi32> -> tensor<100x8xf32>
  %2 = nyala.scatter_add %x at %ids : tensor<?x8xf32>, tensor<?xi32> -> tensor<100x8xf32>
  // CHECK: nyala.scatter_add %{{.*}} at %{{.*}} into %{{.*}} : tensor<?x8xf32>, tensor<?xi32>, tensor<100x8xf32> -> tensor<100x8xf32>
  %3 = nyala.scatter_add %x at %ids into %table : tensor<?x8xf32>, tensor<?xi32>, tensor<100x8xf32> -> tensor<100x8xf32>
  // CHECK: nyala.broadcast_columns %{{.*}} : tensor<?x1xf32> -> tensor<?x8xf32>
  %4 = nyala.broadcast_columns %column : tensor<?x1xf32> -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: func.func @norms
func.func @norms(%dy: tensor<?x8xf32>, %x: tensor<?x8xf32>, %w: tensor<8xf32>, %head: tensor<4xf32>) {
  // CHECK: nyala.rms_norm_gradient %{{.*}}, %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<?x8xf32>, tensor<8xf32>
  %0 = nyala.rms_norm_gradient %dy, %x, %w {epsilon = 1.000000e-05 : f32} : tensor<?x8xf32>, tensor<8xf32>
  // CHECK: nyala.rms_norm_gradient %{{.*}}, %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32, groups = 2 : i64} : tensor<?x8xf32>, tensor<4xf32>
  %1 = nyala.rms_norm_gradient %dy, %x, %head {epsilon = 1.000000e-05 : f32, groups = 2 : i64} : tensor<?x8xf32>, tensor<4xf32>
  // CHECK: nyala.rms_norm_weight_gradient %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<?x8xf32> -> tensor<8xf32>
  %2 = nyala.rms_norm_weight_gradient %dy, %x {epsilon = 1.000000e-05 : f32} : tensor<?x8xf32> -> tensor<8xf32>
  // CHECK: nyala.rms_norm_weight_gradient %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32, groups = 2 : i64} : tensor<?x8xf32> -> tensor<4xf32>
  %3 = nyala.rms_norm_weight_gradient %dy, %x {epsilon = 1.000000e-05 : f32, groups = 2 : i64} : tensor<?x8xf32> -> tensor<4xf32>
  // CHECK: nyala.layer_norm_gradient %{{.*}}, %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<?x8xf32>, tensor<8xf32>
  %4 = nyala.layer_norm_gradient %dy, %x, %w {epsilon = 1.000000e-05 : f32} : tensor<?x8xf32>, tensor<8xf32>
  // CHECK: nyala.layer_norm_weight_gradient %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<?x8xf32> -> tensor<8xf32>
  %5 = nyala.layer_norm_weight_gradient %dy, %x {epsilon = 1.000000e-05 : f32} : tensor<?x8xf32> -> tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @activations
func.func @activations(%dy: tensor<?x8xf32>, %x: tensor<?x8xf32>, %gate: tensor<?x8xf32>) {
  // CHECK: nyala.activation_gradient silu %{{.*}}, %{{.*}} : tensor<?x8xf32>
  %0 = nyala.activation_gradient silu %dy, %x : tensor<?x8xf32>
  // CHECK: nyala.gated_activation_gradient gelu_tanh %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>
  %1:2 = nyala.gated_activation_gradient gelu_tanh %dy, %gate, %x : tensor<?x8xf32>
  // CHECK: nyala.softmax_gradient %{{.*}}, %{{.*}} : tensor<?x8xf32>
  %2 = nyala.softmax_gradient %dy, %x : tensor<?x8xf32>
  return
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %da: tensor<?x8xf32>) {
  // CHECK: nyala.self_attention %{{.*}}, %{{.*}}, %{{.*}} {heads = 4 : i64, kv_heads = 2 : i64, length = 8 : i64, mask = #nyala.mask<causal>, scale = 5.000000e-01 : f32} : tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  %0:2 = nyala.self_attention %q, %k, %v {heads = 4 : i64, kv_heads = 2 : i64, length = 8 : i64, mask = #nyala.mask<causal>, scale = 5.000000e-01 : f32} : tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x4xf32> -> tensor<?x8xf32>, tensor<?x4xf32>
  // CHECK: nyala.self_attention_gradient %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {heads = 4 : i64, kv_heads = 2 : i64, length = 8 : i64, mask = #nyala.mask<causal, window = 3>, scale = 5.000000e-01 : f32} : tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x4xf32>
  %1:3 = nyala.self_attention_gradient %da, %q, %k, %v, %0#0, %0#1 {heads = 4 : i64, kv_heads = 2 : i64, length = 8 : i64, mask = #nyala.mask<causal, window = 3>, scale = 5.000000e-01 : f32} : tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x4xf32>
  return
}

// CHECK-LABEL: func.func @loss
func.func @loss(%x: tensor<?x8xf32>, %w: tensor<100x8xf32>, %targets: tensor<?xi32>, %dl: tensor<?x1xf32>) {
  // CHECK: nyala.cross_entropy %{{.*}}, %{{.*}} at %{{.*}} : tensor<?x8xf32>, tensor<100x8xf32>, tensor<?xi32> -> tensor<?x1xf32>, tensor<?x1xf32>
  %0:2 = nyala.cross_entropy %x, %w at %targets : tensor<?x8xf32>, tensor<100x8xf32>, tensor<?xi32> -> tensor<?x1xf32>, tensor<?x1xf32>
  // CHECK: nyala.cross_entropy_gradient %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} at %{{.*}} : tensor<?x1xf32>, tensor<?x8xf32>, tensor<100x8xf32>, tensor<?xi32>
  %1:2 = nyala.cross_entropy_gradient %dl, %x, %w, %0#1 at %targets : tensor<?x1xf32>, tensor<?x8xf32>, tensor<100x8xf32>, tensor<?xi32>
  // CHECK: nyala.log_sum_exp %{{.*}} at %{{.*}} : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x1xf32>, tensor<?x1xf32>
  %2:2 = nyala.log_sum_exp %x at %targets : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x1xf32>, tensor<?x1xf32>
  // CHECK: nyala.log_sum_exp %{{.*}} at %{{.*}} after %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?xi32>, tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>, tensor<?x1xf32>
  %3:2 = nyala.log_sum_exp %x at %targets after %2#0, %2#1 : tensor<?x8xf32>, tensor<?xi32>, tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x1xf32>, tensor<?x1xf32>
  // CHECK: nyala.logits_gradient %{{.*}}, %{{.*}}, %{{.*}} at %{{.*}} : tensor<?x1xf32>, tensor<?x8xf32>, tensor<?xi32>
  %4 = nyala.logits_gradient %dl, %x, %3#0 at %targets : tensor<?x1xf32>, tensor<?x8xf32>, tensor<?xi32>
  return
}

// CHECK-LABEL: func.func @optimizers
func.func @optimizers(%w: tensor<4x8xf32>, %m: tensor<4x8xf32>, %v: tensor<4x8xf32>, %g: tensor<4x8xf32>, %s: tensor<1x1xf32>) {
  // CHECK: nyala.adamw %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} rate %{{.*}} scale %{{.*}} corrections %{{.*}}, %{{.*}} {beta1 = 0.899999976 : f32, beta2 = 0.949999988 : f32, epsilon = 9.99999993E-9 : f32, weight_decay = 1.000000e-01 : f32} : tensor<4x8xf32>
  %0:3 = nyala.adamw %w, %m, %v, %g rate %s scale %s corrections %s, %s {beta1 = 0.899999976 : f32, beta2 = 0.949999988 : f32, epsilon = 9.99999993E-9 : f32, weight_decay = 1.000000e-01 : f32} : tensor<4x8xf32>
  // CHECK: nyala.sgd %{{.*}}, %{{.*}}, %{{.*}} rate %{{.*}} scale %{{.*}} {momentum = 0.899999976 : f32, weight_decay = 0.000000e+00 : f32} : tensor<4x8xf32>
  %1:2 = nyala.sgd %w, %m, %g rate %s scale %s {momentum = 0.899999976 : f32, weight_decay = 0.000000e+00 : f32} : tensor<4x8xf32>
  return
}

// CHECK-LABEL: func.func @rotate
func.func @rotate(%x: tensor<?x8xf32>, %t: tensor<?x4xf32>) {
  // CHECK: nyala.rotate half %{{.*}} by %{{.*}} {heads = 2 : i64, inverse} : tensor<?x8xf32>, tensor<?x4xf32>
  %0 = nyala.rotate half %x by %t {heads = 2 : i64, inverse} : tensor<?x8xf32>, tensor<?x4xf32>
  return
}
