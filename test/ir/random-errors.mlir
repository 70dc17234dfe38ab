// RUN: nyala-opt %s -split-input-file -verify-diagnostics

func.func @integers() {
  // expected-error @below {{expected a result of f32, f16 or bf16, got 'tensor<4xi32>'}}
  %0 = nyala.random {deviation = 1.0 : f32} : tensor<4xi32>
  return
}

// -----

func.func @large() {
  // expected-error @below {{expected at most 2^32 - 1 elements}}
  %0 = nyala.random {deviation = 1.0 : f32} : tensor<1048576x1048576xf32>
  return
}

// -----

func.func @format() {
  // expected-error @below {{expected a result packed as f32, q8_0 or q4_0}}
  %0 = nyala.random {deviation = 1.0 : f32} : tensor<16x32xf32, #nyala.packed<q4_1>>
  return
}

// -----

func.func @mean() {
  // expected-error @below {{expected a mean of 0 for numbers stored in blocks, got 1.000000e+00 : f32}}
  %0 = nyala.random {deviation = 1.0 : f32, mean = 1.0 : f32} : tensor<16x32xf32, #nyala.packed<q4_0>>
  return
}

// -----

func.func @unpack_plain(%w: tensor<16x32xf32>) {
  // expected-error @below {{expected an operand with a #nyala.packed encoding}}
  %0 = nyala.unpack %w : tensor<16x32xf32> -> tensor<16x32xf32>
  return
}

// -----

func.func @unpack_type(%w: tensor<16x32xf32, #nyala.packed<q4_0>>) {
  // expected-error @below {{expected a plain result of the operand's shape and element type}}
  %0 = nyala.unpack %w : tensor<16x32xf32, #nyala.packed<q4_0>> -> tensor<16x32xbf16>
  return
}

// -----

func.func @state(%s: tensor<4xf32>) {
  // expected-error @below {{expected a state of the result's type 'tensor<4xbf16>', got 'tensor<4xf32>'}}
  %0 = "nyala.random"(%s) {deviation = 1.0 : f32} : (tensor<4xf32>) -> tensor<4xbf16>
  return
}
