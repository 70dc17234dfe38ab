// RUN: nyala-opt %s --nyala-generate-cpu-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64", features = "avx2", "fma">]} {

// Both results of a tile come from one tile of the product, which is computed once: three work items of
// 32 columns, not six.
// CHECK-LABEL: func.func @gradients_behind_product(
// CHECK-SAME: %[[DG:arg4]]: memref<5x96xf32> {{[^,]*}}, %[[DU:arg5]]: memref<5x96xf32>
// CHECK-SAME: nyala.tiles = 3 : i64
// CHECK: scf.for {{.*}} -> (vector<16xf32>
// CHECK-NOT: -> (vector<16xf32>
// CHECK: vector.store {{.*}}, %[[DG]]
// CHECK-NOT: -> (vector<16xf32>
// CHECK: vector.store {{.*}}, %[[DU]]
nyala.kernel @gradients_behind_product(%d: tensor<5x8xf32>, %w: tensor<8x96xf32>, %g: tensor<5x96xf32>, %u: tensor<5x96xf32>) -> (tensor<5x96xf32>, tensor<5x96xf32>) attributes {max_rows = 5 : i64} {
  %0 = nyala.matmul %d, %w : tensor<5x8xf32>, tensor<8x96xf32> -> tensor<5x96xf32>
  %1, %2 = nyala.gated_activation_gradient silu %0, %g, %u : tensor<5x96xf32>
  nyala.return %1, %2 : tensor<5x96xf32>, tensor<5x96xf32>
}

// Parts of a product come from other tiles of it.
// CHECK-LABEL: func.func @parts_of_product(
// CHECK-SAME: nyala.tiles = 2 : i64
nyala.kernel @parts_of_product(%x: tensor<5x8xf32>, %w: tensor<8x64xf32>) -> (tensor<5x32xf32>, tensor<5x32xf32>) attributes {max_rows = 5 : i64} {
  %0 = nyala.matmul %x, %w : tensor<5x8xf32>, tensor<8x64xf32> -> tensor<5x64xf32>
  %1, %2 = nyala.split %0 : tensor<5x64xf32> -> tensor<5x32xf32>, tensor<5x32xf32>
  nyala.return %1, %2 : tensor<5x32xf32>, tensor<5x32xf32>
}
}
