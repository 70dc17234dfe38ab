// RUN: nyala-opt %s --nyala-differentiate="function=f wrt=2,0" | FileCheck %s
// RUN: nyala-opt %s --nyala-differentiate="function=f wrt=2,0" --remarks-filter=nyala-differentiate 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// REMARK: 2 gradients, by way of 1 ops

// Gradients by number, in the order given, without a mark; zeros for one that the loss does not depend
// on. A loss of rank 0 is fine, and so is one that is no tensor.
// CHECK-LABEL: func.func @f
// CHECK-SAME: (%[[A:.*]]: f32, %[[B:.*]]: f32 {nyala.state = "b"}, %[[C:.*]]: tensor<2xf32>) -> (f32, tensor<2xf32>, f32) {
// CHECK: %[[LOSS:.*]] = arith.mulf %[[A]], %[[B]] : f32
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: %[[DA:.*]] = arith.mulf %[[ONE]], %[[B]] : f32
// CHECK: %[[DC:.*]] = arith.constant dense<0.000000e+00> : tensor<2xf32>
// CHECK: return %[[LOSS]], %[[DC]], %[[DA]] : f32, tensor<2xf32>, f32
func.func @f(%a: f32, %b: f32 {nyala.state = "b"}, %c: tensor<2xf32>) -> f32 {
  %0 = arith.mulf %a, %b : f32
  return %0 : f32
}
