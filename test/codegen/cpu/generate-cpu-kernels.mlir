// RUN: sed -e "s/FEATURES/features = \"avx2\", \"f16c\", \"fma\"/" %s > %t.v3.mlir
// RUN: nyala-opt %t.v3.mlir --nyala-generate-cpu-kernels -o %t.v3 && FileCheck %s --check-prefixes=CHECK,V3 < %t.v3
// RUN: sed -e "s/FEATURES/features = \"avx2\", \"avx512f\", \"f16c\", \"fma\"/" %s > %t.v4.mlir
// RUN: nyala-opt %t.v4.mlir --nyala-generate-cpu-kernels -o %t.v4 && FileCheck %s --check-prefixes=CHECK,V4 < %t.v4
// RUN: sed -e "s/, FEATURES//" %s > %t.base.mlir
// RUN: nyala-opt %t.base.mlir --nyala-generate-cpu-kernels -o %t.base && FileCheck %s --check-prefixes=CHECK,BASE < %t.base
// Without a feature nothing needs it: halves are widened by integer arithmetic, a fused operation
// would be a call.
// RUN: not grep -E "math.fma|math.exp|arith.extf" %t.base

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64", FEATURES>]} {

// Kernels on tensors stay, and say what they cost; caches in blocks by their bytes.
// CHECK: nyala.kernel @product({{.*}} nyala.cost = array<i64: 6144, 0, 1920, 448, 0>
// CHECK: nyala.kernel @attention({{.*}} nyala.cost = array<i64: 0, 272, 0, 520, 128>
// CHECK: nyala.kernel @attention_over_blocks({{.*}} nyala.cost = array<i64: 0, 264, 0, 520, 104>
// CHECK: module @"x86-64" attributes {nyala.target = #nyala.cpu_target<"x86-64"

// Work items are tiles of 32 columns (the last one narrower); each reads its weights once, for all
// rows, and asks for those to come.
// CHECK-LABEL: func.func @product(
// CHECK-SAME: %[[X:arg[0-9]+]]: memref<8x64xf32> {llvm.noalias}
// CHECK-SAME: %[[W:arg[0-9]+]]: memref<1920xi8> {llvm.noalias}
// CHECK-SAME: %[[Y:arg[0-9]+]]: memref<8x48xf32> {llvm.noalias}
// CHECK-SAME: %[[ROWS:arg[0-9]+]]: index, %[[BEGIN:arg[0-9]+]]: index, %[[END:arg[0-9]+]]: index
// CHECK-SAME: memref<0xi8> {llvm.noalias}
// CHECK-SAME: nyala.scratch_bytes = 0 : i64
// CHECK-SAME: nyala.tiles = 2 : i64
// CHECK-NOT: nyala.per_row
// CHECK: %[[LOW:.+]] = arith.maxsi %[[BEGIN]],
// CHECK: %[[HIGH:.+]] = arith.minsi %[[END]],
// CHECK: scf.for %{{.+}} = %[[LOW]] to %[[HIGH]]
// CHECK: scf.for %{{.+}} = %{{.+}} to %[[ROWS]]
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK: memref.prefetch %[[W]]
// V3: arith.extf {{.*}} vector<16xf16> to vector<16xf32>
// V3: math.fma
// BASE: arith.mulf
// CHECK: vector.store {{.*}}, %[[Y]]
// CHECK: scf.if
// CHECK: vector.store {{.*}}, %[[Y]]
nyala.kernel @product(%x: tensor<?x64xf32>, %w: tensor<48x64xf32, #nyala.packed<q4_1>>) -> tensor<?x48xf32> attributes {max_rows = 8 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x64xf32>, tensor<48x64xf32, #nyala.packed<q4_1>> -> tensor<?x48xf32>
  nyala.return %0 : tensor<?x48xf32>
}

