// RUN: nyala-opt %s --nyala-generate-cpu-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64", features = "avx2", "fma">]} {

// Work items of a sum over rows are ranges of 64 columns, whatever the number of rows; the last one is
// narrower.
// CHECK-LABEL: func.func @sum(
// CHECK-SAME: %[[X:arg0]]: memref<300x100xf32> {{.*}}, %[[Y:arg1]]: memref<1x100xf32> {{.*}}, %arg2: index, %[[BEGIN:arg3]]: index, %[[END:arg4]]: index
// CHECK-NOT: nyala.per_row
// CHECK-SAME: nyala.tiles = 2 : i64
// CHECK: scf.for %[[ITEM:.+]] = %[[BEGIN]] to %[[END]]
// CHECK: %[[FULL:.+]] = arith.cmpi ult, %[[ITEM]]
// CHECK: scf.if %[[FULL]]
// Four chains of four vectors.
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK: vector.load %[[X]]
// CHECK: vector.store {{.*}}, %[[Y]]
// CHECK: } else {
// CHECK: vector.maskedstore %[[Y]]
nyala.kernel @sum(%x: tensor<300x100xf32>) -> tensor<1x100xf32> attributes {max_rows = 300 : i64} {
  %0 = nyala.sum_rows %x : tensor<300x100xf32> -> tensor<1x100xf32>
  nyala.return %0 : tensor<1x100xf32>
}

// Each row's factor is needed by all items: before them, in scratch.
// CHECK-LABEL: func.func @weight_gradient(
// CHECK-SAME: nyala.scratch_bytes = 256 : i64, nyala.tiles = 1 : i64
// CHECK: %[[FACTORS:.+]] = memref.view {{.*}} to memref<64x1xf32>
// CHECK: math.sqrt
// CHECK: memref.store {{.*}}, %[[FACTORS]]
// CHECK: scf.for {{.*}} = %arg4 to %arg5
// CHECK: memref.load %[[FACTORS]]
// CHECK: vector.store {{.*}}, %arg2[{{[^,]*}}] : memref<32xf32>
nyala.kernel @weight_gradient(%d: tensor<64x32xf32>, %x: tensor<64x32xf32>) -> tensor<32xf32> attributes {max_rows = 64 : i64} {
  %0 = nyala.rms_norm_weight_gradient %d, %x {epsilon = 1.0e-5 : f32} : tensor<64x32xf32> -> tensor<32xf32>
  nyala.return %0 : tensor<32xf32>
}

// A work item is a head of a sequence.
// CHECK-LABEL: func.func @self_attention(
// CHECK-NOT: nyala.per_row
// CHECK-SAME: nyala.tiles = 8 : i64
// CHECK: memref.view {{.*}} to memref<8x16x16xf32>
nyala.kernel @self_attention(%q: tensor<256x64xf32>, %k: tensor<256x32xf32>) -> (tensor<256x64xf32>, tensor<256x4xf32>) attributes {max_rows = 256 : i64} {
  %0, %1 = nyala.self_attention %q, %k, %k {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.25 : f32, length = 128 : i64, mask = #nyala.mask<causal>}
     : tensor<256x64xf32>, tensor<256x32xf32>, tensor<256x32xf32> -> tensor<256x64xf32>, tensor<256x4xf32>
  nyala.return %0, %1 : tensor<256x64xf32>, tensor<256x4xf32>
}

// Of the gradient: a key-value head of a sequence, so that one worker adds up its keys' gradients. The
// result that nobody asks for is no buffer.
// CHECK-LABEL: func.func @self_attention_gradient(
// CHECK-SAME: %arg6: memref<256x32xf32> {{.*}}, %arg7: memref<256x32xf32> {{.*}}, %arg8: index
// CHECK-SAME: nyala.tiles = 4 : i64
nyala.kernel @self_attention_gradient(%d: tensor<256x64xf32>, %q: tensor<256x64xf32>, %k: tensor<256x32xf32>, %v: tensor<256x32xf32>, %y: tensor<256x64xf32>, %l: tensor<256x4xf32>) -> (tensor<256x32xf32>, tensor<256x32xf32>) attributes {max_rows = 256 : i64} {
  %0, %1, %2 = nyala.self_attention_gradient %d, %q, %k, %v, %y, %l {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.25 : f32, length = 128 : i64, mask = #nyala.mask<causal>}
     : tensor<256x64xf32>, tensor<256x32xf32>, tensor<256x32xf32>, tensor<256x64xf32>, tensor<256x4xf32>
  nyala.return %1, %2 : tensor<256x32xf32>, tensor<256x32xf32>
}

// Weights are updated where they lie; all that was loaded is used before anything is stored.
// CHECK-LABEL: func.func @sgd(
// CHECK-SAME: %[[W:arg0]]: memref<4x16xf32> {{.*}}, %[[V:arg1]]: memref<4x16xf32> {{.*}}, %arg2: memref<4x16xf32> {{.*}}, %arg3: memref<1x1xf32> {{.*}}, %arg4: memref<1x1xf32> {{.*}}, %arg5: index
// CHECK: arith.select
// CHECK-NOT: vector.store
// CHECK: arith.select
// CHECK: vector.store {{.*}}, %[[W]]
// CHECK: vector.store {{.*}}, %[[V]]
nyala.kernel @sgd(%w: tensor<4x16xf32>, %v: tensor<4x16xf32>, %g: tensor<4x16xf32>, %r: tensor<1x1xf32>, %s: tensor<1x1xf32>) -> (tensor<4x16xf32>, tensor<4x16xf32>) attributes {max_rows = 4 : i64} {
  %0, %1 = nyala.sgd %w, %v, %g rate %r scale %s {momentum = 0.9 : f32, weight_decay = 0.1 : f32} : tensor<4x16xf32>
  nyala.return %0, %1 : tensor<4x16xf32>, tensor<4x16xf32>
}
}
