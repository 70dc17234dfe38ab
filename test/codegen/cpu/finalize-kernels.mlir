// RUN: nyala-opt %s --nyala-finalize-kernels --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: llvm.func @k(
// CHECK-SAME: %[[BUFFERS:.+]]: !llvm.ptr, %[[ROWS:.+]]: i64, %[[BEGIN:.+]]: i64, %[[END:.+]]: i64, %[[SCRATCH:.+]]: !llvm.ptr)
// CHECK-SAME: nyala.per_row
// CHECK-SAME: nyala.scratch_bytes = 64
// CHECK-SAME: nyala.tiles = 3
// CHECK: %[[SLOT0:.+]] = llvm.getelementptr %[[BUFFERS]][0]
// CHECK: %[[X:.+]] = llvm.load %[[SLOT0]]
// CHECK: %[[SLOT1:.+]] = llvm.getelementptr %[[BUFFERS]][1]
// CHECK: %[[Y:.+]] = llvm.load %[[SLOT1]]
// CHECK: llvm.call @k.body(%[[X]], %[[Y]], %[[ROWS]], %[[BEGIN]], %[[END]], %[[SCRATCH]])
// CHECK: llvm.return
// CHECK-LABEL: llvm.func internal @k.body(
// CHECK-NOT: nyala.tiles
// CHECK: llvm.return
llvm.func @k(%x: !llvm.ptr, %y: !llvm.ptr, %rows: i64, %begin: i64, %end: i64, %scratch: !llvm.ptr)
    attributes {nyala.tiles = 3 : i64, nyala.per_row, nyala.scratch_bytes = 64 : i64} {
  llvm.return
}
// Not a kernel.
// CHECK-LABEL: llvm.func @helper(%arg0: i64)
// CHECK-NOT: @helper.body
llvm.func @helper(%x: i64) {
  llvm.return
}

// -----

// expected-error @below {{expected the arguments of a generated kernel: buffers, rows, begin, end and scratch}}
llvm.func @k(%rows: i64, %begin: i64, %end: i64) attributes {nyala.tiles = 3 : i64} {
  llvm.return
}
