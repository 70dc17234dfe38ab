// Kernels of few rows begin before those before them have ended, where the GPU can, and wait for them
// once: before they read what those may write, before they write.
// RUN: nyala-opt %s --nyala-generate-cuda-kernels --canonicalize --cse | FileCheck %s

module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">, #nyala.cuda_target<"sm_80">]} {

// CHECK: module @sm_90a

// A product of one row asks for its first weights before that. What others write may not be read by
// loads that take memory not to change.
// CHECK-LABEL: gpu.func @product(
// CHECK-SAME: %[[X:arg[0-9]+]]: memref<1x576xf32, 1>, %[[G:arg[0-9]+]]: memref<576xf32, 1> {llvm.noalias, llvm.readonly}
// CHECK-SAME: memref<576x576xbf16, 1> {llvm.noalias, llvm.readonly}
// CHECK-SAME: %[[R:arg[0-9]+]]: memref<1x576xf32, 1>, %{{arg[0-9]+}}: memref<1x576xf32, 1> {llvm.noalias}
// CHECK-SAME: %{{arg[0-9]+}}: memref<1xi32, 1>) kernel
// CHECK-SAME: nyala.overlaps
// CHECK-NOT: griddepcontrol
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NOT: vector.load
// CHECK: ld.global.L1::no_allocate
// CHECK-NOT: vector.load
// CHECK: prefetch.global
// CHECK-NOT: vector.load
// CHECK: llvm.inline_asm has_side_effects {{.*}}"griddepcontrol.wait;", "~{memory}"
// CHECK: vector.load %[[X]]
// CHECK-NOT: griddepcontrol
// CHECK: gpu.return
nyala.kernel @product(%x: tensor<?x576xf32>, %g: tensor<576xf32>, %w: tensor<576x576xbf16>, %r: tensor<?x576xf32>) -> tensor<?x576xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %n = nyala.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : tensor<?x576xf32>, tensor<576xf32>
  %t = arith.truncf %n : tensor<?x576xf32> to tensor<?x576xbf16>
  %0 = nyala.linear %t, %w : tensor<?x576xbf16>, tensor<576x576xbf16> -> tensor<?x576xf32>
  %1 = arith.addf %r, %0 : tensor<?x576xf32>
  nyala.return %1 : tensor<?x576xf32>
}

// A weight in one dispatch, in another what a kernel has made: all waits.
// CHECK-LABEL: gpu.func @computed(
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: "griddepcontrol.wait;"
// CHECK: "ld.global.L1::no_allocate
// CHECK: gpu.return
nyala.kernel @computed(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = nyala.linear %x, %w : tensor<?x64xbf16>, tensor<64x64xbf16> -> tensor<?x64xf32>
  nyala.return %0 : tensor<?x64xf32>
}

// So are ids that a call is given: they are there before its first kernel begins.
// CHECK-LABEL: gpu.func @append(
// CHECK-SAME: %[[S:arg[0-9]+]]: memref<1xi32, 1> {llvm.noalias, llvm.readonly}
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-COUNT-2: "ld.global.b32
// CHECK: "griddepcontrol.wait;"
// CHECK-NOT: memref<1xi32, 1>
// CHECK: gpu.return
nyala.kernel @append(%x: tensor<?x64xf32>, %c: tensor<1x8x64xf16>, %s: tensor<?xi32>, %q: tensor<?xi32>) -> tensor<1x8x64xf16> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = nyala.cache_append %c, %x at %s in %q : tensor<1x8x64xf16>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>
  nyala.return %0 : tensor<1x8x64xf16>
}

// Several rows: their number is read first.
// CHECK-LABEL: gpu.func @rows(
// CHECK-SAME: memref<64x64xf32, 1> {llvm.noalias, llvm.readonly}
// CHECK-SAME: nyala.overlaps
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK-NEXT: "griddepcontrol.wait;"
// CHECK-NEXT: memref.load
// CHECK: gpu.return
nyala.kernel @rows(%x: tensor<?x64xbf16>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {max_rows = 8 : i64, nyala.device = "cuda"} {
  %t = arith.extf %x : tensor<?x64xbf16> to tensor<?x64xf32>
  %0 = nyala.linear %t, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  nyala.return %0 : tensor<?x64xf32>
}

// Prompts.
// CHECK-LABEL: gpu.func @many(
// CHECK-SAME: memref<65x64xf32, 1> {llvm.noalias, llvm.readonly}
// CHECK-NOT: nyala.overlaps
// CHECK-NOT: griddepcontrol
// CHECK: gpu.return
nyala.kernel @many(%x: tensor<?x64xf32>) -> tensor<?x64xbf16> attributes {max_rows = 65 : i64, nyala.device = "cuda"} {
  %0 = arith.truncf %x : tensor<?x64xf32> to tensor<?x64xbf16>
  nyala.return %0 : tensor<?x64xbf16>
}
nyala.kernel @make(%w: tensor<64x64xf32>) -> tensor<64x64xbf16> attributes {max_rows = 1 : i64, nyala.device = "cuda"} {
  %0 = arith.truncf %w : tensor<64x64xf32> to tensor<64x64xbf16>
  nyala.return %0 : tensor<64x64xbf16>
}

// CHECK: module @sm_80
// CHECK-NOT: griddepcontrol
// CHECK-NOT: nyala.overlaps

nyala.weight @g : tensor<576xf32>
nyala.weight @w : tensor<64x64xf32>

func.func @cuda_decode(%x: tensor<?x576xf32>, %y: tensor<?x64xbf16>, %p: tensor<?x64xf32>, %s: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "slots"}, %q: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "sequences"}, %c: tensor<1x8x64xf16> {nyala.state = "c"}, %w: tensor<576x576xbf16> {nyala.resident, nyala.state = "w"}, %v: tensor<64x64xbf16> {nyala.resident, nyala.state = "v"}) -> (tensor<?x576xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<1x8x64xf16>) {
  %n = arith.constant 1 : index
  %g = nyala.load @g : tensor<576xf32>
  %f = nyala.load @w : tensor<64x64xf32>
  %0 = nyala.dispatch @product rows(%n) (%x, %g, %w, %x) tied [-1] : (tensor<?x576xf32>, tensor<576xf32>, tensor<576x576xbf16>, tensor<?x576xf32>) -> tensor<?x576xf32>
  %m = nyala.dispatch @make rows(%n) (%f) tied [-1] : (tensor<64x64xf32>) -> tensor<64x64xbf16>
  %1 = nyala.dispatch @computed rows(%n) (%y, %v) tied [-1] : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %2 = nyala.dispatch @computed rows(%n) (%y, %m) tied [-1] : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %3 = nyala.dispatch @rows rows(%n) (%y, %f) tied [-1] : (tensor<?x64xbf16>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %4 = nyala.dispatch @append rows(%n) (%p, %c, %s, %q) tied [1] : (tensor<?x64xf32>, tensor<1x8x64xf16>, tensor<?xi32>, tensor<?xi32>) -> tensor<1x8x64xf16>
  return %0, %1, %2, %3, %4 : tensor<?x576xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<1x8x64xf16>
}

}
