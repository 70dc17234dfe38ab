// A layer between look-up and logits, as decoding and as prefill see it.
// RUN: nyala-opt %s --nyala-form-dispatches -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-form-dispatches --remarks-filter=nyala-form-dispatches -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nyala-interpret --compare %s %t.after --entry decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,wanted=2,sequences=1,slots=24,start=3
// RUN: nyala-interpret --compare %s %t.after --entry prefill --random-weights --seed 2 --tolerance 1e-5 --dim rows=9,wanted=1,sequences=1,slots=24
// Gate and up swapped, and the residual taken from another place, must be noticed.
// RUN: sed -e 's/gated_activation silu \(%[0-9]*#0\), \(%[0-9]*#1\)/gated_activation silu \2, \1/' %t.after > %t.wrong1
// RUN: not nyala-interpret --compare %s %t.wrong1 --entry decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,wanted=2,sequences=1,slots=24,start=3
// RUN: sed -e 's/arith.addf \(%arg[0-9]*\), \(%[0-9]*\)/arith.addf \2, \2/' %t.after > %t.wrong2
// RUN: not nyala-interpret --compare %s %t.wrong2 --entry prefill --random-weights --seed 2 --tolerance 1e-5 --dim rows=9,wanted=1,sequences=1,slots=24

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64-v3", features = "avx2", "fma">]} {
nyala.weight @table : tensor<48x32xf32, #nyala.packed<f32>>
nyala.weight @norm : tensor<32xf32>
nyala.weight @qkv : tensor<64x32xf32, #nyala.packed<f32>>
nyala.weight @o : tensor<32x32xf32, #nyala.packed<f32>>
nyala.weight @gate_up : tensor<96x32xf32, #nyala.packed<f32>>
nyala.weight @down : tensor<32x48xf32, #nyala.packed<f32>>
// With few rows the norms are computed by whoever needs them. What follows a product column by
// column stays with it: parts of whole vectors, rotations, updates of caches in place.
// CHECK: nyala.kernel @decode_linear_32x64({{.*}}) -> (tensor<?x32xf32>, tensor<1x24x16xf32>, tensor<1x24x16xf32>) attributes {max_rows = 4 : i64}
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: %[[QKV:.+]]:3 = nyala.split
// CHECK-NEXT: nyala.rotate adjacent %[[QKV]]#0
// CHECK-NEXT: %[[K:.+]] = nyala.rotate adjacent %[[QKV]]#1
// CHECK-NEXT: nyala.cache_append %{{.+}}, %[[K]] at
// CHECK-NEXT: nyala.cache_append %{{.+}}, %[[QKV]]#2 at
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @decode_attention_32(
// CHECK-NEXT: nyala.attention
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @decode_linear_32x32(
// CHECK-NEXT: %[[O:.+]] = nyala.linear
// CHECK-NEXT: arith.addf %{{.+}}, %[[O]]
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @decode_linear_32x96(
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.split
// CHECK-NEXT: nyala.gated_activation
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @decode_linear_48x32(
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: arith.addf
// CHECK: nyala.kernel @decode_linear_32x48(
// CHECK-NEXT: nyala.gather
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @decode_embedding_32(
// CHECK: nyala.kernel @decode_rope_table_16(
// CHECK-NOT: nyala.kernel @decode

// Updated caches are tied to the operands that they were. The rows of logits are the wanted ones.
// CHECK-LABEL: func.func @decode
// CHECK-SAME: %[[TOKENS:arg0]]: tensor<?xi32>
// CHECK-SAME: %[[WANTED:arg4]]: tensor<?xi32>
// CHECK: %[[X:.+]] = nyala.dispatch @decode_embedding_32 rows(
// CHECK: %[[T:.+]] = nyala.dispatch @decode_rope_table_16 rows(
// CHECK: %[[P:.+]]:3 = nyala.dispatch @decode_linear_32x64 rows(%{{.+}}) (%[[X]], %norm, %qkv, %[[T]], %arg5, %arg3, %arg2, %arg6) tied [-1, 4, 7]
// CHECK: %[[A:.+]] = nyala.dispatch @decode_attention_32 rows(%{{.+}}) (%[[P]]#0, %[[P]]#1, %[[P]]#2, %arg1, %arg2) tied [-1]
// CHECK: %[[R:.+]] = nyala.dispatch @decode_linear_32x32 rows(%{{.+}}) (%[[A]], %o, %[[X]])
// CHECK: %[[H:.+]] = nyala.dispatch @decode_linear_32x96 rows(%{{.+}}) (%[[R]], %norm, %gate_up)
// CHECK: %[[D:.+]] = nyala.dispatch @decode_linear_48x32 rows(%{{.+}}) (%[[H]], %down, %[[R]])
// CHECK: %[[ROWS:.+]] = tensor.dim %[[WANTED]],
// CHECK: %[[L:.+]] = nyala.dispatch @decode_linear_32x48 rows(%[[ROWS]]) (%[[D]], %[[WANTED]], %norm, %table)
// CHECK-NEXT: return %[[L]], %[[P]]#1, %[[P]]#2
func.func @decode(%tokens: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "tokens"},
    %positions: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "positions"},
    %sequences: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "sequences"},
    %slots: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "slots"},
    %wanted: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "wanted"},
    %k0: tensor<1x24x16xf32> {nyala.state = "k"}, %v0: tensor<1x24x16xf32> {nyala.state = "v"})
    -> (tensor<?x48xf32> {nyala.result = "logits"}, tensor<1x24x16xf32> {nyala.state = "k"}, tensor<1x24x16xf32> {nyala.state = "v"})
    attributes {nyala.entry} {
  %table = nyala.load @table : tensor<48x32xf32, #nyala.packed<f32>>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<48x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %t = nyala.rope_table %positions {dims = 16 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x16xf32>
  %g = nyala.load @norm : tensor<32xf32>
  %n0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %qkv_w = nyala.load @qkv : tensor<64x32xf32, #nyala.packed<f32>>
  %qkv = nyala.linear %n0, %qkv_w : tensor<?x32xf32>, tensor<64x32xf32, #nyala.packed<f32>> -> tensor<?x64xf32>
  %q, %k, %v = nyala.split %qkv : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  %rq = nyala.rotate adjacent %q by %t {heads = 2 : i64} : tensor<?x32xf32>, tensor<?x16xf32>
  %rk = nyala.rotate adjacent %k by %t {heads = 1 : i64} : tensor<?x16xf32>, tensor<?x16xf32>
  %k1 = nyala.cache_append %k0, %rk at %slots in %sequences : tensor<1x24x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %slots in %sequences : tensor<1x24x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %rq, %k1, %v1 at %positions in %sequences {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<1x24x16xf32>, tensor<1x24x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x32xf32>
  %o_w = nyala.load @o : tensor<32x32xf32, #nyala.packed<f32>>
  %o = nyala.linear %a, %o_w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %x1 = arith.addf %x, %o : tensor<?x32xf32>
  %n1 = nyala.rms_norm %x1, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %gu_w = nyala.load @gate_up : tensor<96x32xf32, #nyala.packed<f32>>
  %gu = nyala.linear %n1, %gu_w : tensor<?x32xf32>, tensor<96x32xf32, #nyala.packed<f32>> -> tensor<?x96xf32>
  %gate, %up = nyala.split %gu : tensor<?x96xf32> -> tensor<?x48xf32>, tensor<?x48xf32>
  %h = nyala.gated_activation silu %gate, %up : tensor<?x48xf32>
  %down_w = nyala.load @down : tensor<32x48xf32, #nyala.packed<f32>>
  %d = nyala.linear %h, %down_w : tensor<?x48xf32>, tensor<32x48xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %x2 = arith.addf %x1, %d : tensor<?x32xf32>
  %w = nyala.gather %x2, %wanted : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %n2 = nyala.rms_norm %w, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %logits = nyala.linear %n2, %table : tensor<?x32xf32>, tensor<48x32xf32, #nyala.packed<f32>> -> tensor<?x48xf32>
  return %logits, %k1, %v1 : tensor<?x48xf32>, tensor<1x24x16xf32>, tensor<1x24x16xf32>
}
// With many rows a norm is computed once, before the products.
// CHECK: nyala.kernel @prefill_linear_32x64(
// CHECK-NEXT: nyala.linear
// CHECK: nyala.kernel @prefill_linear_32x96(
// CHECK-NEXT: nyala.linear
// CHECK: nyala.kernel @prefill_rms_norm_32(
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: nyala.return
// CHECK-LABEL: func.func @prefill
// CHECK: %[[X:.+]] = nyala.dispatch @prefill_embedding_32
// CHECK: %[[N:.+]] = nyala.dispatch @prefill_rms_norm_32 rows(%{{.+}}) (%[[X]], %norm)
// CHECK: nyala.dispatch @prefill_linear_32x64 rows(%{{.+}}) (%[[N]], %qkv,
// CHECK: %[[G:.+]] = nyala.dispatch @prefill_gather_32
// CHECK: %[[N2:.+]] = nyala.dispatch @prefill_rms_norm_32{{.*}} (%[[G]], %norm)
// CHECK: nyala.dispatch @prefill_linear_32x48 rows(%{{.+}}) (%[[N2]], %table)
// Remarks name kernels, their ops and uses, and what stayed outside of them.
// REMARK: [Passed] DispatchFormed | {{.*}}Function=decode | Remark="@decode_linear_32x64, 1 use: nyala.rms_norm, nyala.linear, nyala.split, 2 nyala.rotate, 2 nyala.cache_append"
// REMARK: [Passed] DispatchFormed | {{.*}}Function=prefill | Remark="@prefill_linear_32x64, 1 use: nyala.linear, nyala.split, 2 nyala.rotate, 2 nyala.cache_append"
// REMARK: [Missed] NotFused | {{.*}}Function=prefill | Reason="each worker would compute up to 128 rows again", Remark="nyala.rms_norm is not fused with @prefill_linear_32x64, 1 time"
// REMARK: [Passed] DispatchFormed | {{.*}}Function=prefill | Remark="@prefill_rms_norm_32, 3 uses: nyala.rms_norm"
func.func @prefill(%tokens: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "tokens"},
    %positions: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "positions"},
    %sequences: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "sequences"},
    %slots: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "slots"},
    %wanted: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "wanted"},
    %k0: tensor<1x24x16xf32> {nyala.state = "k"}, %v0: tensor<1x24x16xf32> {nyala.state = "v"})
    -> (tensor<?x48xf32> {nyala.result = "logits"}, tensor<1x24x16xf32> {nyala.state = "k"}, tensor<1x24x16xf32> {nyala.state = "v"})
    attributes {nyala.entry} {
  %table = nyala.load @table : tensor<48x32xf32, #nyala.packed<f32>>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<48x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %t = nyala.rope_table %positions {dims = 16 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x16xf32>
  %g = nyala.load @norm : tensor<32xf32>
  %n0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %qkv_w = nyala.load @qkv : tensor<64x32xf32, #nyala.packed<f32>>
  %qkv = nyala.linear %n0, %qkv_w : tensor<?x32xf32>, tensor<64x32xf32, #nyala.packed<f32>> -> tensor<?x64xf32>
  %q, %k, %v = nyala.split %qkv : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  %rq = nyala.rotate adjacent %q by %t {heads = 2 : i64} : tensor<?x32xf32>, tensor<?x16xf32>
  %rk = nyala.rotate adjacent %k by %t {heads = 1 : i64} : tensor<?x16xf32>, tensor<?x16xf32>
  %k1 = nyala.cache_append %k0, %rk at %slots in %sequences : tensor<1x24x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %slots in %sequences : tensor<1x24x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %rq, %k1, %v1 at %positions in %sequences {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<1x24x16xf32>, tensor<1x24x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x32xf32>
  %o_w = nyala.load @o : tensor<32x32xf32, #nyala.packed<f32>>
  %o = nyala.linear %a, %o_w : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %x1 = arith.addf %x, %o : tensor<?x32xf32>
  %n1 = nyala.rms_norm %x1, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %gu_w = nyala.load @gate_up : tensor<96x32xf32, #nyala.packed<f32>>
  %gu = nyala.linear %n1, %gu_w : tensor<?x32xf32>, tensor<96x32xf32, #nyala.packed<f32>> -> tensor<?x96xf32>
  %gate, %up = nyala.split %gu : tensor<?x96xf32> -> tensor<?x48xf32>, tensor<?x48xf32>
  %h = nyala.gated_activation silu %gate, %up : tensor<?x48xf32>
  %down_w = nyala.load @down : tensor<32x48xf32, #nyala.packed<f32>>
  %d = nyala.linear %h, %down_w : tensor<?x48xf32>, tensor<32x48xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %x2 = arith.addf %x1, %d : tensor<?x32xf32>
  %w = nyala.gather %x2, %wanted : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %n2 = nyala.rms_norm %w, %g {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %logits = nyala.linear %n2, %table : tensor<?x32xf32>, tensor<48x32xf32, #nyala.packed<f32>> -> tensor<?x48xf32>
  return %logits, %k1, %v1 : tensor<?x48xf32>, tensor<1x24x16xf32>, tensor<1x24x16xf32>
}
}
