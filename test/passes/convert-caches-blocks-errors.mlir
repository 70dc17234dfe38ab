// RUN: nyala-opt %s --split-input-file --verify-diagnostics --nyala-convert-caches=type=q8
// What blocks do not fit is fine as halves.
// RUN: sed -e "/expected-error/d" %s | nyala-opt --split-input-file --nyala-convert-caches=type=f16 -o /dev/null

func.func @channels(
    %x: tensor<?x48xf32>, %ids: tensor<?xi32>,
    // expected-error @below {{state 'keys' cannot be stored as q8: expected a multiple of 32 channels, got 48; choose f16 or f32}}
    %c: tensor<?x?x48xf32> {nyala.state = "keys"}) -> (tensor<?x?x48xf32> {nyala.state = "keys"}) {
  %0 = nyala.cache_append %c, %x at %ids in %ids
     : tensor<?x?x48xf32>, tensor<?x48xf32>, tensor<?xi32>, tensor<?xi32>
  return %0 : tensor<?x?x48xf32>
}

// -----

// Heads of 24 channels: of the updated cache, not of the argument.
func.func @heads(
    %x: tensor<?x96xf32>, %ids: tensor<?xi32>,
    // expected-error @below {{state 'keys' cannot be stored as q8: expected heads of a multiple of 16 channels, got 24; choose f16 or f32}}
    %c: tensor<?x?x96xf32> {nyala.state = "keys"})
    -> (tensor<?x96xf32>, tensor<?x?x96xf32> {nyala.state = "keys"}) {
  %0 = nyala.cache_append %c, %x at %ids in %ids
     : tensor<?x?x96xf32>, tensor<?x96xf32>, tensor<?xi32>, tensor<?xi32>
  %y = nyala.attention %x, %0, %0 at %ids in %ids
     {heads = 4, kv_heads = 4, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x96xf32>, tensor<?x?x96xf32>, tensor<?x?x96xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x96xf32>
  return %y, %0 : tensor<?x96xf32>, tensor<?x?x96xf32>
}
