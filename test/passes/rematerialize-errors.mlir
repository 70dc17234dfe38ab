// RUN: not nyala-opt %s --nyala-rematerialize 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not nyala-opt %s --nyala-rematerialize="budget=1000 fraction=0.5" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not nyala-opt %s --nyala-rematerialize="fraction=0" 2>&1 | FileCheck %s --check-prefix=FRACTION
// RUN: not nyala-opt %s --nyala-rematerialize="fraction=1.5" 2>&1 | FileCheck %s --check-prefix=FRACTION
// RUN: not nyala-opt %s --nyala-rematerialize="fraction=nan" 2>&1 | FileCheck %s --check-prefix=FRACTION
// RUN: not nyala-opt %s --nyala-rematerialize="budget=-2" 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not nyala-opt %s --nyala-rematerialize="budget=1000 method=best" 2>&1 | FileCheck %s --check-prefix=METHOD
// RUN: not nyala-opt %s --nyala-rematerialize="budget=1000 time-limit=0" 2>&1 | FileCheck %s --check-prefix=TIME
// RUN: not nyala-opt %s --nyala-rematerialize="budget=1000 workers=0" 2>&1 | FileCheck %s --check-prefix=WORKERS
// RUN: not nyala-opt %s --nyala-rematerialize="budget=1000000 report=none/report.json" 2>&1 | FileCheck %s --check-prefix=REPORT
// RUN: not nyala-opt %s --nyala-rematerialize="budget=0" 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: nyala-opt %s --nyala-rematerialize="budget=4160" -o %t.mlir
// RUN: not nyala-opt %s --nyala-rematerialize="budget=3135 method=sqrt" 2>&1 | FileCheck %s --check-prefix=LESS
// RUN: not nyala-opt %S/add-optimizer.mlir --nyala-rematerialize="budget=1000" 2>&1 | FileCheck %s --check-prefix=STEP

// NONE: error: nyala-rematerialize: expected either a budget in bytes or a fraction
// FRACTION: error: nyala-rematerialize: expected a fraction above 0 and up to 1 of what recomputation can change, got
// NEGATIVE: error: nyala-rematerialize: expected a budget of bytes that is not negative, got -2
// METHOD: error: nyala-rematerialize: expected method to be optimal, sqrt, greedy or none, got 'best'
// TIME: error: nyala-rematerialize: expected a time limit above 0 seconds, got 0
// WORKERS: error: nyala-rematerialize: expected at least one worker, got 0
// REPORT: error: nyala-rematerialize: cannot write the report: 'none/report.json': No such file or directory
// STEP: error: nyala-rematerialize: expected a training step: a function with a result 'nyala.result = "loss"', and ops after it

// ZERO: [[#@LINE+7]]:{{.*}}error: 'nyala.activation_gradient' op sets the floor of what memory the step needs: no schedule fits a budget of 0 bytes: node 3 (nyala.activation_gradient) alone needs 3136 bytes
// ZERO-SAME: the nearest budget with a schedule is 3136 bytes
// LESS: no schedule fits a budget of 3135 bytes
func.func @train_step(%x: tensor<16x16xf32> {nyala.role = "x"}) -> (tensor<16x1xf32> {nyala.result = "loss"}, tensor<16x16xf32>) {
  %a = nyala.activation silu %x : tensor<16x16xf32>
  %b = nyala.activation silu %a : tensor<16x16xf32>
  %loss = nyala.reduce sum %b : tensor<16x16xf32> -> tensor<16x1xf32>
  %db = nyala.activation_gradient silu %x, %b : tensor<16x16xf32>
  %da = nyala.activation_gradient silu %db, %a : tensor<16x16xf32>
  return %loss, %da : tensor<16x1xf32>, tensor<16x16xf32>
}
