// Two modules on the same inputs and weights.
// RUN: split-file %s %t

// A rewrite that keeps the function: rotations by a shared table, a merged weight, one cache less
// and a specialized entry.
// RUN: nyala-interpret --compare %t/before.mlir %t/after.mlir --entry-after decode --precision f64 --tolerance 1e-12/1e-12 | FileCheck %t/after.mlir
// RUN: nyala-interpret --compare %t/before.mlir %t/after.mlir --entry-after decode --json | FileCheck %t/after.mlir --check-prefix=JSON
// Both ways round.
// RUN: nyala-interpret --compare %t/after.mlir %t/before.mlir --entry decode --entry-after forward --tolerance 1e-5 | FileCheck %t/after.mlir --check-prefix=REVERSED
// A module equals itself.
// RUN: nyala-interpret --compare %t/before.mlir %t/before.mlir | FileCheck %t/before.mlir

// A rewrite that swaps the merged weights is caught, unless anything is within tolerance.
// RUN: not nyala-interpret --compare %t/before.mlir %t/swapped.mlir | FileCheck %t/swapped.mlir
// RUN: nyala-interpret --compare %t/before.mlir %t/swapped.mlir --tolerance 100/0 | FileCheck %t/swapped.mlir --check-prefix=LENIENT
// So is a result of another shape, and a missing one.
// RUN: not nyala-interpret --compare %t/before.mlir %t/missing.mlir | FileCheck %t/missing.mlir
// NaN on one side is no agreement; on both it is.
// RUN: not nyala-interpret --compare %t/number.mlir %t/nan.mlir --tolerance 1e30 | FileCheck %t/nan.mlir
// RUN: nyala-interpret --compare %t/nan.mlir %t/nan.mlir
// Nothing to compare is no success.
// RUN: not nyala-interpret --compare %t/empty.mlir %t/empty.mlir

// Types that exclude each other.
// RUN: not nyala-interpret --compare %t/before.mlir %t/narrow.mlir 2>&1 | FileCheck %t/narrow.mlir

