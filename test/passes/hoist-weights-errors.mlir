// The pass has no errors of its own: loads of what is no weight do not reach it.
// RUN: nyala-opt %s --nyala-hoist-weights --split-input-file --verify-diagnostics

func.func @no_weight() -> tensor<4x4xf32> {
  // expected-error @below {{refers to 'missing', which is no nyala.weight}}
  %w = nyala.load @missing : tensor<4x4xf32>
  %0 = arith.addf %w, %w : tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}
