// RUN: nyala-opt %s --nyala-share-kv="factor=2 source=mean" -o %t.shared && FileCheck %s < %t.shared
// RUN: nyala-opt %t.shared --nyala-remove-dead-state -o %t.after && FileCheck %s --check-prefix=DEAD < %t.after
// RUN: nyala-interpret --compare %t.shared %t.after --random-weights --seed 1 --tolerance 1e-6 --dim rows=4
// RUN: nyala-opt %s --nyala-share-kv="factor=2 source=mean" --remarks-filter=nyala-share-kv -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// One head of keys and values for all queries (MQA), biases, and no caches: a training step, whose keys
// are tensors of the step. Nothing is rotated. The mean of the projections is a weight of its own, the
// matrix in blocks, the bias in floats.
// CHECK: nyala.weight @k0 :
// CHECK: nyala.weight @k0.mean : tensor<16x32xf32> initializer {
// CHECK-NEXT: %[[A:.+]] = nyala.load @k0 : tensor<16x32xf32>
// CHECK-NEXT: %[[B:.+]] = nyala.load @k1 : tensor<16x32xf32>
// CHECK-NEXT: %[[SUM:.+]] = arith.addf %[[A]], %[[B]] : tensor<16x32xf32>
// CHECK-NEXT: %[[HALF:.+]] = arith.constant dense<5.000000e-01> : tensor<16x32xf32>
// CHECK-NEXT: %[[MEAN:.+]] = arith.mulf %[[SUM]], %[[HALF]] : tensor<16x32xf32>
// CHECK-NEXT: %[[R:.+]] = nyala.requantize %[[MEAN]] as <q8_0> : tensor<16x32xf32>
// CHECK-NEXT: nyala.yield %[[R]] : tensor<16x32xf32>
// CHECK: nyala.weight @kb0.mean : tensor<16xf32> initializer {
// CHECK-NOT: requantize
// CHECK: nyala.yield
// CHECK: nyala.weight @v0.mean : tensor<16x32xf32> initializer {
// CHECK-LABEL: func.func @forward
// CHECK: %[[W:.+]] = nyala.load @k0.mean : tensor<16x32xf32>
// CHECK: %[[BIAS:.+]] = nyala.load @kb0.mean : tensor<16xf32>
// CHECK: %[[KL:.+]] = nyala.linear %{{.+}}, %[[W]] bias %[[BIAS]]
// CHECK: %[[K:.+]] = tensor.expand_shape %[[KL]]
// CHECK: nyala.attention %{{.+}}, %[[K]], %[[V:.+]] at
// CHECK: nyala.attention %{{.+}}, %[[K]], %[[V]] at

// What the mean is computed from stays, what only the second layer used is gone.
// DEAD: nyala.weight @k0 :
// DEAD: nyala.weight @k1 :
// DEAD-LABEL: func.func @forward
// DEAD-NOT: nyala.load @k1
// DEAD-COUNT-2: nyala.attention

// 16 x 32 values take 544 bytes in q8_0, 2048 in floats, which a weight without a source has.
// REMARK-DAG: ProjectionsAveraged {{.*}}"@k0.mean, the mean of 2 weights, takes 544 bytes, -1504 more than the first"
// REMARK-DAG: KvCachesSaved {{.*}}"1 of 2 layers keep keys and values: 32 numbers a position instead of 64 (map 0,0, source mean)"
nyala.weight @k0 : tensor<16x32xf32>
nyala.weight @kb0 : tensor<16xf32>
nyala.weight @v0 : tensor<16x32xf32>
nyala.weight @k1 : tensor<16x32xf32>
nyala.weight @kb1 : tensor<16xf32>
nyala.weight @v1 : tensor<16x32xf32>

func.func @forward(%x: tensor<4x32xf32>, %positions: tensor<4xi32>, %sequences: tensor<4xi32>)
    -> tensor<4x32xf32> {
  %wk0 = nyala.load @k0 : tensor<16x32xf32>
  %b0 = nyala.load @kb0 : tensor<16xf32>
  %wv0 = nyala.load @v0 : tensor<16x32xf32>
  %kl0 = nyala.linear %x, %wk0 bias %b0
     : tensor<4x32xf32>, tensor<16x32xf32>, tensor<16xf32> -> tensor<4x16xf32>
  %vl0 = nyala.linear %x, %wv0 : tensor<4x32xf32>, tensor<16x32xf32> -> tensor<4x16xf32>
  %k0 = tensor.expand_shape %kl0 [[0, 1], [2]] output_shape [2, 2, 16]
     : tensor<4x16xf32> into tensor<2x2x16xf32>
  %v0 = tensor.expand_shape %vl0 [[0, 1], [2]] output_shape [2, 2, 16]
     : tensor<4x16xf32> into tensor<2x2x16xf32>
  %a0 = nyala.attention %x, %k0, %v0 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x32xf32>, tensor<2x2x16xf32>, tensor<2x2x16xf32>, tensor<4xi32>, tensor<4xi32>
     -> tensor<4x32xf32>
  %wk1 = nyala.load @k1 : tensor<16x32xf32>
  %b1 = nyala.load @kb1 : tensor<16xf32>
  %wv1 = nyala.load @v1 : tensor<16x32xf32>
  %kl1 = nyala.linear %a0, %wk1 bias %b1
     : tensor<4x32xf32>, tensor<16x32xf32>, tensor<16xf32> -> tensor<4x16xf32>
  %vl1 = nyala.linear %a0, %wv1 : tensor<4x32xf32>, tensor<16x32xf32> -> tensor<4x16xf32>
  %k1 = tensor.expand_shape %kl1 [[0, 1], [2]] output_shape [2, 2, 16]
     : tensor<4x16xf32> into tensor<2x2x16xf32>
  %v1 = tensor.expand_shape %vl1 [[0, 1], [2]] output_shape [2, 2, 16]
     : tensor<4x16xf32> into tensor<2x2x16xf32>
  %a1 = nyala.attention %a0, %k1, %v1 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x32xf32>, tensor<2x2x16xf32>, tensor<2x2x16xf32>, tensor<4xi32>, tensor<4xi32>
     -> tensor<4x32xf32>
  return %a1 : tensor<4x32xf32>
}
