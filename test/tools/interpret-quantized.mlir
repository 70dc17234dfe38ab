// What quantization and integer products mean: ties round to even, an empty block is zeros.
// RUN: nyala-interpret %s --entry quantized --precision f64 --full | FileCheck %s

// CHECK: 2x1xf32
// CHECK-NEXT: {{^}}  [1]{{$}}
// CHECK-NEXT: {{^}}  [0]{{$}}
// CHECK: 2x2xi32
// CHECK-NEXT: {{^}}  [63, 0]{{$}}
// CHECK-NEXT: {{^}}  [0, 0]{{$}}
// 2 * (127 - 64) * 1 + bias
// CHECK: 2x2xf32
// CHECK-NEXT: {{^}}  [126, 127]{{$}}
// CHECK-NEXT: {{^}}  [0, 1]{{$}}
func.func @quantized() -> (tensor<2x1xf32>, tensor<2x2xi32>, tensor<2x2xf32>) {
  %x = arith.constant dense<[[127.0, -63.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<2x32xf32>
  %w = arith.constant dense<2.0> : tensor<2x32xf32>
  %b = arith.constant dense<[0.0, 1.0]> : tensor<2xf32>
  %q, %s, %t = nyala.quantize %x : tensor<2x32xf32> -> tensor<2x32xi8>, tensor<2x1xf32>, tensor<2x2xi32>
  %0 = nyala.quantized_linear %q, %s, %t, %w bias %b : tensor<2x32xi8>, tensor<2x1xf32>, tensor<2x2xi32>, tensor<2x32xf32>, tensor<2xf32> -> tensor<2x2xf32>
  return %s, %t, %0 : tensor<2x1xf32>, tensor<2x2xi32>, tensor<2x2xf32>
}
