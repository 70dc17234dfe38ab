// Where no dispatches have been formed, a node is an op.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: nyala-opt %s --nyala-rematerialize="budget=67648 report=report.json" -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: FileCheck %s --input-file=report.json --check-prefix=REPORT
// RUN: nyala-interpret --compare %s %t.mlir --entry train_step --seed 1 --tolerance 0
// RUN: nyala-opt %t.mlir --canonicalize --cse | FileCheck %s

// The view and the constant take neither time nor memory. Gradients are results, kept to the end; that of
// an activation takes the place of the one that comes in.
// REPORT: "first_backward":7,"fixed_bytes":2048,"nodes":
// REPORT-SAME: {"bytes":16384,"cost":{{[^,]+}},"inputs":[],"op":"nyala.linear","outputs":[0],"recomputable":true,"workspace":0}
// REPORT-SAME: "inputs":[7,2],"op":"nyala.activation_gradient","outputs":[7],"workspace":0
// REPORT-NOT: tensor.collapse_shape
// REPORT: "kept":true
// REPORT-SAME: {"bytes":1024,"gradient":true,"kept":true}

// CHECK-LABEL: func.func @train_step(
// CHECK: nyala.sum_rows
// CHECK: nyala.recomputation = 1 : i64
// CHECK: return
func.func @train_step(%x: tensor<64x4xf32> {nyala.role = "x"}, %w: tensor<64x4xf32> {nyala.state = "w"}) -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<64x4xf32> {nyala.gradient = "w"}) {
  %y = nyala.linear %x, %w : tensor<64x4xf32>, tensor<64x4xf32> -> tensor<64x64xf32>
  %a = nyala.activation silu %y : tensor<64x64xf32>
  %flat = tensor.collapse_shape %a [[0, 1]] : tensor<64x64xf32> into tensor<4096xf32>
  %view = tensor.expand_shape %flat [[0, 1]] output_shape [64, 64] : tensor<4096xf32> into tensor<64x64xf32>
  %b = nyala.activation silu %view : tensor<64x64xf32>
  %c = nyala.activation silu %b : tensor<64x64xf32>
  %d = nyala.activation silu %c : tensor<64x64xf32>
  %s = nyala.reduce sum %d : tensor<64x64xf32> -> tensor<64x1xf32>
  %loss = nyala.sum_rows %s : tensor<64x1xf32> -> tensor<1x1xf32>
  %dd = arith.constant dense<1.0> : tensor<64x64xf32>
  %dc = nyala.activation_gradient silu %dd, %c : tensor<64x64xf32>
  %db = nyala.activation_gradient silu %dc, %b : tensor<64x64xf32>
  %da = nyala.activation_gradient silu %db, %view : tensor<64x64xf32>
  %dy = nyala.activation_gradient silu %da, %y : tensor<64x64xf32>
  %dw = nyala.matmul %dy, %x {transpose_a} : tensor<64x64xf32>, tensor<64x4xf32> -> tensor<64x4xf32>
  return %loss, %dw : tensor<1x1xf32>, tensor<64x4xf32>
}
