// Weights from files, from initializers, and random ones; kernels and dispatches.
//
// The file holds two bytes to skip, 1.0 and -2.0 as f32, 0.5 and 3.0 as f16, then one block of q8_0:
// scale 0.25 (f16) and values 0, 1, -1, 127, -128, 0 ... 0.
// RUN: printf '\0\0\0\0\200\077\0\0\0\300\0\070\0\102\0\064\0\001\377\177\200\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' > %t.bin
// RUN: sed s@FILE@%t.bin@ %s > %t.mlir
// RUN: nyala-interpret %t.mlir | FileCheck %s
// RUN: nyala-interpret %t.mlir --random-weights | FileCheck %s --check-prefix=RANDOM

nyala.weight @plain : tensor<2xf32> source <"FILE", offset = 2, bytes = 8, format = f32>
nyala.weight @halves : tensor<1x2xf32> source <"FILE", offset = 10, bytes = 4, format = f16>
nyala.weight @block : tensor<1x32xf32> source <"FILE", offset = 14, bytes = 34, format = q8_0>
nyala.weight @free : tensor<1x2xf32>
// An initializer may load what another one makes.
nyala.weight @twice : tensor<2x2xf32> initializer {
  %0 = nyala.load @halves : tensor<1x2xf32>
  %1 = tensor.concat dim(0) %0, %0 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<2x2xf32>
  nyala.yield %1 : tensor<2x2xf32>
}
nyala.weight @packed : tensor<2x2xf32, #nyala.packed<f16>> initializer {
  %0 = nyala.load @twice : tensor<2x2xf32>
  %1 = nyala.pack %0 : tensor<2x2xf32> -> tensor<2x2xf32, #nyala.packed<f16>>
  nyala.yield %1 : tensor<2x2xf32, #nyala.packed<f16>>
}

nyala.kernel @product(%x: tensor<?x2xf32>, %w: tensor<2x2xf32, #nyala.packed<f16>>)
    -> (tensor<?x2xf32>, tensor<?x2xf32>) attributes {max_rows = 2 : i64} {
  %0 = nyala.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32, #nyala.packed<f16>> -> tensor<?x2xf32>
  %1 = arith.addf %0, %x : tensor<?x2xf32>
  nyala.return %0, %1 : tensor<?x2xf32>, tensor<?x2xf32>
}

// CHECK: plain: 2xf32
// CHECK-NEXT: {{^}}  [1, -2]
// CHECK: halves: 1x2xf32
// CHECK-NEXT: {{^}}  [0.5, 3]
// CHECK: block: 1x32xf32
// CHECK-NEXT: {{^}}  [0, 0.25, -0.25, 31.75, -32, 0, 0, {{.*}}0]
// CHECK: product: 1x2xf32
// 0.5 * 0.5 + 3 * 3, twice.
// CHECK-NEXT: {{^}}  [9.25, 9.25]
// CHECK: sum: 1x2xf32
// CHECK-NEXT: {{^}}  [9.75, 12.25]
// Weights of a name are the same wherever they are loaded.
// CHECK: zero: 1x2xf32
// CHECK-NEXT: {{^}}  [0, 0]

// RANDOM: plain: 2xf32
// RANDOM-NOT: [1, -2]
// RANDOM: zero: 1x2xf32
// RANDOM-NEXT: {{^}}  [0, 0]
func.func @forward() -> (
    tensor<2xf32> {nyala.result = "plain"}, tensor<1x2xf32> {nyala.result = "halves"},
    tensor<1x32xf32> {nyala.result = "block"}, tensor<?x2xf32> {nyala.result = "product"},
    tensor<?x2xf32> {nyala.result = "sum"}, tensor<1x2xf32> {nyala.result = "zero"}) {
  %plain = nyala.load @plain : tensor<2xf32>
  %halves = nyala.load @halves : tensor<1x2xf32>
  %block = nyala.load @block : tensor<1x32xf32>
  %packed = nyala.load @packed : tensor<2x2xf32, #nyala.packed<f16>>
  %x = tensor.cast %halves : tensor<1x2xf32> to tensor<?x2xf32>
  %rows = arith.constant 1 : index
  %0:2 = nyala.dispatch @product rows(%rows) (%x, %packed) tied [-1, -1]
      : (tensor<?x2xf32>, tensor<2x2xf32, #nyala.packed<f16>>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  %1 = nyala.load @free : tensor<1x2xf32>
  %2 = nyala.load @free : tensor<1x2xf32>
  %3 = arith.subf %1, %2 : tensor<1x2xf32>
  return %plain, %halves, %block, %0#0, %0#1, %3
      : tensor<2xf32>, tensor<1x2xf32>, tensor<1x32xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<1x2xf32>
}
