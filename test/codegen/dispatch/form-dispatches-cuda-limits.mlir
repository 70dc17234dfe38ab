// What a GPU's products do not take.
// RUN: nyala-opt %s --nyala-form-dispatches --remarks-filter=nyala-form-dispatches -o %t.after 2> %t.remarks && FileCheck %s < %t.after
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: nyala-interpret --compare %s %t.after --entry cuda_decode --seed 1 --random-weights --tolerance 1e-5 --dim rows=1,sequences=1,slots=24,start=3

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {
nyala.weight @w : tensor<64x32xf32, #nyala.packed<q8_0>>

// The table of angles is computed once, by a kernel of its own; halves of heads rotate in whole rows, and
// caches in blocks are rounded there.
// REMARK-DAG: Reason="pairs of channels lie in different tiles", Remark="nyala.rotate is not fused with @cuda_decode_quantized_linear_32x64, 1 time"
// REMARK-DAG: Reason="a block of a slot has more columns than a tile", Remark="nyala.cache_append is not fused with @cuda_decode_quantized_linear_32x64, 1 time"
// CHECK: nyala.kernel @cuda_decode_quantized_linear_32x64({{.*}}) -> (tensor<?x32xf32>, tensor<?x32xf32>)
// CHECK-NEXT: nyala.quantize
// CHECK-NEXT: nyala.quantized_linear
// CHECK-NEXT: nyala.split
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_rope_table_32(
// CHECK: nyala.kernel @cuda_decode_rotate_32(
// CHECK-NEXT: nyala.rotate half
// CHECK-NEXT: nyala.cache_append
// CHECK-NEXT: nyala.return
// CHECK: nyala.kernel @cuda_decode_cache_append_32(
// CHECK-LABEL: func.func @cuda_decode
func.func @cuda_decode(%x: tensor<?x32xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"},
    %positions: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "positions"},
    %sequences: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "sequences"},
    %slots: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "slots"},
    %k0: tensor<1x24x32xf32> {nyala.state = "k"}, %v0: tensor<1x24x32xf32, #nyala.blocks<q8_0>> {nyala.state = "v"})
    -> (tensor<1x24x32xf32> {nyala.state = "k"}, tensor<1x24x32xf32, #nyala.blocks<q8_0>> {nyala.state = "v"})
    attributes {nyala.device = "cuda", nyala.entry} {
  %w = nyala.load @w : tensor<64x32xf32, #nyala.packed<q8_0>>
  %t = nyala.rope_table %positions {dims = 32 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x32xf32>
  %q, %s, %i = nyala.quantize %x : tensor<?x32xf32> -> tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>
  %kv = nyala.quantized_linear %q, %s, %i, %w : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<64x32xf32, #nyala.packed<q8_0>> -> tensor<?x64xf32>
  %k, %v = nyala.split %kv : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %r = nyala.rotate half %k by %t {heads = 1 : i64} : tensor<?x32xf32>, tensor<?x32xf32>
  %k1 = nyala.cache_append %k0, %r at %slots in %sequences : tensor<1x24x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %slots in %sequences : tensor<1x24x32xf32, #nyala.blocks<q8_0>>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  return %k1, %v1 : tensor<1x24x32xf32>, tensor<1x24x32xf32, #nyala.blocks<q8_0>>
}
}
