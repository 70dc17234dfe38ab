// RUN: nyala-opt %s --nyala-specialize-entries=context=16 -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-specialize-entries | FileCheck %s --check-prefix=DEFAULT
// RUN: nyala-opt %s --nyala-specialize-entries="context=8 decode-rows=4 prefill-rows=32 sequences=4" | FileCheck %s --check-prefix=OPTIONS
// RUN: nyala-opt %s --nyala-specialize-entries="context=8 batch-rows=64" | FileCheck %s --check-prefix=BATCH
// RUN: nyala-opt %s --nyala-specialize-entries=context=16 --remarks-filter=nyala-specialize-entries -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nyala-interpret --compare %s %t.after --entry forward --entry-after decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=1,wanted=1,sequences=1,slots=16,start=5
// RUN: nyala-interpret --compare %s %t.after --entry forward --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,wanted=2,sequences=1,slots=16
// An append to the wrong cache must be noticed.
// RUN: sed -e "s/return %\([0-9]*\), %\([0-9]*\), %\([0-9]*\) :/return %\1, %\3, %\2 :/" %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry forward --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,wanted=2,sequences=1,slots=16

// CHECK: module attributes {nyala.model = {context = 16 : i64, layers = 1 : i64}}
// DEFAULT: module attributes {nyala.model = {context = 64 : i64, layers = 1 : i64}}
// OPTIONS: module attributes {nyala.model = {context = 8 : i64, layers = 1 : i64}}
module attributes {nyala.model = {context = 64 : i64, layers = 1 : i64}} {

// Weights are shared: one symbol for both entries.
// CHECK-COUNT-1: nyala.weight @table
nyala.weight @table : tensor<32x16xf32>

// BATCH: func.func @decode
// BATCH: func.func @batch(%{{.+}}: tensor<?xi32> {nyala.max_rows = 64 : i64, nyala.role = "tokens"}
// BATCH: func.func @prefill
// DEFAULT-NOT: func.func @batch
// CHECK-NOT: @forward
// CHECK-LABEL: func.func @decode
// CHECK-SAME: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "tokens"}
// CHECK-SAME: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "positions"}
// CHECK-SAME: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "sequences"}
// CHECK-SAME: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "slots"}
// CHECK-SAME: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "wanted"}
// CHECK-SAME: tensor<1x16x16xf32> {nyala.state = "keys"}
// CHECK-SAME: tensor<1x16x16xf32> {nyala.state = "values"}
// CHECK-SAME: -> (tensor<?x32xf32> {nyala.result = "logits"}, tensor<1x16x16xf32> {nyala.state = "keys"}, tensor<1x16x16xf32> {nyala.state = "values"})
// CHECK-SAME: attributes {nyala.entry}
// CHECK: nyala.load @table
// CHECK: nyala.cache_append {{.*}} : tensor<1x16x16xf32>
// CHECK: nyala.cache_append {{.*}} : tensor<1x16x16xf32>
// CHECK: nyala.attention {{.*}} : tensor<?x16xf32>, tensor<1x16x16xf32>, tensor<1x16x16xf32>
// CHECK-LABEL: func.func @prefill
// CHECK-SAME: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "tokens"}
// CHECK-SAME: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "wanted"}
// CHECK-SAME: tensor<1x16x16xf32> {nyala.state = "keys"}
// CHECK-SAME: attributes {nyala.entry}
// CHECK: nyala.load @table
// CHECK-NOT: func.func
// DEFAULT: func.func @decode({{.*}} tensor<1x64x16xf32> {nyala.state = "keys"}
// OPTIONS: func.func @decode({{.*}} {nyala.max_rows = 4 : i64, nyala.role = "tokens"}{{.*}} tensor<4x8x16xf32> {nyala.state = "keys"}
// OPTIONS: func.func @prefill({{.*}} {nyala.max_rows = 32 : i64, nyala.role = "tokens"}{{.*}} tensor<4x8x16xf32> {nyala.state = "keys"}
// REMARK: [Passed] EntrySpecialized | {{.*}}Function=decode | Remark="@decode: up to 1 rows; caches of 1 sequences of 16 slots"
// REMARK: [Passed] EntrySpecialized | {{.*}}Function=prefill | Remark="@prefill: up to 128 rows; caches of 1 sequences of 16 slots"
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %wanted: tensor<?xi32> {nyala.role = "wanted"},
                   %k0: tensor<?x?x16xf32> {nyala.state = "keys"},
                   %v0: tensor<?x?x16xf32> {nyala.state = "values"})
    -> (tensor<?x32xf32> {nyala.result = "logits"}, tensor<?x?x16xf32> {nyala.state = "keys"},
        tensor<?x?x16xf32> {nyala.state = "values"}) {
  %table = nyala.load @table : tensor<32x16xf32>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<32x16xf32> -> tensor<?x16xf32>
  %keys = nyala.cache_append %k0, %x at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %values = nyala.cache_append %v0, %x at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %x, %keys, %values at %positions in %sequences
     {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  %w = nyala.gather %a, %wanted : tensor<?x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
  %y = nyala.linear %w, %table : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %y, %keys, %values : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
}
}
