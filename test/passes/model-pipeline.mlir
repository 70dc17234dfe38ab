// The passes in their order, on a model of two layers, the second of which attends to the first's
// cache; then the passes that lay weights out. Both entries compute what @forward did.
// RUN: nyala-opt %s --nyala-model-pipeline="context=16 prefill-rows=8" -o %t.model && FileCheck %s < %t.model
// RUN: nyala-opt %t.model --nyala-pack-weights --nyala-hoist-weights -o %t.packed && FileCheck %s --check-prefix=PACKED < %t.packed
// RUN: nyala-interpret --compare %s %t.model --entry-after decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=1,wanted=1,sequences=1,slots=16,start=5
// RUN: nyala-interpret --compare %s %t.model --entry-after prefill --random-weights --seed 2 --tolerance 1e-5 --dim rows=4,wanted=2,sequences=1,slots=16
// RUN: nyala-interpret --compare %s %t.packed --entry-after decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=1,wanted=1,sequences=1,slots=16,start=5
// RUN: nyala-interpret --compare %s %t.packed --entry-after prefill --random-weights --seed 2 --tolerance 1e-5 --dim rows=4,wanted=2,sequences=1,slots=16
// Query and key swapped must be noticed.
// RUN: sed -e "s/tensor.concat dim(0) %wq0, %wk0/tensor.concat dim(0) %wk0, %wq0/" %t.packed > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry-after prefill --random-weights --seed 2 --tolerance 1e-5 --dim rows=4,wanted=2,sequences=1,slots=16

// CHECK: module attributes {nyala.model = {context = 16 : i64}}
// CHECK-NOT: @wk1
// CHECK-NOT: func.func @forward
// CHECK-LABEL: func.func @decode
// CHECK-SAME: %[[POSITIONS:arg[0-9]+]]: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "positions"}
// CHECK-SAME: tensor<1x16x16xf32> {nyala.state = "keys.0"}) -> (
// CHECK: %[[T:.+]] = nyala.rope_table %[[POSITIONS]]
// CHECK-NOT: nyala.rope_table
// CHECK: %[[QK:.+]]:2 = nyala.split %{{.*}} : tensor<?x32xf32> -> tensor<?x16xf32>, tensor<?x16xf32>
// CHECK: nyala.rotate adjacent %[[QK]]#0 by %[[T]]
// CHECK: nyala.rotate adjacent %[[QK]]#1 by %[[T]]
// Layer 1 has a query only: its key was of no use, so there is nothing to merge.
// CHECK: nyala.linear {{.*}} -> tensor<?x16xf32>
// CHECK: nyala.rotate adjacent %{{.*}} by %[[T]]
// CHECK-LABEL: func.func @prefill
// CHECK-SAME: {nyala.max_rows = 8 : i64, nyala.role = "tokens"}

// PACKED: nyala.weight @"wq0+wk0.packed" : tensor<32x16xf32, #nyala.packed<f32>> initializer
// PACKED: nyala.weight @wq1.packed : tensor<16x16xf32, #nyala.packed<f32>> initializer
// PACKED-NOT: initializer
// PACKED-LABEL: func.func @decode
// PACKED: nyala.load @table.packed
// PACKED-NOT: nyala.pack %
// PACKED-LABEL: func.func @prefill
// PACKED: nyala.load @table.packed
module attributes {nyala.model = {context = 64 : i64}} {
nyala.weight @table : tensor<32x16xf32>
nyala.weight @wq0 : tensor<16x16xf32>
nyala.weight @wk0 : tensor<16x16xf32>
nyala.weight @wq1 : tensor<16x16xf32>
nyala.weight @wk1 : tensor<16x16xf32>
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %wanted: tensor<?xi32> {nyala.role = "wanted"},
                   %k0: tensor<?x?x16xf32> {nyala.state = "keys.0"},
                   %k1: tensor<?x?x16xf32> {nyala.state = "keys.1"})
    -> (tensor<?x32xf32> {nyala.result = "logits"}, tensor<?x?x16xf32> {nyala.state = "keys.0"},
        tensor<?x?x16xf32> {nyala.state = "keys.1"}) {
  %table = nyala.load @table : tensor<32x16xf32>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<32x16xf32> -> tensor<?x16xf32>
  %wq0 = nyala.load @wq0 : tensor<16x16xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %wk0 = nyala.load @wk0 : tensor<16x16xf32>
  %p0 = nyala.linear %x, %wk0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %rq0 = nyala.rope adjacent %q0 at %positions {heads = 2, dims = 8, base = 1.0e4} : tensor<?x16xf32>, tensor<?xi32>
  %rk0 = nyala.rope adjacent %p0 at %positions {heads = 2, dims = 8, base = 1.0e4} : tensor<?x16xf32>, tensor<?xi32>
  %keys0 = nyala.cache_append %k0, %rk0 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a0 = nyala.attention %rq0, %keys0, %keys0 at %positions in %sequences
     {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  %wq1 = nyala.load @wq1 : tensor<16x16xf32>
  %q1 = nyala.linear %a0, %wq1 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %wk1 = nyala.load @wk1 : tensor<16x16xf32>
  %p1 = nyala.linear %a0, %wk1 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %rq1 = nyala.rope adjacent %q1 at %positions {heads = 2, dims = 8, base = 1.0e4} : tensor<?x16xf32>, tensor<?xi32>
  %rk1 = nyala.rope adjacent %p1 at %positions {heads = 2, dims = 8, base = 1.0e4} : tensor<?x16xf32>, tensor<?xi32>
  %keys1 = nyala.cache_append %k1, %rk1 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a1 = nyala.attention %rq1, %keys0, %keys0 at %positions in %sequences
     {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  %y = arith.addf %a0, %a1 : tensor<?x16xf32>
  %z = nyala.gather %y, %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %logits = nyala.linear %z, %table : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %logits, %keys0, %keys1 : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
}
}
