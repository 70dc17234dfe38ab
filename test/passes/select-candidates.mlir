// RUN: nyala-opt %s --nyala-select-candidates=count=4 -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-select-candidates | FileCheck %s --check-prefix=ALL
// RUN: nyala-opt %s --nyala-select-candidates=count=4 --remarks-filter=nyala-select-candidates -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// The results come last: those of a state stay where they were.
// CHECK: func.func @cuda_decode(
// CHECK-SAME: -> (tensor<?x16xf32> {nyala.result = "logits"}, tensor<1x8x4xf32> {nyala.state = "k"}, tensor<?x4xf32> {nyala.result = "top_logits"}, tensor<?x4xi32> {nyala.result = "top_ids"}) attributes
// CHECK-NEXT: %[[Z:.*]] = nyala.linear
// CHECK-NEXT: %[[VALUES:.*]], %[[IDS:.*]] = nyala.top_k %[[Z]] : tensor<?x16xf32> -> tensor<?x4xf32>, tensor<?x4xi32>
// CHECK-NEXT: return %[[Z]], %{{.*}}, %[[VALUES]], %[[IDS]] : tensor<?x16xf32>, tensor<1x8x4xf32>, tensor<?x4xf32>, tensor<?x4xi32>
// Fewer than are asked for: all.
// ALL: nyala.top_k %{{.*}} : tensor<?x16xf32> -> tensor<?x16xf32>, tensor<?x16xi32>
// REMARK: Function=cuda_decode{{.*}}the 4 largest of 16 logits
// REMARK-NOT: Function
func.func @cuda_decode(%x: tensor<?x4xf32> {nyala.max_rows = 1 : i64}, %w: tensor<16x4xf32>, %k: tensor<1x8x4xf32> {nyala.state = "k"})
    -> (tensor<?x16xf32> {nyala.result = "logits"}, tensor<1x8x4xf32> {nyala.state = "k"}) attributes {nyala.device = "cuda", nyala.entry} {
  %z = nyala.linear %x, %w : tensor<?x4xf32>, tensor<16x4xf32> -> tensor<?x16xf32>
  return %z, %k : tensor<?x16xf32>, tensor<1x8x4xf32>
}

// Left alone: a CPU's entry, what is no entry, other results.
// CHECK-NOT: nyala.top_k
func.func @decode(%z: tensor<?x16xf32>) -> (tensor<?x16xf32> {nyala.result = "logits"}) attributes {nyala.entry} {
  return %z : tensor<?x16xf32>
}
func.func @helper(%z: tensor<?x16xf32>) -> (tensor<?x16xf32> {nyala.result = "logits"}) attributes {nyala.device = "cuda"} {
  return %z : tensor<?x16xf32>
}
func.func @cuda_loss(%z: tensor<?x16xf32>) -> (tensor<?x16xf32> {nyala.result = "loss"}) attributes {nyala.device = "cuda", nyala.entry} {
  return %z : tensor<?x16xf32>
}