// One row needs no loop.
// CHECK-LABEL: func.func @one_row(
// CHECK-NOT: vector.maskedstore
// CHECK: return
nyala.kernel @one_row(%x: tensor<?x32xf32>, %w: tensor<32x32xf32, #nyala.packed<q8_0>>) -> tensor<?x32xf32> attributes {max_rows = 1 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<q8_0>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

// Many rows: a panel of weights is widened into scratch first, then multiplied with blocks of as
// many rows as registers hold.
// CHECK-LABEL: func.func @many_rows(
// CHECK-SAME: nyala.scratch_bytes = 8192 : i64
// CHECK: memref.view {{.*}} to memref<64x32xf32>
// V3: arith.divui %arg3, %c3{{(_[0-9]+)?}} : index
// V4: arith.divui %arg3, %c8{{(_[0-9]+)?}} : index
// BASE: arith.divui %arg3, %c3{{(_[0-9]+)?}} : index
// V3: iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
nyala.kernel @many_rows(%x: tensor<?x64xf32>, %w: tensor<32x64xf32, #nyala.packed<q4_0>>) -> tensor<?x32xf32> attributes {max_rows = 128 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32, #nyala.packed<q4_0>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

// The norm's rows are needed as a whole: they are computed into scratch before any tile.
// CHECK-LABEL: func.func @norm_before_product(
// CHECK-SAME: nyala.scratch_bytes = 1024 : i64
// CHECK: %[[NORM:.+]] = memref.view {{.*}} to memref<4x64xf32>
// CHECK: math.sqrt
// CHECK: vector.store {{.*}}, %[[NORM]]
// CHECK: arith.maxsi
// CHECK: memref.load %[[NORM]]
nyala.kernel @norm_before_product(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %w: tensor<32x64xf32, #nyala.packed<q4_0>>) -> tensor<?x32xf32> attributes {max_rows = 4 : i64} {
  %n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x64xf32>, tensor<64xf32>
  %0 = nyala.linear %n, %w : tensor<?x64xf32>, tensor<32x64xf32, #nyala.packed<q4_0>> -> tensor<?x32xf32>
  nyala.return %0 : tensor<?x32xf32>
}

// What nothing asks to tile is computed row by row; the last vector of 33 columns has one lane.
// CHECK-LABEL: func.func @row_wise(
// CHECK-SAME: nyala.per_row
// CHECK-SAME: nyala.tiles = 1 : i64
// CHECK: scf.for %[[ROW:.+]] = %arg3 to %arg4
// CHECK: vector.store {{.*}}[%[[ROW]],
// CHECK: vector.constant_mask [1] : vector<16xi1>
// CHECK: vector.maskedstore {{.*}}[%[[ROW]],
nyala.kernel @row_wise(%x: tensor<?x33xf32>) -> tensor<?x33xf32> attributes {max_rows = 128 : i64} {
  %0 = nyala.activation gelu %x : tensor<?x33xf32>
  nyala.return %0 : tensor<?x33xf32>
}

// A key-value head of a row is a work item, for all of its query heads: scores of 256 positions.
// CHECK-LABEL: func.func @attention(
// CHECK-SAME: nyala.per_row
// CHECK-SAME: nyala.scratch_bytes = 4096 : i64
// CHECK-SAME: nyala.tiles = 1 : i64
// CHECK: memref.view {{.*}} to memref<4x256xf32>
nyala.kernel @attention(%q: tensor<?x64xf32>, %k: tensor<1x300x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xf32> attributes {max_rows = 1 : i64} {
  %0 = nyala.attention %q, %k, %k at %p in %s {heads = 4 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x64xf32>, tensor<1x300x16xf32>, tensor<1x300x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  nyala.return %0 : tensor<?x64xf32>
}

// Work items of parts are as many as there can be; each takes its share of those that there are.
// CHECK-LABEL: func.func @attention_parts(
// CHECK-SAME: %[[P:arg[0-9]+]]: memref<1xi32> {llvm.noalias}, %{{arg[0-9]+}}: memref<1xi32> {llvm.noalias}, %[[Y:arg[0-9]+]]: memref<1x72xf32> {llvm.noalias}, %{{[^:]+}}: index, %[[BEGIN:[^:]+]]: index, %[[END:[^:]+]]: index
// CHECK-SAME: nyala.per_row
// CHECK-SAME: nyala.tiles = 4 : i64
// CHECK: %[[UNITS:.+]] = scf.for
// CHECK: %[[FIRST:.+]] = arith.muli %[[BEGIN]], %[[UNITS]]
// CHECK: arith.divui %[[FIRST]]
// CHECK: arith.muli %[[END]], %[[UNITS]]
// CHECK: vector.store {{.*}}, %[[Y]]
// CHECK: memref.store {{.*}}, %[[Y]]
// CHECK: memref.store {{.*}}, %[[Y]]
nyala.kernel @attention_parts(%q: tensor<?x32xf32>, %k: tensor<1x300x32xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x72xf32> attributes {max_rows = 1 : i64} {
  %0 = nyala.attention_parts %q, %k, %k at %p in %s {heads = 2 : i64, kv_heads = 2 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<1x300x32xf32>, tensor<1x300x32xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x72xf32>
  nyala.return %0 : tensor<?x72xf32>
}

// The tied result is no buffer of its own; rows of negative slots are passed over.
// CHECK-LABEL: func.func @append(
// CHECK-SAME: %[[C:arg0]]: memref<2x8x16xf32> {{.*}}, %[[X:arg1]]: memref<4x16xf32> {{.*}}, %[[S:arg2]]: memref<4xi32> {{.*}}, %[[Q:arg3]]: memref<4xi32> {{.*}}, %arg4: index, %arg5: index, %arg6: index
// CHECK: %[[SLOT32:.+]] = memref.load %[[S]]
// CHECK: %[[SLOT:.+]] = arith.index_cast %[[SLOT32]]
// CHECK: %[[IS:.+]] = arith.cmpi sge, %[[SLOT]]
// CHECK: scf.if %[[IS]]
// CHECK: %[[SEQUENCE32:.+]] = memref.load %[[Q]]
// CHECK: %[[SEQUENCE:.+]] = arith.index_cast %[[SEQUENCE32]]
// CHECK: vector.store {{.*}}, %[[C]][%[[SEQUENCE]], %[[SLOT]],
nyala.kernel @append(%c: tensor<2x8x16xf32>, %x: tensor<?x16xf32>, %s: tensor<?xi32>, %q: tensor<?xi32>) -> tensor<2x8x16xf32> attributes {max_rows = 4 : i64} {
  %0 = nyala.cache_append %c, %x at %s in %q : tensor<2x8x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %0 : tensor<2x8x16xf32>
}

// A cache in blocks is bytes: 32 integers a block, then a scale of two bytes.
// CHECK-LABEL: func.func @attention_over_blocks(
// CHECK-SAME: %arg1: memref<1x300x68xi8> {{.*}}, %arg2: memref<1x300x36xi8>
// Two vectors of a head of keys share a scale, which their products get once.
// CHECK: vector.load %arg1{{.*}} vector<16xi8>
// CHECK: vector.load %arg1{{.*}} vector<16xi8>
// CHECK: vector.load %arg1{{.*}} vector<2xi8>
// V3: %[[FIRST:.+]] = arith.mulf
// V3: %[[BOTH:.+]] = math.fma {{.*}}, %[[FIRST]]
// V3: arith.mulf %[[BOTH]]
// CHECK: vector.load %arg2{{.*}} vector<16xi8>
// CHECK: arith.extui {{.*}} vector<16xi8> to vector<16xi32>
// CHECK: vector.load %arg2{{.*}} vector<2xi8>
nyala.kernel @attention_over_blocks(%q: tensor<?x64xf32>, %k: tensor<1x300x64xf32, #nyala.blocks<q8_0>>, %v: tensor<1x300x64xf32, #nyala.blocks<q4_0>>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xf32> attributes {max_rows = 1 : i64} {
  %0 = nyala.attention %q, %k, %v at %p in %s {heads = 2 : i64, kv_heads = 2 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x64xf32>, tensor<1x300x64xf32, #nyala.blocks<q8_0>>, tensor<1x300x64xf32, #nyala.blocks<q4_0>>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  nyala.return %0 : tensor<?x64xf32>
}

// Appending stores a block's scale, then its integers; a tile of a product is one block.
// CHECK-LABEL: func.func @append_blocks(
// CHECK-SAME: %[[C:arg[0-9]+]]: memref<1x8x34xi8>
// CHECK: scf.if
// CHECK: vector.store {{.*}}, %[[C]][{{.*}} vector<2xi8>
// CHECK: vector.store {{.*}}, %[[C]][{{.*}} vector<16xi8>
// CHECK: vector.store {{.*}}, %[[C]][{{.*}} vector<16xi8>
nyala.kernel @append_blocks(%x: tensor<?x32xf32>, %w: tensor<32x32xf32, #nyala.packed<q4_0>>, %c: tensor<1x8x32xf32, #nyala.blocks<q8_0>>, %s: tensor<?xi32>, %q: tensor<?xi32>) -> tensor<1x8x32xf32, #nyala.blocks<q8_0>> attributes {max_rows = 1 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<q4_0>> -> tensor<?x32xf32>
  %1 = nyala.cache_append %c, %0 at %s in %q : tensor<1x8x32xf32, #nyala.blocks<q8_0>>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %1 : tensor<1x8x32xf32, #nyala.blocks<q8_0>>
}

// Two results: the tiles of one, then those of the other.
// CHECK-LABEL: func.func @two_results(
// CHECK-SAME: nyala.tiles = 4 : i64
nyala.kernel @two_results(%x: tensor<?x32xf32>, %w: tensor<112x32xf32, #nyala.packed<q4_0>>) -> (tensor<?x64xf32>, tensor<?x48xf32>) attributes {max_rows = 1 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<112x32xf32, #nyala.packed<q4_0>> -> tensor<?x112xf32>
  %a, %b = nyala.split %0 : tensor<?x112xf32> -> tensor<?x64xf32>, tensor<?x48xf32>
  nyala.return %a, %b : tensor<?x64xf32>, tensor<?x48xf32>
}
}
