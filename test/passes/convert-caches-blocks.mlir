// Caches in blocks: what nyala-convert-caches says of heads and channels, and how far they take a result.
// RUN: nyala-opt %s --nyala-convert-caches=type=q8 -o %t.q8 && FileCheck %s '-D$TYPE=q8_0' < %t.q8
// RUN: nyala-opt %s --nyala-convert-caches=type=q4 -o %t.q4 && FileCheck %s '-D$TYPE=q4_0' < %t.q4
// RUN: nyala-opt %s --nyala-convert-caches=type=q8 --remarks-filter=nyala-convert-caches -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// From one kind of cache to another: nothing of the old type is left.
// RUN: nyala-opt %t.q8 --nyala-convert-caches=type=q4 | diff - %t.q4
// RUN: nyala-opt %t.q4 --nyala-convert-caches=type=f16 | nyala-opt --nyala-convert-caches=type=q8 | diff - %t.q8
// RUN: nyala-opt %t.q8 --nyala-convert-caches=type=f32 | FileCheck %s --check-prefix=BACK
// The interpreter rounds what is appended.
// RUN: nyala-interpret --compare %s %t.q8 --entry forward --random-weights --seed 1 --tolerance 2e-2 --dim rows=4,sequences=1,slots=16
// RUN: not nyala-interpret --compare %s %t.q8 --entry forward --random-weights --seed 1 --tolerance 1e-4 --dim rows=4,sequences=1,slots=16
// RUN: nyala-interpret --compare %s %t.q4 --entry forward --random-weights --seed 1 --tolerance 3e-1 --dim rows=4,sequences=1,slots=16
// RUN: not nyala-interpret --compare %s %t.q4 --entry forward --random-weights --seed 1 --tolerance 1e-2 --dim rows=4,sequences=1,slots=16
// Entry points keep the encoding.
// RUN: nyala-opt %t.q8 --nyala-specialize-entries="context=8" | FileCheck %s --check-prefix=ENTRIES

// REMARK: [Passed] CachesConverted | {{.*}}Function=forward | Remark="2 caches hold q8"
// BACK-NOT: blocks
// ENTRIES-COUNT-2: nyala.cache_append {{.*}} : tensor<1x8x32xf32, #nyala.blocks<q8_0>>, tensor<?x32xf32>

// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[K0:[a-z0-9]+]]: tensor<?x?x32xf32, #nyala.blocks<[[$TYPE]]>> {nyala.state = "keys"}
// CHECK-SAME: %[[V0:[a-z0-9]+]]: tensor<?x?x32xf32, #nyala.blocks<[[$TYPE]]>> {nyala.state = "values"}
// CHECK-SAME: tensor<?x?x32xf32, #nyala.blocks<[[$TYPE]]>> {nyala.state = "keys"}, tensor<?x?x32xf32, #nyala.blocks<[[$TYPE]]>> {nyala.state = "values"}
// CHECK: nyala.cache_append %[[K0]], {{.*}} : tensor<?x?x32xf32, #nyala.blocks<[[$TYPE]]>>, tensor<?x32xf32>
// CHECK: nyala.attention {{.*}} : tensor<?x32xf32>, tensor<?x?x32xf32, #nyala.blocks<[[$TYPE]]>>, tensor<?x?x32xf32, #nyala.blocks<[[$TYPE]]>>
func.func @forward(%x: tensor<?x32xf32> {nyala.role = "tokens"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %k0: tensor<?x?x32xf32> {nyala.state = "keys"},
                   %v0: tensor<?x?x32xf32> {nyala.state = "values"})
    -> (tensor<?x32xf32>, tensor<?x?x32xf32> {nyala.state = "keys"},
        tensor<?x?x32xf32> {nyala.state = "values"}) {
  %k1 = nyala.cache_append %k0, %x at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %x at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %y = nyala.attention %x, %k1, %v1 at %positions in %sequences
     {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  return %y, %k1, %v1 : tensor<?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>
}
