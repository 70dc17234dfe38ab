// RUN: nyala-opt %s --split-input-file --nyala-differentiate --verify-diagnostics
// RUN: not nyala-opt %S/differentiate-arguments.mlir --nyala-differentiate="function=f train=(" 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: error: option 'train' of nyala-differentiate is '(', not a regular expression: parentheses not balanced
// RUN: not nyala-opt %S/differentiate-arguments.mlir --nyala-differentiate="function=f train=nothing" 2>&1 | FileCheck %s --check-prefix=MATCH
// MATCH: error: 'func.func' op has no weight that 'nothing' matches; it has b
// RUN: not nyala-opt %S/differentiate-arguments.mlir --nyala-differentiate="function=f wrt=a" 2>&1 | FileCheck %s --check-prefix=WRT
// WRT: error: option 'wrt' of nyala-differentiate is 'a', expected weights, or numbers of arguments (0,2)
// RUN: not nyala-opt %S/differentiate-arguments.mlir --nyala-differentiate="function=f wrt=0,3" 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: error: 'func.func' op has 3 arguments, no argument 3
// RUN: not nyala-opt %S/differentiate-arguments.mlir --nyala-differentiate="function=f wrt=0,0" 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: option 'wrt' of nyala-differentiate is '0,0', which names argument 0 twice

// expected-error @below {{expected a function @train_step to differentiate}}
module {}

// -----

// expected-error @below {{expected a function @train_step to differentiate}}
module {
  func.func private @train_step(%w: f32 {nyala.state = "w"}) -> f32
}

// -----

// expected-error @below {{has 2 blocks; expected one to differentiate}}
func.func @train_step(%w: f32 {nyala.state = "w"}) -> f32 {
  cf.br ^next
^next:
  return %w : f32
}

// -----

// expected-error @below {{has no results; expected a loss}}
func.func @train_step(%w: f32 {nyala.state = "w"}) {
  return
}

// -----

// expected-error @below {{expected result 0, the loss, to be one float, got 'tensor<2x1xf32>'}}
func.func @train_step(%w: tensor<2x1xf32> {nyala.state = "w"}) -> tensor<2x1xf32> {
  return %w : tensor<2x1xf32>
}

// -----

// expected-error @below {{expected result 1, the loss, to be one float, got 'tensor<1x1xi32>'}}
func.func @train_step(%w: f32 {nyala.state = "w"}, %l: tensor<1x1xi32>) -> (f32, tensor<1x1xi32> {nyala.result = "loss"}) {
  return %w, %l : f32, tensor<1x1xi32>
}

// -----

// expected-error @below {{has no argument marked nyala.state; expected weights to differentiate with respect to}}
func.func @train_step(%w: f32) -> f32 {
  return %w : f32
}

// -----

// expected-error @below {{expected argument 1 to be of floats to differentiate with respect to it, got 'tensor<4xi32>'}}
func.func @train_step(%l: f32, %w: tensor<4xi32> {nyala.state = "w"}) -> f32 {
  return %l : f32
}

// -----

// expected-error @below {{has gradients already: result 1 is marked nyala.gradient}}
func.func @train_step(%w: f32 {nyala.state = "w"}) -> (f32, f32 {nyala.gradient = "w"}) {
  return %w, %w : f32, f32
}

// -----

// Ops without a gradient, and those that have none of this operand.

func.func @train_step(%w: tensor<1x4xf32> {nyala.state = "w"}) -> tensor<1x1xf32> {
  // expected-error @below {{'math.tan' op has no gradient, but the loss depends on what is trained by way of it; freeze what is before it, or give the op a GradientOpInterface}}
  %0 = math.tan %w : tensor<1x4xf32>
  %1 = nyala.reduce sum %0 : tensor<1x4xf32> -> tensor<1x1xf32>
  return %1 : tensor<1x1xf32>
}

// -----

