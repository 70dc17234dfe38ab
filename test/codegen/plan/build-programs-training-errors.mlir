// RUN: nyala-opt %s --nyala-build-programs --split-input-file --verify-diagnostics

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @columns(%w: tensor<4x16xf32> {nyala.state = "w"}) attributes {nyala.entry} {
  // expected-error @below {{has no place in the memory of its operand: expected whole rows, one after the other}}
  %0 = tensor.extract_slice %w[0, 0] [4, 8] [1, 1] : tensor<4x16xf32> to tensor<4x8xf32>
  return
}

// -----

func.func @constant() attributes {nyala.entry} {
  %zero = arith.constant dense<0.0> : tensor<4x16xf32>
  // expected-error @below {{shows a value that no dispatch computes}}
  %0 = tensor.collapse_shape %zero [[0, 1]] : tensor<4x16xf32> into tensor<64xf32>
  return
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @columns(%t: tensor<8xi32> {nyala.role = "tokens"}) attributes {nyala.entry} {
  %rows = arith.constant 4 : index
  %0 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<4x16xf32>
  // expected-error @below {{expected rows of a static shape to be concatenated, got dimension 1 of 'tensor<4x32xf32>'}}
  %1 = tensor.concat dim(1) %0, %0 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x32xf32>
  return
}

// -----

func.func @arguments(%w: tensor<4x16xf32> {nyala.state = "w"}) attributes {nyala.entry} {
  // expected-error @below {{operand 0 is not computed by a dispatch that could write it there: placing it among the others needs a copy}}
  %0 = tensor.concat dim(0) %w, %w : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @twice(%t: tensor<8xi32> {nyala.role = "tokens"}) attributes {nyala.entry} {
  %rows = arith.constant 4 : index
  %0 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<4x16xf32>
  // expected-error @below {{operand 1 already has another place: placing it among the others needs a copy}}
  %1 = tensor.concat dim(0) %0, %0 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @late(%t: tensor<8xi32> {nyala.role = "tokens"}) -> (tensor<1x1xf32> {nyala.result = "loss"}) attributes {nyala.entry} {
  %rows = arith.constant 4 : index
  %0 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<4x16xf32>
  %flat = tensor.collapse_shape %0 [[0, 1]] : tensor<4x16xf32> into tensor<64xf32>
  // expected-error @below {{updates a value in place that a later operation still reads: this needs a copy of the value}}
  %1 = nyala.dispatch @k rows(%rows) (%0) tied [0] : (tensor<4x16xf32>) -> tensor<4x16xf32>
  // expected-note @below {{read here}}
  %2 = nyala.dispatch @k rows(%rows) (%1, %flat) tied [-1] : (tensor<4x16xf32>, tensor<64xf32>) -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// -----

// What a kernel reads of a state elsewhere, it may not overwrite.
func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @elsewhere(%w: tensor<4x16xf32> {nyala.state = "w"}) -> (tensor<4x16xf32> {nyala.state = "w"}) attributes {nyala.entry} {
  %rows = arith.constant 4 : index
  // expected-error @below {{updates a state in place that it reads elsewhere: this needs a copy of the state}}
  // expected-note @below {{read here}}
  %0 = nyala.dispatch @k rows(%rows) (%w) tied [-1] : (tensor<4x16xf32>) -> tensor<4x16xf32>
  return %0 : tensor<4x16xf32>
}

// -----

// A part that is updated before the whole is there.
func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @part(%t: tensor<8xi32> {nyala.role = "tokens"}) attributes {nyala.entry} {
  %rows = arith.constant 4 : index
  %0 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<4x16xf32>
  // expected-error @below {{updates a value in place that a later operation still reads: this needs a copy of the value}}
  %1 = nyala.dispatch @k rows(%rows) (%0) tied [0] : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %2 = nyala.dispatch @k rows(%rows) (%t) tied [-1] : (tensor<8xi32>) -> tensor<4x16xf32>
  // expected-note @below {{read here}}
  %3 = tensor.concat dim(0) %0, %2 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  return
}
