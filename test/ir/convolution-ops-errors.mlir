// RUN: nyala-opt %s --split-input-file --verify-diagnostics

func.func @channels(%x: tensor<1x4x8x8xf32>, %w: tensor<6x3x3x3xf32>) {
  // expected-error@+1 {{expected channels of the input to be 3, got 4}}
  %0 = nyala.convolution %x, %w : tensor<1x4x8x8xf32>, tensor<6x3x3x3xf32> -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @groups(%x: tensor<1x4x8x8xf32>, %w: tensor<6x1x3x3xf32>) {
  // expected-error@+1 {{expected groups to divide the 6 filters of the weight, got 4}}
  %0 = nyala.convolution %x, %w {groups = 4} : tensor<1x4x8x8xf32>, tensor<6x1x3x3xf32> -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @windows(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{expected sizes for which 6 windows fit into dimension 2, got 8}}
  %0 = nyala.convolution %x, %w : tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32> -> tensor<1x6x8x6xf32>
  return
}

// -----

func.func @strides(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{expected 2 strides of 1 to 1073741824, got 0, 1}}
  %0 = nyala.convolution %x, %w {strides = array<i64: 0, 1>} : tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32> -> tensor<1x6x8x6xf32>
  return
}

// -----

func.func @pads(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{expected 4 pads of 0 to 1073741824, got 1, 1}}
  %0 = nyala.convolution %x, %w {pads = array<i64: 1, 1>} : tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32> -> tensor<1x6x8x6xf32>
  return
}

// -----

func.func @bias(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>, %b: tensor<4xf32>) {
  // expected-error@+1 {{expected elements of the bias to be 6, got 4}}
  %0 = nyala.convolution %x, %w bias %b : tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32>, tensor<4xf32> -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @rows(%x: tensor<1x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error@+1 {{expected rows of the result to be 1, got 2}}
  %0 = nyala.convolution %x, %w : tensor<1x4x8x8xf32>, tensor<6x4x3x3xf32> -> tensor<2x6x6x6xf32>
  return
}

// -----

func.func @transposed(%y: tensor<1x6x4x4xf32>, %w: tensor<6x2x2x2xf32>) {
  // expected-error@+1 {{expected sizes for which 5 windows fit into dimension 2, got 4}}
  %0 = nyala.transposed_convolution %y, %w {strides = array<i64: 2, 2>} : tensor<1x6x4x4xf32>, tensor<6x2x2x2xf32> -> tensor<1x2x10x8xf32>
  return
}

// -----

func.func @pool_size(%x: tensor<1x4x8x8xf32>) {
  // expected-error@+1 {{expected 3 or one more windows in dimension 2 of the result, got 5}}
  %0 = nyala.pool max %x {strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : tensor<1x4x8x8xf32> -> tensor<1x4x5x4xf32>
  return
}

// -----

func.func @pool_pads(%x: tensor<1x4x8x8xf32>) {
  // expected-error@+1 {{expected pads smaller than the window's extent of 2 in dimension 2, got 2 and 0}}
  %0 = nyala.pool max %x {pads = array<i64: 2, 0, 0, 0>, window = array<i64: 2, 2>} : tensor<1x4x8x8xf32> -> tensor<1x4x9x7xf32>
  return
}

// -----

func.func @pool_counts(%x: tensor<1x4x8x8xf32>) {
  // expected-error@+1 {{counts pads, which only an average does}}
  %0 = nyala.pool max %x {count_pads, window = array<i64: 2, 2>} : tensor<1x4x8x8xf32> -> tensor<1x4x7x7xf32>
  return
}

// -----

func.func @batch_norm(%x: tensor<1x4x8x8xf32>, %c: tensor<8xf32>) {
  // expected-error@+1 {{expected elements of the scale to be 4, got 8}}
  %0 = nyala.batch_norm %x scale %c bias %c mean %c variance %c {epsilon = 1.0e-5 : f32} : tensor<1x4x8x8xf32>, tensor<8xf32>
  return
}

// -----

func.func @response_norm(%x: tensor<1x4x8x8xf32>) {
  // expected-error@+1 {{expected a size of 1 to 1073741824, got 0}}
  %0 = nyala.local_response_norm %x {size = 0, alpha = 1.0e-4 : f32, beta = 0.75 : f32, bias = 1.0 : f32} : tensor<1x4x8x8xf32>
  return
}

// -----

func.func @resize(%x: tensor<1x4x8x8xf32>) {
  // expected-error@+1 {{expected two scales, positive and of a sensible size, got array<f64: 0.000000e+00, 1.000000e+00>}}
  %0 = nyala.resize nearest %x {coordinates = #nyala<resize_coordinates asymmetric>, scales = array<f64: 0.0, 1.0>} : tensor<1x4x8x8xf32> -> tensor<1x4x8x8xf32>
  return
}
