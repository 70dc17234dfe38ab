// RUN: nyala-opt %s -split-input-file -verify-diagnostics

// Caches and attention

func.func @append_channels(%c: tensor<1x?x4xf32>, %x: tensor<?x8xf32>, %i: tensor<?xi32>) {
  // expected-error @below {{expected channels of the rows to be 4, got 8}}
  %0 = nyala.cache_append %c, %x at %i in %i : tensor<1x?x4xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  return
}

// -----

func.func @append_slots(%c: tensor<1x?x4xf32>, %x: tensor<3x4xf32>, %i: tensor<2xi32>, %j: tensor<3xi32>) {
  // expected-error @below {{expected rows of the slots to be 3, got 2}}
  %0 = nyala.cache_append %c, %x at %i in %j : tensor<1x?x4xf32>, tensor<3x4xf32>, tensor<2xi32>, tensor<3xi32>
  return
}

// -----

func.func @append_sequences(%c: tensor<1x?x4xf32>, %x: tensor<3x4xf32>, %i: tensor<2xi32>, %j: tensor<3xi32>) {
  // expected-error @below {{expected rows of the sequences to be 3, got 2}}
  %0 = nyala.cache_append %c, %x at %j in %i : tensor<1x?x4xf32>, tensor<3x4xf32>, tensor<3xi32>, tensor<2xi32>
  return
}

// -----

func.func @query_heads(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of the query to be a multiple of 3 heads, got 8}}
  %0 = nyala.attention %q, %c, %c at %i in %i {heads = 3, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x9x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @key_heads(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of the keys to be a multiple of 8 heads, got 4}}
  %0 = nyala.attention %q, %c, %c at %i in %i {heads = 8, kv_heads = 8, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x9x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @no_kv_heads(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected a positive number of heads for the keys, got 0}}
  %0 = nyala.attention %q, %c, %c at %i in %i {heads = 8, kv_heads = 0, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x9x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @value_heads(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %v: tensor<1x9x3xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of the values to be a multiple of 2 heads, got 3}}
  %0 = nyala.attention %q, %c, %v at %i in %i {heads = 4, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x9x3xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @groups(%q: tensor<2x12xf32>, %c: tensor<1x9x8xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected heads to be a multiple of 2 key-value heads, got 3}}
  %0 = nyala.attention %q, %c, %c at %i in %i {heads = 3, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x12xf32>, tensor<1x9x8xf32>, tensor<1x9x8xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x12xf32>
  return
}

// -----

func.func @key_width(%q: tensor<2x8xf32>, %c: tensor<1x9x8xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of a key's head to be 4, got 8}}
  %0 = nyala.attention %q, %c, %c at %i in %i {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x8xf32>, tensor<1x9x8xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @result_width(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of the result to be 8, got 4}}
  %0 = nyala.attention %q, %c, %c at %i in %i {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x9x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x4xf32>
  return
}

// -----

func.func @result_rows(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected rows of the result to be 2, got 3}}
  %0 = nyala.attention %q, %c, %c at %i in %i {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x9x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<3x8xf32>
  return
}

// -----

func.func @positions(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %i: tensor<2xi32>, %j: tensor<3xi32>) {
  // expected-error @below {{expected rows of the positions to be 2, got 3}}
  %0 = nyala.attention %q, %c, %c at %j in %i {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x9x4xf32>, tensor<3xi32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @sequences(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %i: tensor<2xi32>, %j: tensor<3xi32>) {
  // expected-error @below {{expected rows of the sequences to be 2, got 3}}
  %0 = nyala.attention %q, %c, %c at %i in %j {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x9x4xf32>, tensor<2xi32>, tensor<3xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @value_sequences(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %v: tensor<2x9x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected sequences of the values to be 1, got 2}}
  %0 = nyala.attention %q, %c, %v at %i in %i {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<2x9x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @value_slots(%q: tensor<2x8xf32>, %c: tensor<1x9x4xf32>, %v: tensor<1x8x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected slots of the values to be 9, got 8}}
  %0 = nyala.attention %q, %c, %v at %i in %i {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x9x4xf32>, tensor<1x8x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

// Activations, reductions, movement

func.func @gated_activation(%a: tensor<?x8xf32>, %b: tensor<?x4xf32>) {
  // expected-error @below {{requires the same type for all operands and results}}
  %0 = "nyala.gated_activation"(%a, %b) {kind = #nyala<activation_kind silu>} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @activation(%a: tensor<?x8xf32>) {
  // expected-error @below {{expected ::nyala::ActivationKind to be one of: silu, gelu, gelu_tanh, relu}}
  // expected-error @below {{failed to parse Nyala_ActivationKindAttr parameter}}
  %0 = nyala.activation swish %a : tensor<?x8xf32>
  return
}

// -----

func.func @reduce_rows(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected rows of the result to be 2, got 3}}
  %0 = nyala.reduce sum %x : tensor<2x8xf32> -> tensor<3x1xf32>
  return
}

// -----

func.func @reduce_channels(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected channels of the result to be 1, got 8}}
  %0 = nyala.reduce sum %x : tensor<2x8xf32> -> tensor<2x8xf32>
  return
}

// -----

func.func @split_rows(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected rows of each result to be 2, got 3}}
  %0:2 = nyala.split %x : tensor<2x8xf32> -> tensor<2x4xf32>, tensor<3x4xf32>
  return
}

// -----

func.func @split_element_type(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected element type of each result to be 'f32', got 'f16'}}
  %0:2 = nyala.split %x : tensor<2x8xf32> -> tensor<2x4xf32>, tensor<2x4xf16>
  return
}

// -----

func.func @split_channels(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected channels of all results together to be 8, got 7}}
  %0:2 = nyala.split %x : tensor<2x8xf32> -> tensor<2x4xf32>, tensor<2x3xf32>
  return
}

// -----

// Caches in blocks

// expected-error @below {{caches are stored in blocks of q8_0 or q4_0, got q4_1}}
func.func private @format(tensor<1x?x32xf32, #nyala.blocks<q4_1>>)

// -----

// expected-error @below {{expected channels of #nyala.blocks<q8_0> to be a multiple of 32, got 48}}
func.func private @channels(tensor<1x?x48xf32, #nyala.blocks<q8_0>>)

// -----

// expected-error @below {{expected channels of #nyala.blocks<q8_0> to be a multiple of 32, got any}}
func.func private @any_channels(tensor<1x?x?xf32, #nyala.blocks<q8_0>>)

// -----

// expected-error @below {{expected elements of #nyala.blocks<q4_0> to be 'f32', got 'f16'}}
func.func private @elements(tensor<1x?x32xf16, #nyala.blocks<q4_0>>)

// -----

// expected-error @below {{expected a cache of sequences, slots and channels for #nyala.blocks<q4_0>, got rank 2}}
func.func private @rank(tensor<?x32xf32, #nyala.blocks<q4_0>>)

// -----

func.func @append_types(%c: tensor<1x?x32xf32, #nyala.blocks<q8_0>>, %x: tensor<?x32xf32>, %i: tensor<?xi32>) {
  // expected-error @below {{failed to verify that all of {cache, result} have same type}}
  %0 = "nyala.cache_append"(%c, %x, %i, %i) : (tensor<1x?x32xf32, #nyala.blocks<q8_0>>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<1x?x32xf32>
  return
}
