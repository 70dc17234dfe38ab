// A layer in bf16 as a GPU decodes it, steps several sequences, and takes prompts.
// RUN: nyala-opt %s --nyala-model-pipeline="context=64 bf16 batch-rows=64 prefill-rows=128" --nyala-stage-weights -o %t.before
// RUN: nyala-opt %t.before --nyala-form-dispatches -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %t.before --nyala-form-dispatches --remarks-filter=nyala-form-dispatches -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nyala-interpret --compare %t.before %t.after --entry cuda_decode --seed 1 --random-weights --tolerance 1e-5 --dim rows=1,wanted=1,sequences=1,slots=64,start=3
// RUN: nyala-interpret --compare %t.before %t.after --entry cuda_batch --seed 1 --random-weights --tolerance 1e-5 --dim rows=4,wanted=2,sequences=1,slots=64,start=3
// RUN: nyala-interpret --compare %t.before %t.after --entry cuda_prefill --seed 1 --random-weights --tolerance 1e-5 --dim rows=9,wanted=1,sequences=1,slots=64
// Gate and up swapped must be noticed.
// RUN: sed -e 's/gated_activation silu \(%[0-9]*#0\), \(%[0-9]*#1\)/gated_activation silu \2, \1/' %t.after > %t.wrong
// RUN: not nyala-interpret --compare %t.before %t.wrong --entry cuda_prefill --seed 1 --random-weights --tolerance 1e-5 --dim rows=9,wanted=1,sequences=1,slots=64

// One row: norm and rounding are computed by each block, for whichever columns of the product follows. What attention
// and gates give to the next product is rounded where it is computed.
// CHECK: nyala.kernel @cuda_decode_linear_32x64({{.*}}) -> (tensor<?x32xf32>, tensor<1x64x16xf32>, tensor<1x64x16xf32>) attributes {max_rows = 1 : i64, nyala.device = "cuda"}
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.split
// CHECK-NEXT: nyala.rotate
// CHECK-NEXT: nyala.rotate
// CHECK-NEXT: nyala.cache_append
// CHECK-NEXT: nyala.cache_append
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_attention_32(
// CHECK-NEXT: nyala.attention
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_linear_32x32(
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: arith.addf
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_linear_32x96({{.*}}) -> tensor<?x48xbf16>
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.split
// CHECK-NEXT: nyala.gated_activation
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_linear_48x32(
// CHECK: nyala.kernel @cuda_decode_linear_32x48(
// CHECK-NEXT: nyala.gather
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_top_k_48({{.*}}) -> (tensor<?x48xf32>, tensor<?x48xi32>)
// CHECK-NEXT: nyala.top_k
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_embedding_32({{.*}}) -> tensor<?x32xf32>
// CHECK-NEXT: nyala.embedding
// CHECK-NEXT: arith.extf
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_rope_table_16(
// CHECK-NOT: nyala.kernel @cuda_decode

// Several rows: what goes in is computed once, a whole row at a time.
// CHECK: nyala.kernel @cuda_batch_linear_32x64(
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.split
// CHECK: nyala.kernel @cuda_batch_rms_norm_32({{.*}}) -> tensor<?x32xbf16>
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_batch_gather_32({{.*}}) -> tensor<?x32xbf16>
// CHECK-NEXT: nyala.gather
// CHECK-NEXT: nyala.rms_norm
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.return

// Prompts: a library's product stands in for the kernel, so that it adds a residual at most.
// REMARK: {{.*}}Function=cuda_prefill | Reason="a library's product adds a residual, but computes nothing else", Remark="nyala.split is not fused with @cuda_prefill_linear_32x64, 1 time"
// CHECK: nyala.kernel @cuda_prefill_linear_32x64(
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_prefill_linear_32x32(
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: arith.addf
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_prefill_split_32({{.*}}) -> (tensor<?x32xf32>, tensor<1x64x16xf32>, tensor<1x64x16xf32>)
// CHECK-NEXT: nyala.split
// CHECK-NEXT: nyala.rotate
// CHECK-NEXT: nyala.rotate
// CHECK-NEXT: nyala.cache_append
// CHECK-NEXT: nyala.cache_append
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_prefill_split_48({{.*}}) -> tensor<?x48xbf16>
// CHECK-NEXT: nyala.split
// CHECK-NEXT: nyala.gated_activation
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.return

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {
nyala.weight @table : tensor<48x32xf32>
nyala.weight @norm : tensor<32xf32>
nyala.weight @qkv : tensor<64x32xf32>
nyala.weight @o : tensor<32x32xf32>
nyala.weight @gate_up : tensor<96x32xf32>
nyala.weight @down : tensor<32x48xf32>
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
    %positions: tensor<?xi32> {nyala.role = "positions"},
    %sequences: tensor<?xi32> {nyala.role = "sequences"},
    %slots: tensor<?xi32> {nyala.role = "slots"},
    %wanted: tensor<?xi32> {nyala.role = "wanted"},
    %k0: tensor<?x?x16xf32> {nyala.state = "k"}, %v0: tensor<?x?x16xf32> {nyala.state = "v"})
    -> (tensor<?x48xf32> {nyala.result = "logits"}, tensor<?x?x16xf32> {nyala.state = "k"}, tensor<?x?x16xf32> {nyala.state = "v"}) {
  %table = nyala.load @table : tensor<48x32xf32>
  %norm = nyala.load @norm : tensor<32xf32>
  %wqkv = nyala.load @qkv : tensor<64x32xf32>
  %wo = nyala.load @o : tensor<32x32xf32>
  %wgu = nyala.load @gate_up : tensor<96x32xf32>
  %wd = nyala.load @down : tensor<32x48xf32>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<48x32xf32> -> tensor<?x32xf32>
  %t = nyala.rope_table %positions {dims = 16 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x16xf32>
  %n = nyala.rms_norm %x, %norm {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %qkv = nyala.linear %n, %wqkv : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
  %q, %k, %v = nyala.split %qkv : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  %qr = nyala.rotate adjacent %q by %t {heads = 2 : i64} : tensor<?x32xf32>, tensor<?x16xf32>
  %kr = nyala.rotate adjacent %k by %t {heads = 1 : i64} : tensor<?x16xf32>, tensor<?x16xf32>
  %k1 = nyala.cache_append %k0, %kr at %slots in %sequences : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %slots in %sequences : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %qr, %k1, %v1 at %positions in %sequences {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>} : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x32xf32>
  %ao = nyala.linear %a, %wo : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %r = arith.addf %x, %ao : tensor<?x32xf32>
  %n2 = nyala.rms_norm %r, %norm {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %gu = nyala.linear %n2, %wgu : tensor<?x32xf32>, tensor<96x32xf32> -> tensor<?x96xf32>
  %g, %u = nyala.split %gu : tensor<?x96xf32> -> tensor<?x48xf32>, tensor<?x48xf32>
  %h = nyala.gated_activation silu %g, %u : tensor<?x48xf32>
  %d = nyala.linear %h, %wd : tensor<?x48xf32>, tensor<32x48xf32> -> tensor<?x32xf32>
  %r2 = arith.addf %r, %d : tensor<?x32xf32>
  %w = nyala.gather %r2, %wanted : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %n3 = nyala.rms_norm %w, %norm {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %l = nyala.linear %n3, %table : tensor<?x32xf32>, tensor<48x32xf32> -> tensor<?x48xf32>
  return %l, %k1, %v1 : tensor<?x48xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
}
}
