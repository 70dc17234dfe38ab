// Gradients themselves are compared with finite differences in test/unit/passes/GradientTest.cpp.
// RUN: nyala-opt %s --split-input-file --nyala-differentiate --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,ALL
// RUN: nyala-opt %s --split-input-file --nyala-differentiate="train=^layer1" --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,TRAIN

// Two layers; the first one frozen.
// ALL-LABEL: func.func @train_step
// ALL-SAME: (%[[X:[^:]*]]: tensor<8x4xf32>, %[[W0:[^:]*]]: tensor<4x4xf32> {nyala.state = "layer0.w"}, %[[W1:[^:]*]]: tensor<4x4xf32> {nyala.state = "layer1.w"}, %[[N:[^:]*]]: tensor<1x4xf32> {nyala.state = "layer1.norm"})
// ALL-SAME: -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<8x4xf32>, tensor<4x4xf32> {nyala.gradient = "layer0.w"}, tensor<4x4xf32> {nyala.gradient = "layer1.w"}, tensor<1x4xf32> {nyala.gradient = "layer1.norm"})
// ALL: %[[Y0:.*]] = nyala.linear %[[X]], %[[W0]]
// ALL: %[[Z:.*]] = nyala.rms_norm %[[Y0]], %[[V:.*]] {
// ALL: %[[Y1:.*]] = nyala.linear %[[Z]], %[[W1]]
// ALL: %[[LOSS:.*]] = nyala.sum_rows
// ALL: %[[DC:.*]] = arith.constant dense<1.000000e+00> : tensor<8x1xf32>
// ALL: %[[DY1:.*]] = nyala.broadcast_columns %[[DC]] : tensor<8x1xf32> -> tensor<8x4xf32>
// ALL: %[[DZ:.*]] = nyala.matmul %[[DY1]], %[[W1]] : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
// ALL: %[[DW1:.*]] = nyala.matmul %[[DY1]], %[[Z]] {transpose_a} : tensor<8x4xf32>, tensor<8x4xf32> -> tensor<4x4xf32>
// ALL: %[[DY0:.*]] = nyala.rms_norm_gradient %[[DZ]], %[[Y0]], %[[V]]
// ALL: %[[DV:.*]] = nyala.rms_norm_weight_gradient %[[DZ]], %[[Y0]]
// ALL: %[[DW0:.*]] = nyala.matmul %[[DY0]], %[[X]] {transpose_a}
// The argument %x needs no gradient.
// ALL-NOT: nyala.matmul
// ALL: %[[DN:.*]] = tensor.expand_shape %[[DV]] {{\[}}[0, 1]] output_shape [1, 4] : tensor<4xf32> into tensor<1x4xf32>
// ALL: return %[[LOSS]], %[[Y1]], %[[DW0]], %[[DW1]], %[[DN]]

// What comes before the layer that is trained has no gradients.
// TRAIN-LABEL: func.func @train_step
// TRAIN-SAME: -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<8x4xf32>, tensor<4x4xf32> {nyala.gradient = "layer1.w"}, tensor<1x4xf32> {nyala.gradient = "layer1.norm"})
// TRAIN: nyala.sum_rows
// TRAIN-COUNT-2: nyala.matmul
// TRAIN-NOT: nyala.matmul
// TRAIN-NOT: nyala.rms_norm_gradient
// TRAIN: nyala.rms_norm_weight_gradient
// TRAIN-NOT: nyala.matmul
// TRAIN: return
func.func @train_step(%x: tensor<8x4xf32>, %w0: tensor<4x4xf32> {nyala.state = "layer0.w"}, %w1: tensor<4x4xf32> {nyala.state = "layer1.w"},
                      %n: tensor<1x4xf32> {nyala.state = "layer1.norm"}) -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<8x4xf32>) {
  %v = tensor.collapse_shape %n [[0, 1]] : tensor<1x4xf32> into tensor<4xf32>
  %y0 = nyala.linear %x, %w0 : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %z = nyala.rms_norm %y0, %v {epsilon = 1.0e-5 : f32} : tensor<8x4xf32>, tensor<4xf32>
  %y1 = nyala.linear %z, %w1 : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %s = nyala.reduce sum %y1 : tensor<8x4xf32> -> tensor<8x1xf32>
  %loss = nyala.sum_rows %s : tensor<8x1xf32> -> tensor<1x1xf32>
  return %loss, %y1 : tensor<1x1xf32>, tensor<8x4xf32>
}

