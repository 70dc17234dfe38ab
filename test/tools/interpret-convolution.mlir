// Meanings of ops of convolutional networks, by numbers that can be checked by hand. onnxruntime checks them
// in test/e2e/test_onnx.py.
// RUN: nyala-interpret %s --entry convolution | FileCheck %s --check-prefix=CONVOLUTION
// RUN: nyala-interpret %s --entry adjoint | FileCheck %s --check-prefix=ADJOINT
// RUN: nyala-interpret %s --entry pool | FileCheck %s --check-prefix=POOL
// RUN: nyala-interpret %s --entry norm | FileCheck %s --check-prefix=NORM
// RUN: nyala-interpret %s --entry resize | FileCheck %s --check-prefix=RESIZE
// RUN: nyala-interpret %s --entry moves | FileCheck %s --check-prefix=MOVES

// A sum of three neighbours, of every second place, with a pad on the left; 10 more.
func.func @convolution() -> tensor<1x1x1x2xf32> {
  %x = arith.constant dense<[[[[1.0, 2.0, 3.0, 4.0]]]]> : tensor<1x1x1x4xf32>
  %w = arith.constant dense<1.0> : tensor<1x1x1x3xf32>
  %b = arith.constant dense<10.0> : tensor<1xf32>
  %y = nyala.convolution %x, %w bias %b {strides = array<i64: 1, 2>, pads = array<i64: 0, 1, 0, 0>}
     : tensor<1x1x1x4xf32>, tensor<1x1x1x3xf32>, tensor<1xf32> -> tensor<1x1x1x2xf32>
  return %y : tensor<1x1x1x2xf32>
}
// CONVOLUTION: 13{{.*}} 19

// <convolution(x), y> - <x, transposed_convolution(y)> of random x, w and y.
func.func @adjoint(%x: tensor<2x4x9x7xf32>, %w: tensor<6x2x3x2xf32>, %y: tensor<2x6x5x2xf32>) -> tensor<1x1xf32> {
  %c = nyala.convolution %x, %w {strides = array<i64: 2, 3>, pads = array<i64: 2, 1, 1, 0>, dilations = array<i64: 1, 2>, groups = 2}
     : tensor<2x4x9x7xf32>, tensor<6x2x3x2xf32> -> tensor<2x6x5x2xf32>
  %t = nyala.transposed_convolution %y, %w {strides = array<i64: 2, 3>, pads = array<i64: 2, 1, 1, 0>, dilations = array<i64: 1, 2>, groups = 2}
     : tensor<2x6x5x2xf32>, tensor<6x2x3x2xf32> -> tensor<2x4x9x7xf32>
  %a = arith.mulf %c, %y : tensor<2x6x5x2xf32>
  %b = arith.mulf %x, %t : tensor<2x4x9x7xf32>
  %ra = tensor.collapse_shape %a [[0, 1, 2, 3]] : tensor<2x6x5x2xf32> into tensor<120xf32>
  %rb = tensor.collapse_shape %b [[0, 1, 2, 3]] : tensor<2x4x9x7xf32> into tensor<504xf32>
  %ma = tensor.expand_shape %ra [[0, 1]] output_shape [1, 120] : tensor<120xf32> into tensor<1x120xf32>
  %mb = tensor.expand_shape %rb [[0, 1]] output_shape [1, 504] : tensor<504xf32> into tensor<1x504xf32>
  %sa = nyala.reduce sum %ma : tensor<1x120xf32> -> tensor<1x1xf32>
  %sb = nyala.reduce sum %mb : tensor<1x504xf32> -> tensor<1x1xf32>
  %d = arith.subf %sa, %sb : tensor<1x1xf32>
  %k = arith.constant dense<1000.0> : tensor<1x1xf32>
  %s = arith.mulf %d, %k : tensor<1x1xf32>
  %i = arith.fptosi %s : tensor<1x1xf32> to tensor<1x1xi32>
  %r = arith.sitofp %i : tensor<1x1xi32> to tensor<1x1xf32>
  return %r : tensor<1x1xf32>
}
// ADJOINT: [0]

// Windows of three at every second place: the last is cut. What is outside does not count, but pads do if asked to.
func.func @pool() -> (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) {
  %x = arith.constant dense<[[[[-4.0, -3.0, -6.0]]]]> : tensor<1x1x1x3xf32>
  %0 = nyala.pool max %x {window = array<i64: 1, 3>, strides = array<i64: 1, 2>, pads = array<i64: 0, 1, 0, 0>} : tensor<1x1x1x3xf32> -> tensor<1x1x1x2xf32>
  %1 = nyala.pool average %x {window = array<i64: 1, 3>, strides = array<i64: 1, 2>, pads = array<i64: 0, 1, 0, 0>} : tensor<1x1x1x3xf32> -> tensor<1x1x1x2xf32>
  %2 = nyala.pool average %x {window = array<i64: 1, 2>, strides = array<i64: 1, 2>, pads = array<i64: 0, 1, 0, 0>, count_pads} : tensor<1x1x1x3xf32> -> tensor<1x1x1x2xf32>
  return %0, %1, %2 : tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>
}
// POOL: -3{{.*}} -3
// POOL: -3.5{{.*}} -4.5
// POOL: -2{{.*}} -4.5

