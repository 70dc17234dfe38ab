// Schedules themselves are tested in test/unit/remat. Here: what is a node, what a tensor, and what becomes of a schedule.
// RUN: nyala-opt %s --nyala-rematerialize="budget=24640 report=%t.json" -o %t.mlir --remarks-filter=nyala-rematerialize 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: FileCheck %s --input-file=%t.json --check-prefix=REPORT
// RUN: nyala-interpret --compare %s %t.mlir --entry train_step --seed 1 --tolerance 0

// Clones are told apart from each other and from what they repeat.
// RUN: nyala-opt %t.mlir --cse --nyala-deduplicate-kernels | FileCheck %s

// RUN: nyala-opt %s --nyala-rematerialize="fraction=0.6 method=greedy" | FileCheck %s
// RUN: nyala-opt %s --nyala-rematerialize="fraction=0.6 method=sqrt" | FileCheck %s --check-prefix=SQRT
// RUN: nyala-opt %s --nyala-rematerialize="fraction=1 method=none" | FileCheck %s --check-prefix=NONE
// RUN: nyala-opt %s --nyala-rematerialize="fraction=1" | FileCheck %s --check-prefix=NONE

// The arena is what was planned for.
// RUN: nyala-opt %t.mlir --nyala-generate-cpu-kernels --nyala-build-programs | FileCheck %s --check-prefix=ARENA

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64-v3", features = "avx", "avx2", "fma">]} {
nyala.kernel @f(%x: tensor<16x64xf32>) -> tensor<16x64xf32> attributes {max_rows = 16 : i64} {
  %0 = nyala.activation silu %x : tensor<16x64xf32>
  nyala.return %0 : tensor<16x64xf32>
}
nyala.kernel @g(%x: tensor<16x64xf32>, %y: tensor<16x64xf32>) -> tensor<16x64xf32> attributes {max_rows = 16 : i64} {
  %0 = arith.mulf %x, %y : tensor<16x64xf32>
  nyala.return %0 : tensor<16x64xf32>
}
nyala.kernel @sum(%x: tensor<16x64xf32>) -> tensor<16x1xf32> attributes {max_rows = 16 : i64} {
  %0 = nyala.reduce sum %x : tensor<16x64xf32> -> tensor<16x1xf32>
  nyala.return %0 : tensor<16x1xf32>
}
nyala.kernel @df(%d: tensor<16x64xf32>, %x: tensor<16x64xf32>) -> tensor<16x64xf32> attributes {max_rows = 16 : i64} {
  %0 = nyala.activation_gradient silu %d, %x : tensor<16x64xf32>
  nyala.return %0 : tensor<16x64xf32>
}
nyala.kernel @update(%w: tensor<16x64xf32>, %d: tensor<16x64xf32>) -> (tensor<16x64xf32> {nyala.tied = 0 : i64}) attributes {max_rows = 16 : i64} {
  %0 = arith.subf %w, %d : tensor<16x64xf32>
  nyala.return %0 : tensor<16x64xf32>
}

// @f costs least: it runs again. Weights, arguments and results are fixed: 2 * 4096 + 64 bytes. The gradient %d1 is part of the state that
// fractions leave out.
// REMARK: StepRematerialized {{.*}}2 of 12 nodes run again: 24640 of 24640 bytes
// REPORT: "first_backward":6,"fixed_bytes":8256
// REPORT-SAME: {"bytes":4096,"cost":{{[^,]+}},"inputs":[],"op":"f","outputs":[0],"recomputable":true,"workspace":0}
// REPORT-SAME: {"bytes":0,"cost":{{[^,]+}},"inputs":[4],"op":"sum","outputs":[],"workspace":0}
// REPORT-SAME: "tensors":[{"bytes":4096}
// REPORT-SAME: {"bytes":4096,"gradient":true}]
// REPORT-SAME: "schedule":[0,1,2,3,4,5,6,7,8,0,1,9,10,11]
// REPORT-SAME: "state_bytes":12352

