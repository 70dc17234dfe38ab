// RUN: nyala-opt %s --nyala-generate-cuda-kernels --canonicalize --cse | FileCheck %s
// All of it becomes instructions: kernels call no library.
// RUN: nyala-opt %s --nyala-kernel-pipeline --nyala-program-pipeline | FileCheck %s --check-prefix=LLVM --implicit-check-not=@__nv

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">, #nyala.cpu_target<"x86-64">]} {

// LLVM: llvm.mlir.global external @dynamic_shared_memory() {addr_space = 3 : i32
// LLVM: llvm.func @norm(%{{.*}}: !llvm.ptr<1>, %{{.*}}: !llvm.ptr<1> {llvm.noalias}, %{{.*}}: !llvm.ptr<1>)
// LLVM-SAME: nvvm.maxntid = array<i32: 256, 1, 1>
// LLVM: llvm.func @randomize(

// CHECK: nyala.kernel @norm(
// CHECK: module @sm_90a attributes {nyala.target = #nyala.cuda_target<"sm_90a">}
// CHECK: gpu.module @kernels
// CHECK: memref.global "private" constant @table_frequencies : memref<32xf32, 4>
// CHECK: memref.global @dynamic_shared_memory : memref<0xi8, 3> {alignment = 16 : i64}

// A block is a row; blocks beyond the call's rows have nothing to do. The row's sum is that of 256
// virtual threads: a butterfly, then eight sums in ascending order; here five have columns. What is
// needed after the barrier is loaded before it.
// CHECK-LABEL: gpu.func @norm(
// CHECK-SAME: %[[X:arg[0-9]+]]: memref<64x576xf32, 1>,
// CHECK-SAME: %[[G:arg[0-9]+]]: memref<576xf32, 1>,
// CHECK-SAME: %[[Y:arg[0-9]+]]: memref<64x576xf32, 1> {llvm.noalias}
// CHECK-SAME: %[[ROWS:arg[0-9]+]]: memref<1xi32, 1>) kernel
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>, nyala.overlaps, nyala.row_block = 1 : i64, nyala.shared_bytes = 32 : i64, nyala.tiles = 1 : i64, nyala.workspace_bytes = 0 : i64
// CHECK: %[[COUNT:.+]] = memref.load %[[ROWS]]
// CHECK: %[[BOUND:.+]] = arith.index_cast %[[COUNT]]
// CHECK: %[[ROW:.+]] = gpu.block_id y
// CHECK: %[[MINE:.+]] = arith.cmpi ult, %[[ROW]], %[[BOUND]]
// CHECK: scf.if %[[MINE]]
// CHECK: vector.load %[[X]][%[[ROW]], %{{.+}}] {alignment = 16 : i64} : memref<64x576xf32, 1>, vector<4xf32>
// CHECK: vector.load %[[G]]
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: gpu.barrier
// CHECK: math.sqrt
// CHECK-NOT: vector.load %[[X]]
// CHECK: vector.store %{{.+}}, %[[Y]]
// CHECK: gpu.return
nyala.kernel @norm(%x: tensor<?x576xf32>, %g: tensor<576xf32>) -> tensor<?x576xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x576xf32>, tensor<576xf32>
  nyala.return %0 : tensor<?x576xf32>
}

// A call of a kernel for one row has one: nothing waits for the count. What a result is computed from
// is pulled, and computed once; bf16 is rounded where it is stored.
// CHECK-LABEL: gpu.func @one_row(
// CHECK-NOT: scf.if %{{.+}} {{[{]$}}
// CHECK: arith.addf
// CHECK: gpu.barrier
// CHECK: arith.truncf {{.*}} : vector<4xf32> to vector<4xbf16>
// CHECK: vector.store {{.*}} {alignment = 8 : i64} : memref<1x1024xbf16, 1>, vector<4xbf16>
// CHECK: gpu.return
nyala.kernel @one_row(%x: tensor<?x1024xf32>, %r: tensor<?x1024xf32>, %g: tensor<1024xf32>) -> (tensor<?x1024xf32>, tensor<?x1024xbf16>) attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %s = arith.addf %x, %r : tensor<?x1024xf32>
  %0 = nyala.rms_norm %s, %g {epsilon = 1.0e-5 : f32} : tensor<?x1024xf32>, tensor<1024xf32>
  %1 = arith.truncf %0 : tensor<?x1024xf32> to tensor<?x1024xbf16>
  nyala.return %s, %1 : tensor<?x1024xf32>, tensor<?x1024xbf16>
}

// Warps take heads, whose factors lie in shared memory.
// CHECK-LABEL: gpu.func @head_norm(
// CHECK-SAME: nyala.shared_bytes = 16 : i64
// CHECK: %[[FACTORS:.+]] = memref.view {{.*}} to memref<3xf32, 3>
// CHECK: scf.for
// CHECK: memref.store %{{.+}}, %[[FACTORS]]
// CHECK: gpu.barrier
// CHECK: memref.load %[[FACTORS]]
nyala.kernel @head_norm(%x: tensor<?x192xf32>, %g: tensor<64xf32>) -> tensor<?x192xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  %0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32, groups = 3} : tensor<?x192xf32>, tensor<64xf32>
  nyala.return %0 : tensor<?x192xf32>
}

