// Each device has programs of its own, whose kernels are in the variants of that device alone.
// RUN: nyala-opt %s --nyala-build-programs | FileCheck %s

nyala.kernel @k(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64, nyala.cost = array<i64: 1, 2, 3, 4, 5>} {
  nyala.return %x : tensor<?x16xf32>
}
nyala.kernel @g(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64, nyala.cost = array<i64: 1, 2, 3, 4, 5>, nyala.device = "cuda"} {
  nyala.return %x : tensor<?x16xf32>
}
nyala.kernel @widen(%w: tensor<32x16xf32, #nyala.packed<f16>>) -> tensor<32x16xbf16> attributes {max_rows = 32 : i64, nyala.cost = array<i64: 0, 0, 0, 0, 0>, nyala.device = "cuda"} {
  %0 = nyala.unpack %w : tensor<32x16xf32, #nyala.packed<f16>> -> tensor<32x16xf32>
  %1 = arith.truncf %0 : tensor<32x16xf32> to tensor<32x16xbf16>
  nyala.return %1 : tensor<32x16xbf16>
}
nyala.kernel @random(%s: tensor<20x32xf32, #nyala.packed<q4_0>>) -> tensor<20x32xf32, #nyala.packed<q4_0>> attributes {max_rows = 20 : i64, nyala.cost = array<i64: 0, 0, 0, 0, 0>, nyala.device = "cuda"} {
  %0 = nyala.random over %s {deviation = 1.0 : f32} : tensor<20x32xf32, #nyala.packed<q4_0>>
  nyala.return %0 : tensor<20x32xf32, #nyala.packed<q4_0>>
}
nyala.weight @w : tensor<32x16xf32, #nyala.packed<f16>>
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 6 : i64}
}
module @sm_80 attributes {nyala.target = #nyala.cuda_target<"sm_80">} {
  gpu.module @kernels {
    gpu.func @g() kernel attributes {nyala.tiles = 6 : i64} { gpu.return }
    gpu.func @widen() kernel attributes {nyala.tiles = 1 : i64} { gpu.return }
    gpu.func @random() kernel attributes {nyala.tiles = 1 : i64} { gpu.return }
  }
}

// CHECK: nyala.program @decode counts
// CHECK-NOT: nyala.device
// CHECK: nyala.step @k
func.func @decode(%x: tensor<?x16xf32> {nyala.max_rows = 4 : i64, nyala.role = "tokens"}) -> (tensor<?x16xf32> {nyala.result = "logits"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  %0 = nyala.dispatch @k rows(%n) (%x) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// A resident state is one slot. An entry that reads it does not return it.
// CHECK: nyala.program @cuda_decode
// CHECK-SAME: states [#nyala.state<"w", sequences = 1, slots = 1, slot_bytes = 1024, resident = true>]
// CHECK-SAME: attributes {nyala.device = "cuda"}
// CHECK: nyala.step @g [#nyala.buffer<argument>, #nyala.buffer<state>, #nyala.buffer<result>]
func.func @cuda_decode(%x: tensor<?x16xf32> {nyala.max_rows = 4 : i64, nyala.role = "tokens"}, %w: tensor<32x16xbf16> {nyala.resident, nyala.state = "w"}) -> (tensor<?x16xf32> {nyala.result = "logits"}) attributes {nyala.device = "cuda", nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  %0 = nyala.dispatch @g rows(%n) (%x, %w) tied [-1] : (tensor<?x16xf32>, tensor<32x16xbf16>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// What is new is written where the state lies: no arena, no copy.
// CHECK: nyala.program @cuda_init counts [#nyala.count<"32", max = 32>] arguments [] results []
// CHECK-SAME: arena 0 attributes {nyala.device = "cuda"}
// CHECK: nyala.step @widen [#nyala.buffer<weight, symbol = @w>, #nyala.buffer<state>] rows 0 waits [] {{.*}} writes [1024]
func.func @cuda_init(%old: tensor<32x16xbf16> {nyala.resident, nyala.state = "w"}) -> (tensor<32x16xbf16> {nyala.state = "w"}) attributes {nyala.device = "cuda", nyala.entry} {
  %w = nyala.load @w : tensor<32x16xf32, #nyala.packed<f16>>
  %n = arith.constant 32 : index
  %0 = nyala.dispatch @widen rows(%n) (%w) tied [-1] : (tensor<32x16xf32, #nyala.packed<f16>>) -> tensor<32x16xbf16>
  return %0 : tensor<32x16xbf16>
}

// Packed: 32 rows of 18 bytes, 12 of them padding. What is written over a state lies there.
// CHECK: nyala.program @cuda_randomize
// CHECK-SAME: states [#nyala.state<"p", sequences = 1, slots = 1, slot_bytes = 576, resident = true>]
// CHECK: nyala.step @random [#nyala.buffer<state>] rows 0 waits [] {{.*}} updates [0]
func.func @cuda_randomize(%p: tensor<20x32xf32, #nyala.packed<q4_0>> {nyala.resident, nyala.state = "p"}) -> (tensor<20x32xf32, #nyala.packed<q4_0>> {nyala.state = "p"}) attributes {nyala.device = "cuda", nyala.entry} {
  %n = arith.constant 20 : index
  %0 = nyala.dispatch @random rows(%n) (%p) tied [0] : (tensor<20x32xf32, #nyala.packed<q4_0>>) -> tensor<20x32xf32, #nyala.packed<q4_0>>
  return %0 : tensor<20x32xf32, #nyala.packed<q4_0>>
}
