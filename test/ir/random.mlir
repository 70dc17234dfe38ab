// RUN: nyala-opt %s | nyala-opt | FileCheck %s
// RUN: nyala-interpret %s --entry plain | FileCheck %s --check-prefix=PLAIN
// RUN: nyala-interpret %s --entry near_one | FileCheck %s --check-prefix=NEAR
// RUN: nyala-interpret %s --entry blocks | FileCheck %s --check-prefix=BLOCKS

// hashCounter(0, 0) is 0: the smallest number there is, minus the square root of three.
// CHECK: nyala.random {deviation = 1.000000e+00 : f32} : tensor<1x3xf32>
// PLAIN: -1.73205
func.func @plain() -> (tensor<1x3xf32> {nyala.result = "w"}) {
  %0 = nyala.random {deviation = 1.0 : f32} : tensor<1x3xf32>
  return %0 : tensor<1x3xf32>
}

// CHECK: nyala.random {deviation = 2.000000e-02 : f32, mean = 1.000000e+00 : f32, seed = 3 : i32} : tensor<2xbf16>
// NEAR: {{0.9[0-9]+|1.0[0-9]*}}, {{0.9[0-9]+|1.0[0-9]*}}
func.func @near_one() -> (tensor<2xbf16> {nyala.result = "w"}) {
  %0 = nyala.random {deviation = 0.02 : f32, mean = 1.0 : f32, seed = 3 : i32} : tensor<2xbf16>
  return %0 : tensor<2xbf16>
}

// Word 0 is 0: the first 8 columns of row 0 are minus eight scales, of 4.61 / 4.61.
// CHECK: nyala.random {deviation = 4.610000e+00 : f32} : tensor<1x32xf32, #nyala.packed<q4_0>>
// BLOCKS: -8, -8, -8, -8, -8, -8, -8, -8
func.func @blocks() -> (tensor<1x32xf32> {nyala.result = "w"}) {
  %0 = nyala.random {deviation = 4.61 : f32} : tensor<1x32xf32, #nyala.packed<q4_0>>
  %1 = nyala.unpack %0 : tensor<1x32xf32, #nyala.packed<q4_0>> -> tensor<1x32xf32>
  return %1 : tensor<1x32xf32>
}

// CHECK-LABEL: func.func @over
// CHECK-SAME: (%[[S:.+]]: tensor<1x2xf32>)
// CHECK-NEXT: nyala.random over %[[S]] {deviation = 1.000000e+00 : f32} : tensor<1x2xf32>
func.func @over(%s: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %0 = nyala.random over %s {deviation = 1.0 : f32} : tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