func.func @train_step(%w: tensor<2x4xf32> {nyala.state = "w"}, %t: tensor<2x4xf32> {nyala.state = "t"}) -> tensor<1x1xf32> {
  // expected-error @below {{has no gradient with respect to its table; expected one that does not depend on what is trained}}
  %0 = nyala.rotate half %w by %t {heads = 1} : tensor<2x4xf32>, tensor<2x4xf32>
  %1 = nyala.reduce sum %0 : tensor<2x4xf32> -> tensor<2x1xf32>
  %2 = nyala.sum_rows %1 : tensor<2x1xf32> -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// -----

func.func @train_step(%w: tensor<3x4xf32> {nyala.state = "w"}, %x: tensor<1x4xf32>, %t: tensor<1xi32>) -> tensor<1x1xf32> {
  // expected-error @below {{has no gradient of its log_sum_exp; expected a loss that does not depend on it}}
  %0:2 = nyala.cross_entropy %x, %w at %t : tensor<1x4xf32>, tensor<3x4xf32>, tensor<1xi32> -> tensor<1x1xf32>, tensor<1x1xf32>
  return %0#1 : tensor<1x1xf32>
}

// -----

func.func @train_step(%w: tensor<?x4xf32> {nyala.state = "w"}, %i: tensor<1xi32>) -> tensor<1x1xf32> {
  // expected-error @below {{reads rows by index: expected a static number of rows in operand 0 to add gradients to, got 'tensor<?x4xf32>'}}
  %0 = nyala.gather %w, %i : tensor<?x4xf32>, tensor<1xi32> -> tensor<1x4xf32>
  %1 = nyala.reduce sum %0 : tensor<1x4xf32> -> tensor<1x1xf32>
  return %1 : tensor<1x1xf32>
}

// -----

func.func @train_step(%w: tensor<?x1xf32> {nyala.state = "w"}) -> tensor<1x1xf32> {
  // expected-error @below {{expected a static number of rows for its gradient, got 'tensor<?x1xf32>'}}
  %0 = nyala.sum_rows %w : tensor<?x1xf32> -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// -----

func.func @train_step(%w: tensor<?x1xf32> {nyala.state = "w"}, %x: tensor<?x1xf32>) -> tensor<1x1xf32> {
  // expected-error @below {{needs a constant for its gradient: expected a static shape, got 'tensor<?x1xf32>'}}
  %0 = arith.maximumf %w, %x : tensor<?x1xf32>
  %1 = tensor.cast %0 : tensor<?x1xf32> to tensor<4x1xf32>
  %2 = nyala.sum_rows %1 : tensor<4x1xf32> -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// -----

func.func @train_step(%w: tensor<?x4xf32> {nyala.state = "w"}) -> tensor<1x1xf32> {
  // expected-error @below {{expected operands of static shape for its gradient, got 'tensor<?x4xf32>'}}
  %0 = tensor.collapse_shape %w [[0, 1]] : tensor<?x4xf32> into tensor<?xf32>
  %1 = tensor.cast %0 : tensor<?xf32> to tensor<4xf32>
  %2 = tensor.expand_shape %1 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %3 = nyala.sum_rows %2 : tensor<4x1xf32> -> tensor<1x1xf32>
  return %3 : tensor<1x1xf32>
}

// -----

func.func @train_step(%w: tensor<4x4xf32> {nyala.state = "w"}, %i: index) -> tensor<1x1xf32> {
  // expected-error @below {{expected constant offsets, sizes and strides for its gradient, got a slice of 'tensor<4x4xf32>' of type 'tensor<1x1xf32>'}}
  %0 = tensor.extract_slice %w[%i, 0] [1, 1] [1, 1] : tensor<4x4xf32> to tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// -----

// Statistics of norms are not what is trained.

func.func @train_step(%x: tensor<2x4x1x1xf32>, %v: tensor<4xf32> {nyala.state = "v"}) -> tensor<1x1xf32> {
  // expected-error @below {{has no gradient with respect to its statistics; expected ones that do not depend on what is trained}}
  %0 = nyala.batch_norm %x scale %v bias %v mean %v variance %v {epsilon = 1.0e-5 : f32} : tensor<2x4x1x1xf32>, tensor<4xf32>
  %1 = tensor.collapse_shape %0 [[0, 1, 2, 3]] : tensor<2x4x1x1xf32> into tensor<8xf32>
  %2 = tensor.expand_shape %1 [[0, 1]] output_shape [1, 8] : tensor<8xf32> into tensor<1x8xf32>
  %3 = nyala.reduce sum %2 : tensor<1x8xf32> -> tensor<1x1xf32>
  return %3 : tensor<1x1xf32>
}

// -----

func.func @train_step(%x: tensor<2x4xf32>, %v: tensor<4xf32> {nyala.state = "v"}) -> tensor<1x1xf32> {
  // expected-error @below {{has no gradient of its statistics; expected a loss that does not depend on them but by the normalized images}}
  %0:3 = nyala.batch_norm_training %x scale %v bias %v {epsilon = 1.0e-5 : f32} : tensor<2x4xf32>, tensor<4xf32>
  %1 = arith.mulf %0#1, %v : tensor<4xf32>
  %2 = tensor.expand_shape %1 [[0, 1]] output_shape [1, 4] : tensor<4xf32> into tensor<1x4xf32>
  %3 = nyala.reduce sum %2 : tensor<1x4xf32> -> tensor<1x1xf32>
  return %3 : tensor<1x1xf32>
}

// -----

func.func @train_step(%z: tensor<2x4xf32> {nyala.state = "z"}, %t: tensor<2xi32>, %s: tensor<2x1xf32>) -> tensor<1x1xf32> {
  // expected-error @below {{has no gradient where it continues another; expected one of all logits (nyala-differentiate comes before nyala-expand-cross-entropy)}}
  %0:2 = nyala.log_sum_exp %z at %t after %s, %s : tensor<2x4xf32>, tensor<2xi32>, tensor<2x1xf32>, tensor<2x1xf32> -> tensor<2x1xf32>, tensor<2x1xf32>
  %1 = nyala.sum_rows %0#0 : tensor<2x1xf32> -> tensor<1x1xf32>
  return %1 : tensor<1x1xf32>
}

// -----

func.func @train_step(%a: tensor<1x1x1xf32> {nyala.state = "a"}, %b: tensor<1x1x1xf32>, %c: tensor<1x1x1xf32>) -> tensor<1x1xf32> {
  // expected-error @below {{has indexing maps; expected products of plain matrices for its gradient}}
  %0 = linalg.batch_matmul indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>]
      ins(%a, %b : tensor<1x1x1xf32>, tensor<1x1x1xf32>) outs(%c : tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %1 = tensor.collapse_shape %0 [[0], [1, 2]] : tensor<1x1x1xf32> into tensor<1x1xf32>
  return %1 : tensor<1x1xf32>
}
