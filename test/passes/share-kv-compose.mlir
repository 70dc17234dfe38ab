// Sharing with every arithmetic, type of cache, and with a skipped tail: what the whole pipeline makes of
// a model computes what the passes do that change its function. The same options through generated
// code: test/e2e/test_matrix.py.
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --nyala-convert-caches=type=f32 -o %t.f32.f32
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 kv-type=f32" -o %t.f32.f32.all && nyala-interpret --compare %t.f32.f32 %t.f32.f32.all --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 kv-type=f32 skip-prefill-tail=true" -o %t.f32.f32.tail && nyala-interpret --compare %t.f32.f32 %t.f32.f32.tail --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --nyala-convert-caches=type=f16 -o %t.f32.f16
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 kv-type=f16 skip-prefill-tail=true" -o %t.f32.f16.tail && nyala-interpret --compare %t.f32.f16 %t.f32.f16.tail --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --nyala-convert-caches=type=q8 -o %t.f32.q8
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 kv-type=q8" -o %t.f32.q8.all && nyala-interpret --compare %t.f32.q8 %t.f32.q8.all --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 kv-type=q8 skip-prefill-tail=true" -o %t.f32.q8.tail && nyala-interpret --compare %t.f32.q8 %t.f32.q8.tail --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --nyala-convert-caches=type=q4 -o %t.f32.q4
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 kv-type=q4 skip-prefill-tail=true" -o %t.f32.q4.tail && nyala-interpret --compare %t.f32.q4 %t.f32.q4.tail --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --nyala-quantize-linears --nyala-convert-caches=type=f32 -o %t.native.f32
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 native=true kv-type=f32" -o %t.native.f32.all && nyala-interpret --compare %t.native.f32 %t.native.f32.all --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 native=true kv-type=f32 skip-prefill-tail=true" -o %t.native.f32.tail && nyala-interpret --compare %t.native.f32 %t.native.f32.tail --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --nyala-quantize-linears --nyala-convert-caches=type=f16 -o %t.native.f16
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 native=true kv-type=f16 skip-prefill-tail=true" -o %t.native.f16.tail && nyala-interpret --compare %t.native.f16 %t.native.f16.tail --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --nyala-quantize-linears --nyala-convert-caches=type=q8 -o %t.native.q8
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 native=true kv-type=q8" -o %t.native.q8.all && nyala-interpret --compare %t.native.q8 %t.native.q8.all --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 native=true kv-type=q8 skip-prefill-tail=true" -o %t.native.q8.tail && nyala-interpret --compare %t.native.q8 %t.native.q8.tail --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --nyala-quantize-linears --nyala-convert-caches=type=q4 -o %t.native.q4
// RUN: nyala-opt %s --nyala-model-pipeline="share-kv=2 native=true kv-type=q4 skip-prefill-tail=true" -o %t.native.q4.tail && nyala-interpret --compare %t.native.q4 %t.native.q4.tail --entry-after prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// The model without sharing is another one.
// RUN: not nyala-interpret --compare %s %t.f32.f32.all --entry-after prefill --random-weights --seed 1 --tolerance 1e-1 --dim rows=4,sequences=1,slots=8,start=2 --input wanted=3
// RUN: FileCheck %s < %t.native.q8.tail

// Two caches of keys, two of values. The last producer is layer 2: layer 3 and half of layer 2 work on
// the wanted row.
// CHECK: kv_sharing = "0,0,2,2"
// CHECK-SAME: prefill_tail = "skipped"
// CHECK-LABEL: func.func @decode
// CHECK-COUNT-4: {nyala.state = "{{[kv]}}.{{[02]}}"}
// CHECK-LABEL: func.func @prefill
// CHECK-COUNT-4: nyala.cache_append {{.*}} #nyala.blocks<q8_0>>
// CHECK-NOT: nyala.cache_append
// CHECK: nyala.attention
// CHECK: nyala.quantized_linear
// CHECK: nyala.attention

