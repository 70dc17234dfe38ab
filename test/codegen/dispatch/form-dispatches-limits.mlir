// What keeps ops apart. Each function shows one thing; all compute what they did.
// RUN: nyala-opt %s --nyala-form-dispatches -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-form-dispatches --remarks-filter=nyala-form-dispatches -o /dev/null 2> %t.remarks
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// An op that is fused with the root it waits for is not missed.
// RUN: not grep 'Missed.*Function=later' %t.remarks
// RUN: nyala-interpret --compare %s %t.after --entry half --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// RUN: nyala-interpret --compare %s %t.after --entry odd_parts --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// RUN: nyala-interpret --compare %s %t.after --entry two_uses --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// RUN: nyala-interpret --compare %s %t.after --entry later --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// RUN: nyala-interpret --compare %s %t.after --entry shared_norm --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// RUN: nyala-interpret --compare %s %t.after --entry norm_used_outside --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// RUN: nyala-interpret --compare %s %t.after --entry norm_before_gather --random-weights --seed 1 --tolerance 1e-5 --dim rows=7 --input wanted=6,1
// RUN: nyala-interpret --compare %s %t.after --entry two_updates --random-weights --seed 1 --tolerance 1e-5 --dim rows=2 --input slots=1,5 --input sequences=0,0
// RUN: nyala-interpret --compare %s %t.after --entry products_of_products --random-weights --seed 1 --tolerance 1e-5 --dim rows=3

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
nyala.weight @w : tensor<32x32xf32, #nyala.packed<f32>>
nyala.weight @v : tensor<32x32xf32, #nyala.packed<f32>>
nyala.weight @odd : tensor<36x32xf32, #nyala.packed<f32>>
nyala.weight @g : tensor<32xf32>

// CHECK: nyala.kernel @half_linear_32x32(
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @half_rotate_32(
// CHECK-LABEL: func.func @half
// CHECK: %[[L:.+]] = nyala.dispatch @half_linear_32x32
// CHECK: nyala.dispatch @half_rotate_32 rows(%{{.+}}) (%[[L]],
// REMARK-DAG: [Missed] NotFused | {{.*}}Function=half | Reason="pairs of channels lie in different tiles", Remark="nyala.rotate is not fused with @{{[a-z0-9_]+}}, 1 time"
func.func @half(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}, %t: tensor<?x16xf32> {nyala.max_rows = 4 : i64, nyala.role = "t"}) -> tensor<?x32xf32> attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %1 = nyala.rotate half %0 by %t {heads = 2 : i64} : tensor<?x32xf32>, tensor<?x16xf32>
  return %1 : tensor<?x32xf32>
}

// Heads of 8 channels: two of them lie in one vector.
// CHECK-LABEL: func.func @narrow_heads
// CHECK: nyala.dispatch @narrow_heads_linear_32x32
// CHECK: nyala.dispatch @narrow_heads_rotate_32
// REMARK-DAG: Function=narrow_heads | Reason="heads or their rotated parts are no multiples of 16 columns", Remark="nyala.rotate is not fused with @{{[a-z0-9_]+}}, 1 time"
func.func @narrow_heads(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}, %t: tensor<?x8xf32> {nyala.max_rows = 4 : i64, nyala.role = "t"}) -> tensor<?x32xf32> attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %1 = nyala.rotate adjacent %0 by %t {heads = 4 : i64} : tensor<?x32xf32>, tensor<?x8xf32>
  return %1 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @odd_parts
// CHECK: nyala.dispatch @odd_parts_linear_32x36
// CHECK: nyala.dispatch @odd_parts_split_20
// REMARK-DAG: Function=odd_parts | Reason="a part of 20 columns is no multiple of 16", Remark="nyala.split is not fused with @{{[a-z0-9_]+}}, 1 time"
func.func @odd_parts(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}) -> (tensor<?x20xf32>, tensor<?x16xf32>) attributes {nyala.entry} {
  %w = nyala.load @odd : tensor<36x32xf32, #nyala.packed<f32>>
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<36x32xf32, #nyala.packed<f32>> -> tensor<?x36xf32>
  %a, %b = nyala.split %0 : tensor<?x36xf32> -> tensor<?x20xf32>, tensor<?x16xf32>
  return %a, %b : tensor<?x20xf32>, tensor<?x16xf32>
}

