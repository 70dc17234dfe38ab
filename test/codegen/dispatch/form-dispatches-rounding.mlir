// Weights are rounded where products copy them: no memory for what is rounded. Activations are
// rounded once for all that read them.
// RUN: nyala-opt %s --nyala-form-dispatches -o %t.after && FileCheck %s < %t.after
// RUN: nyala-interpret --compare %s %t.after --entry step --seed 1 --tolerance 1e-5

module attributes {nyala.targets = [#nyala.cpu_target<"cooperlake", features = "avx512f", "avx512bf16">]} {
// CHECK: nyala.kernel @step_linear_32x48({{.*}}tensor<48x32xf32>, {{.*}}tensor<64x32xbf16>) -> tensor<64x48xbf16>
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.linear
// CHECK-NEXT: arith.truncf
// CHECK: nyala.kernel @step_matmul_64x24x32({{.*}}tensor<24x32xf32>, {{.*}}tensor<64x32xbf16>) -> tensor<64x24xf32>
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: nyala.matmul
// CHECK: nyala.kernel @step_matmul_48x32x64({{.*}}tensor<64x48xbf16>, {{.*}}tensor<64x32xbf16>) -> tensor<48x32xf32>
// CHECK-NEXT: nyala.matmul
// CHECK: nyala.kernel @step_truncf_32({{.*}}tensor<64x32xf32>) -> tensor<64x32xbf16>
// CHECK-LABEL: func.func @step
// CHECK: %[[X:.+]] = nyala.dispatch @step_truncf_32
// CHECK: %[[Y:.+]] = nyala.dispatch @step_linear_32x48 rows({{.*}}) (%arg1, %[[X]])
// CHECK: %[[PART:.+]] = tensor.extract_slice %arg1
// CHECK: nyala.dispatch @step_matmul_64x24x32 rows({{.*}}) (%[[PART]], %[[X]])
// CHECK: nyala.dispatch @step_matmul_48x32x64 rows({{.*}}) (%[[Y]], %[[X]])
func.func @step(%x: tensor<64x32xf32> {nyala.role = "x", nyala.max_rows = 64 : i64}, %w: tensor<48x32xf32> {nyala.state = "w"})
    -> (tensor<64x24xf32> {nyala.result = "z"}, tensor<48x32xf32> {nyala.result = "dw"}) attributes {nyala.entry} {
  %x1 = arith.addf %x, %x : tensor<64x32xf32>
  %xb = arith.truncf %x1 : tensor<64x32xf32> to tensor<64x32xbf16>
  %wb = arith.truncf %w : tensor<48x32xf32> to tensor<48x32xbf16>
  %y = nyala.linear %xb, %wb : tensor<64x32xbf16>, tensor<48x32xbf16> -> tensor<64x48xf32>
  %part = tensor.extract_slice %w[16, 0] [24, 32] [1, 1] : tensor<48x32xf32> to tensor<24x32xf32>
  %pb = arith.truncf %part : tensor<24x32xf32> to tensor<24x32xbf16>
  %z = nyala.matmul %xb, %pb {transpose_b} : tensor<64x32xbf16>, tensor<24x32xbf16> -> tensor<64x24xf32>
  %yb = arith.truncf %y : tensor<64x48xf32> to tensor<64x48xbf16>
  %dw = nyala.matmul %yb, %xb {transpose_a} : tensor<64x48xbf16>, tensor<64x32xbf16> -> tensor<48x32xf32>
  return %z, %dw : tensor<64x24xf32>, tensor<48x32xf32>
}
}
