// RUN: nyala-opt %s --split-input-file --verify-diagnostics --nyala-add-optimizer
// RUN: echo "module {}" > %t.mlir
// RUN: not nyala-opt %t.mlir --nyala-add-optimizer=kind=adam 2>&1 | FileCheck %s --check-prefix=KIND
// KIND: nyala-add-optimizer: expected kind to be adamw or sgd, got 'adam'
// RUN: not nyala-opt %t.mlir --nyala-add-optimizer=beta2=1 2>&1 | FileCheck %s --check-prefix=BETA
// BETA: expected betas in [0, 1)
// RUN: not nyala-opt %t.mlir --nyala-add-optimizer=accumulate=0 2>&1 | FileCheck %s --check-prefix=ACCUMULATE
// ACCUMULATE: expected to accumulate at least one batch
// RUN: not nyala-opt %t.mlir --nyala-add-optimizer="no-decay=(" 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: expected a regular expression for no-decay: parentheses not balanced

// expected-error @below {{expected a function @train_step of one block to add an optimizer to}}
module {}

// -----

module {
// expected-error @below {{has no result marked 'nyala.gradient'; run nyala-differentiate first}}
func.func @train_step(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
  return %x : tensor<1x1xf32>
}
}

// -----

module {
// expected-error @below {{result 0 is the gradient of 'v'; expected a state of that name and of type 'tensor<1x8xf32>'}}
func.func @train_step(%w: tensor<1x8xf32> {nyala.state = "w"}) -> (tensor<1x8xf32> {nyala.gradient = "v"}) {
  return %w : tensor<1x8xf32>
}
}
