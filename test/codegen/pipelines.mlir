// The three pipelines in a row, on an entry of two equal layers.
// RUN: nyala-opt %s --nyala-dispatch-pipeline -o %t.dispatch && FileCheck %s --check-prefix=DISPATCH < %t.dispatch
// RUN: nyala-opt %t.dispatch --nyala-kernel-pipeline -o %t.kernel && FileCheck %s --check-prefix=KERNEL < %t.kernel
// RUN: nyala-opt %t.kernel --nyala-program-pipeline -o %t.program && FileCheck %s --check-prefix=PROGRAM < %t.program
// RUN: nyala-opt %s --nyala-dispatch-pipeline --nyala-kernel-pipeline --nyala-program-pipeline | diff %t.program -
// RUN: nyala-interpret --compare %s %t.dispatch --entry decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=1
// The second layer with the first one's weight must be noticed.
// RUN: sed -e "s/= nyala.load @w1.packed/= nyala.load @w0.packed/" %t.dispatch > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry decode --random-weights --seed 1 --tolerance 1e-5 --dim rows=1

// Equal layers compile once.
// DISPATCH: nyala.weight @w0.packed : tensor<32x32xf32, #nyala.packed<f32>> initializer
// DISPATCH: nyala.weight @w1.packed : tensor<32x32xf32, #nyala.packed<f32>> initializer
// DISPATCH: nyala.kernel @decode_linear_32x32(
// DISPATCH-NOT: nyala.kernel
// DISPATCH: func.func @decode
// DISPATCH: %[[X:.+]] = nyala.dispatch @decode_linear_32x32 rows(%{{.+}}) (%arg0,
// DISPATCH: nyala.dispatch @decode_linear_32x32 rows(%{{.+}}) (%[[X]],

// Kernels are generated for each target; the entry, and what it is planned from, is there once.
// KERNEL: nyala.kernel @decode_linear_32x32(
// KERNEL: func.func @decode(
// KERNEL-COUNT-2: nyala.dispatch @decode_linear_32x32
// KERNEL: module @"x86-64-v4" attributes {nyala.target = #nyala.cpu_target<"x86-64-v4",
// KERNEL-NEXT: func.func @decode_linear_32x32(
// KERNEL-NOT: tensor
// KERNEL: module @"x86-64-v3" attributes {nyala.target = #nyala.cpu_target<"x86-64-v3",
// KERNEL-NEXT: func.func @decode_linear_32x32(
// KERNEL-NOT: tensor

// PROGRAM-NOT: nyala.kernel
// PROGRAM: nyala.weight @w0.packed
// PROGRAM: nyala.program @decode
// PROGRAM-NOT: func.func @decode
// PROGRAM: module @"x86-64-v4"
// PROGRAM-NEXT: llvm.func @decode_linear_32x32(
// PROGRAM: llvm.func internal @decode_linear_32x32.body(
// PROGRAM: module @"x86-64-v3"
// PROGRAM-NEXT: llvm.func @decode_linear_32x32(
// PROGRAM: llvm.func internal @decode_linear_32x32.body(
// PROGRAM-NOT: builtin.unrealized_conversion_cast
module attributes {nyala.targets = [
  #nyala.cpu_target<"x86-64-v4", features = "avx2", "f16c", "fma", "avx512f">,
  #nyala.cpu_target<"x86-64-v3", features = "avx2", "f16c", "fma">]} {
nyala.weight @w0 : tensor<32x32xf32>
nyala.weight @w1 : tensor<32x32xf32>
nyala.weight @g0 : tensor<32xf32>
nyala.weight @g1 : tensor<32xf32>
func.func @decode(%x: tensor<?x32xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) -> (tensor<?x32xf32> {nyala.result = "logits"}) attributes {nyala.entry} {
  %g0 = nyala.load @g0 : tensor<32xf32>
  %n0 = nyala.rms_norm %x, %g0 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %w0 = nyala.load @w0 : tensor<32x32xf32>
  %l0 = nyala.linear %n0, %w0 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %s0 = arith.addf %x, %l0 : tensor<?x32xf32>
  %g1 = nyala.load @g1 : tensor<32xf32>
  %n1 = nyala.rms_norm %s0, %g1 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %w1 = nyala.load @w1 : tensor<32x32xf32>
  %l1 = nyala.linear %n1, %w1 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %s1 = arith.addf %s0, %l1 : tensor<?x32xf32>
  return %s1 : tensor<?x32xf32>
}
}
