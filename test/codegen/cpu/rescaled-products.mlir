// RUN: nyala-opt %s --nyala-generate-cpu-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cpu_target<"icelake-server", features = "fma", "avx512f", "avx512bw", "avx512vnni">]} {

// Of a prompt: the limits of each group of blocks, then bytes; for a block of 6 rows, of each group,
// the dot products of a block and one fused operation for each sum. Rows then come from scratch.
// CHECK-LABEL: func.func @prompts(
// CHECK: %[[SUMS:.*]] = memref.view {{.*}} to memref<6x32xf32>
// CHECK: scf.if
// CHECK: arith.cmpf olt
// CHECK: arith.cmpf ogt
// CHECK: arith.muli {{.*}} : vector<32xi16>
// CHECK: vector.store {{.*}} : memref<2x10x8x64xi8>, vector<64xi8>
// CHECK: scf.for {{.*}} iter_args(
// CHECK: scf.for {{.*}} iter_args(
// CHECK-COUNT-96: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK-COUNT-12: math.fma
// CHECK: scf.yield
// CHECK-COUNT-24: math.fma
// CHECK: scf.yield
// CHECK-COUNT-12: vector.store {{.*}}, %[[SUMS]]
// CHECK: scf.for
// CHECK-COUNT-2: vector.load %[[SUMS]]
// CHECK: } else {
nyala.kernel @prompts(%q: tensor<?x320xi8>, %s: tensor<?x10xf32>, %t: tensor<?x20xi32>, %w: tensor<32x320xf32, #nyala.packed<q4_1>>) -> tensor<?x32xf32> attributes {max_rows = 128 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x320xi8>, tensor<?x10xf32>, tensor<?x20xi32>, tensor<32x320xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

// Bytes would round a weight of 8 bits.
// CHECK-LABEL: func.func @bytes(
// CHECK-NOT: memref<6x32xf32>
nyala.kernel @bytes(%q: tensor<?x64xi8>, %s: tensor<?x2xf32>, %t: tensor<?x4xi32>, %w: tensor<32x64xf32, #nyala.packed<q8_0>>) -> tensor<?x32xf32> attributes {max_rows = 128 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<32x64xf32, #nyala.packed<q8_0>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

// Calls that decode bit by bit.
// CHECK-LABEL: func.func @few_rows(
// CHECK-NOT: memref<6x32xf32>
nyala.kernel @few_rows(%q: tensor<?x64xi8>, %s: tensor<?x2xf32>, %t: tensor<?x4xi32>, %w: tensor<32x64xf32, #nyala.packed<q4_1>>) -> tensor<?x32xf32> attributes {max_rows = 64 : i64} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<32x64xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

}
