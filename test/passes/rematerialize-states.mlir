// @f of %w cannot run again where %a1 is wanted last: %w has been updated by then. @f of %a1 can, nothing that it reads changes.
// RUN: nyala-opt %s --nyala-rematerialize="fraction=1 report=%t.json" -o %t.mlir
// RUN: FileCheck %s --input-file=%t.json

// CHECK: "nodes":[{"bytes":4096,"cost":{{[^,]+}},"inputs":[],"op":"f","outputs":[0],"workspace":0}
// CHECK-SAME: {"bytes":4096,"cost":{{[^,]+}},"inputs":[0],"op":"f","outputs":[1],"recomputable":true,"workspace":0}

nyala.kernel @f(%x: tensor<16x64xf32>) -> tensor<16x64xf32> attributes {max_rows = 16 : i64} {
  %0 = nyala.activation silu %x : tensor<16x64xf32>
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
func.func @train_step(%x: tensor<16x64xf32> {nyala.role = "x"}, %w: tensor<16x64xf32> {nyala.state = "w"}, %v: tensor<16x64xf32> {nyala.state = "v"})
    -> (tensor<16x1xf32> {nyala.result = "loss"}, tensor<16x64xf32> {nyala.state = "w"}, tensor<16x64xf32> {nyala.state = "v"}) attributes {nyala.entry} {
  %rows = arith.constant 16 : index
  %a1 = nyala.dispatch @f rows(%rows) (%w) tied [-1] : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %a2 = nyala.dispatch @f rows(%rows) (%a1) tied [-1] : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %loss = nyala.dispatch @sum rows(%rows) (%a2) tied [-1] : (tensor<16x64xf32>) -> tensor<16x1xf32>
  %d2 = nyala.dispatch @df rows(%rows) (%x, %a2) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %w1 = nyala.dispatch @update rows(%rows) (%w, %d2) tied [0] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %d1 = nyala.dispatch @df rows(%rows) (%d2, %a1) tied [-1] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %v1 = nyala.dispatch @update rows(%rows) (%v, %d1) tied [0] : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  return %loss, %w1, %v1 : tensor<16x1xf32>, tensor<16x64xf32>, tensor<16x64xf32>
}
