// RUN: nyala-opt %s --nyala-generate-cuda-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {

// A block has a row, the three heads of a key-value head and a part of the positions, of which there are up
// to 32 here, of 256 or more positions.
// CHECK-LABEL: gpu.func @decode(
// CHECK-SAME: %[[WORKSPACE:arg[0-9]+]]: !llvm.ptr<1>) kernel
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>, nvvm.minctasm = 2 : i32
// CHECK-SAME: nyala.row_block = 1 : i64
// CHECK-SAME: nyala.tiles = 96 : i64, nyala.workspace_bytes = 141568 : i64
// A warp has 16 of each 128 positions, whose keys and values it copies; those a row does not see are zeros.
// CHECK-COUNT-4: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg, %{{.*}} : !llvm.ptr<3>, !llvm.ptr<1>, i32
// CHECK: nvvm.cp.async.commit.group
// CHECK-COUNT-4: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// Of a query, what it is rounded to, or what that leaves.
// CHECK: arith.truncf {{.*}} : f32 to f16
// CHECK: arith.subf
// CHECK: arith.select
// CHECK: scf.for {{.*}} step %c128{{.*}} -> (f32, f32,
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-4: nvvm.mma.sync
// CHECK: nvvm.bar.warp.sync
// CHECK: nvvm.cp.async.shared.global
// CHECK: ex2.approx.ftz.f32
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: gpu.shuffle idx
// CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<col>
// CHECK: nvvm.mma.sync
// CHECK: gpu.barrier
// The only part of a row is its result; else the part is left in the workspace.
// CHECK: scf.if
// CHECK: memref.store {{.*}} : memref<1x576xf32, 1>
// CHECK: } else {
// CHECK: llvm.store {{.*}} : f32, !llvm.ptr<1>
// What has been stored is there before the block is counted, and read after that.
// CHECK: gpu.barrier
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: llvm.atomicrmw add {{.*}} syncscope("device") monotonic
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: scf.if
// CHECK: llvm.store %{{.*}} : i32, !llvm.ptr<1>
// CHECK: gpu.barrier
// CHECK: llvm.load {{.*}} : !llvm.ptr<1> -> f32
nyala.kernel @decode(%q: tensor<?x576xf32>, %k: tensor<1x8192x192xf16>, %v: tensor<1x8192x192xf16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x576xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = nyala.attention %q, %k, %v at %p in %s {heads = 9 : i64, kv_heads = 3 : i64, scale = 0.125 : f32, mask = #nyala.mask<causal>}
     : tensor<?x576xf32>, tensor<1x8192x192xf16>, tensor<1x8192x192xf16>, tensor<?xi32>, tensor<?xi32> -> tensor<?x576xf32>
  nyala.return %0 : tensor<?x576xf32>
}

// More than four heads of a key-value head are several groups: of seven, four and three. One part needs
// no workspace; up to 512 positions are one.
// CHECK-LABEL: gpu.func @groups(
// CHECK-NOT: !llvm.ptr<1>) kernel
// CHECK-SAME: nyala.tiles = 2 : i64, nyala.workspace_bytes = 0 : i64
// CHECK-NOT: llvm.atomicrmw
nyala.kernel @groups(%q: tensor<?x448xf32>, %k: tensor<2x256x64xf16>, %v: tensor<2x256x64xf16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x448xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %0 = nyala.attention %q, %k, %v at %p in %s {heads = 7 : i64, kv_heads = 1 : i64, scale = 0.125 : f32, mask = #nyala.mask<causal, window = 100>}
     : tensor<?x448xf32>, tensor<2x256x64xf16>, tensor<2x256x64xf16>, tensor<?xi32>, tensor<?xi32> -> tensor<?x448xf32>
  nyala.return %0 : tensor<?x448xf32>
}

// Prompts: 64 rows of one head, or 128 where that leaves blocks enough; keys and values go to shared
// memory while the last are multiplied.
// CHECK-LABEL: gpu.func @prompt(
// CHECK-SAME: known_block_size = array<i32: 128, 1, 1>
// CHECK-SAME: nyala.row_block = 64 : i64
// CHECK-SAME: nyala.tiles = 9 : i64
// CHECK: scf.while
// CHECK: nvvm.redux.sync
// CHECK: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: gpu.barrier
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<row>
// CHECK: nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: gpu.barrier
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<col>
// CHECK: nvvm.mma.sync
nyala.kernel @prompt(%q: tensor<?x576xf32>, %k: tensor<1x8192x192xf16>, %v: tensor<1x8192x192xf16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x576xf32> attributes {max_rows = 2048 : i64, nyala.device = "cuda"} {
  %0 = nyala.attention %q, %k, %v at %p in %s {heads = 9 : i64, kv_heads = 3 : i64, scale = 0.125 : f32, mask = #nyala.mask<causal>}
     : tensor<?x576xf32>, tensor<1x8192x192xf16>, tensor<1x8192x192xf16>, tensor<?xi32>, tensor<?xi32> -> tensor<?x576xf32>
  nyala.return %0 : tensor<?x576xf32>
}

// CHECK-LABEL: gpu.func @many(
// CHECK-SAME: nyala.row_block = 128 : i64
// CHECK-SAME: nyala.tiles = 32 : i64
nyala.kernel @many(%q: tensor<?x4096xf32>, %k: tensor<1x8192x1024xf16>, %v: tensor<1x8192x1024xf16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x4096xf32> attributes {max_rows = 2048 : i64, nyala.device = "cuda"} {
  %0 = nyala.attention %q, %k, %v at %p in %s {heads = 32 : i64, kv_heads = 8 : i64, scale = 0.125 : f32, mask = #nyala.mask<causal>}
     : tensor<?x4096xf32>, tensor<1x8192x1024xf16>, tensor<1x8192x1024xf16>, tensor<?xi32>, tensor<?xi32> -> tensor<?x4096xf32>
  nyala.return %0 : tensor<?x4096xf32>
}

// Caches of f32 keep to f32: prompts by rows, all positions of one by one block.
// CHECK-LABEL: gpu.func @floats(
// CHECK-SAME: nyala.row_block = 1 : i64
// CHECK-SAME: nyala.tiles = 3 : i64, nyala.workspace_bytes = 0 : i64
// CHECK-NOT: nvvm.mma.sync
nyala.kernel @floats(%q: tensor<?x576xf32>, %k: tensor<1x8192x192xf32>, %v: tensor<1x8192x192xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x576xf32> attributes {max_rows = 2048 : i64, nyala.device = "cuda"} {
  %0 = nyala.attention %q, %k, %v at %p in %s {heads = 9 : i64, kv_heads = 3 : i64, scale = 0.125 : f32, mask = #nyala.mask<causal>}
     : tensor<?x576xf32>, tensor<1x8192x192xf32>, tensor<1x8192x192xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x576xf32>
  nyala.return %0 : tensor<?x576xf32>
}

// A lane has a quarter of a block, of q4 four bytes, and its scale; a warp 32 of each 256 positions.
// CHECK-LABEL: gpu.func @blocks(
// CHECK: scf.for {{.*}} step %c256{{.*}} -> (f32, f32, f32,
// CHECK: @p ld.global.L1::no_allocate.L2::256B.b32 $0, [$1+0]
// CHECK: @p ld.global.L1::no_allocate.L2::256B.b16 $0, [$1+0]
// Integers become floats as low bits of 2^23.
// CHECK: arith.ori {{.*}}, %c1258291200_i32
nyala.kernel @blocks(%q: tensor<?x576xf32>, %k: tensor<1x8192x192xf32, #nyala.blocks<q4_0>>, %v: tensor<1x8192x192xf32, #nyala.blocks<q4_0>>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x576xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %0 = nyala.attention %q, %k, %v at %p in %s {heads = 9 : i64, kv_heads = 3 : i64, scale = 0.125 : f32, mask = #nyala.mask<causal>}
     : tensor<?x576xf32>, tensor<1x8192x192xf32, #nyala.blocks<q4_0>>, tensor<1x8192x192xf32, #nyala.blocks<q4_0>>, tensor<?xi32>, tensor<?xi32> -> tensor<?x576xf32>
  nyala.return %0 : tensor<?x576xf32>
}
}
