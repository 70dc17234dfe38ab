// RUN: nyala-opt %s | nyala-opt | FileCheck %s

// CHECK-LABEL: func.func @windows
func.func @windows(%x: tensor<?x4x8x8xf32>, %y: tensor<?x6x4x4xf32>, %p: tensor<?x4x4x4xf32>) {
  // CHECK: nyala.convolution_weight_gradient %{{.*}}, %{{.*}} {groups = 2 : i64, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>} : tensor<?x6x4x4xf32>, tensor<?x4x8x8xf32> -> tensor<6x2x3x3xf32>
  %0 = nyala.convolution_weight_gradient %y, %x {groups = 2, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>}
     : tensor<?x6x4x4xf32>, tensor<?x4x8x8xf32> -> tensor<6x2x3x3xf32>
  // CHECK: nyala.pool_gradient max %{{.*}} of %{{.*}} {strides = array<i64: 2, 2>, window = array<i64: 2, 2>} : tensor<?x4x4x4xf32>, tensor<?x4x8x8xf32> -> tensor<?x4x8x8xf32>
  %1 = nyala.pool_gradient max %p of %x {window = array<i64: 2, 2>, strides = array<i64: 2, 2>}
     : tensor<?x4x4x4xf32>, tensor<?x4x8x8xf32> -> tensor<?x4x8x8xf32>
  // CHECK: nyala.pool_gradient average %{{.*}} {count_pads, pads = array<i64: 1, 1, 0, 0>, strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : tensor<?x4x4x4xf32> -> tensor<?x4x8x8xf32>
  %2 = nyala.pool_gradient average %p {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 0, 0>, count_pads}
     : tensor<?x4x4x4xf32> -> tensor<?x4x8x8xf32>
  return
}

// CHECK-LABEL: func.func @norms
func.func @norms(%x: tensor<2x4x8x8xf32>, %g: tensor<2x4x8x8xf32>, %v: tensor<4xf32>, %s: tensor<1x4xf32>) {
  // CHECK: %{{.*}}, %{{.*}}, %{{.*}} = nyala.batch_norm_training %{{.*}} scale %{{.*}} bias %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<2x4x8x8xf32>, tensor<4xf32>
  %0:3 = nyala.batch_norm_training %x scale %v bias %v {epsilon = 1.0e-5 : f32} : tensor<2x4x8x8xf32>, tensor<4xf32>
  // CHECK: nyala.batch_norm_weight_gradient %{{.*}}, %{{.*}} mean %{{.*}} variance %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<2x4x8x8xf32>, tensor<4xf32>
  %1:2 = nyala.batch_norm_weight_gradient %g, %x mean %0#1 variance %0#2 {epsilon = 1.0e-5 : f32} : tensor<2x4x8x8xf32>, tensor<4xf32>
  // CHECK: nyala.batch_norm_gradient %{{.*}}, %{{.*}} scale %{{.*}} mean %{{.*}} variance %{{.*}} sums %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} : tensor<2x4x8x8xf32>, tensor<4xf32>
  %2 = nyala.batch_norm_gradient %g, %x scale %v mean %0#1 variance %0#2 sums %1#0, %1#1 {epsilon = 1.0e-5 : f32} : tensor<2x4x8x8xf32>, tensor<4xf32>
  // CHECK: nyala.moving_average %{{.*}}, %{{.*}} {momentum = 0.899999976 : f32} : tensor<1x4xf32>
  %3 = nyala.moving_average %s, %s {momentum = 0.9 : f32} : tensor<1x4xf32>
  // CHECK: nyala.local_response_norm_gradient %{{.*}}, %{{.*}} {alpha = {{.*}}, beta = {{.*}}, bias = {{.*}}, size = 5 : i64} : tensor<2x4x8x8xf32>
  %4 = nyala.local_response_norm_gradient %g, %x {size = 5, alpha = 1.0e-4 : f32, beta = 0.75 : f32, bias = 1.0 : f32} : tensor<2x4x8x8xf32>
  return
}

// CHECK-LABEL: func.func @transposed_resize
func.func @transposed_resize(%x: tensor<?x4x16x12xf32>) {
  // CHECK: nyala.transposed_resize nearest %{{.*}} {coordinates = #nyala<resize_coordinates asymmetric>, rounding = #nyala<resize_rounding floor>, scales = array<f64: 2.000000e+00, 1.500000e+00>} : tensor<?x4x16x12xf32> -> tensor<?x4x8x8xf32>
  %0 = nyala.transposed_resize nearest %x {coordinates = #nyala<resize_coordinates asymmetric>, rounding = #nyala<resize_rounding floor>, scales = array<f64: 2.0, 1.5>}
     : tensor<?x4x16x12xf32> -> tensor<?x4x8x8xf32>
  return
}
