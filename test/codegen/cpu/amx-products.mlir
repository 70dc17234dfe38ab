// RUN: nyala-opt %s --nyala-generate-cpu-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cpu_target<"sapphirerapids", features = "fma", "avx512f", "avx512vnni", "amx-tile", "amx-int8">]} {

// For each of the tile's two vectors: a product ahead of the loop over blocks, in it the next one
// before the scaling of the last.
// CHECK-LABEL: func.func @rows_in_blocks(
// CHECK: %[[PRODUCTS:.*]] = memref.view {{.*}} to memref<2x16x16xi32>
// CHECK: amx.tile_store
// CHECK: scf.for {{.*}} iter_args(
// CHECK: %[[A:.*]] = amx.tile_load {{.*}} : memref<64x64xi8> into !amx.tile<16x32xi8>
// CHECK: %[[B:.*]] = amx.tile_load {{.*}} : memref<2x2x8x64xi8> into !amx.tile<8x64xi8>
// CHECK: %[[ZERO:.*]] = amx.tile_zero
// CHECK: %[[C:.*]] = amx.tile_muli %[[A]], %[[B]] zext, %[[ZERO]]
// CHECK: amx.tile_store {{.*}}, %[[C]] : memref<2x16x16xi32>, !amx.tile<16x16xi32>
// CHECK-COUNT-16: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// CHECK: scf.yield
nyala.kernel @rows_in_blocks(%q: tensor<?x64xi8>, %s: tensor<?x2xf32>, %t: tensor<?x4xi32>, %w: tensor<32x64xf32, #nyala.packed<q4_1>>) -> tensor<?x32xf32> attributes {max_rows = 64 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<32x64xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

// Halves of a block have scales of their own, and products.
// CHECK-LABEL: func.func @halves(
// CHECK: memref.view {{.*}} to memref<4x16x16xi32>
// CHECK: amx.tile_load {{.*}} into !amx.tile<16x16xi8>
// CHECK: amx.tile_load {{.*}} into !amx.tile<4x64xi8>
nyala.kernel @halves(%q: tensor<?x256xi8>, %s: tensor<?x8xf32>, %t: tensor<?x16xi32>, %w: tensor<16x256xf32, #nyala.packed<q6_k>>) -> tensor<?x16xf32> attributes {max_rows = 16 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x256xi8>, tensor<?x8xf32>, tensor<?x16xi32>, tensor<16x256xf32, #nyala.packed<q6_k>> -> tensor<?x16xf32>
  nyala.return %0 : tensor<?x16xf32>
}

// Fewer rows than a tile has.
// CHECK-LABEL: func.func @few_rows(
// CHECK-NOT: amx.
nyala.kernel @few_rows(%q: tensor<?x64xi8>, %s: tensor<?x2xf32>, %t: tensor<?x4xi32>, %w: tensor<32x64xf32, #nyala.packed<q4_1>>) -> tensor<?x32xf32> attributes {max_rows = 15 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<32x64xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

}
