// RUN: nyala-opt %s --nyala-rematerialize="budget=1000000 report=%t.json" -o %t.mlir
// RUN: FileCheck %s --input-file=%t.json

// What repeats a bias is read where the bias lies: no node, no memory.
// CHECK: "nodes":[{{[{].*}}"op":"nyala.linear"
// CHECK-NOT: linalg.broadcast
// CHECK-SAME: "inputs":[0],"op":"arith.addf"
// CHECK-NOT: linalg.broadcast
// CHECK-SAME: "tensors"
func.func @train_step(%x: tensor<8x4xf32> {nyala.role = "x"}, %w: tensor<64x4xf32> {nyala.state = "w"}, %b: tensor<1x64xf32> {nyala.state = "b"})
    -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<64x4xf32> {nyala.gradient = "w"}) {
  %y = nyala.linear %x, %w : tensor<8x4xf32>, tensor<64x4xf32> -> tensor<8x64xf32>
  %vector = tensor.collapse_shape %b [[0, 1]] : tensor<1x64xf32> into tensor<64xf32>
  %empty = tensor.empty() : tensor<8x64xf32>
  %bias = linalg.broadcast ins(%vector : tensor<64xf32>) outs(%empty : tensor<8x64xf32>) dimensions = [0]
  %z = arith.addf %y, %bias : tensor<8x64xf32>
  %a = nyala.activation relu %z : tensor<8x64xf32>
  %s = nyala.reduce sum %a : tensor<8x64xf32> -> tensor<8x1xf32>
  %loss = nyala.sum_rows %s : tensor<8x1xf32> -> tensor<1x1xf32>
  %da = arith.constant dense<1.0> : tensor<8x64xf32>
  %dz = nyala.activation_gradient relu %da, %a : tensor<8x64xf32>
  %dw = nyala.matmul %dz, %x {transpose_a} : tensor<8x64xf32>, tensor<8x4xf32> -> tensor<64x4xf32>
  return %loss, %dw : tensor<1x1xf32>, tensor<64x4xf32>
}
