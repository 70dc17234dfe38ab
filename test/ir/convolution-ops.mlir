// Round trips of ops of convolutional networks: custom and generic syntax, and bytecode.
// RUN: nyala-opt %s | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --mlir-print-op-generic | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --emit-bytecode | nyala-opt | FileCheck %s

// CHECK-LABEL: func.func @convolutions
func.func @convolutions(%x: tensor<?x4x9x8xf32>, %w: tensor<6x2x3x3xf32>, %b: tensor<6xf32>, %y: tensor<2x6x5x4xf32>, %c: tensor<4xf32>) {
  // CHECK: nyala.convolution %{{.*}}, %{{.*}} {groups = 2 : i64} : tensor<?x4x9x8xf32>, tensor<6x2x3x3xf32> -> tensor<?x6x7x6xf32>
  %0 = nyala.convolution %x, %w {groups = 2 : i64} : tensor<?x4x9x8xf32>, tensor<6x2x3x3xf32> -> tensor<?x6x7x6xf32>
  // CHECK: nyala.convolution %{{.*}}, %{{.*}} bias %{{.*}} {dilations = array<i64: 2, 1>, groups = 2 : i64, pads = array<i64: 2, 1, 2, 1>, strides = array<i64: 2, 2>} : tensor<?x4x9x8xf32>, tensor<6x2x3x3xf32>, tensor<6xf32> -> tensor<?x6x5x4xf32>
  %1 = nyala.convolution %x, %w bias %b {dilations = array<i64: 2, 1>, groups = 2 : i64, pads = array<i64: 2, 1, 2, 1>, strides = array<i64: 2, 2>}
     : tensor<?x4x9x8xf32>, tensor<6x2x3x3xf32>, tensor<6xf32> -> tensor<?x6x5x4xf32>
  // Results of two sizes have this as their convolution.
  // CHECK: nyala.transposed_convolution %{{.*}}, %{{.*}} {groups = 2 : i64, strides = array<i64: 2, 2>} : tensor<2x6x5x4xf32>, tensor<6x2x3x3xf32> -> tensor<2x4x11x9xf32>
  %2 = nyala.transposed_convolution %y, %w {groups = 2 : i64, strides = array<i64: 2, 2>}
     : tensor<2x6x5x4xf32>, tensor<6x2x3x3xf32> -> tensor<2x4x11x9xf32>
  // CHECK: nyala.transposed_convolution %{{.*}}, %{{.*}} bias %{{.*}} {groups = 2 : i64, strides = array<i64: 2, 2>} : tensor<2x6x5x4xf32>, tensor<6x2x3x3xf32>, tensor<4xf32> -> tensor<2x4x12x10xf32>
  %3 = nyala.transposed_convolution %y, %w bias %c {groups = 2 : i64, strides = array<i64: 2, 2>}
     : tensor<2x6x5x4xf32>, tensor<6x2x3x3xf32>, tensor<4xf32> -> tensor<2x4x12x10xf32>
  return
}

// CHECK-LABEL: func.func @pools
func.func @pools(%x: tensor<?x4x8x8xf32>) {
  // CHECK: nyala.pool max %{{.*}} {window = array<i64: 2, 2>} : tensor<?x4x8x8xf32> -> tensor<?x4x7x7xf32>
  %0 = nyala.pool max %x {window = array<i64: 2, 2>} : tensor<?x4x8x8xf32> -> tensor<?x4x7x7xf32>
  // The last window is cut, or left out.
  // CHECK: nyala.pool average %{{.*}} {count_pads, strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : tensor<?x4x8x8xf32> -> tensor<?x4x4x4xf32>
  %1 = nyala.pool average %x {count_pads, strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : tensor<?x4x8x8xf32> -> tensor<?x4x4x4xf32>
  // CHECK: nyala.pool average %{{.*}} {strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : tensor<?x4x8x8xf32> -> tensor<?x4x3x3xf32>
  %2 = nyala.pool average %x {strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : tensor<?x4x8x8xf32> -> tensor<?x4x3x3xf32>
  return
}

// CHECK-LABEL: func.func @norms
func.func @norms(%x: tensor<?x4x8x8xf32>, %r: tensor<?x4xf32>, %c: tensor<4xf32>) {
  // CHECK: nyala.batch_norm %{{.*}} scale %{{.*}} bias %{{.*}} mean %{{.*}} variance %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<?x4x8x8xf32>, tensor<4xf32>
  %0 = nyala.batch_norm %x scale %c bias %c mean %c variance %c {epsilon = 1.0e-5 : f32} : tensor<?x4x8x8xf32>, tensor<4xf32>
  // CHECK: nyala.batch_norm %{{.*}} : tensor<?x4xf32>, tensor<4xf32>
  %1 = nyala.batch_norm %r scale %c bias %c mean %c variance %c {epsilon = 1.0e-5 : f32} : tensor<?x4xf32>, tensor<4xf32>
  // CHECK: nyala.local_response_norm %{{.*}} {alpha = 9.99999974E-5 : f32, beta = 7.500000e-01 : f32, bias = 1.000000e+00 : f32, size = 5 : i64} : tensor<?x4x8x8xf32>
  %2 = nyala.local_response_norm %x {size = 5, alpha = 1.0e-4 : f32, beta = 0.75 : f32, bias = 1.0 : f32} : tensor<?x4x8x8xf32>
  return
}

// CHECK-LABEL: func.func @resizes
func.func @resizes(%x: tensor<?x4x8x8xf32>) {
  // CHECK: nyala.resize nearest %{{.*}} {coordinates = #nyala<resize_coordinates asymmetric>, rounding = #nyala<resize_rounding floor>, scales = array<f64: 2.000000e+00, 1.500000e+00>} : tensor<?x4x8x8xf32> -> tensor<?x4x16x12xf32>
  %0 = nyala.resize nearest %x {coordinates = #nyala<resize_coordinates asymmetric>, rounding = #nyala<resize_rounding floor>, scales = array<f64: 2.0, 1.5>}
     : tensor<?x4x8x8xf32> -> tensor<?x4x16x12xf32>
  // CHECK: nyala.resize linear %{{.*}} {coordinates = #nyala<resize_coordinates half_pixel>, scales = array<f64: 5.000000e-01, 5.000000e-01>} : tensor<?x4x8x8xf32> -> tensor<?x4x4x4xf32>
  %1 = nyala.resize linear %x {coordinates = #nyala<resize_coordinates half_pixel>, scales = array<f64: 0.5, 0.5>}
     : tensor<?x4x8x8xf32> -> tensor<?x4x4x4xf32>
  return
}
