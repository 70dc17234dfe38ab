// RUN: nyala-opt %s --nyala-hoist-weights -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-hoist-weights --remarks-filter=nyala-hoist-weights -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// Hoisting again changes nothing.
// RUN: nyala-opt %t.after --nyala-hoist-weights | diff %t.after -
// RUN: nyala-interpret --compare %s %t.after --entry decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// RUN: nyala-interpret --compare %s %t.after --entry prefill --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// The parts in another order must be noticed.
// RUN: sed -e "s/tensor.concat dim(0) %blk.0.attn_q.weight, %blk.0.attn_k.weight/tensor.concat dim(0) %blk.0.attn_k.weight, %blk.0.attn_q.weight/" %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=3

// CHECK: nyala.weight @blk.0.attn_q.weight : tensor<16x32xf32> source
// CHECK-NEXT: nyala.weight @blk.0.attn_k.weight : tensor<16x32xf32> source
// CHECK-NEXT: nyala.weight @norm
// CHECK-NEXT: nyala.weight @w
// New weights follow, in the order of their use.
// CHECK-NEXT: nyala.weight @"blk.0.attn_q.weight+attn_k.weight.packed" : tensor<32x32xf32, #nyala.packed<q4_1>> initializer {
// CHECK-NEXT:   %[[Q:.+]] = nyala.load @blk.0.attn_q.weight
// CHECK-NEXT:   %[[K:.+]] = nyala.load @blk.0.attn_k.weight
// CHECK-NEXT:   %[[C:.+]] = tensor.concat dim(0) %[[Q]], %[[K]]
// CHECK-NEXT:   %[[P:.+]] = nyala.pack %[[C]]
// CHECK-NEXT:   nyala.yield %[[P]] : tensor<32x32xf32, #nyala.packed<q4_1>>
// CHECK-NEXT: }
// A constant belongs to the expression; two different ones make two weights of one name.
// CHECK-NEXT: nyala.weight @w.mulf : tensor<4x4xf32> initializer {
// CHECK:        arith.constant dense<2.000000e+00>
// CHECK:      nyala.weight @w.mulf_1 : tensor<4x4xf32> initializer {
// CHECK:        arith.constant dense<3.000000e+00>
// CHECK:      nyala.weight @blk.0.attn_q.weight.packed : tensor<16x32xf32, #nyala.packed<q4_1>> initializer
// CHECK-NOT:  nyala.weight
nyala.weight @blk.0.attn_q.weight : tensor<16x32xf32> source #nyala.source<"m.gguf", offset = 0, bytes = 320, format = q4_1>
nyala.weight @blk.0.attn_k.weight : tensor<16x32xf32> source #nyala.source<"m.gguf", offset = 320, bytes = 320, format = q4_1>
nyala.weight @norm : tensor<32xf32>
nyala.weight @w : tensor<4x4xf32>
nyala.weight @unused : tensor<4x4xf32>