// Rows of odd length have no aligned vectors; the last columns are one thread's.
// CHECK-LABEL: gpu.func @layer_norm(
// CHECK-NOT: memref<4x131xf32, 1>, vector
// CHECK: arith.cmpi eq, %{{.+}}, %c128
// CHECK-COUNT-2: gpu.barrier
nyala.kernel @layer_norm(%x: tensor<?x131xf32>, %g: tensor<131xf32>, %b: tensor<131xf32>) -> tensor<?x131xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  %0 = nyala.layer_norm %x, %g bias %b {epsilon = 1.0e-5 : f32} : tensor<?x131xf32>, tensor<131xf32>, tensor<131xf32>
  nyala.return %0 : tensor<?x131xf32>
}

// Long rows take loops.
// CHECK-LABEL: gpu.func @softmax(
// CHECK-COUNT-3: scf.for
nyala.kernel @softmax(%x: tensor<?x10007xf32>) -> tensor<?x10007xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  %0 = nyala.softmax %x : tensor<?x10007xf32>
  nyala.return %0 : tensor<?x10007xf32>
}

// A block of 32 channels is that of 8 lanes, all of which come by: the largest value by three exchanges,
// sums of 16 by two.
// CHECK-LABEL: gpu.func @quantize(
// CHECK: scf.if {{.*}} -> (f32, f32, f32, f32)
// CHECK-NOT: scf.if
// CHECK-COUNT-3: gpu.shuffle xor {{.*}} : f32
// CHECK-COUNT-2: gpu.shuffle xor {{.*}} : i32
// CHECK-DAG: memref.store {{.*}} : memref<64x18xf32, 1>
// CHECK-DAG: memref.store {{.*}} : memref<64x36xi32, 1>
// CHECK-DAG: vector.store {{.*}} {alignment = 4 : i64} : memref<64x576xi8, 1>, vector<4xi8>
nyala.kernel @quantize(%x: tensor<?x576xf32>) -> (tensor<?x576xi8>, tensor<?x18xf32>, tensor<?x36xi32>) attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %q, %s, %t = nyala.quantize %x : tensor<?x576xf32> -> tensor<?x576xi8>, tensor<?x18xf32>, tensor<?x36xi32>
  nyala.return %q, %s, %t : tensor<?x576xi8>, tensor<?x18xf32>, tensor<?x36xi32>
}

// Angles are reduced in f64; frequencies are a table in constant memory.
// CHECK-LABEL: gpu.func @table(
// CHECK: memref.get_global @table_frequencies
// CHECK: arith.sitofp {{.*}} : i32 to f64
// CHECK: scf.for
// CHECK-COUNT-2: memref.store {{.*}} : memref<64x64xf32, 1>
nyala.kernel @table(%p: tensor<?xi32>) -> tensor<?x64xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %t = nyala.rope_table %p {dims = 64, base = 1.0e5} : tensor<?xi32> -> tensor<?x64xf32>
  nyala.return %t : tensor<?x64xf32>
}

// A thread's four columns are two pairs, of two adjacent angles.
// CHECK-LABEL: gpu.func @rotate(
// CHECK: vector.load {{.*}} : memref<8x576xf32, 1>, vector<4xf32>
// CHECK-COUNT-2: vector.load {{.*}} {alignment = 8 : i64} : memref<8x64xf32, 1>, vector<2xf32>
// CHECK-NOT: arith.select
// CHECK: vector.store
nyala.kernel @rotate(%x: tensor<?x576xf32>, %t: tensor<?x64xf32>) -> tensor<?x576xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %r = nyala.rotate adjacent %x by %t {heads = 9} : tensor<?x576xf32>, tensor<?x64xf32>
  nyala.return %r : tensor<?x576xf32>
}

// Partners half of the rotated part away are loaded, too; columns beyond pass through.
// CHECK-LABEL: gpu.func @rotate_half(
// CHECK-COUNT-2: vector.load {{.*}} : memref<8x192xf32, 1>, vector<4xf32>
// CHECK-COUNT-2: vector.load {{.*}} : memref<8x32xf32, 1>, vector<4xf32>
// CHECK: arith.select
nyala.kernel @rotate_half(%x: tensor<?x192xf32>, %t: tensor<?x32xf32>) -> tensor<?x192xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %r = nyala.rotate half %x by %t {heads = 3} : tensor<?x192xf32>, tensor<?x32xf32>
  nyala.return %r : tensor<?x192xf32>
}