// A part of odd width behind the others, elementwise ops of an odd width: fine.
// CHECK: nyala.kernel @odd_width_linear_32x36(
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.activation
// CHECK-NEXT: nyala.return
// CHECK-LABEL: func.func @odd_width
// CHECK-COUNT-1: nyala.dispatch
// CHECK-NOT: nyala.dispatch
func.func @odd_width(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}) -> tensor<?x36xf32> attributes {nyala.entry} {
  %w = nyala.load @odd : tensor<36x32xf32, #nyala.packed<f32>>
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<36x32xf32, #nyala.packed<f32>> -> tensor<?x36xf32>
  %1 = nyala.activation silu %0 : tensor<?x36xf32>
  return %1 : tensor<?x36xf32>
}

// A value that is needed outside as well would be computed twice.
// CHECK: nyala.kernel @two_uses_linear_32x32({{.*}}) -> tensor<?x32xf32>
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.return
// CHECK-LABEL: func.func @two_uses
// CHECK: %[[L:.+]] = nyala.dispatch @two_uses_linear_32x32
// CHECK: %[[A:.+]] = nyala.dispatch @two_uses_activation_32 rows(%{{.+}}) (%[[L]])
// CHECK: return %[[L]], %[[A]]
// REMARK-DAG: Function=two_uses | Reason="an operand is computed later, or a value has several uses", Remark="nyala.activation is not fused with @{{[a-z0-9_]+}}, 1 time"
func.func @two_uses(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}) -> (tensor<?x32xf32>, tensor<?x32xf32>) attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %1 = nyala.activation silu %0 : tensor<?x32xf32>
  return %0, %1 : tensor<?x32xf32>, tensor<?x32xf32>
}

// The sum's other operand is not there yet when the first product runs; the second takes it.
// CHECK-LABEL: func.func @later
// CHECK: %[[A:.+]] = nyala.dispatch @later_linear_32x32{{.*}} (%{{[^,]+}}, %{{[^,]+}})
// CHECK: nyala.dispatch @later_linear_32x32{{.*}}%[[A]]
// CHECK-NOT: nyala.dispatch
func.func @later(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}) -> tensor<?x32xf32> attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %v = nyala.load @v : tensor<32x32xf32, #nyala.packed<f32>>
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %1 = nyala.linear %x, %v : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %2 = arith.addf %0, %1 : tensor<?x32xf32>
  return %2 : tensor<?x32xf32>
}

// Both products compute the norm for themselves: nothing is left of it.
// CHECK-LABEL: func.func @shared_norm
// CHECK-COUNT-2: nyala.dispatch @shared_norm_linear
// CHECK-NOT: nyala.dispatch
// CHECK-NOT: nyala.rms_norm
// CHECK: return
func.func @shared_norm(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}) -> (tensor<?x32xf32>, tensor<?x32xf32>) attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %v = nyala.load @v : tensor<32x32xf32, #nyala.packed<f32>>
  %g = nyala.load @g : tensor<32xf32>
  %n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %0 = nyala.linear %n, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %1 = nyala.linear %n, %v : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  return %0, %1 : tensor<?x32xf32>, tensor<?x32xf32>
}

// The norm has a dispatch of its own for its other use.
// CHECK: nyala.kernel @norm_used_outside_linear_32x32(
// CHECK-NEXT: nyala.rms_norm
// CHECK: nyala.kernel @norm_used_outside_rms_norm_32(
// CHECK-LABEL: func.func @norm_used_outside
// CHECK: %[[N:.+]] = nyala.dispatch @norm_used_outside_rms_norm_32
// CHECK: %[[L:.+]] = nyala.dispatch @norm_used_outside_linear_32x32
// CHECK: return %[[L]], %[[N]]
func.func @norm_used_outside(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}) -> (tensor<?x32xf32>, tensor<?x32xf32>) attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %g = nyala.load @g : tensor<32xf32>
  %n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %0 = nyala.linear %n, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  return %0, %n : tensor<?x32xf32>, tensor<?x32xf32>
}

