// Round trips of attention in two steps: custom and generic syntax, and bytecode.
// RUN: nyala-opt %s | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --mlir-print-op-generic | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --emit-bytecode | nyala-opt | FileCheck %s

// Three parts of 600 slots, each of two heads with 4 channels and 2 numbers.
// CHECK-LABEL: func @attention
func.func @attention(%q: tensor<?x8xf32>, %keys: tensor<1x600x4xf16>, %values: tensor<1x600x4xf16>, %ids: tensor<?xi32>) -> tensor<?x8xf32> {
  // CHECK: nyala.attention_parts %{{[a-z0-9]+}}, %{{[a-z0-9]+}}, %{{[a-z0-9]+}} at %{{[a-z0-9]+}} in %{{[a-z0-9]+}}
  // CHECK-SAME: {heads = 2 : i64, kv_heads = 1 : i64, mask = #nyala.mask<causal>, scale = 5.000000e-01 : f32}
  // CHECK-SAME: : tensor<?x8xf32>, tensor<1x600x4xf16>, tensor<1x600x4xf16>, tensor<?xi32>, tensor<?xi32> -> tensor<?x36xf32>
  %0 = nyala.attention_parts %q, %keys, %values at %ids in %ids
    {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
    : tensor<?x8xf32>, tensor<1x600x4xf16>, tensor<1x600x4xf16>, tensor<?xi32>, tensor<?xi32> -> tensor<?x36xf32>
  // CHECK: nyala.merge_attention %{{.*}} at %{{.*}} {heads = 2 : i64, mask = #nyala.mask<causal, window = 9>} : tensor<?x36xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %1 = nyala.merge_attention %0 at %ids {heads = 2, mask = #nyala.mask<causal, window = 9>} : tensor<?x36xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}