module attributes {nyala.model = {context = 8 : i64}} {
nyala.weight @table : tensor<96x64xf32> source #nyala.source<"none", offset = 0, bytes = 6528, format = q8_0>
nyala.weight @q0 : tensor<64x64xf32> source #nyala.source<"none", offset = 0, bytes = 4352, format = q8_0>
nyala.weight @k0 : tensor<32x64xf32> source #nyala.source<"none", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @v0 : tensor<32x64xf32> source #nyala.source<"none", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @o0 : tensor<64x64xf32> source #nyala.source<"none", offset = 0, bytes = 4352, format = q8_0>
nyala.weight @n0 : tensor<64xf32>
nyala.weight @q1 : tensor<64x64xf32> source #nyala.source<"none", offset = 0, bytes = 4352, format = q8_0>
nyala.weight @k1 : tensor<32x64xf32> source #nyala.source<"none", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @v1 : tensor<32x64xf32> source #nyala.source<"none", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @o1 : tensor<64x64xf32> source #nyala.source<"none", offset = 0, bytes = 4352, format = q8_0>
nyala.weight @n1 : tensor<64xf32>
nyala.weight @q2 : tensor<64x64xf32> source #nyala.source<"none", offset = 0, bytes = 4352, format = q8_0>
nyala.weight @k2 : tensor<32x64xf32> source #nyala.source<"none", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @v2 : tensor<32x64xf32> source #nyala.source<"none", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @o2 : tensor<64x64xf32> source #nyala.source<"none", offset = 0, bytes = 4352, format = q8_0>
nyala.weight @n2 : tensor<64xf32>
nyala.weight @q3 : tensor<64x64xf32> source #nyala.source<"none", offset = 0, bytes = 4352, format = q8_0>
nyala.weight @k3 : tensor<32x64xf32> source #nyala.source<"none", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @v3 : tensor<32x64xf32> source #nyala.source<"none", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @o3 : tensor<64x64xf32> source #nyala.source<"none", offset = 0, bytes = 4352, format = q8_0>
nyala.weight @n3 : tensor<64xf32>
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %wanted: tensor<?xi32> {nyala.role = "wanted"},
                   %ck0: tensor<?x?x32xf32> {nyala.state = "k.0"},
                   %cv0: tensor<?x?x32xf32> {nyala.state = "v.0"},
                   %ck1: tensor<?x?x32xf32> {nyala.state = "k.1"},
                   %cv1: tensor<?x?x32xf32> {nyala.state = "v.1"},
                   %ck2: tensor<?x?x32xf32> {nyala.state = "k.2"},
                   %cv2: tensor<?x?x32xf32> {nyala.state = "v.2"},
                   %ck3: tensor<?x?x32xf32> {nyala.state = "k.3"},
                   %cv3: tensor<?x?x32xf32> {nyala.state = "v.3"})
    -> (tensor<?x96xf32> {nyala.result = "logits"},
        tensor<?x?x32xf32> {nyala.state = "k.0"},
        tensor<?x?x32xf32> {nyala.state = "v.0"},
        tensor<?x?x32xf32> {nyala.state = "k.1"},
        tensor<?x?x32xf32> {nyala.state = "v.1"},
        tensor<?x?x32xf32> {nyala.state = "k.2"},
        tensor<?x?x32xf32> {nyala.state = "v.2"},
        tensor<?x?x32xf32> {nyala.state = "k.3"},
        tensor<?x?x32xf32> {nyala.state = "v.3"}) {
  %table = nyala.load @table : tensor<96x64xf32>
  %y = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<96x64xf32> -> tensor<?x64xf32>
  %n0 = nyala.load @n0 : tensor<64xf32>
  %wq0 = nyala.load @q0 : tensor<64x64xf32>
  %wk0 = nyala.load @k0 : tensor<32x64xf32>
  %wv0 = nyala.load @v0 : tensor<32x64xf32>
  %wo0 = nyala.load @o0 : tensor<64x64xf32>
  %x0 = nyala.rms_norm %y, %n0 {epsilon = 1.0e-5 : f32} : tensor<?x64xf32>, tensor<64xf32>
  %ql0 = nyala.linear %x0, %wq0 : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %kl0 = nyala.linear %x0, %wk0 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %vl0 = nyala.linear %x0, %wv0 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %q0 = nyala.rope adjacent %ql0 at %positions {heads = 2, dims = 32, base = 1.0e4} : tensor<?x64xf32>, tensor<?xi32>
  %k0 = nyala.rope adjacent %kl0 at %positions {heads = 1, dims = 32, base = 1.0e4} : tensor<?x32xf32>, tensor<?xi32>
  %nk0 = nyala.cache_append %ck0, %k0 at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %nv0 = nyala.cache_append %cv0, %vl0 at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %a0 = nyala.attention %q0, %nk0, %nv0 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.2 : f32, mask = #nyala.mask<causal>}
     : tensor<?x64xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  %o0 = nyala.linear %a0, %wo0 : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %y0 = arith.addf %y, %o0 : tensor<?x64xf32>
  %n1 = nyala.load @n1 : tensor<64xf32>
  %wq1 = nyala.load @q1 : tensor<64x64xf32>
  %wk1 = nyala.load @k1 : tensor<32x64xf32>
  %wv1 = nyala.load @v1 : tensor<32x64xf32>
  %wo1 = nyala.load @o1 : tensor<64x64xf32>
  %x1 = nyala.rms_norm %y0, %n1 {epsilon = 1.0e-5 : f32} : tensor<?x64xf32>, tensor<64xf32>
  %ql1 = nyala.linear %x1, %wq1 : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %kl1 = nyala.linear %x1, %wk1 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %vl1 = nyala.linear %x1, %wv1 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %q1 = nyala.rope adjacent %ql1 at %positions {heads = 2, dims = 32, base = 1.0e4} : tensor<?x64xf32>, tensor<?xi32>
  %k1 = nyala.rope adjacent %kl1 at %positions {heads = 1, dims = 32, base = 1.0e4} : tensor<?x32xf32>, tensor<?xi32>
  %nk1 = nyala.cache_append %ck1, %k1 at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %nv1 = nyala.cache_append %cv1, %vl1 at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %a1 = nyala.attention %q1, %nk1, %nv1 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.2 : f32, mask = #nyala.mask<causal>}
     : tensor<?x64xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  %o1 = nyala.linear %a1, %wo1 : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %y1 = arith.addf %y0, %o1 : tensor<?x64xf32>
  %n2 = nyala.load @n2 : tensor<64xf32>
  %wq2 = nyala.load @q2 : tensor<64x64xf32>
  %wk2 = nyala.load @k2 : tensor<32x64xf32>
  %wv2 = nyala.load @v2 : tensor<32x64xf32>
  %wo2 = nyala.load @o2 : tensor<64x64xf32>
  %x2 = nyala.rms_norm %y1, %n2 {epsilon = 1.0e-5 : f32} : tensor<?x64xf32>, tensor<64xf32>
  %ql2 = nyala.linear %x2, %wq2 : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %kl2 = nyala.linear %x2, %wk2 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %vl2 = nyala.linear %x2, %wv2 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %q2 = nyala.rope adjacent %ql2 at %positions {heads = 2, dims = 32, base = 1.0e4} : tensor<?x64xf32>, tensor<?xi32>
  %k2 = nyala.rope adjacent %kl2 at %positions {heads = 1, dims = 32, base = 1.0e4} : tensor<?x32xf32>, tensor<?xi32>
  %nk2 = nyala.cache_append %ck2, %k2 at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %nv2 = nyala.cache_append %cv2, %vl2 at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %a2 = nyala.attention %q2, %nk2, %nv2 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.2 : f32, mask = #nyala.mask<causal>}
     : tensor<?x64xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  %o2 = nyala.linear %a2, %wo2 : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %y2 = arith.addf %y1, %o2 : tensor<?x64xf32>
  %n3 = nyala.load @n3 : tensor<64xf32>
  %wq3 = nyala.load @q3 : tensor<64x64xf32>
  %wk3 = nyala.load @k3 : tensor<32x64xf32>
  %wv3 = nyala.load @v3 : tensor<32x64xf32>
  %wo3 = nyala.load @o3 : tensor<64x64xf32>
  %x3 = nyala.rms_norm %y2, %n3 {epsilon = 1.0e-5 : f32} : tensor<?x64xf32>, tensor<64xf32>
  %ql3 = nyala.linear %x3, %wq3 : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %kl3 = nyala.linear %x3, %wk3 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %vl3 = nyala.linear %x3, %wv3 : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %q3 = nyala.rope adjacent %ql3 at %positions {heads = 2, dims = 32, base = 1.0e4} : tensor<?x64xf32>, tensor<?xi32>
  %k3 = nyala.rope adjacent %kl3 at %positions {heads = 1, dims = 32, base = 1.0e4} : tensor<?x32xf32>, tensor<?xi32>
  %nk3 = nyala.cache_append %ck3, %k3 at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %nv3 = nyala.cache_append %cv3, %vl3 at %slots in %sequences
     : tensor<?x?x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %a3 = nyala.attention %q3, %nk3, %nv3 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.2 : f32, mask = #nyala.mask<causal>}
     : tensor<?x64xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  %o3 = nyala.linear %a3, %wo3 : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %y3 = arith.addf %y2, %o3 : tensor<?x64xf32>
  %g = nyala.gather %y3, %wanted : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %logits = nyala.linear %g, %table : tensor<?x64xf32>, tensor<96x64xf32> -> tensor<?x96xf32>
  return %logits, %nk0, %nv0, %nk1, %nv1, %nk2, %nv2, %nk3, %nv3
     : tensor<?x96xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>
}
}
