// RUN: nyala-opt %s --nyala-remove-dead-state -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-remove-dead-state --remarks-filter=nyala-remove-dead-state -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nyala-interpret --compare %s %t.after --random-weights --seed 1 --tolerance 1e-5 --dim rows=3,sequences=1,slots=8
// A live state that does not receive its rows must be noticed.
// RUN: sed -e "s/return %\([0-9]*\), %\([0-9]*\), %[0-9]* :/return %\1, %\2, %\2 :/" %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --random-weights --seed 1 --tolerance 1e-5 --dim rows=3,sequences=1,slots=8

// What only dead states needed goes with them, and so do weights that nothing loads at all.
// CHECK-NOT: @unused
// CHECK: nyala.weight @k0 :
// CHECK: nyala.weight @v0 :
// CHECK-NOT: nyala.weight @k1
// CHECK: nyala.weight @computed :
// CHECK-NOT: nyala.weight
nyala.weight @unused : tensor<16x16xf32>
nyala.weight @unused_computed : tensor<16x16xf32> initializer {
  %0 = nyala.load @unused : tensor<16x16xf32>
  nyala.yield %0 : tensor<16x16xf32>
}
nyala.weight @k0 : tensor<16x16xf32>
nyala.weight @v0 : tensor<16x16xf32>
nyala.weight @k1 : tensor<16x16xf32>
nyala.weight @computed : tensor<16x16xf32> initializer {
  %0 = nyala.load @k0 : tensor<16x16xf32>
  nyala.yield %0 : tensor<16x16xf32>
}

// Attention of both layers reads the caches of layer 0; k.1 is written, never read. c.0 and c.1 only
// feed each other.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: nyala.state = "k.0"
// CHECK-SAME: nyala.state = "v.0"
// CHECK-NOT: nyala.state = "k.1"
// CHECK-NOT: nyala.state = "c.
// CHECK-SAME: -> (tensor<?x16xf32> {nyala.result = "y"}, tensor<?x?x16xf32> {nyala.state = "k.0"}, tensor<?x?x16xf32> {nyala.state = "v.0"}) {
// CHECK: %[[K:.+]] = nyala.cache_append
// CHECK: %[[V:.+]] = nyala.cache_append
// CHECK: %[[A:.+]] = nyala.attention
// CHECK: %[[Y:.+]] = nyala.attention %[[A]], %[[K]], %[[V]]
// CHECK-NOT: nyala.cache_append
// CHECK: return %{{.*}}, %[[K]], %[[V]]
// REMARK-DAG: [Passed] DeadStateRemoved | {{.*}}Function=forward | Remark="removed state 'k.1', which no result needs"
// REMARK-DAG: Function=forward | Remark="removed state 'c.0', which no result needs"
// REMARK-DAG: Function=forward | Remark="removed state 'c.1', which no result needs"
// REMARK-DAG: Function=prefill | Remark="removed state 'k.1', which no result needs"
// REMARK-DAG: DeadWeightsRemoved {{.*}} Remark="removed 3 weights that nothing loads"
func.func @forward(%x: tensor<?x16xf32> {nyala.role = "x"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %k0: tensor<?x?x16xf32> {nyala.state = "k.0"},
                   %k1: tensor<?x?x16xf32> {nyala.state = "k.1"},
                   %v0: tensor<?x?x16xf32> {nyala.state = "v.0"},
                   %c0: tensor<?x?x16xf32> {nyala.state = "c.0"},
                   %c1: tensor<?x?x16xf32> {nyala.state = "c.1"})
    -> (tensor<?x16xf32> {nyala.result = "y"}, tensor<?x?x16xf32> {nyala.state = "k.0"},
        tensor<?x?x16xf32> {nyala.state = "v.0"}, tensor<?x?x16xf32> {nyala.state = "k.1"},
        tensor<?x?x16xf32> {nyala.state = "c.0"}, tensor<?x?x16xf32> {nyala.state = "c.1"}) {
  %wk0 = nyala.load @k0 : tensor<16x16xf32>
  %wv0 = nyala.load @v0 : tensor<16x16xf32>
  %wk1 = nyala.load @k1 : tensor<16x16xf32>
  %wc = nyala.load @computed : tensor<16x16xf32>
  %k = nyala.linear %x, %wk0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %v = nyala.linear %x, %wv0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %keys = nyala.cache_append %k0, %k at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %values = nyala.cache_append %v0, %v at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %x, %keys, %values at %positions in %sequences
     {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  %y1 = nyala.linear %a, %wk1 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %keys1 = nyala.cache_append %k1, %y1 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %b = nyala.attention %a, %keys, %values at %positions in %sequences
     {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  %y = nyala.linear %b, %wc : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %from0 = nyala.attention %x, %c0, %c0 at %positions in %sequences
     {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  %next1 = nyala.cache_append %c1, %from0 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %from1 = nyala.attention %x, %c1, %c1 at %positions in %sequences
     {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  %next0 = nyala.cache_append %c0, %from1 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %y, %keys, %values, %keys1, %next0, %next1
     : tensor<?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
}

// The same state in another entry goes there, too; v.0 is only written here, but @forward reads it.
// CHECK-LABEL: func.func @prefill
// CHECK-SAME: %[[X:.+]]: tensor<?x16xf32>, %[[I:.+]]: tensor<?xi32>, %[[V0:.+]]: tensor<?x?x16xf32> {nyala.state = "v.0"}) -> (tensor<?x?x16xf32> {nyala.state = "v.0"})
// CHECK-NEXT: %[[V1:.+]] = nyala.cache_append %[[V0]], %[[X]]
// CHECK-NEXT: return %[[V1]]
func.func @prefill(%x: tensor<?x16xf32>, %slots: tensor<?xi32>,
                   %k1: tensor<?x?x16xf32> {nyala.state = "k.1"},
                   %v0: tensor<?x?x16xf32> {nyala.state = "v.0"})
    -> (tensor<?x?x16xf32> {nyala.state = "k.1"}, tensor<?x?x16xf32> {nyala.state = "v.0"}) {
  %keys = nyala.cache_append %k1, %x at %slots in %slots
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %values = nyala.cache_append %v0, %x at %slots in %slots
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %keys, %values : tensor<?x?x16xf32>, tensor<?x?x16xf32>
}

// Callers see the signature: their callee and its states stay as they are.
// CHECK-LABEL: func.func @callee
// CHECK-SAME: nyala.state = "called"
// CHECK-LABEL: func.func @caller
// CHECK: call @callee
func.func @callee(%x: tensor<?x16xf32>, %slots: tensor<?xi32>,
                  %c: tensor<?x?x16xf32> {nyala.state = "called"})
    -> (tensor<?x?x16xf32> {nyala.state = "called"}) {
  %0 = nyala.cache_append %c, %x at %slots in %slots
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %0 : tensor<?x?x16xf32>
}
func.func @caller(%x: tensor<?x16xf32>, %slots: tensor<?xi32>, %c: tensor<?x?x16xf32>)
    -> tensor<?x?x16xf32> {
  %0 = call @callee(%x, %slots, %c) : (tensor<?x16xf32>, tensor<?xi32>, tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  return %0 : tensor<?x?x16xf32>
}
