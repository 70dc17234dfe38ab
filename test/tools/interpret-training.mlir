// What each op of a training step means, on small inputs. Expected values were computed in f64 by
// torch, gradients by its autograd, and are compared to nine digits.
// RUN: nyala-interpret %s --precision f64 | FileCheck %s

// CHECK-LABEL: {{^}}matmul: 2x2xf32{{$}}
// CHECK-NEXT: {{^}}  [-2.6875, -4.5]{{$}}
// CHECK-NEXT: {{^}}  [-5, -2.5]{{$}}
func.func @matmul() -> tensor<2x2xf32> {
  %a = arith.constant dense<[[-0.25, 0.5, 1.25], [-0.5, -1.5, 2.0]]> : tensor<2x3xf32>
  %b = arith.constant dense<[[1.25, -1.0], [0.25, -2.0], [-2.0, -3.0]]> : tensor<3x2xf32>
  %0 = nyala.matmul %a, %b : tensor<2x3xf32>, tensor<3x2xf32> -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// CHECK-LABEL: {{^}}matmul_plus: 2x2xf32{{$}}
// CHECK-NEXT: {{^}}  [-2.9375, -5]{{$}}
// CHECK-NEXT: {{^}}  [-3, -2.25]{{$}}
func.func @matmul_plus() -> tensor<2x2xf32> {
  %a = arith.constant dense<[[-0.25, 0.5, 1.25], [-0.5, -1.5, 2.0]]> : tensor<2x3xf32>
  %b = arith.constant dense<[[1.25, -1.0], [0.25, -2.0], [-2.0, -3.0]]> : tensor<3x2xf32>
  %c = arith.constant dense<[[-0.25, 0.0], [1.5, 0.25]]> : tensor<2x2xf32>
  %0 = nyala.matmul %b, %a plus %c {transpose_a, transpose_b} : tensor<3x2xf32>, tensor<2x3xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// CHECK-LABEL: {{^}}matmul_transposed.0: 3x2xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.6875, -0.125]{{$}}
// CHECK-NEXT: {{^}}  [-2.375, -0.375]{{$}}
// CHECK-NEXT: {{^}}  [2.6875, 0.5]{{$}}
// CHECK-LABEL: {{^}}matmul_transposed.1: 2x2xf32{{$}}
// CHECK-NEXT: {{^}}  [1.875, 1.875]{{$}}
// CHECK-NEXT: {{^}}  [1.875, 6.5]{{$}}
func.func @matmul_transposed() -> (tensor<3x2xf32>, tensor<2x2xf32>) {
  %a = arith.constant dense<[[-0.25, 0.5, 1.25], [-0.5, -1.5, 2.0]]> : tensor<2x3xf32>
  %c = arith.constant dense<[[-0.25, 0.0], [1.5, 0.25]]> : tensor<2x2xf32>
  %0 = nyala.matmul %a, %c {transpose_a} : tensor<2x3xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
  %1 = nyala.matmul %a, %a {transpose_b} : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<2x2xf32>
}

// CHECK-LABEL: {{^}}sum_rows.0: 1x3xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.75, -1, 3.25]{{$}}
// CHECK-LABEL: {{^}}sum_rows.1: 1x3xf32{{$}}
// CHECK-NEXT: {{^}}  [0.3125, 2.5, 5.5625]{{$}}
func.func @sum_rows() -> (tensor<1x3xf32>, tensor<1x3xf32>) {
  %a = arith.constant dense<[[-0.25, 0.5, 1.25], [-0.5, -1.5, 2.0]]> : tensor<2x3xf32>
  %0 = nyala.sum_rows %a : tensor<2x3xf32> -> tensor<1x3xf32>
  %1 = nyala.sum_rows %a {squared} : tensor<2x3xf32> -> tensor<1x3xf32>
  return %0, %1 : tensor<1x3xf32>, tensor<1x3xf32>
}

// CHECK-LABEL: {{^}}scatter_add.0: 4x2xf32{{$}}
// CHECK-NEXT: {{^}}  [-2.5, -0.75]{{$}}
// CHECK-NEXT: {{^}}  [0, 0]{{$}}
// CHECK-NEXT: {{^}}  [2, -0.5]{{$}}
// CHECK-NEXT: {{^}}  [0, 0]{{$}}
// CHECK-LABEL: {{^}}scatter_add.1: 4x2xf32{{$}}
// CHECK-NEXT: {{^}}  [-2.5, -1.5]{{$}}
// CHECK-NEXT: {{^}}  [-0.75, 1.25]{{$}}
// CHECK-NEXT: {{^}}  [3, -2.5]{{$}}
// CHECK-NEXT: {{^}}  [-1, 1]{{$}}
func.func @scatter_add() -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %r = arith.constant dense<[[2.75, -3.0], [-2.5, -0.75], [-0.75, 2.5]]> : tensor<3x2xf32>
  %i = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
  %t = arith.constant dense<[[0.0, -0.75], [-0.75, 1.25], [1.0, -2.0], [-1.0, 1.0]]> : tensor<4x2xf32>
  %0 = nyala.scatter_add %r at %i : tensor<3x2xf32>, tensor<3xi32> -> tensor<4x2xf32>
  %1 = nyala.scatter_add %r at %i into %t : tensor<3x2xf32>, tensor<3xi32>, tensor<4x2xf32> -> tensor<4x2xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<4x2xf32>
}

// CHECK-LABEL: {{^}}broadcast_columns: 2x3xf32{{$}}
// CHECK-NEXT: {{^}}  [-2, -2, -2]{{$}}
// CHECK-NEXT: {{^}}  [3, 3, 3]{{$}}
func.func @broadcast_columns() -> tensor<2x3xf32> {
  %s = arith.constant dense<[[-2.0], [3.0]]> : tensor<2x1xf32>
  %0 = nyala.broadcast_columns %s : tensor<2x1xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: {{^}}rms_norm.0: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.0919419840{{[0-9]*}}, 0.682676260{{[0-9]*}}, 0.628129639{{[0-9]*}}, 1.67688682{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.351910819{{[0-9]*}}, 0.845062058{{[0-9]*}}, 0.464189018{{[0-9]*}}, -0.904573471{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}rms_norm.1: 4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.517699665{{[0-9]*}}, -1.13488339{{[0-9]*}}, 3.48729472{{[0-9]*}}, -0.217712899{{[0-9]*}}]{{$}}
func.func @rms_norm() -> (tensor<2x4xf32>, tensor<4xf32>) {
  %dy = arith.constant dense<[[-0.25, -1.0, -0.75, 2.5], [-0.5, -1.25, -2.0, -1.25]]> : tensor<2x4xf32>
  %x = arith.constant dense<[[-0.5, 3.0, -1.75, -0.5], [2.5, -0.75, -3.0, -0.75]]> : tensor<2x4xf32>
  %w = arith.constant dense<[1.0, -1.75, -1.25, 1.25]> : tensor<4xf32>
  %0 = nyala.rms_norm_gradient %dy, %x, %w {epsilon = 0.5 : f32, groups = 1} : tensor<2x4xf32>, tensor<4xf32>
  %1 = nyala.rms_norm_weight_gradient %dy, %x {epsilon = 0.5 : f32, groups = 1} : tensor<2x4xf32> -> tensor<4xf32>
  return %0, %1 : tensor<2x4xf32>, tensor<4xf32>
}

// CHECK-LABEL: {{^}}rms_norm_groups.0: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.436339200{{[0-9]*}}, -0.197968711{{[0-9]*}}, -1.36941267{{[0-9]*}}, 5.04462022{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.569209978{{[0-9]*}}, -1.89736659{{[0-9]*}}, 0.0579331909{{[0-9]*}}, -1.12776611{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}rms_norm_groups.1: 2xf32{{$}}
// CHECK-NEXT: {{^}}  [2.92743539{{[0-9]*}}, -1.29414697{{[0-9]*}}]{{$}}
func.func @rms_norm_groups() -> (tensor<2x4xf32>, tensor<2xf32>) {
  %dy = arith.constant dense<[[-0.25, -1.0, -0.75, 2.5], [-0.5, -1.25, -2.0, -1.25]]> : tensor<2x4xf32>
  %x = arith.constant dense<[[-0.5, 3.0, -1.75, -0.5], [2.5, -0.75, -3.0, -0.75]]> : tensor<2x4xf32>
  %w = arith.constant dense<[2.25, 3.0]> : tensor<2xf32>
  %0 = nyala.rms_norm_gradient %dy, %x, %w {epsilon = 0.5 : f32, groups = 2} : tensor<2x4xf32>, tensor<2xf32>
  %1 = nyala.rms_norm_weight_gradient %dy, %x {epsilon = 0.5 : f32, groups = 2} : tensor<2x4xf32> -> tensor<2xf32>
  return %0, %1 : tensor<2x4xf32>, tensor<2xf32>
}

// CHECK-LABEL: {{^}}layer_norm.0: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.823319807{{[0-9]*}}, -0.00471715641{{[0-9]*}}, -0.118421747{{[0-9]*}}, 0.946458711{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.100211721{{[0-9]*}}, 0.680123688{{[0-9]*}}, 0.338821333{{[0-9]*}}, -1.11915674{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}layer_norm.1: 4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.645971401{{[0-9]*}}, -1.39042274{{[0-9]*}}, 3.11186803{{[0-9]*}}, -0.587467680{{[0-9]*}}]{{$}}
func.func @layer_norm() -> (tensor<2x4xf32>, tensor<4xf32>) {
  %dy = arith.constant dense<[[-0.25, -1.0, -0.75, 2.5], [-0.5, -1.25, -2.0, -1.25]]> : tensor<2x4xf32>
  %x = arith.constant dense<[[-0.5, 3.0, -1.75, -0.5], [2.5, -0.75, -3.0, -0.75]]> : tensor<2x4xf32>
  %w = arith.constant dense<[1.0, -1.75, -1.25, 1.25]> : tensor<4xf32>
  %0 = nyala.layer_norm_gradient %dy, %x, %w {epsilon = 0.5 : f32} : tensor<2x4xf32>, tensor<4xf32>
  %1 = nyala.layer_norm_weight_gradient %dy, %x {epsilon = 0.5 : f32} : tensor<2x4xf32> -> tensor<4xf32>
  return %0, %1 : tensor<2x4xf32>, tensor<4xf32>
}

// CHECK-LABEL: {{^}}activation_silu: 1x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.0994011113{{[0-9]*}}, 0.314800111{{[0-9]*}}, -0.623710021{{[0-9]*}}, 0.544052053{{[0-9]*}}]{{$}}
func.func @activation_silu() -> tensor<1x4xf32> {
  %dy = arith.constant dense<[[1.0, 2.0, -1.0, 0.5]]> : tensor<1x4xf32>
  %x = arith.constant dense<[[-2.5, -0.75, 0.25, 3.0]]> : tensor<1x4xf32>
  %0 = nyala.activation_gradient silu %dy, %x : tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// CHECK-LABEL: {{^}}activation_gelu: 1x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.0376110859{{[0-9]*}}, 0.00154855652{{[0-9]*}}, -0.695373354{{[0-9]*}}, 0.505972823{{[0-9]*}}]{{$}}
func.func @activation_gelu() -> tensor<1x4xf32> {
  %dy = arith.constant dense<[[1.0, 2.0, -1.0, 0.5]]> : tensor<1x4xf32>
  %x = arith.constant dense<[[-2.5, -0.75, 0.25, 3.0]]> : tensor<1x4xf32>
  %0 = nyala.activation_gradient gelu %dy, %x : tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// CHECK-LABEL: {{^}}activation_gelu_tanh: 1x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.0379515762{{[0-9]*}}, 0.00212348772{{[0-9]*}}, -0.695354095{{[0-9]*}}, 0.505792083{{[0-9]*}}]{{$}}
func.func @activation_gelu_tanh() -> tensor<1x4xf32> {
  %dy = arith.constant dense<[[1.0, 2.0, -1.0, 0.5]]> : tensor<1x4xf32>
  %x = arith.constant dense<[[-2.5, -0.75, 0.25, 3.0]]> : tensor<1x4xf32>
  %0 = nyala.activation_gradient gelu_tanh %dy, %x : tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// CHECK-LABEL: {{^}}activation_relu: 1x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0, 0, -1, 0.5]{{$}}
func.func @activation_relu() -> tensor<1x4xf32> {
  %dy = arith.constant dense<[[1.0, 2.0, -1.0, 0.5]]> : tensor<1x4xf32>
  %x = arith.constant dense<[[-2.5, -0.75, 0.25, 3.0]]> : tensor<1x4xf32>
  %0 = nyala.activation_gradient relu %dy, %x : tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// CHECK-LABEL: {{^}}gated_activation.0: 1x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.447305001{{[0-9]*}}, 0.177075062{{[0-9]*}}, -1.16945629{{[0-9]*}}, -0]{{$}}
// CHECK-LABEL: {{^}}gated_activation.1: 1x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.284468175{{[0-9]*}}, -0.120307987{{[0-9]*}}, -0.210816187{{[0-9]*}}, 0]{{$}}
func.func @gated_activation() -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  %dy = arith.constant dense<[[-1.5, 0.5, -1.5, 0.0]]> : tensor<1x4xf32>
  %g = arith.constant dense<[[-2.5, -0.75, 0.25, 3.0]]> : tensor<1x4xf32>
  %u = arith.constant dense<[[3.0, 2.25, 1.25, -1.25]]> : tensor<1x4xf32>
  %0:2 = nyala.gated_activation_gradient silu %dy, %g, %u : tensor<1x4xf32>
  return %0#0, %0#1 : tensor<1x4xf32>, tensor<1x4xf32>
}

// CHECK-LABEL: {{^}}softmax: 2x3xf32{{$}}
// CHECK-NEXT: {{^}}  [0.09375, 0.109375, -0.203125]{{$}}
// CHECK-NEXT: {{^}}  [0.48046875, 0.19921875, -0.6796875]{{$}}
func.func @softmax() -> tensor<2x3xf32> {
  %dy = arith.constant dense<[[-2.0, -1.75, -3.0], [2.75, 0.5, -2.0]]> : tensor<2x3xf32>
  %p = arith.constant dense<[[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]]> : tensor<2x3xf32>
  %0 = nyala.softmax_gradient %dy, %p : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: {{^}}self_attention.0: 4x1xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.75]{{$}}
// CHECK-NEXT: {{^}}  [-0.783467064{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [3]{{$}}
// CHECK-NEXT: {{^}}  [0.499999999{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}self_attention.1: 4x1xf32{{$}}
// CHECK-NEXT: {{^}}  [1.34375]{{$}}
// CHECK-NEXT: {{^}}  [4.20680926{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.03125]{{$}}
// CHECK-NEXT: {{^}}  [4.06814718{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}self_attention.2: 4x2xf32{{$}}
// CHECK-NEXT: {{^}}  [0, 0]{{$}}
// CHECK-NEXT: {{^}}  [5.96744875{{[0-9]*}}e-16, 0.172341954{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0, 0]{{$}}
// CHECK-NEXT: {{^}}  [3.51562499{{[0-9]*}}, 0]{{$}}
// CHECK-LABEL: {{^}}self_attention.3: 4x2xf32{{$}}
// CHECK-NEXT: {{^}}  [0.0820675973{{[0-9]*}}, 0.0492405584{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.0820675973{{[0-9]*}}, -0.0492405584{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0, -4.68749999{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0, 4.68749999{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}self_attention.4: 4x1xf32{{$}}
// CHECK-NEXT: {{^}}  [-3.21175192{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.0382480735{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.749999999{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [1.24999999{{[0-9]*}}]{{$}}
func.func @self_attention() -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>) {
  %q = arith.constant dense<[[-2.75, 1.25], [-2.5, -1.5], [1.25, 1.0], [0.0, -3.0]]> : tensor<4x2xf32>
  %k = arith.constant dense<[[-2.0, -2.25], [-2.0, 3.0], [1.75, -2.25], [-0.5, -2.25]]> : tensor<4x2xf32>
  %v = arith.constant dense<[[-0.75], [-2.5], [3.0], [-2.0]]> : tensor<4x1xf32>
  %d = arith.constant dense<[[-1.25], [-2.0], [-0.5], [2.5]]> : tensor<4x1xf32>
  %a, %l = nyala.self_attention %q, %k, %v {heads = 1, kv_heads = 1, scale = 0.5 : f32, length = 2, mask = #nyala.mask<causal>} : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32> -> tensor<4x1xf32>, tensor<4x1xf32>
  %0:3 = nyala.self_attention_gradient %d, %q, %k, %v, %a, %l {heads = 1, kv_heads = 1, scale = 0.5 : f32, length = 2, mask = #nyala.mask<causal>} : tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>
  return %a, %l, %0#0, %0#1, %0#2 : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>
}

// CHECK-LABEL: {{^}}self_attention_window.0: 4x4xf32{{$}}
// CHECK-NEXT: {{^}}  [1.25, -2.75, 1.25, -2.75]{{$}}
// CHECK-NEXT: {{^}}  [1.25, -0.556824264{{[0-9]*}}, 1.25, -0.556824264{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [1.22707901{{[0-9]*}}, 0.265758177{{[0-9]*}}, -2.73562558{{[0-9]*}}, 2.99011759{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-2.75330570{{[0-9]*}}, 2.97355435{{[0-9]*}}, -2.98664916{{[0-9]*}}, 1.10680665{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}self_attention_window.1: 4x2xf32{{$}}
// CHECK-NEXT: {{^}}  [0, 0]{{$}}
// CHECK-NEXT: {{^}}  [1.31326168{{[0-9]*}}, 1.31326168{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [1.38074672{{[0-9]*}}, 4.12860007{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [2.07581102{{[0-9]*}}, 1.55488217{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}self_attention_window.2: 4x2xf32{{$}}
// CHECK-NEXT: {{^}}  [0, 0]{{$}}
// CHECK-NEXT: {{^}}  [-0.0737294749{{[0-9]*}}, 0.884753699{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.0146886371{{[0-9]*}}, 0.00755301501{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.00937823471{{[0-9]*}}, 0.381505203{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}self_attention_window.3: 4x1xf32{{$}}
// CHECK-NEXT: {{^}}  [-1.62204844{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [1.62677770{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.0735244823{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.0687952271{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}self_attention_window.4: 4x2xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.672353553{{[0-9]*}}, 3.48958890{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-1.83034164{{[0-9]*}}, 1.50788581{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-3.73433799{{[0-9]*}}, -1.07084029{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.512966800{{[0-9]*}}, -1.17663442{{[0-9]*}}]{{$}}
func.func @self_attention_window() -> (tensor<4x4xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>, tensor<4x2xf32>) {
  %q = arith.constant dense<[[0.0, 0.5], [2.0, 2.0], [2.75, -3.0], [-1.5, 1.0]]> : tensor<4x2xf32>
  %k = arith.constant dense<[[0.0], [1.0], [-2.75], [3.0]]> : tensor<4x1xf32>
  %v = arith.constant dense<[[1.25, -2.75], [1.25, 0.25], [-2.75, 3.0], [-3.0, 1.0]]> : tensor<4x2xf32>
  %d = arith.constant dense<[[2.25, 3.0, -2.25, -0.25], [0.5, -0.25, -3.0, 3.0], [0.0, -0.5, -0.75, -1.5], [-3.0, 0.5, -0.5, -1.25]]> : tensor<4x4xf32>
  %a, %l = nyala.self_attention %q, %k, %v {heads = 2, kv_heads = 1, scale = 0.5 : f32, length = 4, mask = #nyala.mask<causal, window = 2>} : tensor<4x2xf32>, tensor<4x1xf32>, tensor<4x2xf32> -> tensor<4x4xf32>, tensor<4x2xf32>
  %0:3 = nyala.self_attention_gradient %d, %q, %k, %v, %a, %l {heads = 2, kv_heads = 1, scale = 0.5 : f32, length = 4, mask = #nyala.mask<causal, window = 2>} : tensor<4x2xf32>, tensor<4x1xf32>, tensor<4x2xf32>, tensor<4x4xf32>, tensor<4x2xf32>
  return %a, %l, %0#0, %0#1, %0#2 : tensor<4x4xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>, tensor<4x2xf32>
}

// CHECK-LABEL: {{^}}cross_entropy.0: 2x1xf32{{$}}
// CHECK-NEXT: {{^}}  [3.19333974{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.826338583{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}cross_entropy.1: 2x1xf32{{$}}
// CHECK-NEXT: {{^}}  [4.38083974{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [7.82633858{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}cross_entropy.2: 2x2xf32{{$}}
// CHECK-NEXT: {{^}}  [1.76745749{{[0-9]*}}, -0.772809678{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.351269976{{[0-9]*}}, 0.211230909{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}cross_entropy.3: 3x2xf32{{$}}
// CHECK-NEXT: {{^}}  [3.19442631{{[0-9]*}}, -0.143501314{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.244422036{{[0-9]*}}, -0.0924065460{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-3.43884835{{[0-9]*}}, 0.235907860{{[0-9]*}}]{{$}}
func.func @cross_entropy() -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x2xf32>, tensor<3x2xf32>) {
  %x = arith.constant dense<[[2.0, -0.75], [-2.0, -3.0]]> : tensor<2x2xf32>
  %w = arith.constant dense<[[1.0, -3.0], [0.75, -0.5], [-0.25, -2.25]]> : tensor<3x2xf32>
  %t = arith.constant dense<[2, 0]> : tensor<2xi32>
  %d = arith.constant dense<[[1.5], [0.5]]> : tensor<2x1xf32>
  %l, %s = nyala.cross_entropy %x, %w at %t : tensor<2x2xf32>, tensor<3x2xf32>, tensor<2xi32> -> tensor<2x1xf32>, tensor<2x1xf32>
  %dx, %dw = nyala.cross_entropy_gradient %d, %x, %w, %s at %t : tensor<2x1xf32>, tensor<2x2xf32>, tensor<3x2xf32>, tensor<2xi32>
  return %l, %s, %dx, %dw : tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x2xf32>, tensor<3x2xf32>
}

// A vocabulary of five in two ranges: the same as at once.
// CHECK-LABEL: {{^}}log_sum_exp.0: 2x1xf32{{$}}
// CHECK-NEXT: {{^}}  [1.79872939{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [3.44303278{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}log_sum_exp.1: 2x1xf32{{$}}
// CHECK-NEXT: {{^}}  [-1.75]{{$}}
// CHECK-NEXT: {{^}}  [-2.25]{{$}}
// CHECK-LABEL: {{^}}log_sum_exp.2: 2x3xf32{{$}}
// CHECK-NEXT: {{^}}  [0.927200132{{[0-9]*}}, 0.161123223{{[0-9]*}}, 0.0977261750{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.747472980{{[0-9]*}}, -0.292083704{{[0-9]*}}, -0.0507565371{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}log_sum_exp.3: 2x2xf32{{$}}
// CHECK-NEXT: {{^}}  [0.0279990179{{[0-9]*}}, -1.21404854{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.227475017{{[0-9]*}}, -0.177157721{{[0-9]*}}]{{$}}
func.func @log_sum_exp() -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x3xf32>, tensor<2x2xf32>) {
  %a = arith.constant dense<[[1.5, -0.25, -0.75], [-2.25, 2.5, 0.75]]> : tensor<2x3xf32>
  %b = arith.constant dense<[[-2.0, -1.75], [2.25, 2.0]]> : tensor<2x2xf32>
  %ta = arith.constant dense<[4, 0]> : tensor<2xi32>
  %tb = arith.constant dense<[1, -3]> : tensor<2xi32>
  %d = arith.constant dense<[[1.25], [-0.75]]> : tensor<2x1xf32>
  %sa, %la = nyala.log_sum_exp %a at %ta : tensor<2x3xf32>, tensor<2xi32> -> tensor<2x1xf32>, tensor<2x1xf32>
  %sb, %lb = nyala.log_sum_exp %b at %tb after %sa, %la : tensor<2x2xf32>, tensor<2xi32>, tensor<2x1xf32>, tensor<2x1xf32> -> tensor<2x1xf32>, tensor<2x1xf32>
  %da = nyala.logits_gradient %d, %a, %sb at %ta : tensor<2x1xf32>, tensor<2x3xf32>, tensor<2xi32>
  %db = nyala.logits_gradient %d, %b, %sb at %tb : tensor<2x1xf32>, tensor<2x2xf32>, tensor<2xi32>
  return %sb, %lb, %da, %db : tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x3xf32>, tensor<2x2xf32>
}

// CHECK-LABEL: {{^}}adamw.0: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [2.34739583{{[0-9]*}}, 3.15661850{{[0-9]*}}]{{$}}
// CHECK-LABEL: {{^}}adamw.1: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [1.1875, -1.25]{{$}}
// CHECK-LABEL: {{^}}adamw.2: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [0.5, 1]{{$}}
func.func @adamw() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
  %w = arith.constant dense<[[2.75, 3.0]]> : tensor<1x2xf32>
  %m = arith.constant dense<[[1.75, -2.0]]> : tensor<1x2xf32>
  %v = arith.constant dense<[[0.75, 1.0]]> : tensor<1x2xf32>
  %g = arith.constant dense<[[-1.0, 2.0]]> : tensor<1x2xf32>
  %r = arith.constant dense<[[0.25]]> : tensor<1x1xf32>
  %s = arith.constant dense<[[0.5]]> : tensor<1x1xf32>
  %c1 = arith.constant dense<[[0.75]]> : tensor<1x1xf32>
  %c2 = arith.constant dense<[[0.5]]> : tensor<1x1xf32>
  %0:3 = nyala.adamw %w, %m, %v, %g rate %r scale %s corrections %c1, %c2 {beta1 = 0.75 : f32, beta2 = 0.5 : f32, epsilon = 0.25 : f32, weight_decay = 0.125 : f32} : tensor<1x2xf32>
  return %0#0, %0#1, %0#2 : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
}

// CHECK-LABEL: {{^}}sgd.0: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [2.4609375, 3.03125]{{$}}
// CHECK-LABEL: {{^}}sgd.1: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [1.15625, -0.125]{{$}}
func.func @sgd() -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %w = arith.constant dense<[[2.75, 3.0]]> : tensor<1x2xf32>
  %m = arith.constant dense<[[1.75, -2.0]]> : tensor<1x2xf32>
  %g = arith.constant dense<[[-1.0, 2.0]]> : tensor<1x2xf32>
  %r = arith.constant dense<[[0.25]]> : tensor<1x1xf32>
  %s = arith.constant dense<[[0.5]]> : tensor<1x1xf32>
  %0:2 = nyala.sgd %w, %m, %g rate %r scale %s {momentum = 0.75 : f32, weight_decay = 0.125 : f32} : tensor<1x2xf32>
  return %0#0, %0#1 : tensor<1x2xf32>, tensor<1x2xf32>
}

// A scale that is not a number, or infinite, leaves everything as it is.
// CHECK-LABEL: {{^}}not_finite.0: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [2.75, 3]{{$}}
// CHECK-LABEL: {{^}}not_finite.1: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [1.75, -2]{{$}}
// CHECK-LABEL: {{^}}not_finite.2: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [0.75, 1]{{$}}
// CHECK-LABEL: {{^}}not_finite.3: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [2.75, 3]{{$}}
// CHECK-LABEL: {{^}}not_finite.4: 1x2xf32{{$}}
// CHECK-NEXT: {{^}}  [1.75, -2]{{$}}
func.func @not_finite() -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
  %w = arith.constant dense<[[2.75, 3.0]]> : tensor<1x2xf32>
  %m = arith.constant dense<[[1.75, -2.0]]> : tensor<1x2xf32>
  %v = arith.constant dense<[[0.75, 1.0]]> : tensor<1x2xf32>
  %g = arith.constant dense<[[-1.0, 2.0]]> : tensor<1x2xf32>
  %r = arith.constant dense<[[0.25]]> : tensor<1x1xf32>
  %zero = arith.constant dense<[[0.0]]> : tensor<1x1xf32>
  %c1 = arith.constant dense<[[0.75]]> : tensor<1x1xf32>
  %c2 = arith.constant dense<[[0.5]]> : tensor<1x1xf32>
  %n = arith.divf %zero, %zero : tensor<1x1xf32>
  %i = arith.divf %r, %zero : tensor<1x1xf32>
  %0:3 = nyala.adamw %w, %m, %v, %g rate %r scale %n corrections %c1, %c2 {beta1 = 0.75 : f32, beta2 = 0.5 : f32, epsilon = 0.25 : f32, weight_decay = 0.125 : f32} : tensor<1x2xf32>
  %1:2 = nyala.sgd %w, %m, %g rate %r scale %i {momentum = 0.75 : f32, weight_decay = 0.125 : f32} : tensor<1x2xf32>
  return %0#0, %0#1, %0#2, %1#0, %1#1 : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
}

// CHECK-LABEL: {{^}}rotate_inverse: 1x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.3125, 0.875, -0.1875, 1.75]{{$}}
func.func @rotate_inverse() -> tensor<1x4xf32> {
  %x = arith.constant dense<[[-0.25, 1.0, -1.25, 1.5]]> : tensor<1x4xf32>
  %t = arith.constant dense<[[0.75, 0.5]]> : tensor<1x2xf32>
  %0 = nyala.rotate half %x by %t {heads = 2, inverse} : tensor<1x4xf32>, tensor<1x2xf32>
  return %0 : tensor<1x4xf32>
}

func.func @forward() -> (
    tensor<2x2xf32> {nyala.result = "matmul"},
    tensor<2x2xf32> {nyala.result = "matmul_plus"},
    tensor<3x2xf32> {nyala.result = "matmul_transposed.0"},
    tensor<2x2xf32> {nyala.result = "matmul_transposed.1"},
    tensor<1x3xf32> {nyala.result = "sum_rows.0"},
    tensor<1x3xf32> {nyala.result = "sum_rows.1"},
    tensor<4x2xf32> {nyala.result = "scatter_add.0"},
    tensor<4x2xf32> {nyala.result = "scatter_add.1"},
    tensor<2x3xf32> {nyala.result = "broadcast_columns"},
    tensor<2x4xf32> {nyala.result = "rms_norm.0"},
    tensor<4xf32> {nyala.result = "rms_norm.1"},
    tensor<2x4xf32> {nyala.result = "rms_norm_groups.0"},
    tensor<2xf32> {nyala.result = "rms_norm_groups.1"},
    tensor<2x4xf32> {nyala.result = "layer_norm.0"},
    tensor<4xf32> {nyala.result = "layer_norm.1"},
    tensor<1x4xf32> {nyala.result = "activation_silu"},
    tensor<1x4xf32> {nyala.result = "activation_gelu"},
    tensor<1x4xf32> {nyala.result = "activation_gelu_tanh"},
    tensor<1x4xf32> {nyala.result = "activation_relu"},
    tensor<1x4xf32> {nyala.result = "gated_activation.0"},
    tensor<1x4xf32> {nyala.result = "gated_activation.1"},
    tensor<2x3xf32> {nyala.result = "softmax"},
    tensor<4x1xf32> {nyala.result = "self_attention.0"},
    tensor<4x1xf32> {nyala.result = "self_attention.1"},
    tensor<4x2xf32> {nyala.result = "self_attention.2"},
    tensor<4x2xf32> {nyala.result = "self_attention.3"},
    tensor<4x1xf32> {nyala.result = "self_attention.4"},
    tensor<4x4xf32> {nyala.result = "self_attention_window.0"},
    tensor<4x2xf32> {nyala.result = "self_attention_window.1"},
    tensor<4x2xf32> {nyala.result = "self_attention_window.2"},
    tensor<4x1xf32> {nyala.result = "self_attention_window.3"},
    tensor<4x2xf32> {nyala.result = "self_attention_window.4"},
    tensor<2x1xf32> {nyala.result = "cross_entropy.0"},
    tensor<2x1xf32> {nyala.result = "cross_entropy.1"},
    tensor<2x2xf32> {nyala.result = "cross_entropy.2"},
    tensor<3x2xf32> {nyala.result = "cross_entropy.3"},
    tensor<2x1xf32> {nyala.result = "log_sum_exp.0"},
    tensor<2x1xf32> {nyala.result = "log_sum_exp.1"},
    tensor<2x3xf32> {nyala.result = "log_sum_exp.2"},
    tensor<2x2xf32> {nyala.result = "log_sum_exp.3"},
    tensor<1x2xf32> {nyala.result = "adamw.0"},
    tensor<1x2xf32> {nyala.result = "adamw.1"},
    tensor<1x2xf32> {nyala.result = "adamw.2"},
    tensor<1x2xf32> {nyala.result = "sgd.0"},
    tensor<1x2xf32> {nyala.result = "sgd.1"},
    tensor<1x2xf32> {nyala.result = "not_finite.0"},
    tensor<1x2xf32> {nyala.result = "not_finite.1"},
    tensor<1x2xf32> {nyala.result = "not_finite.2"},
    tensor<1x2xf32> {nyala.result = "not_finite.3"},
    tensor<1x2xf32> {nyala.result = "not_finite.4"},
    tensor<1x4xf32> {nyala.result = "rotate_inverse"}) {
  %0 = call @matmul() : () -> tensor<2x2xf32>
  %1 = call @matmul_plus() : () -> tensor<2x2xf32>
  %2:2 = call @matmul_transposed() : () -> (tensor<3x2xf32>, tensor<2x2xf32>)
  %3:2 = call @sum_rows() : () -> (tensor<1x3xf32>, tensor<1x3xf32>)
  %4:2 = call @scatter_add() : () -> (tensor<4x2xf32>, tensor<4x2xf32>)
  %5 = call @broadcast_columns() : () -> tensor<2x3xf32>
  %6:2 = call @rms_norm() : () -> (tensor<2x4xf32>, tensor<4xf32>)
  %7:2 = call @rms_norm_groups() : () -> (tensor<2x4xf32>, tensor<2xf32>)
  %8:2 = call @layer_norm() : () -> (tensor<2x4xf32>, tensor<4xf32>)
  %9 = call @activation_silu() : () -> tensor<1x4xf32>
  %10 = call @activation_gelu() : () -> tensor<1x4xf32>
  %11 = call @activation_gelu_tanh() : () -> tensor<1x4xf32>
  %12 = call @activation_relu() : () -> tensor<1x4xf32>
  %13:2 = call @gated_activation() : () -> (tensor<1x4xf32>, tensor<1x4xf32>)
  %14 = call @softmax() : () -> tensor<2x3xf32>
  %15:5 = call @self_attention() : () -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>)
  %16:5 = call @self_attention_window() : () -> (tensor<4x4xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>, tensor<4x2xf32>)
  %17:4 = call @cross_entropy() : () -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x2xf32>, tensor<3x2xf32>)
  %18:4 = call @log_sum_exp() : () -> (tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x3xf32>, tensor<2x2xf32>)
  %19:3 = call @adamw() : () -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>)
  %20:2 = call @sgd() : () -> (tensor<1x2xf32>, tensor<1x2xf32>)
  %21:5 = call @not_finite() : () -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>)
  %22 = call @rotate_inverse() : () -> tensor<1x4xf32>
  return %0, %1, %2#0, %2#1, %3#0, %3#1, %4#0, %4#1, %5, %6#0, %6#1, %7#0, %7#1, %8#0, %8#1, %9, %10, %11, %12, %13#0, %13#1, %14, %15#0, %15#1, %15#2, %15#3, %15#4, %16#0, %16#1, %16#2, %16#3, %16#4, %17#0, %17#1, %17#2, %17#3, %18#0, %18#1, %18#2, %18#3, %19#0, %19#1, %19#2, %20#0, %20#1, %21#0, %21#1, %21#2, %21#3, %21#4, %22
      : tensor<2x2xf32>, tensor<2x2xf32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<1x3xf32>, tensor<1x3xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<2x3xf32>, tensor<2x4xf32>, tensor<4xf32>, tensor<2x4xf32>, tensor<2xf32>, tensor<2x4xf32>, tensor<4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<2x3xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>, tensor<4x4xf32>, tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x1xf32>, tensor<4x2xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x2xf32>, tensor<3x2xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x3xf32>, tensor<2x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x4xf32>
}
