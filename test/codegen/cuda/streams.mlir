// Products of one row by a packed weight that is large enough: chunks of the weight come to shared
// memory by bulk copies, and as few blocks as a GPU has multiprocessors compute all tiles.
// RUN: nyala-opt %s --nyala-generate-cuda-kernels --canonicalize --cse | FileCheck %s

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">, #nyala.cuda_target<"sm_90">, #nyala.cuda_target<"sm_80">]} {

// CHECK: module @sm_90a

// 145 tiles of 16 columns, of which 13 blocks have two. Eight warps have 8 of 64 blocks of the depth
// each, 2304 bytes: of a ring of 7 chunks a warp, the first are asked for before the kernel waits; the
// row is computed once, before all tiles.
// CHECK-LABEL: gpu.func @stream(
// CHECK-SAME: nyala.overlaps
// CHECK-SAME: nyala.tiles = 132 : i64
// CHECK: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: scf.for
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: nvvm.cp.async.bulk.shared.cluster.global {{.*}} : !llvm.ptr<7>, <1>
// CHECK: nvvm.bar.warp.sync
// CHECK: "griddepcontrol.wait;"
// CHECK-NOT: ld.global
// CHECK: vector.store {{.*}} memref<2048xi8, 3>
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: vector.load {{.*}} {alignment = 8 : i64} : memref<129024xi8, 3>, vector<8xi8>
// CHECK-COUNT-8: nvvm.mma.sync
// CHECK: nvvm.bar.warp.sync
// CHECK: nvvm.cp.async.bulk.shared.cluster.global
// CHECK: gpu.barrier
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return
nyala.kernel @stream(%x: tensor<?x2048xf32>, %w: tensor<2320x2048xf32, #nyala.packed<q4_0>>) -> tensor<?x2320xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %q, %s, %t = nyala.quantize %x : tensor<?x2048xf32> -> tensor<?x2048xi8>, tensor<?x64xf32>, tensor<?x128xi32>
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x2048xi8>, tensor<?x64xf32>, tensor<?x128xi32>, tensor<2320x2048xf32, #nyala.packed<q4_0>> -> tensor<?x2320xf32>
  nyala.return %0 : tensor<?x2320xf32>
}

// Several rows read the weight themselves, in the same order: warp w has blocks 8w to 8w + 7.
// CHECK-LABEL: gpu.func @rows(
// CHECK-SAME: nyala.tiles = 145 : i64
// CHECK-NOT: nvvm.cp.async.bulk
// CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %c8{{.*}} : index
// CHECK: ld.global{{.*}}L1::no_allocate
// CHECK-NOT: nvvm.cp.async.bulk
// CHECK: gpu.return
nyala.kernel @rows(%q: tensor<?x2048xi8>, %s: tensor<?x64xf32>, %t: tensor<?x128xi32>, %w: tensor<2320x2048xf32, #nyala.packed<q4_0>>) -> tensor<?x2320xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x2048xi8>, tensor<?x64xf32>, tensor<?x128xi32>, tensor<2320x2048xf32, #nyala.packed<q4_0>> -> tensor<?x2320xf32>
  nyala.return %0 : tensor<?x2320xf32>
}

// 66 blocks do not divide evenly among eight warps.
// CHECK-LABEL: gpu.func @odd(
// CHECK-SAME: nyala.tiles = 145 : i64
// CHECK-NOT: nvvm.cp.async.bulk
// CHECK: gpu.return
nyala.kernel @odd(%q: tensor<?x2112xi8>, %s: tensor<?x66xf32>, %t: tensor<?x132xi32>, %w: tensor<2320x2112xf32, #nyala.packed<q4_0>>) -> tensor<?x2320xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = nyala.quantized_linear %q, %s, %t, %w : tensor<?x2112xi8>, tensor<?x66xf32>, tensor<?x132xi32>, tensor<2320x2112xf32, #nyala.packed<q4_0>> -> tensor<?x2320xf32>
  nyala.return %0 : tensor<?x2320xf32>
}

// PTX 7.8 has no bulk copies, and older GPUs have none.
// CHECK: module @sm_90 {{.*}}
// CHECK-LABEL: gpu.func @stream(
// CHECK-SAME: nyala.tiles = 145 : i64
// CHECK-NOT: nvvm.cp.async.bulk
// CHECK: module @sm_80 {{.*}}
// CHECK-LABEL: gpu.func @stream(
// CHECK-SAME: nyala.tiles = 145 : i64
// CHECK-NOT: nvvm.cp.async.bulk

nyala.weight @w : tensor<2320x2048xf32, #nyala.packed<q4_0>>
nyala.weight @v : tensor<2320x2112xf32, #nyala.packed<q4_0>>

func.func @cuda_decode(%x: tensor<?x2048xf32>, %q: tensor<?x2048xi8>, %s: tensor<?x64xf32>, %t: tensor<?x128xi32>, %p: tensor<?x2112xi8>, %o: tensor<?x66xf32>, %n: tensor<?x132xi32>) -> (tensor<?x2320xf32>, tensor<?x2320xf32>, tensor<?x2320xf32>) {
  %one = arith.constant 1 : index
  %w = nyala.load @w : tensor<2320x2048xf32, #nyala.packed<q4_0>>
  %v = nyala.load @v : tensor<2320x2112xf32, #nyala.packed<q4_0>>
  %0 = nyala.dispatch @stream rows(%one) (%x, %w) tied [-1] : (tensor<?x2048xf32>, tensor<2320x2048xf32, #nyala.packed<q4_0>>) -> tensor<?x2320xf32>
  %1 = nyala.dispatch @rows rows(%one) (%q, %s, %t, %w) tied [-1] : (tensor<?x2048xi8>, tensor<?x64xf32>, tensor<?x128xi32>, tensor<2320x2048xf32, #nyala.packed<q4_0>>) -> tensor<?x2320xf32>
  %2 = nyala.dispatch @odd rows(%one) (%p, %o, %n, %v) tied [-1] : (tensor<?x2112xi8>, tensor<?x66xf32>, tensor<?x132xi32>, tensor<2320x2112xf32, #nyala.packed<q4_0>>) -> tensor<?x2320xf32>
  return %0, %1, %2 : tensor<?x2320xf32>, tensor<?x2320xf32>, tensor<?x2320xf32>
}

}
