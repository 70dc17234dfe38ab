// RUN: nyala-opt %s --nyala-build-programs | FileCheck %s

// What kernels were generated from has served its purpose.
// CHECK-NOT: nyala.kernel
nyala.kernel @generated(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?x16xf32>
}

func.func private @k() attributes {nyala.cost = array<i64: 1, 2, 3, 4, 5>}
func.func private @per_row() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 6 : i64}
  func.func private @per_row() attributes {nyala.tiles = 2 : i64, nyala.per_row}
}
nyala.weight @w : tensor<16xf32>

// Each value lies where the one before the last did; whoever writes there waits for who read it.
// CHECK-LABEL: nyala.program @chain counts [#nyala.count<"rows", max = 4>]
// CHECK-SAME: arguments [#nyala.argument<"tokens", count = 0>]
// CHECK-SAME: results [#nyala.result<"logits", count = 0, row_bytes = 64>] states [] arena 512
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<weight, symbol = @w>, #nyala.buffer<arena>] rows 0 waits [] cost [1, 2, 3, 4, 5] writes [256]
// CHECK: nyala.step @per_row [#nyala.buffer<arena>, #nyala.buffer<arena, offset = 256>] rows 0 waits [0] cost
// CHECK: nyala.step @per_row [#nyala.buffer<arena, offset = 256>, #nyala.buffer<arena>] rows 0 waits [0, 1]
// CHECK: nyala.step @per_row [#nyala.buffer<arena>, #nyala.buffer<result>] rows 0 waits [2]
// CHECK-NOT: func.func @chain
func.func @chain(%t: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "tokens"}) -> (tensor<?x16xf32> {nyala.result = "logits"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %t, %zero : tensor<?xi32>
  %w = nyala.load @w : tensor<16xf32>
  %0 = nyala.dispatch @k rows(%n) (%t, %w) tied [-1] : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x16xf32>
  %1 = nyala.dispatch @per_row rows(%n) (%0) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %2 = nyala.dispatch @per_row rows(%n) (%1) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %3 = nyala.dispatch @per_row rows(%n) (%2) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %3 : tensor<?x16xf32>
}

// Both branches wait for the fork alone, the join for both. Sizes are those of the most rows, and
// multiples of 64.
// CHECK-LABEL: nyala.program @diamond
// CHECK-SAME: max = 3
// CHECK-SAME: arena 192
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<arena>] {{.*}} waits []
// CHECK: nyala.step @k [#nyala.buffer<arena>, #nyala.buffer<arena, offset = 64>] {{.*}} waits [0]
// CHECK: nyala.step @k [#nyala.buffer<arena>, #nyala.buffer<arena, offset = 128>] {{.*}} waits [0]
// CHECK: nyala.step @k [#nyala.buffer<arena, offset = 64>, #nyala.buffer<arena, offset = 128>, #nyala.buffer<result>] {{.*}} waits [1, 2]
func.func @diamond(%t: tensor<?xi32> {nyala.max_rows = 3 : i64, nyala.role = "tokens"}) -> (tensor<?x5xf32> {nyala.result = "logits"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %t, %zero : tensor<?xi32>
  %0 = nyala.dispatch @k rows(%n) (%t) tied [-1] : (tensor<?xi32>) -> tensor<?x5xf32>
  %1 = nyala.dispatch @k rows(%n) (%0) tied [-1] : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %2 = nyala.dispatch @k rows(%n) (%0) tied [-1] : (tensor<?x5xf32>) -> tensor<?x5xf32>
  %3 = nyala.dispatch @k rows(%n) (%1, %2) tied [-1] : (tensor<?x5xf32>, tensor<?x5xf32>) -> tensor<?x5xf32>
  return %3 : tensor<?x5xf32>
}

// A tied result lies in its state and is no buffer of its own. Readers of the updated state wait
// for the update, the next update waits for them.
// CHECK-LABEL: nyala.program @states
// CHECK-SAME: states [#nyala.state<"k", sequences = 2, slots = 8, slot_bytes = 64>, #nyala.state<"v", sequences = 2, slots = 8, slot_bytes = 64>] arena 256
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<state>, #nyala.buffer<arena>] {{.*}} waits [] {{.*}} writes [256]
// CHECK: nyala.step @k [#nyala.buffer<arena>, #nyala.buffer<state>, #nyala.buffer<state, index = 1>, #nyala.buffer<result>] {{.*}} waits [0]
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<state>] {{.*}} waits [0, 1]
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<state, index = 1>] {{.*}} waits [1]
func.func @states(%t: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "tokens"},
    %k: tensor<2x8x16xf32> {nyala.state = "k"}, %v: tensor<2x8x16xf32> {nyala.state = "v"})
    -> (tensor<?x16xf32> {nyala.result = "logits"}, tensor<2x8x16xf32> {nyala.state = "k"}, tensor<2x8x16xf32> {nyala.state = "v"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %t, %zero : tensor<?xi32>
  %0, %k1 = nyala.dispatch @k rows(%n) (%t, %k) tied [-1, 1] : (tensor<?xi32>, tensor<2x8x16xf32>) -> (tensor<?x16xf32>, tensor<2x8x16xf32>)
  %1 = nyala.dispatch @k rows(%n) (%0, %k1, %v) tied [-1] : (tensor<?x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32>) -> tensor<?x16xf32>
  %k2 = nyala.dispatch @k rows(%n) (%t, %k1) tied [1] : (tensor<?xi32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  %v1 = nyala.dispatch @k rows(%n) (%t, %v) tied [1] : (tensor<?xi32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  return %1, %k2, %v1 : tensor<?x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32>
}

// A state that is only read is returned as it came. Wanted rows have a count of their own, the
// bound of a count is the largest of its arguments'.
// CHECK-LABEL: nyala.program @counts
// CHECK-SAME: counts [#nyala.count<"rows", max = 9>, #nyala.count<"wanted", max = 2>]
// CHECK-SAME: arguments [#nyala.argument<"tokens", count = 0>, #nyala.argument<"wanted", count = 1>, #nyala.argument<"positions", count = 0>]
// CHECK-SAME: #nyala.result<"logits", count = 1
// CHECK-SAME: arena 576
// CHECK: rows 0 waits
// CHECK: rows 1 waits
func.func @counts(%t: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "tokens"},
    %w: tensor<?xi32> {nyala.max_rows = 2 : i64, nyala.role = "wanted"}, %p: tensor<?xi32> {nyala.max_rows = 9 : i64, nyala.role = "positions"},
    %k: tensor<1x8x16xf32> {nyala.state = "k"}) -> (tensor<?x16xf32> {nyala.result = "logits"}, tensor<1x8x16xf32> {nyala.state = "k"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %t, %zero : tensor<?xi32>
  %m = tensor.dim %w, %zero : tensor<?xi32>
  %0 = nyala.dispatch @k rows(%n) (%t, %k) tied [-1] : (tensor<?xi32>, tensor<1x8x16xf32>) -> tensor<?x16xf32>
  %1 = nyala.dispatch @k rows(%m) (%0, %w) tied [-1] : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return %1, %k : tensor<?x16xf32>, tensor<1x8x16xf32>
}

// Slots of blocks: integers and scales.
// CHECK-LABEL: nyala.program @blocks
// CHECK-SAME: states [#nyala.state<"k", sequences = 1, slots = 8, slot_bytes = 102>, #nyala.state<"v", sequences = 1, slots = 8, slot_bytes = 54>]
func.func @blocks(%t: tensor<?xi32> {nyala.max_rows = 4 : i64, nyala.role = "tokens"},
    %k: tensor<1x8x96xf32, #nyala.blocks<q8_0>> {nyala.state = "k"}, %v: tensor<1x8x96xf32, #nyala.blocks<q4_0>> {nyala.state = "v"})
    -> (tensor<?x16xf32> {nyala.result = "logits"}, tensor<1x8x96xf32, #nyala.blocks<q8_0>> {nyala.state = "k"}, tensor<1x8x96xf32, #nyala.blocks<q4_0>> {nyala.state = "v"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %t, %zero : tensor<?xi32>
  %0, %k1 = nyala.dispatch @k rows(%n) (%t, %k, %v) tied [-1, 1] : (tensor<?xi32>, tensor<1x8x96xf32, #nyala.blocks<q8_0>>, tensor<1x8x96xf32, #nyala.blocks<q4_0>>) -> (tensor<?x16xf32>, tensor<1x8x96xf32, #nyala.blocks<q8_0>>)
  return %0, %k1, %v : tensor<?x16xf32>, tensor<1x8x96xf32, #nyala.blocks<q8_0>>, tensor<1x8x96xf32, #nyala.blocks<q4_0>>
}
