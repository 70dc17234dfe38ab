// The largest channels of rows: launch records, and what the blocks of a row exchange.
// RUN: nyala-opt %s --nyala-generate-cuda-kernels --canonicalize --cse | FileCheck %s
// RUN: nyala-opt %s --nyala-kernel-pipeline --nyala-program-pipeline | FileCheck %s --check-prefix=LLVM --implicit-check-not=@__nv

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {

// Up to 64 rows: a block has 2048 columns of a row. It keeps the maxima of 16 columns each, -infinity for what is no
// number; the last block of a row chooses.
// CHECK-LABEL: gpu.func @decode(
// CHECK-SAME: %[[X:arg[0-9]+]]: memref<1x49152xf32, 1>, %[[VALUES:arg[0-9]+]]: memref<1x64xf32, 1> {llvm.noalias}, %[[IDS:arg[0-9]+]]: memref<1x64xi32, 1> {llvm.noalias}, %{{arg[0-9]+}}: memref<1xi32, 1>, %[[W:arg[0-9]+]]: !llvm.ptr<1>)
// CHECK-SAME: known_block_size = array<i32: 512, 1, 1>
// CHECK-SAME: nyala.overlaps
// CHECK-SAME: nyala.row_block = 1
// CHECK-SAME: nyala.tiles = 24
// 64 KiB of counters, and the maxima of 3072 chunks
// CHECK-SAME: nyala.workspace_bytes = 77824
// CHECK: griddepcontrol.wait
// CHECK: vector.load %[[X]]
// CHECK: arith.maxnumf
// CHECK: gpu.shuffle xor
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr<1>
// CHECK: gpu.barrier
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: llvm.atomicrmw add %{{.*}} syncscope("device") monotonic : !llvm.ptr<1>, i32
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: gpu.barrier
// CHECK: scf.if
// What is not below the bound is listed, and ranked if there was room.
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> f32
// CHECK: llvm.atomicrmw add %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
// CHECK: vector.load %[[X]]
// CHECK: llvm.atomicrmw add %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
// CHECK: memref.store %{{.*}}, %[[VALUES]]
// CHECK: memref.store %{{.*}}, %[[IDS]]
// CHECK: } else {
// CHECK: vector.load %[[X]]
// CHECK: memref.store %{{.*}}, %[[VALUES]]
// CHECK: memref.store %{{.*}}, %[[IDS]]
// LLVM: llvm.func @decode(
nyala.kernel @decode(%x: tensor<?x49152xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>) attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %values, %ids = nyala.top_k %x : tensor<?x49152xf32> -> tensor<?x64xf32>, tensor<?x64xi32>
  nyala.return %values, %ids : tensor<?x64xf32>, tensor<?x64xi32>
}

// Columns that are no multiple of 4 are loaded one by one.
// CHECK-LABEL: gpu.func @batch(
// CHECK-SAME: %[[X:arg[0-9]+]]: memref<64x50257xf32, 1>
// CHECK-SAME: nyala.tiles = 25
// CHECK-SAME: nyala.workspace_bytes = 869888
// CHECK-NOT: vector.load %[[X]]
// CHECK: memref.load %[[X]]
// LLVM: llvm.func @batch(
nyala.kernel @batch(%x: tensor<?x50257xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>) attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %values, %ids = nyala.top_k %x : tensor<?x50257xf32> -> tensor<?x8xf32>, tensor<?x8xi32>
  nyala.return %values, %ids : tensor<?x8xf32>, tensor<?x8xi32>
}

// A block has a row where there may be many, or a row is short: maxima stay in shared memory.
// CHECK-LABEL: gpu.func @prefill(
// CHECK-SAME: %{{arg[0-9]+}}: memref<1xi32, 1> {llvm.noalias, llvm.readonly})
// CHECK-SAME: nyala.row_block = 1
// CHECK-SAME: nyala.tiles = 1
// CHECK-SAME: nyala.workspace_bytes = 0
// CHECK-NOT: syncscope("device")
// LLVM: llvm.func @prefill(
nyala.kernel @prefill(%x: tensor<?x49152xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>) attributes {max_rows = 2048 : i64, nyala.device = "cuda"} {
  %values, %ids = nyala.top_k %x : tensor<?x49152xf32> -> tensor<?x64xf32>, tensor<?x64xi32>
  nyala.return %values, %ids : tensor<?x64xf32>, tensor<?x64xi32>
}

// One result may do; of fewer than 64 channels all are chosen.
// CHECK-LABEL: gpu.func @short(
// CHECK-SAME: %{{arg[0-9]+}}: memref<4x12xf32, 1>, %[[IDS:arg[0-9]+]]: memref<4x12xi32, 1> {llvm.noalias}, %{{arg[0-9]+}}: memref<1xi32, 1>)
// CHECK-SAME: nyala.tiles = 1
// CHECK-NOT: syncscope("device")
// CHECK: memref.store %{{.*}}, %[[IDS]]
// LLVM: llvm.func @short(
nyala.kernel @short(%x: tensor<?x12xf32>) -> tensor<?x12xi32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  %values, %ids = nyala.top_k %x : tensor<?x12xf32> -> tensor<?x12xf32>, tensor<?x12xi32>
  nyala.return %ids : tensor<?x12xi32>
}

}
