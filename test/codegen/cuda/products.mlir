// RUN: nyala-opt %s --nyala-generate-cuda-kernels --canonicalize --cse | FileCheck %s

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {

// One row: its eight warps divide the 48 steps of the depth. All of a lane's weights are under way
// before the residual and the row are read; a tile of 8 columns leaves half of the instruction idle.
// CHECK-LABEL: gpu.func @residual(
// CHECK-SAME: %[[X:arg[0-9]+]]: memref<1x1536xf32, 1>, {{.*}}, %[[R:arg[0-9]+]]: memref<1x576xf32, 1>, %{{arg[0-9]+}}: memref<1x576xf32, 1>
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>
// CHECK-SAME: nyala.shared_bytes = 640 : i64
// CHECK-SAME: nyala.tiles = 72 : i64
// CHECK-COUNT-6: ld.global.L1::no_allocate.L2::256B.v4.b32
// CHECK: "ld.global.v4.b32
// CHECK-NOT: ld.global
// CHECK: vector.load %[[X]]
// CHECK: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>{{.*}} (i32, i32, f32)
// CHECK: gpu.barrier
// CHECK: arith.addf
// CHECK: vector.store
// CHECK: gpu.return
nyala.kernel @residual(%x: tensor<?x1536xf32>, %w: tensor<576x1536xbf16>, %r: tensor<?x576xf32>) -> tensor<?x576xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %t = arith.truncf %x : tensor<?x1536xf32> to tensor<?x1536xbf16>
  %0 = nyala.linear %t, %w : tensor<?x1536xbf16>, tensor<576x1536xbf16> -> tensor<?x576xf32>
  %1 = arith.addf %r, %0 : tensor<?x576xf32>
  nyala.return %1 : tensor<?x576xf32>
}

// A norm is computed by each block, behind the first weights; a gate's tile needs two parts of the
// product, which are two octets of one instruction.
// CHECK-LABEL: gpu.func @gate(
// CHECK-SAME: nyala.tiles = 16 : i64
// CHECK: ld.global
// CHECK: gpu.barrier
// CHECK: vector.store {{.*}} memref<576xbf16, 3>
// CHECK: gpu.barrier
// CHECK: nvvm.mma.sync
// CHECK: gpu.barrier
// CHECK: gpu.return
nyala.kernel @gate(%x: tensor<?x576xf32>, %g: tensor<576xf32>, %w: tensor<256x576xbf16>) -> tensor<?x128xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x576xf32>, tensor<576xf32>
  %t = arith.truncf %n : tensor<?x576xf32> to tensor<?x576xbf16>
  %0 = nyala.linear %t, %w : tensor<?x576xbf16>, tensor<256x576xbf16> -> tensor<?x256xf32>
  %a, %b = nyala.split %0 : tensor<?x256xf32> -> tensor<?x128xf32>, tensor<?x128xf32>
  %1 = nyala.gated_activation silu %a, %b : tensor<?x128xf32>
  nyala.return %1 : tensor<?x128xf32>
}

// Angles, slots and sequences are read before the product, not one after the other behind it.
// CHECK-LABEL: gpu.func @append(
// CHECK-COUNT-2: "ld.global.v2.b32 {
// CHECK-COUNT-2: "ld.global.b32 $0
// CHECK: nvvm.mma.sync
// CHECK: gpu.barrier
// CHECK-NOT: load {{.*}}, 1>
// CHECK: vector.store {{.*}} : memref<1x8x64xf16, 1>
// CHECK: gpu.return
nyala.kernel @append(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>, %t: tensor<?x64xf32>, %c: tensor<1x8x64xf16>, %s: tensor<?xi32>, %q: tensor<?xi32>) -> tensor<1x8x64xf16> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = nyala.linear %x, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %1 = nyala.rotate adjacent %0 by %t {heads = 1} : tensor<?x64xf32>, tensor<?x64xf32>
  %2 = nyala.cache_append %c, %1 at %s in %q : tensor<1x8x64xf16>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %2 : tensor<1x8x64xf16>
}

// A long row is copied by the block: warps come back for more of it in each round.
// CHECK-LABEL: gpu.func @long(
// CHECK: scf.for
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: gpu.barrier
// CHECK: vector.load {{.*}} : memref<4096xbf16, 3>
// CHECK: gpu.return
nyala.kernel @long(%x: tensor<?x4096xbf16>, %w: tensor<4096x4096xbf16>) -> tensor<?x4096xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = nyala.linear %x, %w : tensor<?x4096xbf16>, tensor<4096x4096xbf16> -> tensor<?x4096xf32>
  nyala.return %0 : tensor<?x4096xf32>
}

