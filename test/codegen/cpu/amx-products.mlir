// RUN: nyala-opt %s --nyala-generate-cpu-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cpu_target<"sapphirerapids", features = "fma", "avx512f", "avx512vnni", "amx-tile", "amx-int8">]} {

// Pairs of blocks in stages: of one the products are stored, the next one is multiplied, each block with
// all 64 columns of the rows and zeros in the other one's place, the one after that unpacked; then the
// first one's products are scaled.
// CHECK-LABEL: func.func @rows_in_blocks(
// CHECK: %[[BYTES:.*]] = memref.view {{.*}} to memref<2x24x64xi8>
// CHECK: %[[PRODUCTS:.*]] = memref.view {{.*}} to memref<2x16x16xi32>
// CHECK: scf.for {{.*}} iter_args(
// CHECK: scf.for {{.*}} iter_args(
// CHECK-COUNT-2: amx.tile_store %[[PRODUCTS]]
// CHECK: %[[A:.*]] = amx.tile_load {{.*}} : memref<64x128xi8> into !amx.tile<16x64xi8>
// CHECK: %[[B:.*]] = amx.tile_load %[[BYTES]][%{{.*}}, %c0{{.*}}, %{{.*}}] : memref<2x24x64xi8> into !amx.tile<16x64xi8>
// CHECK: %[[ZERO:.*]] = amx.tile_zero
// CHECK: %[[C:.*]] = amx.tile_muli %[[A]], %[[B]] zext, %[[ZERO]]
// CHECK: %[[NEXT:.*]] = amx.tile_load %[[BYTES]][%{{.*}}, %c8{{.*}}, %{{.*}}]
// CHECK: %[[D:.*]] = amx.tile_muli %[[A]], %[[NEXT]] zext
// CHECK: scf.if
// CHECK-COUNT-16: vector.store {{.*}}, %[[BYTES]]
// CHECK-COUNT-32: arith.sitofp {{.*}} : vector<16xi32> to vector<16xf32>
// CHECK: scf.yield {{.*}}, %[[C]], %[[D]]
// CHECK: scf.for {{.*}} iter_args(
// CHECK-COUNT-16: math.fma
// CHECK: scf.yield
nyala.kernel @rows_in_blocks(%q: tensor<?x128xi8>, %s: tensor<?x4xf32>, %t: tensor<?x8xi32>, %w: tensor<32x128xf32, #nyala.packed<q4_1>>) -> tensor<?x32xf32> attributes {max_rows = 64 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x128xi8>, tensor<?x4xf32>, tensor<?x8xi32>, tensor<32x128xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

// Halves of a block have scales of their own, and products.
// CHECK-LABEL: func.func @halves(
// CHECK: memref.view {{.*}} to memref<2x52x64xi8>
// CHECK: memref.view {{.*}} to memref<4x16x16xi32>
// CHECK-COUNT-4: amx.tile_muli
nyala.kernel @halves(%q: tensor<?x256xi8>, %s: tensor<?x8xf32>, %t: tensor<?x16xi32>, %w: tensor<16x256xf32, #nyala.packed<q6_k>>) -> tensor<?x16xf32> attributes {max_rows = 16 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x256xi8>, tensor<?x8xf32>, tensor<?x16xi32>, tensor<16x256xf32, #nyala.packed<q6_k>> -> tensor<?x16xf32>
  nyala.return %0 : tensor<?x16xf32>
}

// No whole number of pairs.
// CHECK-LABEL: func.func @odd_blocks(
// CHECK-NOT: amx.
nyala.kernel @odd_blocks(%q: tensor<?x96xi8>, %s: tensor<?x3xf32>, %t: tensor<?x6xi32>, %w: tensor<32x96xf32, #nyala.packed<q4_1>>) -> tensor<?x32xf32> attributes {max_rows = 64 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x96xi8>, tensor<?x3xf32>, tensor<?x6xi32>, tensor<32x96xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

// Fewer rows than a tile has.
// CHECK-LABEL: func.func @few_rows(
// CHECK-NOT: amx.
nyala.kernel @few_rows(%q: tensor<?x64xi8>, %s: tensor<?x2xf32>, %t: tensor<?x4xi32>, %w: tensor<32x64xf32, #nyala.packed<q4_1>>) -> tensor<?x32xf32> attributes {max_rows = 15 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<32x64xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

}
