module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {

nyala.kernel @norm(%x: tensor<?x576xf32>, %g: tensor<576xf32>) -> tensor<?x576xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x576xf32>, tensor<576xf32>
  nyala.return %0 : tensor<?x576xf32>
}
nyala.kernel @norm_one(%x: tensor<?x4096xf32>, %r: tensor<?x4096xf32>, %g: tensor<4096xf32>) -> (tensor<?x4096xf32>, tensor<?x4096xbf16>) attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %s = arith.addf %x, %r : tensor<?x4096xf32>
  %0 = nyala.rms_norm %s, %g {epsilon = 1.0e-5 : f32} : tensor<?x4096xf32>, tensor<4096xf32>
  %1 = arith.truncf %0 : tensor<?x4096xf32> to tensor<?x4096xbf16>
  nyala.return %s, %1 : tensor<?x4096xf32>, tensor<?x4096xbf16>
}
nyala.kernel @head_norm(%x: tensor<?x192xf32>, %g: tensor<64xf32>) -> tensor<?x192xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  %0 = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32, groups = 3} : tensor<?x192xf32>, tensor<64xf32>
  nyala.return %0 : tensor<?x192xf32>
}
nyala.kernel @layer_norm(%x: tensor<?x131xf32>, %g: tensor<131xf32>, %b: tensor<131xf32>) -> tensor<?x131xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  %0 = nyala.layer_norm %x, %g bias %b {epsilon = 1.0e-5 : f32} : tensor<?x131xf32>, tensor<131xf32>, tensor<131xf32>
  nyala.return %0 : tensor<?x131xf32>
}
nyala.kernel @softmax(%x: tensor<?x10007xf32>) -> tensor<?x10007xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  %0 = nyala.softmax %x : tensor<?x10007xf32>
  nyala.return %0 : tensor<?x10007xf32>
}
nyala.kernel @quantize(%x: tensor<?x576xf32>) -> (tensor<?x576xi8>, tensor<?x18xf32>, tensor<?x36xi32>) attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %q, %s, %t = nyala.quantize %x : tensor<?x576xf32> -> tensor<?x576xi8>, tensor<?x18xf32>, tensor<?x36xi32>
  nyala.return %q, %s, %t : tensor<?x576xi8>, tensor<?x18xf32>, tensor<?x36xi32>
}
nyala.kernel @norm_quantize(%x: tensor<?x4096xf32>, %g: tensor<4096xf32>) -> (tensor<?x4096xi8>, tensor<?x128xf32>, tensor<?x256xi32>) attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x4096xf32>, tensor<4096xf32>
  %q, %s, %t = nyala.quantize %n : tensor<?x4096xf32> -> tensor<?x4096xi8>, tensor<?x128xf32>, tensor<?x256xi32>
  nyala.return %q, %s, %t : tensor<?x4096xi8>, tensor<?x128xf32>, tensor<?x256xi32>
}
nyala.kernel @rope(%p: tensor<?xi32>) -> tensor<?x64xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %t = nyala.rope_table %p {dims = 64, base = 1.0e5} : tensor<?xi32> -> tensor<?x64xf32>
  nyala.return %t : tensor<?x64xf32>
}
nyala.kernel @rotate_adjacent(%x: tensor<?x576xf32>, %t: tensor<?x64xf32>) -> tensor<?x576xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %r = nyala.rotate adjacent %x by %t {heads = 9} : tensor<?x576xf32>, tensor<?x64xf32>
  nyala.return %r : tensor<?x576xf32>
}
nyala.kernel @rotate_part(%x: tensor<?x192xf32>, %t: tensor<?x32xf32>) -> tensor<?x192xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %r = nyala.rotate adjacent %x by %t {heads = 3} : tensor<?x192xf32>, tensor<?x32xf32>
  nyala.return %r : tensor<?x192xf32>
}
nyala.kernel @rotate_half(%x: tensor<?x192xf32>, %t: tensor<?x32xf32>) -> tensor<?x192xf32> attributes {max_rows = 64 : i64, nyala.device = "cuda"} {
  %r = nyala.rotate half %x by %t {heads = 3} : tensor<?x192xf32>, tensor<?x32xf32>
  nyala.return %r : tensor<?x192xf32>
}
nyala.kernel @split_append(%qkv: tensor<?x960xf32>, %k0: tensor<2x64x192xf16>, %v0: tensor<2x64x192xf32>, %slots: tensor<?xi32>, %seqs: tensor<?xi32>) -> (tensor<?x576xf32>, tensor<2x64x192xf16>, tensor<2x64x192xf32>) attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %q, %k, %v = nyala.split %qkv : tensor<?x960xf32> -> tensor<?x576xf32>, tensor<?x192xf32>, tensor<?x192xf32>
  %k1 = nyala.cache_append %k0, %k at %slots in %seqs : tensor<2x64x192xf16>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %slots in %seqs : tensor<2x64x192xf32>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %q, %k1, %v1 : tensor<?x576xf32>, tensor<2x64x192xf16>, tensor<2x64x192xf32>
}
nyala.kernel @embed_q4_0(%ids: tensor<?xi32>, %t: tensor<100x576xf32, #nyala.packed<q4_0>>) -> tensor<?x576xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %0 = nyala.embedding %ids, %t : tensor<?xi32>, tensor<100x576xf32, #nyala.packed<q4_0>> -> tensor<?x576xf32>
  nyala.return %0 : tensor<?x576xf32>
}
nyala.kernel @embed_plain(%ids: tensor<?xi32>, %t: tensor<100x576xbf16>) -> tensor<?x576xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %w = arith.extf %t : tensor<100x576xbf16> to tensor<100x576xf32>
  %0 = nyala.embedding %ids, %w : tensor<?xi32>, tensor<100x576xf32> -> tensor<?x576xf32>
  nyala.return %0 : tensor<?x576xf32>
}
nyala.kernel @gate(%g: tensor<?x1536xf32>, %u: tensor<?x1536xf32>) -> tensor<?x1536xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %0 = nyala.gated_activation silu %g, %u : tensor<?x1536xf32>
  nyala.return %0 : tensor<?x1536xf32>
}
nyala.kernel @gelu(%g: tensor<?x1536xf32>) -> tensor<?x1536xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %0 = nyala.activation gelu %g : tensor<?x1536xf32>
  nyala.return %0 : tensor<?x1536xf32>
}
nyala.kernel @gather(%x: tensor<?x576xf32>, %i: tensor<?xi32>) -> tensor<?x576xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %0 = nyala.gather %x, %i : tensor<?x576xf32>, tensor<?xi32> -> tensor<?x576xf32>
  nyala.return %0 : tensor<?x576xf32>
}
nyala.kernel @gather_ids(%x: tensor<?xi32>, %i: tensor<?xi32>) -> tensor<?xi32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %0 = nyala.gather %x, %i : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
  nyala.return %0 : tensor<?xi32>
}
nyala.kernel @widen_q4_1(%p: tensor<100x576xf32, #nyala.packed<q4_1>>) -> tensor<100x576xbf16> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.unpack %p : tensor<100x576xf32, #nyala.packed<q4_1>> -> tensor<100x576xf32>
  %0 = arith.truncf %u : tensor<100x576xf32> to tensor<100x576xbf16>
  nyala.return %0 : tensor<100x576xbf16>
}
nyala.kernel @widen_q5_0(%p: tensor<100x576xf32, #nyala.packed<q5_0>>) -> tensor<100x576xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.unpack %p : tensor<100x576xf32, #nyala.packed<q5_0>> -> tensor<100x576xf32>
  nyala.return %u : tensor<100x576xf32>
}
nyala.kernel @widen_q8_0(%p: tensor<100x576xf32, #nyala.packed<q8_0>>) -> tensor<100x576xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.unpack %p : tensor<100x576xf32, #nyala.packed<q8_0>> -> tensor<100x576xf32>
  nyala.return %u : tensor<100x576xf32>
}
nyala.kernel @widen_q4_k(%p: tensor<100x512xf32, #nyala.packed<q4_k>>) -> tensor<100x512xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.unpack %p : tensor<100x512xf32, #nyala.packed<q4_k>> -> tensor<100x512xf32>
  nyala.return %u : tensor<100x512xf32>
}
nyala.kernel @widen_q6_k(%p: tensor<100x512xf32, #nyala.packed<q6_k>>) -> tensor<100x512xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.unpack %p : tensor<100x512xf32, #nyala.packed<q6_k>> -> tensor<100x512xf32>
  nyala.return %u : tensor<100x512xf32>
}
nyala.kernel @widen_f16(%p: tensor<20x77xf32, #nyala.packed<f16>>) -> tensor<20x77xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.unpack %p : tensor<20x77xf32, #nyala.packed<f16>> -> tensor<20x77xf32>
  nyala.return %u : tensor<20x77xf32>
}
nyala.kernel @random() -> tensor<100x576xbf16> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.random {deviation = 0.02 : f32, seed = 3 : i32} : tensor<100x576xbf16>
  nyala.return %u : tensor<100x576xbf16>
}
nyala.kernel @random_q4() -> tensor<100x576xf32, #nyala.packed<q4_0>> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %u = nyala.random {deviation = 0.02 : f32, seed = 3 : i32} : tensor<100x576xf32, #nyala.packed<q4_0>>
  nyala.return %u : tensor<100x576xf32, #nyala.packed<q4_0>>
}
}