//--- before.mlir
nyala.weight @table : tensor<8x4xf32>
nyala.weight @wq : tensor<4x4xf32>
nyala.weight @wk : tensor<4x4xf32>
// CHECK: {{^}}logits: equal
// CHECK: {{^}}k: equal
// CHECK: {{^}}unused: equal
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %k: tensor<?x?x4xf32> {nyala.state = "k"},
                   %unused: tensor<?x?x2xf32> {nyala.state = "unused"})
    -> (tensor<?x4xf32> {nyala.result = "logits"}, tensor<?x?x4xf32> {nyala.state = "k"},
        tensor<?x?x2xf32> {nyala.state = "unused"}) {
  %table = nyala.load @table : tensor<8x4xf32>
  %wq = nyala.load @wq : tensor<4x4xf32>
  %wk = nyala.load @wk : tensor<4x4xf32>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<8x4xf32> -> tensor<?x4xf32>
  %q = nyala.linear %x, %wq : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %kr = nyala.linear %x, %wk : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %q1 = nyala.rope half %q at %positions {heads = 2, dims = 2, base = 100.0} : tensor<?x4xf32>, tensor<?xi32>
  %k0 = nyala.rope half %kr at %positions {heads = 2, dims = 2, base = 100.0} : tensor<?x4xf32>, tensor<?xi32>
  %k1 = nyala.cache_append %k, %k0 at %slots in %sequences : tensor<?x?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %q1, %k1, %k1 at %positions in %sequences
      {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
      : tensor<?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x4xf32>
  return %a, %k1, %unused : tensor<?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x2xf32>
}

//--- after.mlir
nyala.weight @table : tensor<8x4xf32>
nyala.weight @wq : tensor<4x4xf32>
nyala.weight @wk : tensor<4x4xf32>
nyala.weight @merged : tensor<8x4xf32> initializer {
  %0 = nyala.load @wq : tensor<4x4xf32>
  %1 = nyala.load @wk : tensor<4x4xf32>
  %2 = tensor.concat dim(0) %0, %1 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<8x4xf32>
  nyala.yield %2 : tensor<8x4xf32>
}
// Sizes come from this side: at most 2 rows, 16 slots.
// CHECK: {{^}}logits: {{equal|.*within tolerance}}
// CHECK: {{^}}k: {{equal|.*within tolerance}}
// CHECK: {{^}}unused: only before, skipped
// JSON: {"within":true,"results":[{"name":"logits","within":true,"shape":[2,4],"difference":{{[-0-9.e]+}}
// JSON-SAME: {"name":"k","within":true,"shape":[1,16,4],"difference":{{[-0-9.e]+}}
// JSON-SAME: {"name":"unused","within":true,"note":"only before, skipped"}]}
// REVERSED: {{^}}unused: only after, skipped
func.func @decode(%positions: tensor<?xi32> {nyala.role = "positions", nyala.max_rows = 2 : i64},
                  %slots: tensor<?xi32> {nyala.role = "slots", nyala.max_rows = 2 : i64},
                  %tokens: tensor<?xi32> {nyala.role = "tokens", nyala.max_rows = 2 : i64},
                  %sequences: tensor<?xi32> {nyala.role = "sequences", nyala.max_rows = 2 : i64},
                  %k: tensor<1x16x4xf32> {nyala.state = "k"})
    -> (tensor<1x16x4xf32> {nyala.state = "k"}, tensor<?x4xf32> {nyala.result = "logits"}) {
  %table = nyala.load @table : tensor<8x4xf32>
  %w = nyala.load @merged : tensor<8x4xf32>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<8x4xf32> -> tensor<?x4xf32>
  %qk = nyala.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %q, %kr = nyala.split %qk : tensor<?x8xf32> -> tensor<?x4xf32>, tensor<?x4xf32>
  %t = nyala.rope_table %positions {dims = 2, base = 100.0} : tensor<?xi32> -> tensor<?x2xf32>
  %q1 = nyala.rotate half %q by %t {heads = 2} : tensor<?x4xf32>, tensor<?x2xf32>
  %k0 = nyala.rotate half %kr by %t {heads = 2} : tensor<?x4xf32>, tensor<?x2xf32>
  %k1 = nyala.cache_append %k, %k0 at %slots in %sequences : tensor<1x16x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %q1, %k1, %k1 at %positions in %sequences
      {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
      : tensor<?x4xf32>, tensor<1x16x4xf32>, tensor<1x16x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x4xf32>
  return %k1, %a : tensor<1x16x4xf32>, tensor<?x4xf32>
}

//--- swapped.mlir
nyala.weight @table : tensor<8x4xf32>
nyala.weight @wq : tensor<4x4xf32>
nyala.weight @wk : tensor<4x4xf32>
// CHECK: {{^}}logits: largest difference {{[0-9.]+}} at [{{[0-4], [0-3]}}], {{[-0-9.e]+}} before and {{[-0-9.e]+}} after: beyond tolerance
// CHECK: {{^}}k: {{.*}}: beyond tolerance
// CHECK: {{^}}unused: equal
// LENIENT: {{^}}logits: {{.*}}: within tolerance
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %k: tensor<?x?x4xf32> {nyala.state = "k"},
                   %unused: tensor<?x?x2xf32> {nyala.state = "unused"})
    -> (tensor<?x4xf32> {nyala.result = "logits"}, tensor<?x?x4xf32> {nyala.state = "k"},
        tensor<?x?x2xf32> {nyala.state = "unused"}) {
  %table = nyala.load @table : tensor<8x4xf32>
  %wq = nyala.load @wk : tensor<4x4xf32>
  %wk = nyala.load @wq : tensor<4x4xf32>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<8x4xf32> -> tensor<?x4xf32>
  %q = nyala.linear %x, %wq : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %kr = nyala.linear %x, %wk : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %q1 = nyala.rope half %q at %positions {heads = 2, dims = 2, base = 100.0} : tensor<?x4xf32>, tensor<?xi32>
  %k0 = nyala.rope half %kr at %positions {heads = 2, dims = 2, base = 100.0} : tensor<?x4xf32>, tensor<?xi32>
  %k1 = nyala.cache_append %k, %k0 at %slots in %sequences : tensor<?x?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %q1, %k1, %k1 at %positions in %sequences
      {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
      : tensor<?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x4xf32>
  return %a, %k1, %unused : tensor<?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x2xf32>
}

//--- missing.mlir
// CHECK: {{^}}logits: only before, expected on both sides
// CHECK: {{^}}k: shape is [1, 16, 4] before and [5, 4] after
// CHECK: {{^}}unused: only before, skipped
// CHECK: {{^}}3: only after, expected on both sides
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"})
    -> (tensor<5x4xf32> {nyala.state = "k"}, tensor<1xf32> {nyala.state = "a"},
        tensor<1xf32> {nyala.state = "b"}, tensor<1xf32>) {
  %0 = arith.constant dense<0.0> : tensor<5x4xf32>
  %1 = arith.constant dense<0.0> : tensor<1xf32>
  return %0, %1, %1, %1 : tensor<5x4xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>
}

//--- number.mlir
func.func @forward() -> tensor<2xf32> {
  %0 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %0 : tensor<2xf32>
}

//--- nan.mlir
// CHECK: {{^}}0: largest difference nan at [1], 2 before and nan after: beyond tolerance
func.func @forward() -> tensor<2xf32> {
  %0 = arith.constant dense<[1.0, 0x7FC00000]> : tensor<2xf32>
  return %0 : tensor<2xf32>
}

//--- empty.mlir
func.func @forward() {
  return
}

//--- narrow.mlir
// CHECK: nyala-interpret: error: argument 'k' has shape [?, ?, 4], in the second module [1, 16, 8]
func.func @forward(%k: tensor<1x16x8xf32> {nyala.state = "k"}) {
  return
}
