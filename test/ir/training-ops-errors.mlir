// RUN: nyala-opt %s -split-input-file -verify-diagnostics

func.func @matmul_depth(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @below {{expected depth of the second operand to be 3, got 4}}
  %0 = nyala.matmul %a, %b : tensor<2x3xf32>, tensor<4x5xf32> -> tensor<2x5xf32>
  return
}

// -----

func.func @matmul_transposed_depth(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @below {{expected depth of the second operand to be 2, got 5}}
  %0 = nyala.matmul %a, %b {transpose_a, transpose_b} : tensor<2x3xf32>, tensor<4x5xf32> -> tensor<3x4xf32>
  return
}

// -----

func.func @matmul_rows(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error @below {{expected rows of the result to be 2, got 3}}
  %0 = nyala.matmul %a, %b : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<3x5xf32>
  return
}

// -----

func.func @matmul_columns(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error @below {{expected columns of the result to be 5, got 3}}
  %0 = nyala.matmul %a, %b : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @matmul_types(%a: tensor<2x3xf32>, %b: tensor<3x5xbf16>) {
  // expected-error @below {{expected element type of the second operand to be 'f32', got 'bf16'}}
  %0 = nyala.matmul %a, %b : tensor<2x3xf32>, tensor<3x5xbf16> -> tensor<2x5xf32>
  return
}

// -----

func.func @matmul_accumulator(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>, %c: tensor<5x2xf32>) {
  // expected-error @below {{expected an accumulator of the result's type 'tensor<2x5xf32>', got 'tensor<5x2xf32>'}}
  %0 = nyala.matmul %a, %b plus %c : tensor<2x3xf32>, tensor<3x5xf32>, tensor<5x2xf32> -> tensor<2x5xf32>
  return
}

// -----

func.func @sum_rows_rows(%a: tensor<2x3xf32>) {
  // expected-error @below {{expected rows of the result to be 1, got 2}}
  %0 = nyala.sum_rows %a : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @sum_rows_channels(%a: tensor<2x3xf32>) {
  // expected-error @below {{expected channels of the result to be 3, got 2}}
  %0 = nyala.sum_rows %a : tensor<2x3xf32> -> tensor<1x2xf32>
  return
}

// -----

func.func @scatter_initial(%a: tensor<2x3xf32>, %i: tensor<2xi32>, %t: tensor<4x3xf32>) {
  // expected-error @below {{expected an initial value of the result's type 'tensor<5x3xf32>', got 'tensor<4x3xf32>'}}
  %0 = nyala.scatter_add %a at %i into %t : tensor<2x3xf32>, tensor<2xi32>, tensor<4x3xf32> -> tensor<5x3xf32>
  return
}

// -----

func.func @scatter_dynamic(%a: tensor<2x3xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected a static number of rows without an initial value, got 'tensor<?x3xf32>'}}
  %0 = nyala.scatter_add %a at %i : tensor<2x3xf32>, tensor<2xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @scatter_rows(%a: tensor<2x3xf32>, %i: tensor<3xi32>) {
  // expected-error @below {{expected rows of what is added to be 3, got 2}}
  %0 = nyala.scatter_add %a at %i : tensor<2x3xf32>, tensor<3xi32> -> tensor<4x3xf32>
  return
}

// -----

func.func @scatter_channels(%a: tensor<2x3xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of the result to be 3, got 2}}
  %0 = nyala.scatter_add %a at %i : tensor<2x3xf32>, tensor<2xi32> -> tensor<4x2xf32>
  return
}

// -----

func.func @broadcast_rows(%a: tensor<2x1xf32>) {
  // expected-error @below {{expected rows of the result to be 2, got 3}}
  %0 = nyala.broadcast_columns %a : tensor<2x1xf32> -> tensor<3x4xf32>
  return
}

// -----

