// RUN: nyala-opt %s --nyala-pack-weights --split-input-file --verify-diagnostics

nyala.weight @a : tensor<16x32xf32> source #nyala.source<"m.gguf", offset = 0, bytes = 320, format = q4_1>
nyala.weight @b : tensor<16x32xf32>
func.func @mixed(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %a = nyala.load @a : tensor<16x32xf32>
  %b = nyala.load @b : tensor<16x32xf32>
  %w = tensor.concat dim(0) %a, %b : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<32x32xf32>
  // expected-error @below {{the weight concatenates stored formats q4_1 (@a) and f32 (@b); expected one format, so that packing only moves bits}}
  %y = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
