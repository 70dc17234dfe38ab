// Round trips of dispatch and program ops: custom and generic syntax, and bytecode.
// RUN: nyala-opt %s | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --mlir-print-op-generic | nyala-opt | FileCheck %s
// RUN: nyala-opt %s --emit-bytecode | nyala-opt | FileCheck %s

nyala.weight @table : tensor<100x8xf32>

// CHECK: nyala.kernel @append(%[[X:.*]]: tensor<?x8xf32>, %[[CACHE:.*]]: tensor<1x64x8xf32> {nyala.state = "k"}, %[[IDS:.*]]: tensor<?xi32>) -> (tensor<?x8xf32>, tensor<1x64x8xf32>) attributes {max_rows = 4 : i64} {
nyala.kernel @append(%x: tensor<?x8xf32>, %cache: tensor<1x64x8xf32> {nyala.state = "k"},
                     %ids: tensor<?xi32>)
    -> (tensor<?x8xf32>, tensor<1x64x8xf32>) attributes {max_rows = 4 : i64} {
  %0 = arith.addf %x, %x : tensor<?x8xf32>
  %1 = nyala.cache_append %cache, %0 at %ids in %ids
      : tensor<1x64x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  // CHECK: nyala.return %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<1x64x8xf32>
  nyala.return %0, %1 : tensor<?x8xf32>, tensor<1x64x8xf32>
}

// CHECK: nyala.kernel private @nothing() attributes {max_rows = 1 : i64} {
nyala.kernel private @nothing() attributes {max_rows = 1 : i64} {
  // CHECK-NEXT: nyala.return{{$}}
  nyala.return
}

// CHECK-LABEL: func @entry
func.func @entry(%x: tensor<?x8xf32>, %cache: tensor<1x64x8xf32>, %ids: tensor<?xi32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  // CHECK: %{{.*}}:2 = nyala.dispatch @append rows(%{{.*}}) (%{{.*}}, %{{.*}}, %{{.*}}) tied [-1, 1]
  // CHECK-SAME: : (tensor<?x8xf32>, tensor<1x64x8xf32>, tensor<?xi32>) -> (tensor<?x8xf32>, tensor<1x64x8xf32>)
  %0:2 = nyala.dispatch @append rows(%n) (%x, %cache, %ids) tied [-1, 1]
      : (tensor<?x8xf32>, tensor<1x64x8xf32>, tensor<?xi32>) -> (tensor<?x8xf32>, tensor<1x64x8xf32>)
  // CHECK: nyala.dispatch @nothing rows(%{{.*}}) () tied [] : () -> ()
  nyala.dispatch @nothing rows(%n) () tied [] : () -> ()
  return %0#0 : tensor<?x8xf32>
}

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @compiled()
}

// CHECK: nyala.program @decode counts [#nyala.count<"rows", max = 1>]
// CHECK-SAME: arguments [#nyala.argument<"tokens", count = 0>]
// CHECK-SAME: results [#nyala.result<"logits", count = 0, row_bytes = 400>]
// CHECK-SAME: states [#nyala.state<"k", sequences = 1, slots = 64, slot_bytes = 32>]
// CHECK-SAME: arena 4096 attributes {note} {
nyala.program @decode counts [#nyala.count<"rows", max = 1>]
    arguments [#nyala.argument<"tokens", count = 0>]
    results [#nyala.result<"logits", count = 0, row_bytes = 400>]
    states [#nyala.state<"k", sequences = 1, slots = 64, slot_bytes = 32>]
    arena 4096 attributes {note} {
  // CHECK: nyala.step @compiled [#nyala.buffer<argument>, #nyala.buffer<weight, symbol = @table>, #nyala.buffer<arena, offset = 64>] rows 0 waits [] cost [0, 0, 1, 2, 3] writes [128]
  nyala.step @compiled [#nyala.buffer<argument>, #nyala.buffer<weight, symbol = @table>, #nyala.buffer<arena, offset = 64>]
      rows 0 waits [] cost [0, 0, 1, 2, 3] writes [128]
  // CHECK: nyala.step @compiled [#nyala.buffer<state>, #nyala.buffer<result>] rows 0 waits [0] cost [0, 0, 0, 0, 0] {name = "x"}
  nyala.step @compiled [#nyala.buffer<state>, #nyala.buffer<result, index = 0>]
      rows 0 waits [0] cost [0, 0, 0, 0, 0] {name = "x"}
}
// CHECK: nyala.program @empty counts [] arguments [] results [] states [] arena 0 {
nyala.program @empty counts [] arguments [] results [] states [] arena 0 {
}

module @sm_80 attributes {nyala.target = #nyala.cuda_target<"sm_80">} {
  module @kernels {
    llvm.func @compiled()
  }
}
// A step of a GPU's program has its kernel in the GPU's variants alone.
// CHECK: nyala.program @cuda_init
// CHECK-SAME: states [#nyala.state<"w", sequences = 1, slots = 1, slot_bytes = 1600, resident = true>]
// CHECK-SAME: attributes {nyala.device = "cuda"} {
nyala.program @cuda_init counts [#nyala.count<"100", max = 100>] arguments [] results []
    states [#nyala.state<"w", sequences = 1, slots = 1, slot_bytes = 1600, resident = true>] arena 0
    attributes {nyala.device = "cuda"} {
  nyala.step @compiled [#nyala.buffer<weight, symbol = @table>, #nyala.buffer<state>]
      rows 0 waits [] cost [0, 0, 0, 0, 0] writes [1600]
}
