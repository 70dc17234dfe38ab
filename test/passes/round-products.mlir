// RUN: nyala-opt %s --nyala-round-products | FileCheck %s --check-prefixes=CHECK,KEPT
// RUN: nyala-opt %s --nyala-round-products=tables | FileCheck %s --check-prefixes=CHECK,TABLE

// CHECK-LABEL: func.func @products
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<6x8xf32>, %[[W:[a-z0-9]+]]: tensor<4x8xf32>, %[[B:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[X1:.+]] = arith.truncf %[[X]] : tensor<6x8xf32> to tensor<6x8xbf16>
// CHECK-NEXT: %[[W1:.+]] = arith.truncf %[[W]] : tensor<4x8xf32> to tensor<4x8xbf16>
// CHECK-NEXT: %[[Y:.+]] = nyala.linear %[[X1]], %[[W1]] bias %[[B]] : tensor<6x8xbf16>, tensor<4x8xbf16>, tensor<4xf32> -> tensor<6x4xf32>
// CHECK-NEXT: %[[Y1:.+]] = arith.truncf %[[Y]]
// CHECK-NEXT: %[[W2:.+]] = arith.truncf %[[W]]
// The accumulator stays.
// CHECK-NEXT: %[[Z:.+]] = nyala.matmul %[[Y1]], %[[W2]] plus %[[X]] : tensor<6x4xbf16>, tensor<4x8xbf16>, tensor<6x8xf32> -> tensor<6x8xf32>
// Rounded already: left alone.
// CHECK-NEXT: nyala.matmul %[[X1B:.+]], %[[X1B]] {transpose_b} : tensor<6x8xbf16>
func.func @products(%x: tensor<6x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>, %h: tensor<6x8xbf16>)
    -> (tensor<6x8xf32>, tensor<6x6xf32>) {
  %y = nyala.linear %x, %w bias %b : tensor<6x8xf32>, tensor<4x8xf32>, tensor<4xf32> -> tensor<6x4xf32>
  %z = nyala.matmul %y, %w plus %x : tensor<6x4xf32>, tensor<4x8xf32>, tensor<6x8xf32> -> tensor<6x8xf32>
  %s = nyala.matmul %h, %h {transpose_b} : tensor<6x8xbf16>, tensor<6x8xbf16> -> tensor<6x6xf32>
  return %z, %s : tensor<6x8xf32>, tensor<6x6xf32>
}

// Tables are rounded where that is asked for; rows widen again.
// CHECK-LABEL: func.func @table
// CHECK-SAME: (%[[IDS:[a-z0-9]+]]: tensor<?xi32>, %[[T:[a-z0-9]+]]: tensor<32x8xf32>)
// KEPT-NEXT: nyala.embedding %[[IDS]], %[[T]]
// TABLE-NEXT: %[[T1:.+]] = arith.truncf %[[T]] : tensor<32x8xf32> to tensor<32x8xbf16>
// TABLE-NEXT: %[[X1:.+]] = nyala.embedding %[[IDS]], %[[T1]] : tensor<?xi32>, tensor<32x8xbf16> -> tensor<?x8xbf16>
// TABLE-NEXT: %[[X:.+]] = arith.extf %[[X1]] : tensor<?x8xbf16> to tensor<?x8xf32>
// TABLE-NEXT: return %[[X]]
func.func @table(%ids: tensor<?xi32>, %t: tensor<32x8xf32>) -> tensor<?x8xf32> {
  %x = nyala.embedding %ids, %t : tensor<?xi32>, tensor<32x8xf32> -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}
