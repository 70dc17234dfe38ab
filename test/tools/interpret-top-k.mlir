// The largest channels of rows: ties, signed zeros, and what is no number.
// RUN: nyala-interpret %s | FileCheck %s

// CHECK-LABEL: {{^}}values: 4x3xf32{{$}}
// CHECK-NEXT: {{^}}  [3, 1, 0.5]{{$}}
// CHECK-NEXT: {{^}}  [2, 2, 2]{{$}}
// CHECK-NEXT: {{^}}  [{{-?}}0, {{-?}}0, -1]{{$}}
// CHECK-NEXT: {{^}}  [inf, -inf, -inf]{{$}}
// CHECK-LABEL: {{^}}ids: 4x3xi32{{$}}
// CHECK-NEXT: {{^}}  [2, 0, 3]{{$}}
// CHECK-NEXT: {{^}}  [1, 2, 4]{{$}}
// CHECK-NEXT: {{^}}  [0, 3, 1]{{$}}
// CHECK-NEXT: {{^}}  [4, 0, 1]{{$}}
func.func @forward() -> (tensor<4x3xf32> {nyala.result = "values"}, tensor<4x3xi32> {nyala.result = "ids"}) {
  // 0x7FC00000 is NaN, 0xFF800000 -infinity, 0x7F800000 infinity.
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5, -7.0], [1.0, 2.0, 2.0, -2.0, 2.0],
                             [-0.0, -1.0, -2.0, 0.0, -3.0],
                             [0x7FC00000, 0xFF800000, 0x7FC00000, 0xFF800000, 0x7F800000]]> : tensor<4x5xf32>
  %values, %ids = nyala.top_k %x : tensor<4x5xf32> -> tensor<4x3xf32>, tensor<4x3xi32>
  return %values, %ids : tensor<4x3xf32>, tensor<4x3xi32>
}
