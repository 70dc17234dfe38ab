// RUN: nyala-opt %s --nyala-generate-cpu-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64-v4", features = "avx512f", "avx512bf16", "fma">]} {

// A panel of columns is copied, here of rows in squares that are transposed.
// CHECK-LABEL: func.func @panel(
// CHECK-SAME: nyala.scratch_bytes = 8192 : i64
// CHECK: memref.view {{.*}} to memref<64x32xf32>
// CHECK-COUNT-64: vector.shuffle
// CHECK: iter_args(
nyala.kernel @panel(%x: tensor<64x64xf32>, %w: tensor<32x64xf32>) -> tensor<64x32xf32> attributes {max_rows = 64 : i64} {
  %0 = nyala.linear %x, %w : tensor<64x64xf32>, tensor<32x64xf32> -> tensor<64x32xf32>
  nyala.return %0 : tensor<64x32xf32>
}

// Both results come from the same tiles, which are computed once: one loop over the depth for
// blocks of rows, one for single rows.
// CHECK-LABEL: func.func @joint_results(
// CHECK-SAME: nyala.tiles = 2 : i64
// CHECK-COUNT-2: iter_args(
// CHECK-NOT: iter_args(
// CHECK: return
nyala.kernel @joint_results(%d: tensor<8x32xf32>, %w: tensor<32x64xf32>, %g: tensor<8x64xf32>, %u: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) attributes {max_rows = 8 : i64} {
  %l = nyala.matmul %d, %w : tensor<8x32xf32>, tensor<32x64xf32> -> tensor<8x64xf32>
  %0, %1 = nyala.gated_activation_gradient silu %l, %g, %u : tensor<8x64xf32>
  nyala.return %0, %1 : tensor<8x64xf32>, tensor<8x64xf32>
}

// Rounded where it is copied: pairs of rows side by side, for which no buffer of bf16 is needed.
// CHECK-LABEL: func.func @rounded_weight(
// CHECK-SAME: memref<8x33xbf16>
// CHECK-SAME: memref<33x32xf32>
// CHECK-SAME: nyala.scratch_bytes = 2176 : i64
// CHECK: memref.view {{.*}} to memref<17x32xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
// CHECK-COUNT-16: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
nyala.kernel @rounded_weight(%x: tensor<8x33xbf16>, %w: tensor<33x32xf32>) -> tensor<8x32xf32> attributes {max_rows = 8 : i64} {
  %r = arith.truncf %w : tensor<33x32xf32> to tensor<33x32xbf16>
  %0 = nyala.matmul %x, %r : tensor<8x33xbf16>, tensor<33x32xbf16> -> tensor<8x32xf32>
  nyala.return %0 : tensor<8x32xf32>
}

// Down the columns of 4096 bytes apart all lines compete: blocks of 8 of them are copied, once a
// call; others are read where they are.
// CHECK-LABEL: func.func @conflicting(
// CHECK: memref.view {{.*}} to memref<128x4x8xf32>
nyala.kernel @conflicting(%a: tensor<4x1024xf32>, %b: tensor<4x32xf32>) -> tensor<1024x32xf32> attributes {max_rows = 1024 : i64} {
  %0 = nyala.matmul %a, %b {transpose_a} : tensor<4x1024xf32>, tensor<4x32xf32> -> tensor<1024x32xf32>
  nyala.return %0 : tensor<1024x32xf32>
}

// CHECK-LABEL: func.func @not_conflicting(
// CHECK-NOT: x4x8xf32>
// CHECK: return
nyala.kernel @not_conflicting(%a: tensor<4x576xf32>, %b: tensor<4x32xf32>) -> tensor<576x32xf32> attributes {max_rows = 576 : i64} {
  %0 = nyala.matmul %a, %b {transpose_a} : tensor<4x576xf32>, tensor<4x32xf32> -> tensor<576x32xf32>
  nyala.return %0 : tensor<576x32xf32>
}

// A sum of rows for each column: all rows of one tile of columns in their order.
// CHECK-LABEL: func.func @scatter(
// CHECK-SAME: nyala.tiles = 2 : i64
// CHECK: %[[ID:.+]] = memref.load %arg1
// CHECK: %[[AT:.+]] = arith.index_cast %[[ID]]
// CHECK: vector.load %arg2[%[[AT]],
// CHECK: vector.store {{.*}}, %arg2[%[[AT]],
nyala.kernel @scatter(%x: tensor<8x64xf32>, %i: tensor<8xi32>, %y: tensor<16x64xf32>) -> tensor<16x64xf32> attributes {max_rows = 16 : i64} {
  %0 = nyala.scatter_add %x at %i into %y : tensor<8x64xf32>, tensor<8xi32>, tensor<16x64xf32> -> tensor<16x64xf32>
  nyala.return %0 : tensor<16x64xf32>
}

}