// CHECK-LABEL: func.func @train_step(
// CHECK-SAME: %[[X:.+]]: tensor<16x64xf32> {nyala.role = "x"}, %[[W:.+]]: tensor<16x64xf32> {nyala.state
// CHECK: %[[A1:.+]] = nyala.dispatch @f rows(%{{.+}}) (%[[W]]) tied [-1] : (
// CHECK: nyala.dispatch @df
// CHECK: nyala.dispatch @df
// CHECK: %[[D3:.+]] = nyala.dispatch @df
// CHECK-NEXT: %[[B1:.+]] = nyala.dispatch @f rows(%{{.+}}) (%[[W]]) tied [-1] {nyala.recomputation = 1 : i64} : (
// CHECK-NEXT: %[[B2:.+]] = nyala.dispatch @f rows(%{{.+}}) (%[[B1]]) tied [-1] {nyala.recomputation = 2 : i64} : (
// CHECK-NEXT: %[[FLAT:.+]] = tensor.collapse_shape %[[B2]]
// CHECK-NEXT: %[[VIEW:.+]] = tensor.expand_shape %[[FLAT]]
// CHECK-NEXT: %[[D2:.+]] = nyala.dispatch @df rows(%{{.+}}) (%[[D3]], %[[VIEW]])
// CHECK-NEXT: %[[D1:.+]] = nyala.dispatch @df rows(%{{.+}}) (%[[D2]], %[[B1]])
// CHECK-NEXT: nyala.dispatch @update rows(%{{.+}}) (%[[W]], %[[D1]])

// SQRT: nyala.dispatch @sum
// SQRT-NEXT: nyala.dispatch @g {{.*}}nyala.recomputation = 1
// SQRT-NEXT: nyala.dispatch @g {{.*}}nyala.recomputation = 2
// SQRT-COUNT-3: nyala.dispatch @df
// SQRT-NEXT: nyala.dispatch @f {{.*}}nyala.recomputation = 3
// SQRT-NEXT: nyala.dispatch @f {{.*}}nyala.recomputation = 4

// NONE-LABEL: func.func @train_step(
// NONE-NOT: nyala.recomputation
// NONE: return

// ARENA: nyala.program @train_step {{.*}} arena 16384
func.func @train_step(%x: tensor<16x64xf32> {nyala.role = "x"}, %w: tensor<16x64xf32> {nyala.state = "w"})
    -> (tensor<16x1xf32> {nyala.result = "loss"}, tensor<16x64xf32> {nyala.state = "w"}) attributes {nyala.entry} {
  %rows = arith.constant 16 : index
  %a1 = nyala.dispatch @f rows(%rows) (%w) tied [-1] : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %a2 = nyala.dispatch @f rows(%rows) (%a1) tied [-1] : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %flat = tensor.collapse_shape %a2 [[0, 1]] : tensor<16x64xf32> into tensor<1024xf32>
  %view = tensor.expand_shape %flat [[0, 1]] output_shape [16, 64] : tensor<1024xf32> into tensor<16x64xf32>
  %a3 = nyala.dispatch @g rows(%rows) (%view, %x) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %a4 = nyala.dispatch @g rows(%rows) (%a3, %x) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %a5 = nyala.dispatch @g rows(%rows) (%a4, %x) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %loss = nyala.dispatch @sum rows(%rows) (%a5) tied [-1] : (tensor<16x64xf32>) -> tensor<16x1xf32>
  %d5 = nyala.dispatch @df rows(%rows) (%x, %a5) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %d4 = nyala.dispatch @df rows(%rows) (%d5, %a4) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %d3 = nyala.dispatch @df rows(%rows) (%d4, %a3) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %d2 = nyala.dispatch @df rows(%rows) (%d3, %view) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %d1 = nyala.dispatch @df rows(%rows) (%d2, %a1) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %w1 = nyala.dispatch @update rows(%rows) (%w, %d1) tied [0] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  return %loss, %w1 : tensor<16x1xf32>, tensor<16x64xf32>
}
}
