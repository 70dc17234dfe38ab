// RUN: nyala-opt %s --nyala-build-loss --split-input-file | FileCheck %s
// RUN: nyala-opt %s --nyala-training-pipeline=optimizer=sgd --split-input-file | FileCheck %s --check-prefix=STEP

// Filters are rows of a matrix, a final softmax joins the loss; statistics are the batch's in training.
// CHECK: module attributes {nyala.model = {architecture = "onnx", batch = 2 : i64}}
module attributes {nyala.model = {architecture = "onnx"}} {
nyala.weight @filter : tensor<4x3x3x3xf32>
nyala.weight @scale : tensor<4xf32>
nyala.weight @mean : tensor<4xf32>
nyala.weight @variance : tensor<4xf32>
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<2x3x6x6xf32> {nyala.max_rows = 2 : i64, nyala.role = "image"}, %[[TARGETS:[a-z0-9]+]]: tensor<2xi32> {nyala.max_rows = 2 : i64, nyala.role = "targets"}, %[[WEIGHTS:[a-z0-9]+]]: tensor<2x1xf32> {nyala.max_rows = 2 : i64, nyala.role = "loss_weights"},
// CHECK-SAME: %[[FILTER:[a-z0-9]+]]: tensor<4x27xf32> {nyala.state = "filter"}, %[[SCALE:[a-z0-9]+]]: tensor<1x4xf32> {nyala.state = "scale"}, %[[MEAN:[a-z0-9]+]]: tensor<1x4xf32> {nyala.state = "mean"}, %[[VARIANCE:[a-z0-9]+]]: tensor<1x4xf32> {nyala.state = "variance"})
// CHECK-SAME: -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<1x4xf32> {nyala.state = "mean"}, tensor<1x4xf32> {nyala.state = "variance"}) attributes {nyala.entry}
// CHECK-DAG: %[[W:.+]] = tensor.expand_shape %[[FILTER]] {{\[}}[0], [1, 2, 3]] output_shape [4, 3, 3, 3]
// CHECK-DAG: %[[C:.+]] = nyala.convolution %[[X]], %[[W]]
// CHECK-DAG: %[[S:.+]] = tensor.collapse_shape %[[SCALE]]
// CHECK: %[[N:.+]], %[[M:.+]], %[[V:.+]] = nyala.batch_norm_training %[[C]] scale %[[S]] bias %[[S]]
// CHECK: %[[SCORES:.+]] = tensor.collapse_shape %{{.+}} {{\[}}[0], [1, 2, 3]] : tensor<2x4x1x1xf32> into tensor<2x4xf32>
// CHECK-NOT: nyala.softmax
// CHECK: %[[SUM:.+]], %[[LOGIT:.+]] = nyala.log_sum_exp %[[SCORES]] at %[[TARGETS]]
// CHECK-NEXT: %[[L:.+]] = arith.subf %[[SUM]], %[[LOGIT]]
// CHECK-NEXT: %[[P:.+]] = arith.mulf %[[L]], %[[WEIGHTS]]
// CHECK-NEXT: %[[LOSS:.+]] = nyala.sum_rows %[[P]]
// CHECK-NEXT: %[[MROW:.+]] = tensor.expand_shape %[[M]]
// CHECK-NEXT: %[[MEAN1:.+]] = nyala.moving_average %[[MEAN]], %[[MROW]] {momentum = 5.000000e-01 : f32}
// CHECK-NEXT: %[[VROW:.+]] = tensor.expand_shape %[[V]]
// CHECK-NEXT: %[[VARIANCE1:.+]] = nyala.moving_average %[[VARIANCE]], %[[VROW]] {momentum = 5.000000e-01 : f32}
// CHECK-NEXT: return %[[LOSS]], %[[MEAN1]], %[[VARIANCE1]]
// CHECK-LABEL: func.func @evaluate
// CHECK-SAME: -> (tensor<1x1xf32> {nyala.result = "loss"}) attributes {nyala.entry}
// CHECK: nyala.batch_norm %{{.+}} scale %{{.+}} bias %{{.+}} mean %{{.+}} variance

// The statistics are states that the step updates, not weights that it trains.
// STEP-LABEL: func.func @train_step
// STEP-SAME: {nyala.state = "velocity:filter"}
// STEP-NOT: "velocity:mean"
// STEP: %[[D:.+]] = nyala.logits_gradient %{{.+}}, %[[Z:.+]], %{{.+}} at
// STEP: %[[POOLED:.+]] = nyala.pool_gradient average
// STEP: %[[G:.+]] = nyala.activation_gradient relu %{{.+}}, %{{.+}} : tensor<2x64xf32>
// STEP: %[[DS:.+]], %[[DB:.+]] = nyala.batch_norm_weight_gradient
// STEP: %[[DC:.+]] = nyala.batch_norm_gradient {{.*}} sums %[[DS]], %[[DB]]
// STEP: %[[DW:.+]] = nyala.convolution_weight_gradient %[[DC]], %{{.+}} : tensor<2x4x4x4xf32>, tensor<2x3x6x6xf32> -> tensor<4x3x3x3xf32>
// STEP-NOT: nyala.transposed_convolution
// STEP: nyala.sgd
func.func @forward(%x: tensor<2x3x6x6xf32> {nyala.role = "image"}) -> (tensor<2x4xf32> {nyala.result = "logits"}) {
  %w = nyala.load @filter : tensor<4x3x3x3xf32>
  %c = nyala.convolution %x, %w : tensor<2x3x6x6xf32>, tensor<4x3x3x3xf32> -> tensor<2x4x4x4xf32>
  %s = nyala.load @scale : tensor<4xf32>
  %m = nyala.load @mean : tensor<4xf32>
  %v = nyala.load @variance : tensor<4xf32>
  %n = nyala.batch_norm %c scale %s bias %s mean %m variance %v {epsilon = 1.0e-5 : f32, momentum = 0.5 : f32} : tensor<2x4x4x4xf32>, tensor<4xf32>
  %rows = tensor.collapse_shape %n [[0], [1, 2, 3]] : tensor<2x4x4x4xf32> into tensor<2x64xf32>
  %r = nyala.activation relu %rows : tensor<2x64xf32>
  %images = tensor.expand_shape %r [[0], [1, 2, 3]] output_shape [2, 4, 4, 4] : tensor<2x64xf32> into tensor<2x4x4x4xf32>
  %p = nyala.pool average %images {window = array<i64: 4, 4>} : tensor<2x4x4x4xf32> -> tensor<2x4x1x1xf32>
  %z = tensor.collapse_shape %p [[0], [1, 2, 3]] : tensor<2x4x1x1xf32> into tensor<2x4xf32>
  %probabilities = nyala.softmax %z : tensor<2x4xf32>
  return %probabilities : tensor<2x4xf32>
}
}

