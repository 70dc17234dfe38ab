// RUN: nyala-opt %s --split-input-file --verify-diagnostics

func.func @groups(%x: tensor<2x4x8x8xf32>, %y: tensor<2x6x6x6xf32>) {
  // expected-error @below {{expected groups to divide the 6 filters of the result, got 4}}
  %0 = nyala.convolution_weight_gradient %y, %x {groups = 4} : tensor<2x6x6x6xf32>, tensor<2x4x8x8xf32> -> tensor<6x1x3x3xf32>
  return
}

// -----

func.func @images(%x: tensor<3x4x8x8xf32>, %y: tensor<2x6x6x6xf32>) {
  // expected-error @below {{expected rows of the images to be 2, got 3}}
  %0 = nyala.convolution_weight_gradient %y, %x : tensor<2x6x6x6xf32>, tensor<3x4x8x8xf32> -> tensor<6x4x3x3xf32>
  return
}

// -----

func.func @channels(%x: tensor<2x4x8x8xf32>, %y: tensor<2x5x6x6xf32>) {
  // expected-error @below {{expected channels of the windows to be 6, got 5}}
  %0 = nyala.convolution_weight_gradient %y, %x : tensor<2x5x6x6xf32>, tensor<2x4x8x8xf32> -> tensor<6x4x3x3xf32>
  return
}

// -----

func.func @windows(%x: tensor<2x4x8x8xf32>, %y: tensor<2x6x7x6xf32>) {
  // expected-error @below {{expected sizes for which 6 windows fit into dimension 2, got 7}}
  %0 = nyala.convolution_weight_gradient %y, %x : tensor<2x6x7x6xf32>, tensor<2x4x8x8xf32> -> tensor<6x4x3x3xf32>
  return
}

// -----

func.func @maximum(%p: tensor<2x4x4x4xf32>) {
  // expected-error @below {{expected the input to find maxima in}}
  %0 = nyala.pool_gradient max %p {window = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<2x4x4x4xf32> -> tensor<2x4x8x8xf32>
  return
}

// -----

func.func @average(%p: tensor<2x4x4x4xf32>, %x: tensor<2x4x8x8xf32>) {
  // expected-error @below {{has an input, which only a maximum is found in}}
  %0 = nyala.pool_gradient average %p of %x {window = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<2x4x4x4xf32>, tensor<2x4x8x8xf32> -> tensor<2x4x8x8xf32>
  return
}

// -----

func.func @other_input(%p: tensor<2x4x4x4xf32>, %x: tensor<2x4x9x8xf32>) {
  // expected-error @below {{expected an input of the result's type 'tensor<2x4x8x8xf32>', got 'tensor<2x4x9x8xf32>'}}
  %0 = nyala.pool_gradient max %p of %x {window = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<2x4x4x4xf32>, tensor<2x4x9x8xf32> -> tensor<2x4x8x8xf32>
  return
}

// -----

func.func @count(%p: tensor<2x4x6x4xf32>) {
  // expected-error @below {{expected 4 windows in dimension 2 of the gradient, got 6}}
  %0 = nyala.pool_gradient average %p {window = array<i64: 2, 2>, strides = array<i64: 2, 2>} : tensor<2x4x6x4xf32> -> tensor<2x4x8x8xf32>
  return
}

// -----

func.func @statistics(%x: tensor<2x4x8x8xf32>, %v: tensor<5xf32>) {
  // expected-error @below {{expected elements of the scale to be 4, got 5}}
  %0:3 = nyala.batch_norm_training %x scale %v bias %v {epsilon = 1.0e-5 : f32} : tensor<2x4x8x8xf32>, tensor<5xf32>
  return
}

// -----

func.func @size(%x: tensor<2x4x8x8xf32>) {
  // expected-error @below {{expected 1 size of 1 to 1073741824, got 0}}
  %0 = nyala.local_response_norm_gradient %x, %x {size = 0, alpha = 1.0e-4 : f32, beta = 0.75 : f32, bias = 1.0 : f32} : tensor<2x4x8x8xf32>
  return
}

// -----

func.func @scales(%x: tensor<2x4x8x8xf32>) {
  // expected-error @below {{expected two scales, positive and of a sensible size, got array<f64: 1.000000e+00>}}
  %0 = nyala.transposed_resize linear %x {coordinates = #nyala<resize_coordinates half_pixel>, scales = array<f64: 1.0>} : tensor<2x4x8x8xf32> -> tensor<2x4x8x8xf32>
  return
}
