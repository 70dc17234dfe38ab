// RUN: nyala-opt %s --nyala-form-dispatches --nyala-deduplicate-kernels | FileCheck %s

module attributes {nyala.targets = [#nyala.cpu_target<"x86-64-v3", features = "avx2", "fma">]} {
// Products take what follows them elementwise: with the addition the sum is one kernel with the product,
// written over the old sum.
// CHECK: nyala.kernel @accumulate_matmul_64x32x512({{.*}}) -> (tensor<64x32xf32> {nyala.tied = 2 : i64}) attributes {max_rows = 64 : i64}
// CHECK-NEXT: nyala.matmul
// CHECK-NEXT: arith.addf
// CHECK: func.func @accumulate(
// CHECK: %[[ROWS:.+]] = arith.constant 64 : index
// CHECK: nyala.dispatch @accumulate_matmul_64x32x512 rows(%[[ROWS]]) ({{.*}}, %arg2) tied [2]
func.func @accumulate(%dy: tensor<512x64xf32> {nyala.role = "dy", nyala.max_rows = 512 : i64},
    %x: tensor<512x32xf32> {nyala.role = "x", nyala.max_rows = 512 : i64}, %g: tensor<64x32xf32> {nyala.state = "g"})
    -> (tensor<64x32xf32> {nyala.state = "g"}) attributes {nyala.entry} {
  %dw = nyala.matmul %dy, %x {transpose_a} : tensor<512x64xf32>, tensor<512x32xf32> -> tensor<64x32xf32>
  %g1 = arith.addf %g, %dw : tensor<64x32xf32>
  return %g1 : tensor<64x32xf32>
}

// Scalars that are read once join those that read them. What an optimizer updates lies where the
// operands do.
// CHECK: nyala.kernel @update_addf_1({{.*}}) -> (tensor<1x1xf32> {nyala.tied = 0 : i64}) attributes {max_rows = 1 : i64}
// CHECK-NEXT: arith.constant
// CHECK-NEXT: arith.constant
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK: nyala.kernel @update_adamw_32(
// CHECK-NEXT: nyala.adamw
// CHECK: func.func @update(
// CHECK: nyala.dispatch @update_addf_1 rows({{.*}}) (%arg5) tied [0]
// CHECK: nyala.dispatch @update_adamw_32 rows({{.*}}) (%arg0, %arg1, %arg2, %arg3, %arg4, %{{.+}}) tied [0, 1, 2]
func.func @update(%w: tensor<64x32xf32> {nyala.state = "w"}, %m: tensor<64x32xf32> {nyala.state = "m"}, %v: tensor<64x32xf32> {nyala.state = "v"},
    %g: tensor<64x32xf32> {nyala.state = "g"}, %rate: tensor<1x1xf32> {nyala.role = "rate"}, %q: tensor<1x1xf32> {nyala.state = "q"})
    -> (tensor<64x32xf32> {nyala.state = "w"}, tensor<64x32xf32> {nyala.state = "m"}, tensor<64x32xf32> {nyala.state = "v"}, tensor<1x1xf32> {nyala.state = "q"})
    attributes {nyala.entry} {
  %beta = arith.constant dense<0.9> : tensor<1x1xf32>
  %rest = arith.constant dense<0.1> : tensor<1x1xf32>
  %q0 = arith.mulf %q, %beta : tensor<1x1xf32>
  %q1 = arith.addf %q0, %rest : tensor<1x1xf32>
  %w1, %m1, %v1 = nyala.adamw %w, %m, %v, %g rate %rate scale %rate corrections %q1, %q1
     {beta1 = 0.9 : f32, beta2 = 0.95 : f32, epsilon = 1.0e-8 : f32, weight_decay = 0.1 : f32} : tensor<64x32xf32>
  return %w1, %m1, %v1, %q1 : tensor<64x32xf32>, tensor<64x32xf32>, tensor<64x32xf32>, tensor<1x1xf32>
}

// Views stay outside. A value that waited for a later reader would keep others alive: large ones do not.
// A state whose next value needs more of the old one than the same element is not tied.
// CHECK: nyala.kernel @views_addf_32({{.*}}) -> tensor<64x32xf32> attributes
// CHECK-NEXT: arith.addf
// CHECK-NEXT: return
// CHECK: nyala.kernel @views_rms_norm_32(
// CHECK: nyala.kernel @views_subf_32({{.*}}) -> tensor<64x32xf32> attributes
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.subf
// CHECK: nyala.kernel @views_softmax_32({{.*}}) -> tensor<64x32xf32> attributes
// CHECK: func.func @views(
// CHECK: %[[S:.+]] = nyala.dispatch @views_addf_32
// CHECK: %[[W:.+]] = tensor.collapse_shape %arg1
// CHECK: %[[N:.+]] = nyala.dispatch @views_rms_norm_32 rows({{.*}}) (%[[S]], %[[W]]) tied [-1]
// CHECK: nyala.dispatch @views_subf_32 rows({{.*}}) (%[[N]], %[[S]]) tied [-1]
// CHECK: nyala.dispatch @views_softmax_32 rows({{.*}}) (%arg0) tied [-1]
func.func @views(%x: tensor<64x32xf32> {nyala.state = "x"}, %w: tensor<1x32xf32> {nyala.state = "w"}) -> (tensor<64x32xf32> {nyala.state = "x"},
    tensor<64x32xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %s = arith.addf %x, %x : tensor<64x32xf32>
  %v = tensor.collapse_shape %w [[0, 1]] : tensor<1x32xf32> into tensor<32xf32>
  %n = nyala.rms_norm %s, %v {epsilon = 1.0e-5 : f32} : tensor<64x32xf32>, tensor<32xf32>
  %u = arith.mulf %n, %n : tensor<64x32xf32>
  %d = arith.subf %u, %s : tensor<64x32xf32>
  %x1 = nyala.softmax %x : tensor<64x32xf32>
  return %x1, %d : tensor<64x32xf32>, tensor<64x32xf32>
}
}
