// RUN: nyala-opt %s --nyala-expand-cross-entropy=range=5 -o %t.ranges && FileCheck %s < %t.ranges
// RUN: nyala-opt %s --nyala-expand-cross-entropy=range=12 --cse -o %t.one && FileCheck %s --check-prefix=ONE < %t.one
// RUN: nyala-interpret --compare %s %t.ranges --entry step --seed 1 --tolerance 1e-5
// RUN: nyala-interpret --compare %s %t.one --entry step --seed 1 --tolerance 1e-5
// Targets that are not shifted must be noticed.
// RUN: sed -e "s/dense<5>/dense<0>/" %t.ranges > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry step --seed 1 --tolerance 1e-3
// RUN: not nyala-opt %s --nyala-expand-cross-entropy=range=0 2>&1 | FileCheck %s --check-prefix=ERROR
// ERROR: option 'range' of nyala-expand-cross-entropy must be positive, got 0

// CHECK-LABEL: func.func @step
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<6x8xf32>, %[[W:[a-z0-9]+]]: tensor<12x8xf32>, %[[T:[a-z0-9]+]]: tensor<6xi32>, %[[G:[a-z0-9]+]]: tensor<6x1xf32>)
// CHECK-NEXT: %[[W0:.+]] = tensor.extract_slice %[[W]][0, 0] [5, 8] [1, 1] : tensor<12x8xf32> to tensor<5x8xf32>
// CHECK-NEXT: %[[Z0:.+]] = nyala.linear %[[X]], %[[W0]]
// CHECK-NEXT: %[[S0:.+]], %[[P0:.+]] = nyala.log_sum_exp %[[Z0]] at %[[T]] :
// CHECK-NEXT: %[[W1:.+]] = tensor.extract_slice %[[W]][5, 0] [5, 8] [1, 1]
// CHECK-NEXT: %[[C:.+]] = arith.constant dense<5> : tensor<6xi32>
// CHECK-NEXT: %[[T1:.+]] = arith.subi %[[T]], %[[C]]
// CHECK-NEXT: %[[Z1:.+]] = nyala.linear %[[X]], %[[W1]]
// CHECK-NEXT: %[[S1:.+]], %[[P1:.+]] = nyala.log_sum_exp %[[Z1]] at %[[T1]] after %[[S0]], %[[P0]]
// The last range is smaller.
// CHECK-NEXT: %[[W2:.+]] = tensor.extract_slice %[[W]][10, 0] [2, 8] [1, 1]
// CHECK: %[[T2:.+]] = arith.subi %[[T1]],
// CHECK-NEXT: %[[Z2:.+]] = nyala.linear %[[X]], %[[W2]]
// CHECK-NEXT: %[[S2:.+]], %[[P2:.+]] = nyala.log_sum_exp %[[Z2]] at %[[T2]] after %[[S1]], %[[P1]]
// CHECK-NEXT: %[[L:.+]] = arith.subf %[[S2]], %[[P2]]
// Backward, logits are computed again: the mark keeps them from being one value with those above.
// CHECK: %[[ZB0:.+]] = nyala.linear %[[X]], %{{.+}} {nyala.recomputed}
// CHECK-NEXT: %[[D0:.+]] = nyala.logits_gradient %[[G]], %[[ZB0]], %[[S2]] at %[[T]]
// CHECK-NEXT: %[[DW0:.+]] = nyala.matmul %[[D0]], %[[X]] {transpose_a}
// CHECK-NEXT: %[[DX0:.+]] = nyala.matmul %[[D0]], %{{.+}} :
// CHECK: %[[DW1:.+]] = nyala.matmul %{{.+}}, %[[X]] {transpose_a}
// CHECK-NEXT: %[[DX1:.+]] = nyala.matmul %{{.+}}, %{{.+}} plus %[[DX0]]
// CHECK: %[[DW2:.+]] = nyala.matmul %{{.+}}, %[[X]] {transpose_a}
// CHECK-NEXT: %[[DX2:.+]] = nyala.matmul %{{.+}}, %{{.+}} plus %[[DX1]]
// CHECK-NEXT: %[[DW:.+]] = tensor.concat dim(0) %[[DW0]], %[[DW1]], %[[DW2]]
// CHECK-NEXT: return %[[L]], %[[DX2]], %[[DW]]

// With one range the logits are kept.
// ONE-LABEL: func.func @step
// ONE-NEXT: %[[Z:.+]] = nyala.linear
// ONE-NEXT: nyala.log_sum_exp %[[Z]]
// ONE-NEXT: arith.subf
// ONE-NEXT: nyala.logits_gradient %{{.+}}, %[[Z]],
// ONE-NEXT: nyala.matmul
// ONE-NEXT: nyala.matmul
// ONE-NEXT: return

// What nobody asks for is not computed.
// CHECK-LABEL: func.func @weight_alone
// CHECK-NOT: plus
// CHECK: tensor.concat
func.func @step(%x: tensor<6x8xf32>, %w: tensor<12x8xf32>, %targets: tensor<6xi32>, %g: tensor<6x1xf32>)
    -> (tensor<6x1xf32>, tensor<6x8xf32>, tensor<12x8xf32>) {
  %l, %s = nyala.cross_entropy %x, %w at %targets : tensor<6x8xf32>, tensor<12x8xf32>, tensor<6xi32> -> tensor<6x1xf32>, tensor<6x1xf32>
  %dx, %dw = nyala.cross_entropy_gradient %g, %x, %w, %s at %targets : tensor<6x1xf32>, tensor<6x8xf32>, tensor<12x8xf32>, tensor<6xi32>
  return %l, %dx, %dw : tensor<6x1xf32>, tensor<6x8xf32>, tensor<12x8xf32>
}

func.func @weight_alone(%x: tensor<6x8xf32>, %w: tensor<12x8xf32>, %s: tensor<6x1xf32>, %targets: tensor<6xi32>, %g: tensor<6x1xf32>)
    -> tensor<12x8xf32> {
  %dx, %dw = nyala.cross_entropy_gradient %g, %x, %w, %s at %targets : tensor<6x1xf32>, tensor<6x8xf32>, tensor<12x8xf32>, tensor<6xi32>
  return %dw : tensor<12x8xf32>
}