// A bare load stays; the expression becomes a load.
// CHECK-LABEL: func.func @decode
// CHECK-NEXT: %[[N:.+]] = nyala.load @norm
// CHECK-NEXT: %[[H:.+]] = nyala.rms_norm %{{.*}}, %[[N]]
// CHECK-NEXT: %[[P:.+]] = nyala.load @"blk.0.attn_q.weight+attn_k.weight.packed" : tensor<32x32xf32, #nyala.packed<q4_1>>
// CHECK-NEXT: nyala.linear %[[H]], %[[P]]
// CHECK-NEXT: return
// REMARK-DAG: [Passed] WeightHoisted | {{.*}}Function=decode | Remark="hoisted to @blk.0.attn_q.weight+attn_k.weight.packed"
// REMARK-DAG: [Passed] WeightHoisted | {{.*}}Function=prefill | Remark="equals @blk.0.attn_q.weight+attn_k.weight.packed"
// REMARK-DAG: DeadWeightsRemoved {{.*}} Remark="removed 1 weights that nothing loads"
func.func @decode(%x: tensor<?x32xf32> {nyala.role = "x"}) -> tensor<?x32xf32> {
  %n = nyala.load @norm : tensor<32xf32>
  %h = nyala.rms_norm %x, %n {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %q = nyala.load @blk.0.attn_q.weight : tensor<16x32xf32>
  %k = nyala.load @blk.0.attn_k.weight : tensor<16x32xf32>
  %qk = tensor.concat dim(0) %q, %k : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<32x32xf32>
  %p = nyala.pack %qk : tensor<32x32xf32> -> tensor<32x32xf32, #nyala.packed<q4_1>>
  %y = nyala.linear %h, %p : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// The same expression in another order of ops: the same weight.
// CHECK-LABEL: func.func @prefill
// CHECK-NEXT: %[[P:.+]] = nyala.load @"blk.0.attn_q.weight+attn_k.weight.packed"
// CHECK-NEXT: nyala.linear %{{.*}}, %[[P]]
func.func @prefill(%x: tensor<?x32xf32> {nyala.role = "x"}) -> tensor<?x32xf32> {
  %k = nyala.load @blk.0.attn_k.weight : tensor<16x32xf32>
  %q = nyala.load @blk.0.attn_q.weight : tensor<16x32xf32>
  %qk = tensor.concat dim(0) %q, %k : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<32x32xf32>
  %p = nyala.pack %qk : tensor<32x32xf32> -> tensor<32x32xf32, #nyala.packed<q4_1>>
  %y = nyala.linear %x, %p : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<q4_1>> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @constants
// CHECK-NEXT: %[[W:.+]] = nyala.load @w :
// CHECK-NEXT: %[[A:.+]] = nyala.load @w.mulf :
// CHECK-NEXT: %[[B:.+]] = nyala.load @w.mulf_1 :
// CHECK-NEXT: return %[[W]], %[[A]], %[[B]]
func.func @constants() -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %w = nyala.load @w : tensor<4x4xf32>
  %two = arith.constant dense<2.0> : tensor<4x4xf32>
  %three = arith.constant dense<3.0> : tensor<4x4xf32>
  %a = arith.mulf %w, %two : tensor<4x4xf32>
  %b = arith.mulf %w, %three : tensor<4x4xf32>
  return %w, %a, %b : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// What depends on an argument, and constants alone, stay.
// CHECK-LABEL: func.func @left_alone
// CHECK: arith.constant
// CHECK: nyala.load @w
// CHECK: arith.addf
// CHECK: arith.mulf
func.func @left_alone(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %c = arith.constant dense<2.0> : tensor<4x4xf32>
  %w = nyala.load @w : tensor<4x4xf32>
  %0 = arith.addf %w, %x : tensor<4x4xf32>
  %1 = arith.mulf %0, %c : tensor<4x4xf32>
  return %1, %c : tensor<4x4xf32>, tensor<4x4xf32>
}

// A GPU computes of weights what it can, at run time; bits are moved at compile time.
// CHECK-LABEL: func.func @cuda_decode
// CHECK-NEXT: %[[P:.+]] = nyala.load @blk.0.attn_q.weight.packed :
// CHECK-NEXT: %[[U:.+]] = nyala.unpack %[[P]]
// CHECK-NEXT: %[[B:.+]] = arith.truncf %[[U]]
// CHECK-NEXT: return %[[B]]
func.func @cuda_decode() -> tensor<16x32xbf16> attributes {nyala.device = "cuda"} {
  %q = nyala.load @blk.0.attn_q.weight : tensor<16x32xf32>
  %p = nyala.pack %q : tensor<16x32xf32> -> tensor<16x32xf32, #nyala.packed<q4_1>>
  %u = nyala.unpack %p : tensor<16x32xf32, #nyala.packed<q4_1>> -> tensor<16x32xf32>
  %b = arith.truncf %u : tensor<16x32xf32> to tensor<16x32xbf16>
  return %b : tensor<16x32xbf16>
}