// -----

// Scores of each pixel; one state for two norms; other results go.
module {
nyala.weight @v : tensor<3xf32>
nyala.weight @s : tensor<3xf32>
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: %[[TARGETS:[a-z0-9]+]]: tensor<8xi32> {nyala.max_rows = 8 : i64, nyala.role = "targets"}
// CHECK-SAME: %[[V:[a-z0-9]+]]: tensor<1x3xf32> {nyala.state = "v"}
// CHECK: %[[T:.+]] = linalg.transpose ins(%{{.+}} : tensor<2x3x2x2xf32>) outs(%{{.+}} : tensor<2x2x2x3xf32>) permutation = [0, 2, 3, 1]
// CHECK-NEXT: %[[ROWS:.+]] = tensor.collapse_shape %[[T]] {{\[}}[0, 1, 2], [3]] : tensor<2x2x2x3xf32> into tensor<8x3xf32>
// CHECK: nyala.log_sum_exp %[[ROWS]] at %[[TARGETS]]
// CHECK: %[[A0:.+]] = nyala.moving_average %[[V]],
// CHECK: %[[A1:.+]] = nyala.moving_average %[[A0]],
// CHECK: %[[A2:.+]] = nyala.moving_average %[[A1]],
// CHECK: %[[A3:.+]] = nyala.moving_average %[[A2]],
// CHECK-NEXT: return %{{.+}}, %[[A3]] : tensor<1x1xf32>, tensor<1x3xf32>
func.func @forward(%x: tensor<2x3x2x2xf32> {nyala.role = "x"}) -> (tensor<2x3x2x2xf32> {nyala.result = "other"}, tensor<2x3x2x2xf32> {nyala.result = "logits"}) {
  %v = nyala.load @v : tensor<3xf32>
  %s = nyala.load @s : tensor<3xf32>
  %other = arith.negf %x : tensor<2x3x2x2xf32>
  %0 = nyala.batch_norm %x scale %s bias %s mean %v variance %v {epsilon = 1.0e-5 : f32} : tensor<2x3x2x2xf32>, tensor<3xf32>
  %1 = nyala.batch_norm %0 scale %s bias %s mean %v variance %v {epsilon = 1.0e-5 : f32} : tensor<2x3x2x2xf32>, tensor<3xf32>
  return %other, %1 : tensor<2x3x2x2xf32>, tensor<2x3x2x2xf32>
}
}

// -----

// Scores of each place; a head without bias is part of the loss.
module {
nyala.weight @table : tensor<7x4xf32>
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<6x4xf32>
// CHECK-SAME: %[[TARGETS:[a-z0-9]+]]: tensor<6xi32> {nyala.max_rows = 6 : i64, nyala.role = "targets"}
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: tensor<7x4xf32> {nyala.state = "table"}
// CHECK-NEXT: %[[L:.+]], %{{.+}} = nyala.cross_entropy %[[X]], %[[TABLE]] at %[[TARGETS]]
// CHECK-NOT: nyala.linear
func.func @forward(%x: tensor<6x4xf32> {nyala.role = "x"}) -> (tensor<2x3x7xf32> {nyala.result = "logits"}) {
  %table = nyala.load @table : tensor<7x4xf32>
  %z = nyala.linear %x, %table : tensor<6x4xf32>, tensor<7x4xf32> -> tensor<6x7xf32>
  %logits = tensor.expand_shape %z [[0, 1], [2]] output_shape [2, 3, 7] : tensor<6x7xf32> into tensor<2x3x7xf32>
  return %logits : tensor<2x3x7xf32>
}
}