// What is gathered has more rows than the product: its norm is computed before, for all of them.
// CHECK: nyala.kernel @norm_before_gather_linear_32x32({{.*}}max_rows = 2
// CHECK-NEXT: nyala.gather
// CHECK-NEXT: nyala.linear
// CHECK: nyala.kernel @norm_before_gather_rms_norm_32({{.*}}max_rows = 8
// CHECK-LABEL: func.func @norm_before_gather
func.func @norm_before_gather(%x: tensor<?x32xf32> {nyala.max_rows = 8 : i64, nyala.role = "x"}, %i: tensor<?xi32> {nyala.max_rows = 2 : i64, nyala.role = "wanted"}) -> tensor<?x32xf32> attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %g = nyala.load @g : tensor<32xf32>
  %n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %y = nyala.gather %n, %i : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %0 = nyala.linear %y, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// A cache that has been updated in place is updated again by another dispatch.
// CHECK: nyala.kernel @two_updates_linear_32x32
// CHECK: nyala.cache_append
// CHECK-NOT: nyala.cache_append
// CHECK: nyala.kernel @two_updates_cache_append_32
// CHECK-LABEL: func.func @two_updates
// CHECK: %[[C:.+]] = nyala.dispatch @two_updates_linear_32x32{{.*}} tied [2]
// CHECK: nyala.dispatch @two_updates_cache_append_32 rows(%{{.+}}) (%[[C]], {{.*}} tied [0]
func.func @two_updates(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}, %s: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "slots"}, %q: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "sequences"}, %c: tensor<1x8x32xf32> {nyala.state = "c"}) -> (tensor<1x8x32xf32> {nyala.state = "c"}) attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %1 = nyala.cache_append %c, %0 at %s in %q : tensor<1x8x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %2 = nyala.cache_append %1, %x at %s in %q : tensor<1x8x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  return %2 : tensor<1x8x32xf32>
}

// Each root is in a dispatch of its own; nothing of an attention's is fused with it.
// CHECK-LABEL: func.func @products_of_products
// CHECK: %[[A:.+]] = nyala.dispatch @products_of_products_linear_32x32
// CHECK: nyala.dispatch @products_of_products_linear_32x32{{.*}}(%[[A]],
// CHECK-NOT: nyala.dispatch
func.func @products_of_products(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}) -> tensor<?x32xf32> attributes {nyala.entry} {
  %w = nyala.load @w : tensor<32x32xf32, #nyala.packed<f32>>
  %v = nyala.load @v : tensor<32x32xf32, #nyala.packed<f32>>
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %1 = nyala.activation relu %0 : tensor<?x32xf32>
  %2 = nyala.linear %1, %v : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  return %2 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @attention
// CHECK: %[[N:.+]] = nyala.dispatch @attention_rms_norm_32
// CHECK: %[[A:.+]] = nyala.dispatch @attention_attention_32 rows(%{{.+}}) (%[[N]],
// CHECK: nyala.dispatch @attention_addf_32
// REMARK-DAG: Function=attention | Reason="only products take producers", Remark="nyala.rms_norm is not fused with @attention_attention_32, 1 time"
// REMARK-DAG: Function=attention | Reason="only products take consumers", Remark="arith.addf is not fused with @attention_attention_32, 1 time"
func.func @attention(%x: tensor<?x32xf32> {nyala.max_rows = 4 : i64, nyala.role = "x"}, %p: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "positions"}, %q: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "sequences"}, %c: tensor<1x8x32xf32> {nyala.state = "c"}) -> tensor<?x32xf32> attributes {nyala.entry} {
  %g = nyala.load @g : tensor<32xf32>
  %n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %a = nyala.attention %n, %c, %c at %p in %q {heads = 2 : i64, kv_heads = 2 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<1x8x32xf32>, tensor<1x8x32xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x32xf32>
  %s = arith.addf %x, %a : tensor<?x32xf32>
  return %s : tensor<?x32xf32>
}

// A function that is no entry point stays.
// CHECK-LABEL: func.func @helper
// CHECK: nyala.activation
func.func @helper(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %0 = nyala.activation silu %x : tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}
}