// Caches are updated where they are, unless a row's slot is negative.
// CHECK-LABEL: gpu.func @append(
// CHECK-SAME: %[[QKV:arg[0-9]+]]: memref<8x960xf32, 1>,
// CHECK-SAME: %[[K:arg[0-9]+]]: memref<2x64x192xf16, 1>,
// CHECK-SAME: %[[V:arg[0-9]+]]: memref<2x64x204xi8, 1>,
// CHECK-SAME: %[[SLOTS:arg[0-9]+]]: memref<8xi32, 1>,
// CHECK: memref.load %[[SLOTS]]
// CHECK: %[[IS_SLOT:.+]] = arith.cmpi sge
// CHECK: scf.if %[[IS_SLOT]]
// CHECK: arith.truncf {{.*}} : vector<4xf32> to vector<4xf16>
// CHECK: vector.store {{.*}}, %[[K]]
// Blocks of 32 channels are rounded by 8 lanes together.
// CHECK: gpu.shuffle xor
// CHECK: vector.store {{.*}}, %[[V]]{{.*}} vector<4xi8>
// CHECK: vector.store {{.*}}, %[[V]]{{.*}} vector<2xi8>
nyala.kernel @append(%qkv: tensor<?x960xf32>, %k0: tensor<2x64x192xf16>, %v0: tensor<2x64x192xf32, #nyala.blocks<q8_0>>, %slots: tensor<?xi32>, %seqs: tensor<?xi32>) -> (tensor<?x576xf32>, tensor<2x64x192xf16>, tensor<2x64x192xf32, #nyala.blocks<q8_0>>) attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %q, %k, %v = nyala.split %qkv : tensor<?x960xf32> -> tensor<?x576xf32>, tensor<?x192xf32>, tensor<?x192xf32>
  %k1 = nyala.cache_append %k0, %k at %slots in %seqs : tensor<2x64x192xf16>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %slots in %seqs : tensor<2x64x192xf32, #nyala.blocks<q8_0>>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %q, %k1, %v1 : tensor<?x576xf32>, tensor<2x64x192xf16>, tensor<2x64x192xf32, #nyala.blocks<q8_0>>
}

// Four adjacent columns of a packed row are one word's bytes.
// CHECK-LABEL: gpu.func @look_up(
// CHECK-SAME: %[[IDS:arg[0-9]+]]: memref<8xi32, 1>
// CHECK-SAME: %[[TABLE:arg[0-9]+]]: memref<36288xi8, 1>
// CHECK: memref.load %[[IDS]]
// CHECK: vector.load %[[TABLE]]{{.*}} {alignment = 4 : i64} : memref<36288xi8, 1>, vector<4xi8>
// CHECK: vector.load %[[TABLE]]{{.*}} {alignment = 2 : i64} : memref<36288xi8, 1>, vector<2xi8>
// CHECK-COUNT-4: arith.sitofp
// CHECK: vector.store {{.*}} vector<4xf32>
nyala.kernel @look_up(%ids: tensor<?xi32>, %t: tensor<100x576xf32, #nyala.packed<q4_0>>) -> tensor<?x576xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %0 = nyala.embedding %ids, %t : tensor<?xi32>, tensor<100x576xf32, #nyala.packed<q4_0>> -> tensor<?x576xf32>
  nyala.return %0 : tensor<?x576xf32>
}

// Ids are gathered by one thread.
// CHECK-LABEL: gpu.func @gather_ids(
// CHECK: arith.cmpi eq, %{{.+}}, %c0
// CHECK: memref.store {{.*}} : memref<8xi32, 1>
nyala.kernel @gather_ids(%x: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?xi32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %0 = nyala.gather %x, %i : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
  nyala.return %0 : tensor<?xi32>
}

// Rows of weights do not depend on the call: there are as many tiles.
// CHECK-LABEL: gpu.func @widen(
// CHECK-NOT: nyala.row_block
// CHECK-SAME: nyala.tiles = 100 : i64
// CHECK: gpu.block_id x
// CHECK: vector.store {{.*}} vector<4xbf16>
nyala.kernel @widen(%p: tensor<100x512xf32, #nyala.packed<q6_k>>) -> tensor<100x512xbf16> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.unpack %p : tensor<100x512xf32, #nyala.packed<q6_k>> -> tensor<100x512xf32>
  %0 = arith.truncf %u : tensor<100x512xf32> to tensor<100x512xbf16>
  nyala.return %0 : tensor<100x512xbf16>
}

// CHECK-LABEL: gpu.func @randomize(
// CHECK-SAME: nyala.tiles = 57 : i64
// CHECK: arith.uitofp
// CHECK: vector.store {{.*}} vector<4xbf16>
nyala.kernel @randomize() -> tensor<100x576xbf16> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.random {deviation = 0.02 : f32, seed = 3 : i32} : tensor<100x576xbf16>
  nyala.return %u : tensor<100x576xbf16>
}

// The CPU's are not the GPU's.
// CHECK-NOT: gpu.func @of_cpu
nyala.kernel @of_cpu(%x: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {max_rows = 4 : i64} {
  %0 = nyala.softmax %x : tensor<?x64xf32>
  nyala.return %0 : tensor<?x64xf32>
}
}
