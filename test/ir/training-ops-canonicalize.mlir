// RUN: nyala-opt %s --canonicalize -o %t && FileCheck %s < %t
// RUN: nyala-interpret --compare %s %t --entry scatter_into --input 3=3,1
// RUN: nyala-interpret --compare %s %t --entry two --input 1=3,3 --input 2=0,3
// RUN: sed "/func.func @scatter_into/,/return/ s/ into %%[0-9a-z]* / into %%arg1 /" %t > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry scatter_into --input 3=3,1

// CHECK-LABEL: func.func @scatter_into
// CHECK-SAME: (%[[A:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<4x8xf32>, %[[R:.*]]: tensor<2x8xf32>, %[[I:.*]]: tensor<2xi32>)
// CHECK-NEXT: %[[X:.*]] = arith.mulf %[[A]], %[[B]]
// CHECK-NEXT: %[[Y:.*]] = nyala.scatter_add %[[R]] at %[[I]] into %[[X]]
// CHECK-NEXT: return %[[Y]]
func.func @scatter_into(%a: tensor<4x8xf32>, %b: tensor<4x8xf32>, %r: tensor<2x8xf32>, %i: tensor<2xi32>) -> tensor<4x8xf32> {
  %x = arith.mulf %a, %b : tensor<4x8xf32>
  %s = nyala.scatter_add %r at %i : tensor<2x8xf32>, tensor<2xi32> -> tensor<4x8xf32>
  %y = arith.addf %s, %x : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// Two look-ups in one table.
// CHECK-LABEL: func.func @two
// CHECK-NEXT: %[[S:.*]] = nyala.scatter_add %{{.*}} at %{{.*}} : tensor<2x8xf32>
// CHECK-NEXT: %[[Y:.*]] = nyala.scatter_add %{{.*}} at %{{.*}} into %[[S]]
// CHECK-NEXT: return %[[Y]]
func.func @two(%r: tensor<2x8xf32>, %i: tensor<2xi32>, %j: tensor<2xi32>) -> tensor<4x8xf32> {
  %s = nyala.scatter_add %r at %i : tensor<2x8xf32>, tensor<2xi32> -> tensor<4x8xf32>
  %t = nyala.scatter_add %r at %j : tensor<2x8xf32>, tensor<2xi32> -> tensor<4x8xf32>
  %y = arith.addf %s, %t : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// The other summand, or the scattered rows, are needed elsewhere too.
// CHECK-LABEL: func.func @used
// CHECK-COUNT-2: arith.addf
func.func @used(%a: tensor<4x8xf32>, %r: tensor<2x8xf32>, %i: tensor<2xi32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %x = arith.mulf %a, %a : tensor<4x8xf32>
  %z = arith.negf %a : tensor<4x8xf32>
  %s = nyala.scatter_add %r at %i : tensor<2x8xf32>, tensor<2xi32> -> tensor<4x8xf32>
  %t = nyala.scatter_add %r at %i into %a : tensor<2x8xf32>, tensor<2xi32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %0 = arith.addf %x, %s : tensor<4x8xf32>
  %1 = arith.addf %z, %t : tensor<4x8xf32>
  return %0, %1, %x, %t : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}
