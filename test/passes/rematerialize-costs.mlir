// What the file does not have costs what its FLOPs and bytes say, times what the profile took longer than that: here 10 times. 11,328
// bytes move, at 40 GB/s.
// RUN: split-file %s %t
// RUN: nyala-opt %t/step.mlir --nyala-rematerialize="fraction=1 costs=%t/costs.json" --remarks-filter=nyala-rematerialize 2>&1 | FileCheck %t/step.mlir
// RUN: nyala-opt %t/target.mlir --nyala-rematerialize="fraction=1 costs=%t/costs.json" --remarks-filter=nyala-rematerialize 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not nyala-opt %t/step.mlir --nyala-rematerialize="fraction=1 costs=%t/none.json" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not nyala-opt %t/step.mlir --nyala-rematerialize="fraction=1 costs=%t/step.mlir" 2>&1 | FileCheck %s --check-prefix=GARBAGE
// RUN: not nyala-opt %t/step.mlir --nyala-rematerialize="fraction=1 costs=%t/new.json" 2>&1 | FileCheck %s --check-prefix=VERSION

// OTHER: CostsOfOtherCode {{.*}}costs.json' has times of code for 'znver5', the step is compiled for others
// NONE: error: nyala-rematerialize: cannot read the costs '{{.*}}none.json': No such file or directory
// GARBAGE: error: nyala-rematerialize: '{{.*}}step.mlir' holds no costs of kernels: it is no JSON, {{.*}}; write it with 'nyala-bench --profile-ops'
// VERSION: error: nyala-rematerialize: '{{.*}}new.json' holds no costs of kernels: expected version 1, got 7

//--- costs.json
{"version": 1, "arch": "znver5", "rest_seconds": 0.5, "kernels": [{"key": "other", "calls": 2, "seconds": 10, "bytes": 8, "flops": 240e9}]}

//--- new.json
{"version": 7}

//--- step.mlir
// CHECK: CostsNotMeasured {{.*}}costs.json' lacks 3 kernels or ops, 'nyala.activation' among them
// CHECK: plain_cost = {{2\.83(2|1999)[0-9]*[eE]-0*6}} : f64
// CHECK-SAME: predicted_seconds = {{0?\.50000283[0-9]*|5\.0000283[0-9]*[eE]-0*1}} : f64
func.func @train_step(%x: tensor<16x16xf32> {nyala.role = "x"}) -> (tensor<16x1xf32> {nyala.result = "loss"}, tensor<16x16xf32>) {
  %a = nyala.activation silu %x : tensor<16x16xf32>
  %b = nyala.activation silu %a : tensor<16x16xf32>
  %loss = nyala.reduce sum %b : tensor<16x16xf32> -> tensor<16x1xf32>
  %db = nyala.activation_gradient silu %x, %b : tensor<16x16xf32>
  %da = nyala.activation_gradient silu %db, %a : tensor<16x16xf32>
  return %loss, %da : tensor<16x1xf32>, tensor<16x16xf32>
}

//--- target.mlir
module attributes {nyala.targets = [#nyala.cpu_target<"x86-64-v3", features = "avx", "avx2", "fma">]} {
func.func @train_step(%x: tensor<16x16xf32> {nyala.role = "x"}) -> (tensor<16x1xf32> {nyala.result = "loss"}, tensor<16x16xf32>) {
  %loss = nyala.reduce sum %x : tensor<16x16xf32> -> tensor<16x1xf32>
  %dx = nyala.activation_gradient silu %x, %x : tensor<16x16xf32>
  return %loss, %dx : tensor<16x1xf32>, tensor<16x16xf32>
}
}
