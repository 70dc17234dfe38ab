// RUN: nyala-opt %s --pass-pipeline='builtin.module(gpu.module(nyala-convert-cuda-math))' | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @functions
  // CHECK-SAME: (%[[X:.*]]: f32, %[[V:.*]]: vector<4xf32>, %[[I:.*]]: i32)
  gpu.func @functions(%x: f32, %v: vector<4xf32>, %i: i32) {
    // CHECK: llvm.call_intrinsic "llvm.fma"(%[[V]], %[[V]], %[[V]]) : (vector<4xf32>, vector<4xf32>, vector<4xf32>) -> vector<4xf32>
    %0 = math.fma %v, %v, %v : vector<4xf32>
    // CHECK: %[[ROOT:.*]] = llvm.call_intrinsic "llvm.sqrt"(%[[X]]) : (f32) -> f32
    // CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
    // CHECK: arith.divf %[[ONE]], %[[ROOT]] : f32
    %1 = math.rsqrt %x : f32
    // CHECK: llvm.call_intrinsic "llvm.sqrt"(%[[V]])
    // CHECK: arith.constant dense<1.000000e+00> : vector<4xf32>
    %2 = math.rsqrt %v : vector<4xf32>
    // CHECK: llvm.call_intrinsic "llvm.exp2"(%[[X]]) : (f32) -> f32
    %3 = math.exp2 %x : f32
    // CHECK: llvm.call_intrinsic "llvm.fabs"
    %4 = math.absf %x : f32
    // CHECK: llvm.call_intrinsic "llvm.roundeven"
    %5 = math.roundeven %x : f32
    // CHECK: llvm.call_intrinsic "llvm.floor"
    %6 = math.floor %x : f32
    // CHECK: llvm.call_intrinsic "llvm.ceil"
    %7 = math.ceil %x : f32
    // CHECK: llvm.call_intrinsic "llvm.trunc"
    %8 = math.trunc %x : f32
    // CHECK: llvm.call_intrinsic "llvm.copysign"
    %9 = math.copysign %x, %x : f32
    // CHECK: llvm.call_intrinsic "llvm.sqrt"
    %10 = math.sqrt %x : f32
    // CHECK: llvm.call_intrinsic "llvm.maxnum"(%[[X]], %[[X]]) : (f32, f32) -> f32
    %12 = arith.maxnumf %x, %x : f32
    // CHECK: llvm.call_intrinsic "llvm.minnum"
    %13 = arith.minnumf %x, %x : f32
    // What is no function stays.
    // CHECK: arith.maximumf
    %14 = arith.maximumf %x, %x : f32
    // Functions of integers are left to upstream's conversion, which has instructions for them.
    // CHECK: math.ctpop %[[I]] : i32
    %11 = math.ctpop %i : i32
    gpu.return
  }
}
