// RUN: nyala-opt %s --nyala-deduplicate-kernels -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-deduplicate-kernels --mlir-print-debuginfo | FileCheck %s
// RUN: nyala-interpret --compare %s %t.after --random-weights --seed 1 --tolerance 1e-6 --dim rows=3
// Kernels that are not equal taken for one must be noticed.
// RUN: sed -e "s/@other_kind rows/@first rows/" %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --random-weights --seed 1 --tolerance 1e-6 --dim rows=3

nyala.weight @a : tensor<16x32xf32, #nyala.packed<f32>>
nyala.weight @b : tensor<16x32xf32, #nyala.packed<f32>>

// The first of equal kernels stays.
// CHECK: nyala.kernel @first(
nyala.kernel @first(%x: tensor<?x32xf32>, %w: tensor<16x32xf32, #nyala.packed<f32>>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f32>> -> tensor<?x16xf32>
  %1 = nyala.activation silu %0 : tensor<?x16xf32>
  nyala.return %1 : tensor<?x16xf32>
}
// CHECK-NOT: @equal
nyala.kernel @equal(%y: tensor<?x32xf32>, %v: tensor<16x32xf32, #nyala.packed<f32>>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64} {
  %p = nyala.linear %y, %v : tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f32>> -> tensor<?x16xf32>
  %q = nyala.activation silu %p : tensor<?x16xf32>
  nyala.return %q : tensor<?x16xf32>
}
// Each of these differs in one thing.
// CHECK: nyala.kernel @other_kind(
nyala.kernel @other_kind(%x: tensor<?x32xf32>, %w: tensor<16x32xf32, #nyala.packed<f32>>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f32>> -> tensor<?x16xf32>
  %1 = nyala.activation relu %0 : tensor<?x16xf32>
  nyala.return %1 : tensor<?x16xf32>
}
// CHECK: nyala.kernel @other_rows(
nyala.kernel @other_rows(%x: tensor<?x32xf32>, %w: tensor<16x32xf32, #nyala.packed<f32>>) -> tensor<?x16xf32> attributes {max_rows = 8 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f32>> -> tensor<?x16xf32>
  %1 = nyala.activation silu %0 : tensor<?x16xf32>
  nyala.return %1 : tensor<?x16xf32>
}
// CHECK: nyala.kernel @other_device(
nyala.kernel @other_device(%x: tensor<?x32xf32>, %w: tensor<16x32xf32, #nyala.packed<f32>>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f32>> -> tensor<?x16xf32>
  %1 = nyala.activation silu %0 : tensor<?x16xf32>
  nyala.return %1 : tensor<?x16xf32>
}
// CHECK: nyala.kernel @other_format(
nyala.kernel @other_format(%x: tensor<?x32xf32>, %w: tensor<16x32xf32, #nyala.packed<f16>>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f16>> -> tensor<?x16xf32>
  %1 = nyala.activation silu %0 : tensor<?x16xf32>
  nyala.return %1 : tensor<?x16xf32>
}
// CHECK: nyala.kernel @minuend(
nyala.kernel @minuend(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64} {
  %0 = arith.subf %x, %y : tensor<?x16xf32>
  nyala.return %0 : tensor<?x16xf32>
}
// CHECK: nyala.kernel @subtrahend(
nyala.kernel @subtrahend(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64} {
  %0 = arith.subf %y, %x : tensor<?x16xf32>
  nyala.return %0 : tensor<?x16xf32>
}
// CHECK: nyala.kernel @returns_other(
nyala.kernel @returns_other(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64} {
  %0 = arith.subf %x, %y : tensor<?x16xf32>
  nyala.return %y : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @forward
// CHECK: nyala.dispatch @first rows
// CHECK: nyala.dispatch @first rows
// CHECK: nyala.dispatch @other_kind rows
// CHECK: nyala.dispatch @subtrahend rows
func.func @forward(%x: tensor<?x32xf32> {nyala.role = "x"}) -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %a = nyala.load @a : tensor<16x32xf32, #nyala.packed<f32>>
  %b = nyala.load @b : tensor<16x32xf32, #nyala.packed<f32>>
  %zero = arith.constant 0 : index
  %rows = tensor.dim %x, %zero : tensor<?x32xf32>
  %0 = nyala.dispatch @first rows(%rows) (%x, %a) tied [-1] : (tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f32>>) -> tensor<?x16xf32>
  %1 = nyala.dispatch @equal rows(%rows) (%x, %b) tied [-1] : (tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f32>>) -> tensor<?x16xf32>
  %2 = nyala.dispatch @other_kind rows(%rows) (%x, %b) tied [-1] : (tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<f32>>) -> tensor<?x16xf32>
  %3 = nyala.dispatch @subtrahend rows(%rows) (%0, %1) tied [-1] : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  return %1, %2, %3 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}
