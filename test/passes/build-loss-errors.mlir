// RUN: nyala-opt %s --split-input-file --verify-diagnostics --nyala-build-loss="batch=1 length=4"
// RUN: echo "module {}" > %t.mlir
// RUN: not nyala-opt %t.mlir --nyala-build-loss="batch=0" 2>&1 | FileCheck %s --check-prefix=BATCH
// BATCH: expected a batch of at least one sequence of at least one token, 2^31 tokens at most, got 0 of 256
// RUN: not nyala-opt %t.mlir --nyala-build-loss="batch=65536 length=65536" 2>&1 | FileCheck %s --check-prefix=LARGE
// LARGE: got 65536 of 65536

// expected-error @below {{expected a function @forward to build the loss of}}
module {}

// -----

module {
// expected-error @below {{expected an argument with the role 'wanted'}}
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"}, %positions: tensor<?xi32> {nyala.role = "positions"},
                   %x: tensor<?x8xf32> {nyala.role = "x"}) -> (tensor<?x8xf32> {nyala.result = "logits"}) {
  return %x : tensor<?x8xf32>
}
}

// -----

module {
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"}, %positions: tensor<?xi32> {nyala.role = "positions"},
                   %wanted: tensor<?xi32> {nyala.role = "wanted"}, %w: tensor<8x8xf32>, %x: tensor<?x8xf32>)
    -> (tensor<?x8xf32> {nyala.result = "logits"}) {
  %y = nyala.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  // expected-error @below {{computes the logits; expected a linear layer without bias, which the loss can be fused with}}
  %z = nyala.activation silu %y : tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
}

// -----

module {
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"}, %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"}, %wanted: tensor<?xi32> {nyala.role = "wanted"},
                   %x: tensor<?x8xf32>, %k: tensor<?x?x8xf32> {nyala.state = "k"})
    -> (tensor<?x8xf32> {nyala.result = "logits"}) {
  // expected-error @below {{attends to more than one update of a cache: a training step has the keys and values of its own rows alone}}
  %a = nyala.attention %x, %k, %k at %positions in %sequences {heads = 1, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
      : tensor<?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}
}

// -----

module {
// expected-error @below {{the name @evaluate is taken; expected it free for the entry point}}
func.func private @evaluate()
func.func @forward(%wanted: tensor<?xi32> {nyala.role = "wanted"}) {
  return
}
}

// -----

module {
// expected-error @below {{expected inputs of static shape and a leading dimension, which is the batch, got 'tensor<?x8xf32>'}}
func.func @forward(%x: tensor<?x8xf32> {nyala.role = "x"}) -> (tensor<?x8xf32> {nyala.result = "logits"}) {
  return %x : tensor<?x8xf32>
}
}

// -----

module {
// expected-error @below {{has 2 results; expected one, or one marked nyala.result = "logits", to compute the loss of}}
func.func @forward(%x: tensor<2x8xf32> {nyala.role = "x"}) -> (tensor<2x8xf32>, tensor<2x8xf32>) {
  return %x, %x : tensor<2x8xf32>, tensor<2x8xf32>
}
}

// -----

// Whatever its inputs are called.
module attributes {nyala.model = {architecture = "onnx"}} {
// expected-error @below {{expected scores of classes to compute the loss of, a static tensor of f32 with 2 to 4 dimensions, got 'tensor<8xi32>'}}
func.func @forward(%tokens: tensor<8xi32> {nyala.role = "tokens"}) -> (tensor<8xi32> {nyala.result = "logits"}) {
  return %tokens : tensor<8xi32>
}
}
