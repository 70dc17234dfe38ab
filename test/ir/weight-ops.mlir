// RUN: nyala-opt %s | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --emit-bytecode | nyala-opt | FileCheck %s
// RUN: nyala-interpret %s --entry forward --input x=0,1,2,3,4,5,6,7,8,9 | FileCheck %s --check-prefix=VALUES

// The first four of five elements of each group; the fifth stays.
// CHECK: nyala.interleave_rows %{{.+}} {dims = 4 : i64, groups = 2 : i64} : tensor<10xf32>
// VALUES: 0, 2, 1, 3, 4, 5, 7, 6, 8, 9
func.func @forward(%x: tensor<10xf32> {nyala.role = "x"}) -> (tensor<10xf32> {nyala.result = "y"}) {
  %0 = nyala.interleave_rows %x {groups = 2, dims = 4} : tensor<10xf32>
  return %0 : tensor<10xf32>
}

// The values of what is packed are those of the plain weight.
// CHECK: nyala.unpack %{{.+}} : tensor<16x32xf32, #nyala.packed<q4_0>> -> tensor<16x32xf32>
func.func @unpack(%p: tensor<16x32xf32, #nyala.packed<q4_0>>) -> tensor<16x32xf32> {
  %0 = nyala.unpack %p : tensor<16x32xf32, #nyala.packed<q4_0>> -> tensor<16x32xf32>
  return %0 : tensor<16x32xf32>
}
