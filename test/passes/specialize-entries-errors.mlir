// RUN: nyala-opt %s --nyala-specialize-entries=context=16 --split-input-file --verify-diagnostics
// RUN: not nyala-opt %s --nyala-specialize-entries --split-input-file 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not nyala-opt %s --nyala-specialize-entries="context=16 decode-rows=0" --split-input-file 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not nyala-opt %s --nyala-specialize-entries="context=16 batch-rows=-1" --split-input-file 2>&1 | FileCheck %s --check-prefix=BATCH
// RUN: not nyala-opt %s --nyala-specialize-entries="context=16 sequences=4294967296" --split-input-file 2>&1 | FileCheck %s --check-prefix=SEQUENCES
// RUN: not nyala-opt %s --nyala-specialize-entries=context=-1 --split-input-file 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not nyala-opt %s --nyala-specialize-entries="context=16 sequences=2147483647" --split-input-file 2>&1 | FileCheck %s --check-prefix=LARGE

// ABSENT: error: the model states no context (no 'context' in nyala.model); give one by option 'context'
// BATCH: error: option 'batch-rows' of nyala-specialize-entries must be from 1 to 2147483647, got -1
// ROWS: error: option 'decode-rows' of nyala-specialize-entries must be from 1 to 2147483647, got 0
// SEQUENCES: error: option 'sequences' of nyala-specialize-entries must be from 1 to 2147483647, got 4294967296
// NEGATIVE: error: option 'context' of nyala-specialize-entries must be from 1 to 2147483647, got -1
// LARGE: error: state 'huge' would be larger than memory can be: choose fewer sequences or a smaller context

// expected-error @below {{a context of 16 was asked for, but the model's is 8; choose at most that}}
module attributes {nyala.model = {context = 8 : i64}} {
  func.func @forward() {
    return
  }
}

// -----

// expected-error @below {{expected a function @forward to specialize}}
module {
}

// -----

// expected-error @below {{@forward is referred to; expected no caller of an entry point}}
func.func @forward() {
  return
}
func.func @caller() {
  call @forward() : () -> ()
  return
}

// -----

// expected-error @below {{@forward has 2 blocks; expected one}}
func.func @forward() {
  cf.br ^next
^next:
  return
}

// -----

func.func @forward() {
  return
}
// expected-error @below {{the name @prefill is taken; expected it free for the entry point}}
nyala.weight @prefill : tensor<4xf32>

// -----

// expected-error @below {{argument 0 of @forward has neither a nyala.role nor a nyala.state; expected one of them}}
func.func @forward(%x: tensor<?xi32>) {
  return
}

// -----

// expected-error @below {{argument 0 of @forward has both a nyala.role and a nyala.state; expected one of them}}
func.func @forward(%x: tensor<?xi32> {nyala.role = "tokens", nyala.state = "k"}) {
  return
}

// -----

// expected-error @below {{argument 0 of @forward has the unknown role 'words'; expected one of tokens, positions, sequences, slots, wanted}}
func.func @forward(%x: tensor<?xi32> {nyala.role = "words"}) {
  return
}

// -----

// expected-error @below {{state 'k' is 'tensor<?x?x?xf32>'; expected a tensor of sequences x slots x channels, with a known number of channels}}
func.func @forward(%k: tensor<?x?x?xf32> {nyala.state = "k"}) -> (tensor<?x?x?xf32> {nyala.state = "k"}) {
  return %k : tensor<?x?x?xf32>
}

// -----

// expected-error @below {{state 'k' has the fixed type 'tensor<1x32x8xf32>'; expected 'tensor<1x16x8xf32>' for the chosen context and sequences}}
func.func @forward(%k: tensor<1x32x8xf32> {nyala.state = "k"}) -> (tensor<1x32x8xf32> {nyala.state = "k"}) {
  return %k : tensor<1x32x8xf32>
}

// -----

// expected-error @below {{state 'k' is returned as 'tensor<?x?x8xf32>'; expected the type of its argument, 'tensor<1x16x8xf32>'}}
func.func @forward(%x: tensor<?xi32> {nyala.role = "tokens"}, %k: tensor<?x?x8xf32> {nyala.state = "k"})
    -> (tensor<?x?x8xf32> {nyala.state = "k"}) {
  %c = arith.constant 0 : index
  %n = tensor.dim %x, %c : tensor<?xi32>
  %e = tensor.empty(%n, %n) : tensor<?x?x8xf32>
  return %e : tensor<?x?x8xf32>
}

// -----

// expected-error @below {{state 'k' is a result; expected an argument with its value before}}
func.func @forward(%l: tensor<?x?x8xf32> {nyala.state = "l"}) -> (tensor<?x?x8xf32> {nyala.state = "k"}) {
  return %l : tensor<?x?x8xf32>
}

// -----

// Fine unless there are very many sequences.
func.func @forward(%k: tensor<?x?x1099511627776xf32> {nyala.state = "huge"})
    -> (tensor<?x?x1099511627776xf32> {nyala.state = "huge"}) {
  return %k : tensor<?x?x1099511627776xf32>
}

// -----

// Each alone would be fine.
func.func @forward(%k: tensor<?x?x1099511627776xf32> {nyala.state = "k"},
                   %v: tensor<?x?x1099511627776xf32> {nyala.state = "v"},
                   // expected-error @below {{state 'w' would be larger than memory can be: choose fewer sequences or a smaller context}}
                   %w: tensor<?x?x1099511627776xf32> {nyala.state = "w"})
    -> (tensor<?x?x1099511627776xf32> {nyala.state = "k"},
        tensor<?x?x1099511627776xf32> {nyala.state = "v"},
        tensor<?x?x1099511627776xf32> {nyala.state = "w"}) {
  return %k, %v, %w : tensor<?x?x1099511627776xf32>, tensor<?x?x1099511627776xf32>,
                      tensor<?x?x1099511627776xf32>
}
