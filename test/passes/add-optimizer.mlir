// RUN: nyala-opt %s --nyala-add-optimizer="no-decay=table" | FileCheck %s
// RUN: nyala-opt %s --nyala-add-optimizer="kind=sgd momentum=0.5 clip=0 weight-decay=0.01" | FileCheck %s --check-prefix=SGD
// RUN: nyala-opt %s --nyala-add-optimizer="accumulate=4" | FileCheck %s --check-prefix=TWO

// A frozen weight, and one that is a vector.
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: (%[[W:[a-z0-9]+]]: tensor<4x8xf32> {nyala.state = "w"}, %[[N:[a-z0-9]+]]: tensor<1x8xf32> {nyala.state = "n"}, %[[T:[a-z0-9]+]]: tensor<9x8xf32> {nyala.state = "table"}, %{{[a-z0-9]+}}: tensor<4x4xf32> {nyala.state = "frozen"}
// CHECK-SAME: %[[RATE:[a-z0-9]+]]: tensor<1x1xf32> {nyala.max_rows = 1 : i64, nyala.role = "rate"}, %[[C1:[a-z0-9]+]]: tensor<1x1xf32> {nyala.state = "correction1"}, %[[C2:[a-z0-9]+]]: tensor<1x1xf32> {nyala.state = "correction2"},
// CHECK-SAME: %[[MW:[a-z0-9]+]]: tensor<4x8xf32> {nyala.state = "mean:w"}, %[[VW:[a-z0-9]+]]: tensor<4x8xf32> {nyala.state = "variance:w"}
// CHECK-SAME: -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<1x1xf32> {nyala.result = "gradient_norm"}, tensor<1x1xf32> {nyala.state = "correction1"}, tensor<1x1xf32> {nyala.state = "correction2"}, tensor<4x8xf32> {nyala.state = "w"}, tensor<4x8xf32> {nyala.state = "mean:w"}
// CHECK: %[[SW:.+]] = nyala.sum_rows %[[DW:.+]] {squared} : tensor<4x8xf32> -> tensor<1x8xf32>
// CHECK: %[[RW:.+]] = nyala.reduce sum %[[SW]]
// CHECK: %[[SN:.+]] = nyala.sum_rows %[[DN:.+]] {squared} : tensor<1x8xf32> -> tensor<1x8xf32>
// CHECK: %[[RN:.+]] = nyala.reduce sum %[[SN]]
// CHECK: %[[SUM:.+]] = arith.addf %[[RW]], %[[RN]]
// CHECK: %[[ALL:.+]] = arith.addf %[[SUM]],
// CHECK: %[[NORM:.+]] = math.sqrt %[[ALL]]
// CHECK: %[[GUARD:.+]] = arith.mulf %[[NORM]],
// CHECK: %[[LEAST:.+]] = arith.minimumf
// CHECK: %[[SCALE:.+]] = arith.addf %[[LEAST]], %[[GUARD]]
// CHECK: %[[OLD:.+]] = arith.mulf %[[C1]],
// CHECK: %[[Q1:.+]] = arith.addf %[[OLD]],
// CHECK: %{{.+}}, %{{.+}}, %{{.+}} = nyala.adamw %[[W]], %[[MW]], %[[VW]], %[[DW]] rate %[[RATE]] scale %[[SCALE]] corrections %[[Q1]], %{{.+}} {{.*}}weight_decay = 1.000000e-01
// CHECK: nyala.adamw %[[N]], {{.*}}weight_decay = 0.000000e+00
// CHECK: nyala.adamw %[[T]], {{.*}}weight_decay = 0.000000e+00

// SGD-LABEL: func.func @train_step
// SGD-NOT: minimumf
// SGD: nyala.sgd {{.*}}momentum = 5.000000e-01 : f32, weight_decay = 0.00999999977

// TWO-LABEL: func.func @accumulate
// TWO-SAME: %[[G:[a-z0-9]+]]: tensor<4x8xf32> {nyala.state = "gradient:w"}
// TWO-SAME: -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<4x8xf32> {nyala.state = "gradient:w"}
// TWO: arith.addf %[[G]],
// TWO-NOT: nyala.adamw
// TWO-LABEL: func.func @update
// TWO-SAME: %[[W:[a-z0-9]+]]: tensor<4x8xf32> {nyala.state = "w"}, %[[G:[a-z0-9]+]]: tensor<4x8xf32> {nyala.state = "gradient:w"}
// TWO-SAME: attributes {nyala.entry}
// TWO: nyala.adamw %[[W]], %{{.+}}, %{{.+}}, %[[G]]
// TWO: arith.mulf %[[G]], %{{.+}} : tensor<4x8xf32>
func.func @train_step(%w: tensor<4x8xf32> {nyala.state = "w"}, %n: tensor<1x8xf32> {nyala.state = "n"},
                      %t: tensor<9x8xf32> {nyala.state = "table"}, %f: tensor<4x4xf32> {nyala.state = "frozen"},
                      %loss: tensor<1x1xf32> {nyala.role = "loss"})
    -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<4x8xf32> {nyala.gradient = "w"}, tensor<1x8xf32> {nyala.gradient = "n"}, tensor<9x8xf32> {nyala.gradient = "table"}) {
  %dw = arith.addf %w, %w : tensor<4x8xf32>
  %dn = arith.addf %n, %n : tensor<1x8xf32>
  %dt = arith.addf %t, %t : tensor<9x8xf32>
  return %loss, %dw, %dn, %dt : tensor<1x1xf32>, tensor<4x8xf32>, tensor<1x8xf32>, tensor<9x8xf32>
}
