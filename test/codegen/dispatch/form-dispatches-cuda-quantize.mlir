// A large product quantizes its row itself where few blocks compute it, by a weight in chunks.
// RUN: nyala-opt %s --nyala-form-dispatches | FileCheck %s

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {
nyala.weight @even : tensor<16384x4096xf32, #nyala.packed<q4_0>>
nyala.weight @odd : tensor<16384x4128xf32, #nyala.packed<q4_0>>

// CHECK: nyala.kernel @cuda_decode_quantized_linear_4096x16384(%{{.*}}: tensor<?x4096xf32>,
// CHECK-NEXT: nyala.quantize
// CHECK-NEXT: nyala.quantized_linear
// 129 blocks of the depth do not divide evenly among warps.
// CHECK: nyala.kernel @cuda_decode_quantized_linear_4128x16384(%{{.*}}: tensor<?x4128xi8>,
// CHECK-NEXT: nyala.quantized_linear
// CHECK: nyala.kernel @cuda_decode_quantize_4128(
// CHECK-LABEL: func.func @cuda_decode
func.func @cuda_decode(%x: tensor<?x4096xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}, %y: tensor<?x4128xf32> {nyala.max_rows = 1 : i64, nyala.role = "y"})
    -> (tensor<?x16384xf32>, tensor<?x16384xf32>) attributes {nyala.device = "cuda", nyala.entry} {
  %v = nyala.load @even : tensor<16384x4096xf32, #nyala.packed<q4_0>>
  %w = nyala.load @odd : tensor<16384x4128xf32, #nyala.packed<q4_0>>
  %q, %s, %i = nyala.quantize %x : tensor<?x4096xf32> -> tensor<?x4096xi8>, tensor<?x128xf32>, tensor<?x256xi32>
  %0 = nyala.quantized_linear %q, %s, %i, %v : tensor<?x4096xi8>, tensor<?x128xf32>, tensor<?x256xi32>, tensor<16384x4096xf32, #nyala.packed<q4_0>> -> tensor<?x16384xf32>
  %p, %t, %j = nyala.quantize %y : tensor<?x4128xf32> -> tensor<?x4128xi8>, tensor<?x129xf32>, tensor<?x258xi32>
  %1 = nyala.quantized_linear %p, %t, %j, %w : tensor<?x4128xi8>, tensor<?x129xf32>, tensor<?x258xi32>, tensor<16384x4128xf32, #nyala.packed<q4_0>> -> tensor<?x16384xf32>
  return %0, %1 : tensor<?x16384xf32>, tensor<?x16384xf32>
}
}