func.func @broadcast_column(%a: tensor<2x2xf32>) {
  // expected-error @below {{operand #0 must be one column of f32, but got 'tensor<2x2xf32>'}}
  %0 = nyala.broadcast_columns %a : tensor<2x2xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @rms_weight(%a: tensor<2x8xf32>, %w: tensor<8xf32>) {
  // expected-error @below {{expected elements of the weight to be 4, got 8}}
  %0 = nyala.rms_norm_gradient %a, %a, %w {epsilon = 1.0e-5 : f32, groups = 2} : tensor<2x8xf32>, tensor<8xf32>
  return
}

// -----

func.func @rms_groups(%a: tensor<2x8xf32>) {
  // expected-error @below {{expected channels of the operand to be a multiple of 3 heads, got 8}}
  %0 = nyala.rms_norm_weight_gradient %a, %a {epsilon = 1.0e-5 : f32, groups = 3} : tensor<2x8xf32> -> tensor<2xf32>
  return
}

// -----

func.func @layer_norm_weight(%a: tensor<2x8xf32>) {
  // expected-error @below {{expected elements of the weight to be 8, got 4}}
  %0 = nyala.layer_norm_weight_gradient %a, %a {epsilon = 1.0e-5 : f32} : tensor<2x8xf32> -> tensor<4xf32>
  return
}

// -----

func.func @attention_heads(%q: tensor<8x12xf32>, %k: tensor<8x8xf32>) {
  // expected-error @below {{expected heads to be a multiple of the 2 key-value heads, got 3}}
  %0:2 = nyala.self_attention %q, %k, %k {heads = 3, kv_heads = 2, scale = 1.0 : f32, length = 4, mask = #nyala.mask<causal>} : tensor<8x12xf32>, tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x12xf32>, tensor<8x3xf32>
  return
}

// -----

func.func @attention_keys(%q: tensor<8x16xf32>, %k: tensor<8x4xf32>, %v: tensor<8x8xf32>) {
  // expected-error @below {{expected channels of a head of the keys to be 4, got 2}}
  %0:2 = nyala.self_attention %q, %k, %v {heads = 4, kv_heads = 2, scale = 1.0 : f32, length = 4, mask = #nyala.mask<causal>} : tensor<8x16xf32>, tensor<8x4xf32>, tensor<8x8xf32> -> tensor<8x16xf32>, tensor<8x4xf32>
  return
}

// -----

func.func @attention_rows(%q: tensor<8x16xf32>, %k: tensor<4x8xf32>) {
  // expected-error @below {{expected rows of keys, values and results to be 8, got 4}}
  %0:2 = nyala.self_attention %q, %k, %k {heads = 4, kv_heads = 2, scale = 1.0 : f32, length = 4, mask = #nyala.mask<causal>} : tensor<8x16xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x16xf32>, tensor<8x4xf32>
  return
}

// -----

func.func @attention_length(%q: tensor<8x16xf32>, %k: tensor<8x8xf32>) {
  // expected-error @below {{expected rows to be a multiple of the length 3 of sequences, got 8}}
  %0:2 = nyala.self_attention %q, %k, %k {heads = 4, kv_heads = 2, scale = 1.0 : f32, length = 3, mask = #nyala.mask<causal>} : tensor<8x16xf32>, tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x16xf32>, tensor<8x4xf32>
  return
}

// -----

func.func @attention_no_length(%q: tensor<8x16xf32>, %k: tensor<8x8xf32>) {
  // expected-error @below {{expected a positive length of sequences, got 0}}
  %0:2 = nyala.self_attention %q, %k, %k {heads = 4, kv_heads = 2, scale = 1.0 : f32, length = 0, mask = #nyala.mask<causal>} : tensor<8x16xf32>, tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x16xf32>, tensor<8x4xf32>
  return
}

// -----

func.func @attention_gradient(%q: tensor<8x16xf32>, %k: tensor<8x8xf32>, %l: tensor<8x2xf32>) {
  // expected-error @below {{expected channels of log_sum_exp to be 4, got 2}}
  %0:3 = nyala.self_attention_gradient %q, %q, %k, %k, %q, %l {heads = 4, kv_heads = 2, scale = 1.0 : f32, length = 4, mask = #nyala.mask<causal>} : tensor<8x16xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x16xf32>, tensor<8x2xf32>
  return
}

// -----

func.func @cross_entropy_weight(%x: tensor<4x8xf32>, %w: tensor<9x7xf32>, %t: tensor<4xi32>) {
  // expected-error @below {{expected columns of the weight to be 8, got 7}}
  %0:2 = nyala.cross_entropy %x, %w at %t : tensor<4x8xf32>, tensor<9x7xf32>, tensor<4xi32> -> tensor<4x1xf32>, tensor<4x1xf32>
  return
}

// -----

func.func @cross_entropy_targets(%x: tensor<4x8xf32>, %w: tensor<9x8xf32>, %t: tensor<3xi32>) {
  // expected-error @below {{expected rows of the targets to be 4, got 3}}
  %0:2 = nyala.cross_entropy %x, %w at %t : tensor<4x8xf32>, tensor<9x8xf32>, tensor<3xi32> -> tensor<4x1xf32>, tensor<4x1xf32>
  return
}

// -----

func.func @cross_entropy_results(%x: tensor<4x8xf32>, %w: tensor<9x8xf32>, %t: tensor<4xi32>) {
  // expected-error @below {{expected rows of the results to be 4, got 3}}
  %0:2 = nyala.cross_entropy %x, %w at %t : tensor<4x8xf32>, tensor<9x8xf32>, tensor<4xi32> -> tensor<4x1xf32>, tensor<3x1xf32>
  return
}

// -----

func.func @cross_entropy_gradient(%d: tensor<3x1xf32>, %x: tensor<4x8xf32>, %w: tensor<9x8xf32>, %t: tensor<4xi32>) {
  // expected-error @below {{expected rows of the gradient to be 4, got 3}}
  %0:2 = nyala.cross_entropy_gradient %d, %x, %w, %d at %t : tensor<3x1xf32>, tensor<4x8xf32>, tensor<9x8xf32>, tensor<4xi32>
  return
}

// -----

func.func @log_sum_exp_rows(%x: tensor<4x8xf32>, %t: tensor<3xi32>) {
  // expected-error @below {{expected rows of all operands to be 4, got 3}}
  %0:2 = nyala.log_sum_exp %x at %t : tensor<4x8xf32>, tensor<3xi32> -> tensor<4x1xf32>, tensor<4x1xf32>
  return
}

// -----

func.func @log_sum_exp_one(%x: tensor<4x8xf32>, %t: tensor<4xi32>, %s: tensor<4x1xf32>) {
  // expected-error @below {{expected both previous values or none}}
  %0:2 = "nyala.log_sum_exp"(%x, %t, %s) {operandSegmentSizes = array<i32: 1, 1, 1, 0>} : (tensor<4x8xf32>, tensor<4xi32>, tensor<4x1xf32>) -> (tensor<4x1xf32>, tensor<4x1xf32>)
  return
}

// -----

func.func @logits_gradient(%d: tensor<3x1xf32>, %x: tensor<4x8xf32>, %t: tensor<4xi32>) {
  // expected-error @below {{expected rows of the gradient to be 4, got 3}}
  %0 = nyala.logits_gradient %d, %x, %d at %t : tensor<3x1xf32>, tensor<4x8xf32>, tensor<4xi32>
  return
}

// -----

func.func @sgd_rate(%w: tensor<4x8xf32>, %s: tensor<2x1xf32>) {
  // expected-error @below {{operand #3 must be tensor<1x1xf32>, but got 'tensor<2x1xf32>'}}
  %0:2 = "nyala.sgd"(%w, %w, %w, %s, %s) {momentum = 0.0 : f32, weight_decay = 0.0 : f32} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<2x1xf32>, tensor<2x1xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>)
  return
}
