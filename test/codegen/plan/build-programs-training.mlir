// RUN: nyala-opt %s --nyala-build-programs | FileCheck %s

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 6 : i64}
}

// Rows that are the same in every call are counts of their own. A matrix is a state whose slots are its
// rows; its next value may be computed from the old one in place, or be new: then it is written there.
// CHECK-LABEL: nyala.program @states
// CHECK-SAME: counts [#nyala.count<"8", max = 8>, #nyala.count<"1", max = 1>, #nyala.count<"4", max = 4>]
// CHECK-SAME: arguments [#nyala.argument<"tokens", count = 0>, #nyala.argument<"rate", count = 1>]
// CHECK-SAME: results [#nyala.result<"loss", count = 1, row_bytes = 4>]
// CHECK-SAME: states [#nyala.state<"w", sequences = 1, slots = 4, slot_bytes = 64>, #nyala.state<"g", sequences = 1, slots = 4, slot_bytes = 64>] arena 256
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<state>, #nyala.buffer<arena>, #nyala.buffer<result>] rows 2 waits [] {{.*}} writes [256, 4] floats [true, true]
// CHECK: nyala.step @k [#nyala.buffer<arena>, #nyala.buffer<state>, #nyala.buffer<argument, index = 1>] rows 2 waits [0] {{.*}} updates [1]
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<state, index = 1>] rows 2 waits [] {{.*}} writes [256] floats [true] updates [1]
func.func @states(%t: tensor<8xi32> {nyala.max_rows = 8 : i64, nyala.role = "tokens"}, %rate: tensor<1x1xf32> {nyala.role = "rate"},
    %w: tensor<4x16xf32> {nyala.state = "w"}, %g: tensor<4x16xf32> {nyala.state = "g"})
    -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<4x16xf32> {nyala.state = "w"}, tensor<4x16xf32> {nyala.state = "g"}) attributes {nyala.entry} {
  %rows = arith.constant 4 : index
  %0, %loss = nyala.dispatch @k rows(%rows) (%t, %w) tied [-1, -1] : (tensor<8xi32>, tensor<4x16xf32>) -> (tensor<4x16xf32>, tensor<1x1xf32>)
  %w1 = nyala.dispatch @k rows(%rows) (%0, %w, %rate) tied [1] : (tensor<4x16xf32>, tensor<4x16xf32>, tensor<1x1xf32>) -> tensor<4x16xf32>
  %g1 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<4x16xf32>
  return %loss, %w1, %g1 : tensor<1x1xf32>, tensor<4x16xf32>, tensor<4x16xf32>
}

// Views lie in what they show, and keep it alive: %0 cannot be overwritten by %2.
// CHECK-LABEL: nyala.program @views
// CHECK-SAME: arena 768
// CHECK: nyala.step @k [#nyala.buffer<state, offset = 128>, #nyala.buffer<arena>]
// CHECK: nyala.step @k [#nyala.buffer<state>, #nyala.buffer<arena, offset = 256>] {{.*}} waits []
// CHECK: nyala.step @k [#nyala.buffer<arena, offset = 256>, #nyala.buffer<arena, offset = 512>] {{.*}} waits [1]
// CHECK: nyala.step @k [#nyala.buffer<arena, offset = 64>, #nyala.buffer<arena, offset = 512>, #nyala.buffer<result>] {{.*}} waits [0, 2]
func.func @views(%w: tensor<4x16xf32> {nyala.state = "w"}) -> (tensor<4x16xf32> {nyala.result = "x"}) attributes {nyala.entry} {
  %rows = arith.constant 4 : index
  %low = tensor.extract_slice %w[2, 0] [2, 16] [1, 1] : tensor<4x16xf32> to tensor<2x16xf32>
  %0 = nyala.dispatch @k rows(%rows) (%low) tied [-1] : (tensor<2x16xf32>) -> tensor<4x16xf32>
  %1 = nyala.dispatch @k rows(%rows) (%w) tied [-1] : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %flat = tensor.collapse_shape %0 [[0, 1]] : tensor<4x16xf32> into tensor<64xf32>
  %2 = nyala.dispatch @k rows(%rows) (%1) tied [-1] : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %some = tensor.extract_slice %flat[16] [32] [1] : tensor<64xf32> to tensor<32xf32>
  %again = tensor.expand_shape %some [[0, 1]] output_shape [2, 16] : tensor<32xf32> into tensor<2x16xf32>
  %3 = nyala.dispatch @k rows(%rows) (%again, %2) tied [-1] : (tensor<2x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  return %3 : tensor<4x16xf32>
}

// The parts of a concatenation are computed where they lie in the whole, which may be part of another,
// and the whole is updated in place. A later step waits for all that wrote there.
// CHECK-LABEL: nyala.program @parts
// CHECK-SAME: arena 512
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<arena>] {{.*}} writes [64]
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<arena, offset = 64>] {{.*}} writes [192]
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<arena, offset = 256>] {{.*}} writes [256]
// CHECK: nyala.step @k [#nyala.buffer<argument>, #nyala.buffer<arena>] {{.*}} waits [0, 1, 2] {{.*}} updates [1]
// CHECK: nyala.step @k [#nyala.buffer<arena>, #nyala.buffer<result>] {{.*}} waits [3]
func.func @parts(%t: tensor<8xi32> {nyala.role = "tokens"}) -> (tensor<1x1xf32> {nyala.result = "loss"}) attributes {nyala.entry} {
  %rows = arith.constant 4 : index
  %0 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<1x16xf32>
  %1 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<3x16xf32>
  %2 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<4x16xf32>
  %inner = tensor.concat dim(0) %0, %1 : (tensor<1x16xf32>, tensor<3x16xf32>) -> tensor<4x16xf32>
  %whole = tensor.concat dim(0) %inner, %2 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  %3 = nyala.dispatch @k rows(%rows) (%t, %whole) tied [1] : (tensor<8xi32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %4 = nyala.dispatch @k rows(%rows) (%3) tied [-1] : (tensor<8x16xf32>) -> tensor<1x1xf32>
  return %4 : tensor<1x1xf32>
}
