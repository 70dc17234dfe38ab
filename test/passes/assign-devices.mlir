// RUN: nyala-opt %s --nyala-assign-devices=cuda-prefill-rows=2048 --split-input-file | FileCheck %s
// RUN: nyala-opt %s --nyala-assign-devices --split-input-file --remarks-filter=nyala-assign-devices -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Both devices: each entry is there twice but @batch, which is the GPU's. Its prompts may be longer; of what is
// wanted the bound stays where it was another.
// CHECK-LABEL: module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">, #nyala.cuda_target<"sm_80">]}
// REMARK: @cuda_decode for cuda
module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">, #nyala.cuda_target<"sm_80">]} {
  // CHECK: func.func @decode(%{{.+}}: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "tokens"}) -> {{.+}} attributes {nyala.entry} {
  // CHECK: func.func @cuda_decode(%{{.+}}: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "tokens"}) -> {{.+}} attributes {nyala.device = "cuda", nyala.entry} {
  func.func @decode(%tokens: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "tokens"}) -> tensor<?xi32> attributes {nyala.entry} {
    return %tokens : tensor<?xi32>
  }
  // CHECK-NOT: func.func @batch
  // CHECK: func.func @cuda_batch(%{{.+}}: tensor<?xi32> {nyala.max_rows = 64 : i64, nyala.role = "tokens"})
  func.func @batch(%tokens: tensor<?xi32> {nyala.max_rows = 64 : i64, nyala.role = "tokens"}) -> tensor<?xi32> attributes {nyala.entry} {
    return %tokens : tensor<?xi32>
  }
  // CHECK: func.func @prefill(%{{.+}}: tensor<?xi32> {nyala.max_rows = 512 : i64, nyala.role = "tokens"}, %{{.+}}: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "wanted"})
  // CHECK: func.func @cuda_prefill(%{{.+}}: tensor<?xi32> {nyala.max_rows = 2048 : i64, nyala.role = "tokens"}, %{{.+}}: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "wanted"})
  func.func @prefill(%tokens: tensor<?xi32> {nyala.max_rows = 512 : i64, nyala.role = "tokens"},
                     %wanted: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "wanted"}) -> tensor<?xi32> attributes {nyala.entry} {
    return %tokens : tensor<?xi32>
  }
  // What is no entry is nobody's.
  // CHECK: func.func @helper
  // CHECK-NOT: func.func
  func.func @helper(%tokens: tensor<?xi32>) -> tensor<?xi32> {
    return %tokens : tensor<?xi32>
  }
}

// -----

// A GPU alone: the CPU's go. An entry that has a device keeps it.
// CHECK-LABEL: module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]}
module attributes {nyala.targets = [#nyala.cuda_target<"sm_90a">]} {
  // CHECK-NEXT: func.func @cuda_decode
  func.func @decode(%tokens: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "tokens"}) -> tensor<?xi32> attributes {nyala.entry} {
    return %tokens : tensor<?xi32>
  }
  // CHECK: func.func @mine{{.+}} attributes {nyala.device = "cuda", nyala.entry}
  // CHECK-NOT: func.func
  func.func @mine(%tokens: tensor<?xi32>) -> tensor<?xi32> attributes {nyala.entry, nyala.device = "cuda"} {
    return %tokens : tensor<?xi32>
  }
}

// -----

// CPUs alone: nothing happens.
// CHECK-LABEL: module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]}
module attributes {nyala.targets = [#nyala.cpu_target<"x86-64">]} {
  // CHECK-NEXT: func.func @decode{{.+}} attributes {nyala.entry}
  // CHECK-NOT: func.func
  func.func @decode(%tokens: tensor<?xi32>) -> tensor<?xi32> attributes {nyala.entry} {
    return %tokens : tensor<?xi32>
  }
}
