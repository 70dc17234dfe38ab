// Attention of few rows is computed in two steps; what is merged fuses into the product that reads it.
// RUN: nyala-opt %s --pass-pipeline='builtin.module(func.func(nyala-split-attention))' -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %t.after --nyala-form-dispatches | FileCheck %s --check-prefix=FUSED
// Rows whose positions are in two parts and in three.
// RUN: nyala-interpret --compare %s %t.after --entry decode --seed 1 --tolerance 1e-6 --dim rows=4,start=510
// RUN: nyala-interpret --compare %s %t.after --entry window --seed 2 --tolerance 1e-6 --dim rows=4,start=510
// A part that is left out must be noticed.
// RUN: sed -e 's/window = 300>} : tensor<?x72xf32>/window = 10>} : tensor<?x72xf32>/' %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry window --seed 2 --tolerance 1e-6 --dim rows=4,start=600

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64-v3", features = "avx2", "fma">]} {

// FUSED: nyala.kernel @decode_attention_parts_144(
// FUSED: nyala.kernel @decode_linear_32x32(
// FUSED-NEXT: nyala.merge_attention
// FUSED-NEXT: nyala.linear
nyala.weight @w : tensor<32x32xf32>

// CHECK-LABEL: func.func @decode
// CHECK-SAME: %[[Q:arg0]]: {{.*}}, %[[P:arg1]]: {{.*}}, %[[S:arg2]]: {{.*}}, %[[K:arg3]]: {{.*}}, %[[V:arg4]]: tensor
// CHECK: %[[PARTS:.+]] = nyala.attention_parts %[[Q]], %[[K]], %[[V]] at %[[P]] in %[[S]]
// CHECK-SAME: {heads = 2 : i64, kv_heads = 1 : i64, mask = #nyala.mask<causal>, scale = 2.500000e-01 : f32}
// CHECK-SAME: -> tensor<?x144xf32>
// CHECK: %[[A:.+]] = nyala.merge_attention %[[PARTS]] at %[[P]] {heads = 2 : i64, mask = #nyala.mask<causal>} : tensor<?x144xf32>, tensor<?xi32> -> tensor<?x32xf32>
// CHECK: nyala.linear %[[A]],
func.func @decode(%q: tensor<?x32xf32> {nyala.max_rows = 8 : i64, nyala.role = "x"}, %p: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "positions"}, %s: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "sequences"}, %k: tensor<1x1000x16xf32> {nyala.state = "k"}, %v: tensor<1x1000x16xf32> {nyala.state = "v"}) -> (tensor<?x32xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %a = nyala.attention %q, %k, %v at %p in %s {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<1x1000x16xf32>, tensor<1x1000x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x32xf32>
  %w = nyala.load @w : tensor<32x32xf32>
  %y = nyala.linear %a, %w : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// A GPU's kernel merges the parts itself.
// CHECK-LABEL: func.func @cuda_decode
// CHECK-NEXT: nyala.attention %
func.func @cuda_decode(%q: tensor<?x32xf32> {nyala.max_rows = 8 : i64, nyala.role = "x"}, %p: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "positions"}, %s: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "sequences"}, %k: tensor<1x1000x16xf32> {nyala.state = "k"}, %v: tensor<1x1000x16xf32> {nyala.state = "v"}) -> (tensor<?x32xf32> {nyala.result = "y"}) attributes {nyala.device = "cuda", nyala.entry} {
  %a = nyala.attention %q, %k, %v at %p in %s {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<1x1000x16xf32>, tensor<1x1000x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x32xf32>
  return %a : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @window
// CHECK: nyala.merge_attention {{.*}} mask = #nyala.mask<causal, window = 300>
func.func @window(%q: tensor<?x16xf32> {nyala.max_rows = 8 : i64, nyala.role = "x"}, %p: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "positions"}, %s: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "sequences"}, %k: tensor<1x1000x16xf32> {nyala.state = "k"}) -> (tensor<?x16xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %a = nyala.attention %q, %k, %k at %p in %s {heads = 1 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal, window = 300>}
     : tensor<?x16xf32>, tensor<1x1000x16xf32>, tensor<1x1000x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// Left alone: more rows, a cache that is one part, a function that is no entry.
// CHECK-LABEL: func.func @prefill
// CHECK: nyala.attention %
func.func @prefill(%q: tensor<?x16xf32> {nyala.max_rows = 9 : i64, nyala.role = "x"}, %p: tensor<?xi32> {nyala.max_rows = 9 : i64, nyala.role = "positions"}, %k: tensor<1x1000x16xf32> {nyala.state = "k"}) -> (tensor<?x16xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %a = nyala.attention %q, %k, %k at %p in %p {heads = 1 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<1x1000x16xf32>, tensor<1x1000x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @one_part
// CHECK: nyala.attention %
func.func @one_part(%q: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}, %p: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "positions"}, %k: tensor<1x256x16xf32> {nyala.state = "k"}) -> (tensor<?x16xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %a = nyala.attention %q, %k, %k at %p in %p {heads = 1 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<1x256x16xf32>, tensor<1x256x16xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @no_entry
// CHECK: nyala.attention %
func.func @no_entry(%q: tensor<1x16xf32>, %p: tensor<1xi32>, %k: tensor<1x1000x16xf32>) -> tensor<1x16xf32> {
  %a = nyala.attention %q, %k, %k at %p in %p {heads = 1 : i64, kv_heads = 1 : i64, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<1x16xf32>, tensor<1x1000x16xf32>, tensor<1x1000x16xf32>, tensor<1xi32>, tensor<1xi32> -> tensor<1x16xf32>
  return %a : tensor<1x16xf32>
}
}
