// RUN: nyala-opt %s --nyala-round-products | FileCheck %s

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
