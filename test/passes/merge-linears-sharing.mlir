// Weights that several linears use stay stored once.
// RUN: nyala-opt %s --nyala-merge-linears --split-input-file | FileCheck %s
// RUN: nyala-opt %s --nyala-merge-linears --split-input-file --remarks-filter=nyala-merge-linears -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Two layers that share all weights of a group merge alike.
nyala.weight @a : tensor<16x16xf32>
nyala.weight @b : tensor<16x16xf32>
// CHECK-LABEL: func.func @shared_layer
// CHECK-COUNT-2: nyala.linear {{.*}} tensor<32x16xf32> -> tensor<?x32xf32>
// CHECK-NOT: nyala.linear
func.func @shared_layer(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %a = nyala.load @a : tensor<16x16xf32>
  %b = nyala.load @b : tensor<16x16xf32>
  %0 = nyala.linear %x, %a : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %1 = nyala.linear %x, %b : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %2 = arith.addf %0, %1 : tensor<?x16xf32>
  %3 = nyala.linear %2, %a : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %4 = nyala.linear %2, %b : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %5 = arith.addf %3, %4 : tensor<?x16xf32>
  return %5 : tensor<?x16xf32>
}

// -----

// @a has partner @b in one group and @c in the other: neither merges, @d and @e do.
nyala.weight @a : tensor<16x16xf32>
nyala.weight @b : tensor<16x16xf32>
nyala.weight @c : tensor<16x16xf32>
nyala.weight @d : tensor<16x16xf32>
// CHECK-LABEL: func.func @other_partner
// CHECK: %[[A:.+]] = nyala.load @a
// CHECK: %[[B:.+]] = nyala.load @b
// CHECK: %[[D:.+]] = nyala.load @d
// CHECK: nyala.linear %{{.*}}, %[[A]]
// CHECK: %[[W:.+]] = tensor.concat dim(0) %[[B]], %[[D]]
// CHECK: nyala.linear %{{.*}}, %[[W]]
// CHECK: nyala.linear %{{.*}}, %[[A]]
// CHECK: nyala.linear
// CHECK-NOT: tensor.concat
// REMARK-COUNT-2: Function=other_partner | Reason="its weight @a is also used by a nyala.linear that does not merge with the same linears
func.func @other_partner(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %a = nyala.load @a : tensor<16x16xf32>
  %b = nyala.load @b : tensor<16x16xf32>
  %c = nyala.load @c : tensor<16x16xf32>
  %d = nyala.load @d : tensor<16x16xf32>
  %0 = nyala.linear %x, %a : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %1 = nyala.linear %x, %b : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %2 = nyala.linear %x, %d : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %3 = nyala.linear %y, %a : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %4 = nyala.linear %y, %c : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  return %0, %1, %2, %3, %4 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

// An initializer that reads @a stores a copy of it; the same weight twice would be one as well.
nyala.weight @a : tensor<16x16xf32>
nyala.weight @b : tensor<16x16xf32>
nyala.weight @c : tensor<16x16xf32, #nyala.packed<f32>> initializer {
  %0 = nyala.load @a : tensor<16x16xf32>
  %1 = nyala.pack %0 : tensor<16x16xf32> -> tensor<16x16xf32, #nyala.packed<f32>>
  nyala.yield %1 : tensor<16x16xf32, #nyala.packed<f32>>
}
// CHECK-LABEL: func.func @used_elsewhere
// CHECK-NOT: tensor.concat
// REMARK-DAG: Function=used_elsewhere | Reason="its weight @a is also used by a nyala.pack that does not merge
// REMARK-DAG: Function=used_elsewhere | Reason="its weight @b would be part of the merged weight twice"
func.func @used_elsewhere(%x: tensor<?x16xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %a = nyala.load @a : tensor<16x16xf32>
  %b = nyala.load @b : tensor<16x16xf32>
  %0 = nyala.linear %x, %a : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %1 = nyala.linear %x, %b : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %2 = nyala.linear %x, %b : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  return %0, %1, %2 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// -----

// Concatenations, also nested, count as their loads; the result is flat. A bias on one of them only
// keeps them apart.
nyala.weight @a : tensor<16x16xf32>
nyala.weight @b : tensor<16x16xf32>
nyala.weight @c : tensor<16x16xf32>
nyala.weight @d : tensor<16x16xf32>
nyala.weight @bias : tensor<16xf32>
// CHECK-LABEL: func.func @concatenations
// CHECK: tensor.concat dim(0) %{{.*}}, %{{.*}}, %{{.*}} : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<48x16xf32>
// CHECK: nyala.split %{{.*}} : tensor<?x48xf32> -> tensor<?x32xf32>, tensor<?x16xf32>
// CHECK: nyala.linear %{{.*}} bias
// CHECK-NOT: tensor.concat
// REMARK: Function=concatenations | Reason="it has a bias, a linear before it with the same input has none"
func.func @concatenations(%x: tensor<?x16xf32>) -> (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %a = nyala.load @a : tensor<16x16xf32>
  %b = nyala.load @b : tensor<16x16xf32>
  %c = nyala.load @c : tensor<16x16xf32>
  %d = nyala.load @d : tensor<16x16xf32>
  %bias = nyala.load @bias : tensor<16xf32>
  %ab = tensor.concat dim(0) %a, %b : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<32x16xf32>
  %0 = nyala.linear %x, %ab : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  %1 = nyala.linear %x, %c : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %2 = nyala.linear %x, %d bias %bias : tensor<?x16xf32>, tensor<16x16xf32>, tensor<16xf32> -> tensor<?x16xf32>
  return %0, %1, %2 : tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}