func.func @norm() -> (tensor<1x2x1xf32>, tensor<1x2x1xf32>) {
  %x = arith.constant dense<[[[3.0], [4.0]]]> : tensor<1x2x1xf32>
  %s = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %b = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %m = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %v = arith.constant dense<[3.0, 0.0]> : tensor<2xf32>
  %0 = nyala.batch_norm %x scale %s bias %b mean %m variance %v {epsilon = 1.0 : f32} : tensor<1x2x1xf32>, tensor<2xf32>
  // Of size two, a channel and the one behind it: 3 / (1 + 25), 4 / (1 + 16).
  %1 = nyala.local_response_norm %x {size = 2, alpha = 2.0 : f32, beta = 1.0 : f32, bias = 1.0 : f32} : tensor<1x2x1xf32>
  return %0, %1 : tensor<1x2x1xf32>, tensor<1x2x1xf32>
}
// NORM: 2.5
// NORM: 6.25
// NORM: 0.1153846
// NORM: 0.2352941

func.func @resize() -> (tensor<1x1x1x4xf32>, tensor<1x1x1x4xf32>, tensor<1x1x1x3xf32>) {
  %x = arith.constant dense<[[[[1.0, 3.0]]]]> : tensor<1x1x1x2xf32>
  %0 = nyala.resize nearest %x {coordinates = #nyala<resize_coordinates asymmetric>, rounding = #nyala<resize_rounding floor>, scales = array<f64: 1.0, 2.0>} : tensor<1x1x1x2xf32> -> tensor<1x1x1x4xf32>
  %1 = nyala.resize linear %x {coordinates = #nyala<resize_coordinates half_pixel>, scales = array<f64: 1.0, 2.0>} : tensor<1x1x1x2xf32> -> tensor<1x1x1x4xf32>
  %2 = nyala.resize linear %x {coordinates = #nyala<resize_coordinates align_corners>, scales = array<f64: 1.0, 1.5>} : tensor<1x1x1x2xf32> -> tensor<1x1x1x3xf32>
  return %0, %1, %2 : tensor<1x1x1x4xf32>, tensor<1x1x1x4xf32>, tensor<1x1x1x3xf32>
}
// RESIZE: 1{{.*}} 1{{.*}} 3{{.*}} 3
// RESIZE: 1{{.*}} 1.5{{.*}} 2.5{{.*}} 3
// RESIZE: 1{{.*}} 2{{.*}} 3

// Ops of linalg and tensor that graphs are imported as.
func.func @moves() -> (tensor<3x2xf32>, tensor<2x3xf32>, tensor<1x2x2xf32>, tensor<1x4xf32>, tensor<2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%x : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %v = arith.constant dense<[7.0, 8.0]> : tensor<2xf32>
  %f = tensor.empty() : tensor<2x3xf32>
  %b = linalg.broadcast ins(%v : tensor<2xf32>) outs(%f : tensor<2x3xf32>) dimensions = [1]
  %l = tensor.expand_shape %x [[0, 1], [2]] output_shape [1, 2, 3] : tensor<2x3xf32> into tensor<1x2x3xf32>
  %r = tensor.expand_shape %t [[0, 1], [2]] output_shape [1, 3, 2] : tensor<3x2xf32> into tensor<1x3x2xf32>
  %z = arith.constant dense<1.0> : tensor<1x2x2xf32>
  %p = linalg.batch_matmul ins(%l, %r : tensor<1x2x3xf32>, tensor<1x3x2xf32>) outs(%z : tensor<1x2x2xf32>) -> tensor<1x2x2xf32>
  %n = arith.constant dense<9.0> : tensor<1x4xf32>
  %i = tensor.insert_slice %v into %n[0, 0] [1, 2] [1, 2] : tensor<2xf32> into tensor<1x4xf32>
  %s = tensor.extract_slice %x[1, 0] [1, 2] [1, 2] : tensor<2x3xf32> to tensor<2xf32>
  return %t, %b, %p, %i, %s : tensor<3x2xf32>, tensor<2x3xf32>, tensor<1x2x2xf32>, tensor<1x4xf32>, tensor<2xf32>
}
// MOVES: 1{{.*}} 4
// MOVES-NEXT: 2{{.*}} 5
// MOVES-NEXT: 3{{.*}} 6
// MOVES: 7{{.*}} 7{{.*}} 7
// MOVES-NEXT: 8{{.*}} 8{{.*}} 8
// MOVES: 15{{.*}} 33
// MOVES-NEXT: 33{{.*}} 78
// MOVES: 7{{.*}} 9{{.*}} 8{{.*}} 9
// MOVES: 4{{.*}} 6
