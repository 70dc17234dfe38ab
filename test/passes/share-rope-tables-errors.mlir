// The pass has no errors of its own: impossible parameters do not reach it.
// RUN: nyala-opt %s --nyala-share-rope-tables --split-input-file --verify-diagnostics

func.func @odd_dims(%x: tensor<?x32xf32>, %positions: tensor<?xi32>) -> tensor<?x32xf32> {
  // expected-error @below {{expected an even, positive number of rotated channels, got dims = 7}}
  %a = nyala.rope adjacent %x at %positions {heads = 4, dims = 7, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  return %a : tensor<?x32xf32>
}