// -----

// A weight with three uses, and a loss that is not the first result. What the loss does not depend on
// is not differentiated: the quantization has no gradient.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: -> (tensor<8x32xi8>, tensor<1x1xf32> {nyala.result = "loss"}, tensor<1x32xf32> {nyala.gradient = "layer1.w"})
// CHECK: %[[SUM:.*]] = arith.addf %{{.*}}, %{{.*}} : tensor<1x32xf32>
// CHECK: %[[G:.*]] = arith.addf %[[SUM]], %{{.*}} : tensor<1x32xf32>
// CHECK: return %{{.*}}, %{{.*}}, %[[G]]
func.func @train_step(%x: tensor<8x32xf32>, %w: tensor<1x32xf32> {nyala.state = "layer1.w"}) -> (tensor<8x32xi8>, tensor<1x1xf32> {nyala.result = "loss"}) {
  %square = arith.mulf %w, %w : tensor<1x32xf32>
  %y = nyala.linear %x, %square : tensor<8x32xf32>, tensor<1x32xf32> -> tensor<8x1xf32>
  %z = nyala.linear %x, %w : tensor<8x32xf32>, tensor<1x32xf32> -> tensor<8x1xf32>
  %s = arith.addf %y, %z : tensor<8x1xf32>
  %loss = nyala.sum_rows %s : tensor<8x1xf32> -> tensor<1x1xf32>
  %columns = nyala.broadcast_columns %s : tensor<8x1xf32> -> tensor<8x32xf32>
  %q, %scales, %sums = nyala.quantize %columns : tensor<8x32xf32> -> tensor<8x32xi8>, tensor<8x1xf32>, tensor<8x2xi32>
  return %q, %loss : tensor<8x32xi8>, tensor<1x1xf32>
}

// -----

// A weight that the loss does not depend on.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: -> (tensor<1x1xf32>, tensor<1x1xf32> {nyala.gradient = "layer1.w"})
// CHECK-NEXT: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<1x1xf32>
// CHECK-NEXT: return %{{.*}}, %[[ONE]]
// expected-warning @below {{the loss does not depend on weight 'layer1.unused': it is not trained}}
func.func @train_step(%w: tensor<1x1xf32> {nyala.state = "layer1.w"}, %u: tensor<4x4xf32> {nyala.state = "layer1.unused"}) -> tensor<1x1xf32> {
  return %w : tensor<1x1xf32>
}

// -----

// Gradients of slices that lie beside each other are one concatenation, not a sum of what is mostly zeros.

// CHECK-LABEL: func.func @train_step
// CHECK-SAME: -> (tensor<1x1xf32>, tensor<1x7xf32> {nyala.gradient = "layer1.w"})
// CHECK: %[[ZEROS:.+]] = arith.constant dense<0.000000e+00> : tensor<1x1xf32>
// CHECK: %[[DW:.+]] = tensor.concat dim(1) %{{.+}}, %{{.+}}, %[[ZEROS]] : (tensor<1x4xf32>, tensor<1x2xf32>, tensor<1x1xf32>) -> tensor<1x7xf32>
// CHECK-NOT: arith.addf
// CHECK: return %{{.+}}, %[[DW]]
func.func @train_step(%w: tensor<1x7xf32> {nyala.state = "layer1.w"}) -> tensor<1x1xf32> {
  %0 = tensor.extract_slice %w[0, 0] [1, 4] [1, 1] : tensor<1x7xf32> to tensor<1x4xf32>
  %1 = tensor.extract_slice %w[0, 4] [1, 2] [1, 1] : tensor<1x7xf32> to tensor<1x2xf32>
  %2 = nyala.reduce sum %0 : tensor<1x4xf32> -> tensor<1x1xf32>
  %3 = nyala.reduce sum %1 : tensor<1x2xf32> -> tensor<1x1xf32>
  %4 = arith.mulf %2, %3 : tensor<1x1xf32>
  return %4 : tensor<1x1xf32>
}
