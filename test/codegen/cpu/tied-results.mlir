// RUN: nyala-opt %s --nyala-generate-cpu-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64", features = "avx2", "fma">]} {

// A tied result is no buffer of its own. All results are computed before any is stored: the second
// reads what the first overwrites.
// CHECK-LABEL: func.func @tied_sum(
// CHECK-SAME: %[[S:arg0]]: memref<4x16xf32> {llvm.noalias}, %[[X:arg1]]: memref<4x16xf32> {llvm.noalias}, %[[P:arg2]]: memref<4x16xf32> {llvm.noalias}, %arg3: index
// CHECK-SAME: nyala.per_row
// CHECK: %[[SUM:.+]] = arith.addf
// CHECK-NOT: vector.store
// CHECK: %[[PRODUCT:.+]] = arith.mulf
// CHECK: vector.store %[[SUM]], %[[S]]
// CHECK: vector.store %[[PRODUCT]], %[[P]]
nyala.kernel @tied_sum(%s: tensor<4x16xf32>, %x: tensor<4x16xf32>) -> (tensor<4x16xf32> {nyala.tied = 0 : i64}, tensor<4x16xf32>) attributes {max_rows = 4 : i64} {
  %0 = arith.addf %s, %x : tensor<4x16xf32>
  %1 = arith.mulf %s, %x : tensor<4x16xf32>
  nyala.return %0, %1 : tensor<4x16xf32>, tensor<4x16xf32>
}

// A residual that a product is added to where it lies.
// CHECK-LABEL: func.func @tied_residual(
// CHECK-SAME: %[[R:arg2]]: memref<4x32xf32> {llvm.noalias}, %arg3: index
// CHECK: vector.load %[[R]]
// CHECK: vector.store {{.*}}, %[[R]]
nyala.kernel @tied_residual(%x: tensor<4x16xf32>, %w: tensor<32x16xf32, #nyala.packed<q8_0>>, %r: tensor<4x32xf32>) -> (tensor<4x32xf32> {nyala.tied = 2 : i64}) attributes {max_rows = 4 : i64} {
  %0 = nyala.linear %x, %w : tensor<4x16xf32>, tensor<32x16xf32, #nyala.packed<q8_0>> -> tensor<4x32xf32>
  %1 = arith.addf %r, %0 : tensor<4x32xf32>
  nyala.return %1 : tensor<4x32xf32>
}

// Ids are computed one by one.
// CHECK-LABEL: func.func @shifted_ids(
// CHECK-SAME: %[[T:arg0]]: memref<512xi32> {llvm.noalias}, %[[Y:arg1]]: memref<512xi32> {llvm.noalias}
// CHECK-SAME: nyala.per_row
// CHECK: scf.for %[[ROW:.+]] = %arg3 to %arg4
// CHECK: %[[ID:.+]] = memref.load %[[T]][%[[ROW]]]
// CHECK: %[[SHIFTED:.+]] = arith.subi %[[ID]], %{{.+}} : i32
// CHECK: memref.store %[[SHIFTED]], %[[Y]][%[[ROW]]]
nyala.kernel @shifted_ids(%t: tensor<512xi32>) -> tensor<512xi32> attributes {max_rows = 512 : i64} {
  %c = arith.constant dense<4096> : tensor<512xi32>
  %0 = arith.subi %t, %c : tensor<512xi32>
  nyala.return %0 : tensor<512xi32>
}
}
