// RUN: nyala-opt %s -split-input-file -verify-diagnostics

// Attributes

// expected-error @below {{attribute 'nyala.model' must be a dictionary, got 1 : i64}}
module attributes {nyala.model = 1 : i64} {}

// -----

// expected-error @below {{attribute 'nyala.target' must be a #nyala.cpu_target or #nyala.cuda_target, got "x86"}}
module attributes {nyala.target = "x86"} {}

// -----

// expected-error @below {{attribute 'nyala.targets' must be a list of #nyala.cpu_target and #nyala.cuda_target, got []}}
module attributes {nyala.targets = []} {}

// -----

// expected-error @below {{attribute 'nyala.targets' must be a list of #nyala.cpu_target and #nyala.cuda_target, got ["x86"]}}
module attributes {nyala.targets = ["x86"]} {}

// -----

// expected-error @below {{attribute 'nyala.targets' names 'znver4' twice}}
module attributes {nyala.targets = [#nyala.cpu_target<"znver4">, #nyala.cpu_target<"znver4", features = "avx2">]} {}

// -----

// expected-error @below {{attribute 'nyala.device' must be "cpu" or "cuda", got "gpu"}}
module attributes {nyala.device = "gpu"} {}

// -----

// expected-error @below {{attribute 'nyala.tokenizer' must be a file name, got 1 : i64}}
module attributes {nyala.tokenizer = 1 : i64} {}

// -----

// expected-error @below {{unknown stored format 'q4_9'}}
// expected-error @below {{failed to parse Nyala_SourceAttr parameter 'format'}}
#source = #nyala.source<"m", offset = 0, bytes = 2, format = q4_9>

// -----

// expected-error @below {{window must be 0 (none) or positive, got -1}}
#mask = #nyala.mask<causal, window = -1>

// -----

// Weights

// expected-error @below {{has both a source and an initializer; expected one of them}}
nyala.weight @a : tensor<4xf32> source <"m", offset = 0, bytes = 16, format = f32> initializer {
  %0 = arith.constant dense<1.0> : tensor<4xf32>
  nyala.yield %0 : tensor<4xf32>
}

// -----

// expected-error @below {{expected the initializer to end in nyala.yield}}
nyala.weight @a : tensor<4xf32> initializer {
  %0 = arith.constant dense<1.0> : tensor<4xf32>
}

// -----

// expected-error @below {{expected the initializer to yield 'tensor<4xf32>', got 'tensor<5xf32>'}}
nyala.weight @a : tensor<4xf32> initializer {
  %0 = arith.constant dense<1.0> : tensor<5xf32>
  nyala.yield %0 : tensor<5xf32>
}

// -----

// expected-error @below {{expected the initializer to have no arguments, got 1}}
nyala.weight @a : tensor<4xf32> initializer {
^bb0(%0: tensor<4xf32>):
  nyala.yield %0 : tensor<4xf32>
}

// -----

// expected-error @below {{failed to satisfy constraint: type attribute of statically shaped tensor}}
nyala.weight @a : tensor<?xf32>

// -----

func.func @f() {
  // expected-error @below {{refers to 'f', which is no nyala.weight}}
  %0 = nyala.load @f : tensor<4xf32>
  return
}

// -----

nyala.weight @a : tensor<4xf32>
func.func @f() {
  // expected-error @below {{expected the type of 'a' 'tensor<4xf32>', got 'tensor<5xf32>'}}
  %0 = nyala.load @a : tensor<5xf32>
  return
}

// -----

func.func @requantize_format(%w: tensor<4x32xf32>) {
  // expected-error @below {{cannot round to q4_1; expected q8_0 or q4_0}}
  %0 = nyala.requantize %w as <q4_1> : tensor<4x32xf32>
  return
}

// -----

func.func @requantize_rank(%w: tensor<32xf32>) {
  // expected-error @below {{expected a plain matrix of f32, got 'tensor<32xf32>'}}
  %0 = nyala.requantize %w as <q8_0> : tensor<32xf32>
  return
}

// -----

func.func @requantize_block(%w: tensor<4x48xf32>) {
  // expected-error @below {{expected columns to be a multiple of the 32 values of a block of q8_0, got 'tensor<4x48xf32>'}}
  %0 = nyala.requantize %w as <q8_0> : tensor<4x48xf32>
  return
}

// -----

func.func @pack_plain(%w: tensor<4x32xf32>) {
  // expected-error @below {{expected a result with a #nyala.packed encoding, got 'tensor<4x32xf32>'}}
  %0 = nyala.pack %w : tensor<4x32xf32> -> tensor<4x32xf32>
  return
}

// -----

func.func @pack_twice(%w: tensor<4x32xf32, #nyala.packed<q4_1>>) {
  // expected-error @below {{expected a plain operand, got 'tensor<4x32xf32, #nyala.packed<q4_1>>'}}
  %0 = nyala.pack %w : tensor<4x32xf32, #nyala.packed<q4_1>> -> tensor<4x32xf32, #nyala.packed<q4_1>>
  return
}

// -----

func.func @pack_shape(%w: tensor<4x32xf32>) {
  // expected-error @below {{expected a result of the operand's shape and element type 'tensor<4x32xf32>', got}}
  %0 = nyala.pack %w : tensor<4x32xf32> -> tensor<8x32xf32, #nyala.packed<q4_1>>
  return
}

// -----

func.func @pack_rank(%w: tensor<32xf32>) {
  // expected-error @below {{expected a matrix, got 'tensor<32xf32>'}}
  %0 = nyala.pack %w : tensor<32xf32> -> tensor<32xf32, #nyala.packed<q4_1>>
  return
}

// -----

func.func @pack_block(%w: tensor<4x33xf32>) {
  // expected-error @below {{expected columns to be a multiple of the 32 values of a block of q4_1, got 'tensor<4x33xf32>'}}
  %0 = nyala.pack %w : tensor<4x33xf32> -> tensor<4x33xf32, #nyala.packed<q4_1>>
  return
}

// -----

func.func @yield(%w: tensor<4xf32>) {
  // expected-error @below {{expects parent op 'nyala.weight'}}
  nyala.yield %w : tensor<4xf32>
}

// -----

// Rows by index

func.func @embedding_rows(%ids: tensor<3xi32>, %table: tensor<9x4xf32>) {
  // expected-error @below {{expected rows of the result to be 3, got 2}}
  %0 = nyala.embedding %ids, %table : tensor<3xi32>, tensor<9x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @embedding_channels(%ids: tensor<?xi32>, %table: tensor<9x4xf32>) {
  // expected-error @below {{expected channels of the result to be 4, got 5}}
  %0 = nyala.embedding %ids, %table : tensor<?xi32>, tensor<9x4xf32> -> tensor<?x5xf32>
  return
}

// -----

func.func @embedding_ids(%ids: tensor<?xi64>, %table: tensor<9x4xf32>) {
  // expected-error @below {{operand #0 must be 1D tensor of 32-bit signless integer values, but got 'tensor<?xi64>'}}
  %0 = nyala.embedding %ids, %table : tensor<?xi64>, tensor<9x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @gather_rows(%x: tensor<?x4xf32>, %indices: tensor<3xi32>) {
  // expected-error @below {{expected rows of the result to be 3, got 2}}
  %0 = nyala.gather %x, %indices : tensor<?x4xf32>, tensor<3xi32> -> tensor<2x4xf32>
  return
}

// -----

func.func @gather_channels(%x: tensor<?x4xf32>, %indices: tensor<3xi32>) {
  // expected-error @below {{expected channels of the result to be 4, got 8}}
  %0 = nyala.gather %x, %indices : tensor<?x4xf32>, tensor<3xi32> -> tensor<3x8xf32>
  return
}

// -----

func.func @gather_rank(%x: tensor<?xi32>, %indices: tensor<?xi32>) {
  // expected-error @below {{expected dimensions of the result to be 1, got 2}}
  %0 = nyala.gather %x, %indices : tensor<?xi32>, tensor<?xi32> -> tensor<?x1xf32>
  return
}

// -----

func.func @gather_elements(%x: tensor<?x4xf32>, %indices: tensor<?xi32>) {
  // expected-error @below {{expected element type of the result to be 'f32', got 'f16'}}
  %0 = nyala.gather %x, %indices : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf16>
  return
}

// -----

// Products and norms

func.func @dynamic_channels(%x: tensor<?x?xf32>) {
  // expected-error @below {{operand #0 must be 2D tensor of floats, rows by a static number of channels, but got 'tensor<?x?xf32>'}}
  %0 = nyala.softmax %x : tensor<?x?xf32>
  return
}

// -----

func.func @linear_rows(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{expected rows of the result to be 2, got 5}}
  %0 = nyala.linear %x, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<5x3xf32>
  return
}

// -----

func.func @linear_columns(%x: tensor<?x4xf32>, %w: tensor<3x5xf32>) {
  // expected-error @below {{expected columns of the weight to be 4, got 5}}
  %0 = nyala.linear %x, %w : tensor<?x4xf32>, tensor<3x5xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @linear_channels(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{expected channels of the result to be 3, got 4}}
  %0 = nyala.linear %x, %w : tensor<?x4xf32>, tensor<3x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @linear_element_type(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{expected element type of the result to be 'f32', got 'f16'}}
  %0 = nyala.linear %x, %w : tensor<?x4xf32>, tensor<3x4xf32> -> tensor<?x3xf16>
  return
}

// -----

func.func @linear_bias(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %bias: tensor<4xf32>) {
  // expected-error @below {{expected elements of the bias to be 3, got 4}}
  %0 = nyala.linear %x, %w bias %bias : tensor<?x4xf32>, tensor<3x4xf32>, tensor<4xf32> -> tensor<?x3xf32>
  return
}

// -----

func.func @quantize_rows(%x: tensor<2x32xf32>) {
  // expected-error @below {{expected rows of the values to be 2, got 3}}
  %q, %s, %t = nyala.quantize %x : tensor<2x32xf32> -> tensor<3x32xi8>, tensor<2x1xf32>, tensor<2x2xi32>
  return
}

// -----

func.func @quantize_channels(%x: tensor<?x32xf32>) {
  // expected-error @below {{expected channels of the values to be 32, got 64}}
  %q, %s, %t = nyala.quantize %x : tensor<?x32xf32> -> tensor<?x64xi8>, tensor<?x1xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @quantize_part_of_a_block(%x: tensor<?x40xf32>) {
  // expected-error @below {{expected channels to be a multiple of 32, got 40}}
  %q, %s, %t = nyala.quantize %x : tensor<?x40xf32> -> tensor<?x40xi8>, tensor<?x1xf32>, tensor<?x2xi32>
  return
}

// -----

func.func @quantize_scales(%x: tensor<?x64xf32>) {
  // expected-error @below {{expected channels of the scales to be 2, got 1}}
  %q, %s, %t = nyala.quantize %x : tensor<?x64xf32> -> tensor<?x64xi8>, tensor<?x1xf32>, tensor<?x4xi32>
  return
}

// -----

func.func @quantize_sums(%x: tensor<2x64xf32>) {
  // expected-error @below {{expected rows of the sums to be 2, got 1}}
  %q, %s, %t = nyala.quantize %x : tensor<2x64xf32> -> tensor<2x64xi8>, tensor<2x2xf32>, tensor<1x4xi32>
  return
}

// -----

func.func @quantized_linear_columns(%q: tensor<?x32xi8>, %s: tensor<?x1xf32>, %t: tensor<?x2xi32>, %w: tensor<4x64xf32>) {
  // expected-error @below {{expected columns of the weight to be 32, got 64}}
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<4x64xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @rms_norm_no_groups(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected a positive number of heads for the operand, got 0}}
  %0 = nyala.rms_norm %x, %w {epsilon = 0.5 : f32, groups = 0 : i64} : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @rms_norm_groups(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected channels of the operand to be a multiple of 3 heads, got 4}}
  %0 = nyala.rms_norm %x, %w {epsilon = 0.5 : f32, groups = 3 : i64} : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @rms_norm_weight(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expected elements of the weight to be 2, got 4}}
  %0 = nyala.rms_norm %x, %w {epsilon = 0.5 : f32, groups = 2 : i64} : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @layer_norm_weight(%x: tensor<?x4xf32>, %w: tensor<3xf32>) {
  // expected-error @below {{expected elements of the weight to be 4, got 3}}
  %0 = nyala.layer_norm %x, %w {epsilon = 0.5 : f32} : tensor<?x4xf32>, tensor<3xf32>
  return
}

// -----

func.func @layer_norm_bias(%x: tensor<?x4xf32>, %w: tensor<4xf32>, %bias: tensor<3xf32>) {
  // expected-error @below {{expected elements of the bias to be 4, got 3}}
  %0 = nyala.layer_norm %x, %w bias %bias {epsilon = 0.5 : f32} : tensor<?x4xf32>, tensor<4xf32>, tensor<3xf32>
  return
}

// -----

// Rotary position embedding

func.func @rope_heads(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected channels of the operand to be a multiple of 3 heads, got 8}}
  %0 = nyala.rope half %x at %p {heads = 3, dims = 2, base = 1.0e4} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_no_channels(%x: tensor<?x0xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected channels of the operand to be a multiple of 3 heads, got 0}}
  %0 = nyala.rope half %x at %p {heads = 3, dims = 2, base = 1.0e4} : tensor<?x0xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_dims_odd(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected an even, positive number of rotated channels, got dims = 3}}
  %0 = nyala.rope half %x at %p {heads = 1, dims = 3, base = 1.0e4} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_dims_none(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected an even, positive number of rotated channels, got dims = 0}}
  %0 = nyala.rope half %x at %p {heads = 1, dims = 0, base = 1.0e4} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_base(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected base and scale to be positive, got base = 0.000000e+00, scale = 1.000000e+00}}
  %0 = nyala.rope half %x at %p {heads = 1, dims = 4, base = 0.0} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_scale(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected base and scale to be positive, got base = 1.000000e+00, scale = -1.000000e+00}}
  %0 = nyala.rope half %x at %p {heads = 1, dims = 4, base = 1.0, scale = -1.0 : f64} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_factors(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected 2 factors, got 1}}
  %0 = nyala.rope half %x at %p {heads = 1, dims = 4, base = 1.0, factors = array<f32: 1.0>} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_dims(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected dims to be at most the head's 4 channels, got 6}}
  %0 = nyala.rope half %x at %p {heads = 2, dims = 6, base = 1.0} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @rope_rows(%x: tensor<3x8xf32>, %p: tensor<2xi32>) {
  // expected-error @below {{expected rows of the positions to be 3, got 2}}
  %0 = nyala.rope half %x at %p {heads = 2, dims = 4, base = 1.0} : tensor<3x8xf32>, tensor<2xi32>
  return
}

// -----

func.func @rope_table_dims(%p: tensor<2xi32>) {
  // expected-error @below {{expected an even, positive number of rotated channels, got dims = -2}}
  %0 = nyala.rope_table %p {dims = -2, base = 1.0} : tensor<2xi32> -> tensor<2x4xf32>
  return
}

// -----

func.func @rope_table_rows(%p: tensor<2xi32>) {
  // expected-error @below {{expected rows of the result to be 2, got 3}}
  %0 = nyala.rope_table %p {dims = 4, base = 1.0} : tensor<2xi32> -> tensor<3x4xf32>
  return
}

// -----

func.func @rope_table_channels(%p: tensor<2xi32>) {
  // expected-error @below {{expected channels of the result to be 4, got 8}}
  %0 = nyala.rope_table %p {dims = 4, base = 1.0} : tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @rotate_heads(%x: tensor<2x8xf32>, %t: tensor<2x4xf32>) {
  // expected-error @below {{expected a positive number of heads for the operand, got -1}}
  %0 = nyala.rotate half %x by %t {heads = -1} : tensor<2x8xf32>, tensor<2x4xf32>
  return
}

// -----

func.func @rotate_rows(%x: tensor<2x8xf32>, %t: tensor<3x4xf32>) {
  // expected-error @below {{expected rows of the table to be 2, got 3}}
  %0 = nyala.rotate half %x by %t {heads = 2} : tensor<2x8xf32>, tensor<3x4xf32>
  return
}

// -----

func.func @rotate_odd(%x: tensor<2x8xf32>, %t: tensor<2x3xf32>) {
  // expected-error @below {{expected the table's channels to be even and at most the head's 4, got 3}}
  %0 = nyala.rotate half %x by %t {heads = 2} : tensor<2x8xf32>, tensor<2x3xf32>
  return
}

// -----

func.func @rotate_dims(%x: tensor<2x8xf32>, %t: tensor<2x6xf32>) {
  // expected-error @below {{expected the table's channels to be even and at most the head's 4, got 6}}
  %0 = nyala.rotate half %x by %t {heads = 2} : tensor<2x8xf32>, tensor<2x6xf32>
  return
}

// -----

func.func @top_k_none(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected 1 to 8 values, as many as there are channels, got 0}}
  %0, %1 = nyala.top_k %x : tensor<?x8xf32> -> tensor<?x0xf32>, tensor<?x0xi32>
  return
}

// -----

func.func @top_k_too_many(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected 1 to 8 values, as many as there are channels, got 9}}
  %0, %1 = nyala.top_k %x : tensor<?x8xf32> -> tensor<?x9xf32>, tensor<?x9xi32>
  return
}

// -----

func.func @top_k_ids(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected channels of the ids to be 4, got 3}}
  %0, %1 = nyala.top_k %x : tensor<?x8xf32> -> tensor<?x4xf32>, tensor<?x3xi32>
  return
}

// -----

func.func @top_k_value_rows(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected rows of the values to be 2, got 3}}
  %0, %1 = nyala.top_k %x : tensor<2x8xf32> -> tensor<3x4xf32>, tensor<2x4xi32>
  return
}

// -----

func.func @top_k_id_rows(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected rows of the ids to be 2, got 3}}
  %0, %1 = nyala.top_k %x : tensor<2x8xf32> -> tensor<2x4xf32>, tensor<3x4xi32>
  return
}

// -----

func.func @top_k_type(%x: tensor<?x8xf32>) {
  // expected-error @below {{failed to verify that all of {input, values} have same element type}}
  %0, %1 = nyala.top_k %x : tensor<?x8xf32> -> tensor<?x4xf16>, tensor<?x4xi32>
  return
}