// Several rows: eight at once, or 32 where there are more; results of different columns have tiles of
// their own.
// CHECK-LABEL: gpu.func @rows(
// CHECK-SAME: nyala.tiles = 12 : i64
// CHECK: arith.cmpi ule
// CHECK: scf.if
// CHECK: scf.for
// CHECK: } else {
// CHECK: scf.for
// CHECK: gpu.return
nyala.kernel @rows(%x: tensor<?x64xbf16>, %w: tensor<96x64xbf16>) -> (tensor<?x64xf32>, tensor<?x32xf32>) attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %0 = nyala.linear %x, %w : tensor<?x64xbf16>, tensor<96x64xbf16> -> tensor<?x96xf32>
  %a, %b = nyala.split %0 : tensor<?x96xf32> -> tensor<?x64xf32>, tensor<?x32xf32>
  nyala.return %a, %b : tensor<?x64xf32>, tensor<?x32xf32>
}

// Blocks of 4-bit quants: two adjacent rows of a group are 8 bytes. A block's sum is exact, and scaled.
// CHECK-LABEL: gpu.func @quantized(
// CHECK-SAME: nyala.tiles = 256 : i64
// CHECK: ld.global.L1::no_allocate.L2::256B.v2.b32
// CHECK: arith.xori
// CHECK: nvvm.mma.sync {{.*}}intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>{{.*}} multiplicandAPtxType = #nvvm.mma_type<s8>{{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK: arith.sitofp
// CHECK: math.fma
// CHECK: gpu.return
nyala.kernel @quantized(%q: tensor<?x4096xi8>, %s: tensor<?x128xf32>, %t: tensor<?x256xi32>, %w: tensor<4096x4096xf32, #nyala.packed<q4_0>>) -> tensor<?x4096xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x4096xi8>, tensor<?x128xf32>, tensor<?x256xi32>, tensor<4096x4096xf32, #nyala.packed<q4_0>> -> tensor<?x4096xf32>
  nyala.return %0 : tensor<?x4096xf32>
}

// Arithmetic of f32: whatever the weight is stored as.
// CHECK-LABEL: gpu.func @widened(
// CHECK-NOT: nvvm.mma
// CHECK: math.fma
// CHECK: gpu.shuffle xor
// CHECK: gpu.return
nyala.kernel @widened(%x: tensor<?x96xf32>, %w: tensor<100x96xf32, #nyala.packed<q8_0>>) -> tensor<?x100xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = nyala.linear %x, %w : tensor<?x96xf32>, tensor<100x96xf32, #nyala.packed<q8_0>> -> tensor<?x100xf32>
  nyala.return %0 : tensor<?x100xf32>
}

// Prompts: blocks of 128 rows by 128 columns, or the library in their place.
// CHECK-LABEL: gpu.func @prompt(
// CHECK-SAME: nyala.library_call = #nyala.matmul_call<columns = 576, depth = 1536, activations = 0, weight = 1, residual = 2, result = 3>
// CHECK-SAME: nyala.row_block = 128 : i64
// CHECK-SAME: nyala.tiles = 5 : i64
// CHECK: nvvm.cp.async.shared.global
// CHECK: scf.for
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: gpu.barrier
// CHECK: nvvm.ldmatrix
// CHECK: nvvm.mma.sync
// CHECK: gpu.return
nyala.kernel @prompt(%x: tensor<?x1536xbf16>, %w: tensor<576x1536xbf16>, %r: tensor<?x576xf32>) -> tensor<?x576xf32> attributes {max_rows = 2048 : i64, nyala.device = "cuda"} {
  %0 = nyala.linear %x, %w : tensor<?x1536xbf16>, tensor<576x1536xbf16> -> tensor<?x576xf32>
  %1 = arith.addf %r, %0 : tensor<?x576xf32>
  nyala.return %1 : tensor<?x576xf32>
}

// What else follows a product, or comes before it, no library computes.
// CHECK-LABEL: gpu.func @prompt_gate(
// CHECK-NOT: nyala.library_call
// CHECK-SAME: nyala.tiles = 4 : i64
// CHECK: gpu.return
nyala.kernel @prompt_gate(%x: tensor<?x96xf32>, %w: tensor<512x96xbf16>) -> tensor<?x256xf32> attributes {max_rows = 2048 : i64, nyala.device = "cuda"} {
  %t = arith.truncf %x : tensor<?x96xf32> to tensor<?x96xbf16>
  %0 = nyala.linear %t, %w : tensor<?x96xbf16>, tensor<512x96xbf16> -> tensor<?x512xf32>
  %a, %b = nyala.split %0 : tensor<?x512xf32> -> tensor<?x256xf32>, tensor<?x256xf32>
  %1 = nyala.gated_activation silu %a, %b : tensor<?x256xf32>
  nyala.return %1 : tensor<?x256xf32>
}

}
