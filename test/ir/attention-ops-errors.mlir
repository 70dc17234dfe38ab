// RUN: nyala-opt %s -split-input-file -verify-diagnostics

func.func @slots(%q: tensor<2x8xf32>, %c: tensor<1x?x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected a static number of slots, got 'tensor<1x?x4xf32>'}}
  %0 = nyala.attention_parts %q, %c, %c at %i in %i {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x?x4xf32>, tensor<1x?x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x12xf32>
  return
}

// -----

// 257 slots are two parts.
func.func @parts(%q: tensor<2x8xf32>, %c: tensor<1x257x4xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of the result to be 24, got 12}}
  %0 = nyala.attention_parts %q, %c, %c at %i in %i {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x8xf32>, tensor<1x257x4xf32>, tensor<1x257x4xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x12xf32>
  return
}

// -----

func.func @groups(%q: tensor<2x12xf32>, %c: tensor<1x9x8xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected heads to be a multiple of 2 key-value heads, got 3}}
  %0 = nyala.attention_parts %q, %c, %c at %i in %i {heads = 3, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<2x12xf32>, tensor<1x9x8xf32>, tensor<1x9x8xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x18xf32>
  return
}

// -----

func.func @merged_heads(%p: tensor<2x12xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of the result to be a multiple of 3 heads, got 8}}
  %0 = nyala.merge_attention %p at %i {heads = 3, mask = #nyala.mask<causal>} : tensor<2x12xf32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @merged_parts(%p: tensor<2x14xf32>, %i: tensor<2xi32>) {
  // expected-error @below {{expected channels of a head of the parts to be a multiple of 6, a part of 4 channels, got 7}}
  %0 = nyala.merge_attention %p at %i {heads = 2, mask = #nyala.mask<causal>} : tensor<2x14xf32>, tensor<2xi32> -> tensor<2x8xf32>
  return
}

// -----

func.func @merged_rows(%p: tensor<2x12xf32>, %i: tensor<3xi32>) {
  // expected-error @below {{expected rows of the positions to be 2, got 3}}
  %0 = nyala.merge_attention %p at %i {heads = 2, mask = #nyala.mask<causal>} : tensor<2x12xf32>, tensor<3xi32> -> tensor<2x8xf32>
  return
}
