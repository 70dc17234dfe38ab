// RUN: nyala-opt %s --nyala-build-programs --split-input-file --verify-diagnostics

// expected-error @below {{argument 0 has no 'nyala.max_rows'; run nyala-specialize-entries first}}
func.func @f(%x: tensor<?xi32> {nyala.role = "tokens"}) attributes {nyala.entry} {
  return
}

// -----

// expected-error @below {{argument 0 has neither 'nyala.role' nor 'nyala.state'}}
func.func @f(%x: tensor<?xi32>) attributes {nyala.entry} {
  return
}

// -----

// expected-error @below {{argument 0 has type 'index', expected a tensor}}
func.func @f(%x: index {nyala.max_rows = 1 : i64, nyala.role = "tokens"}) attributes {nyala.entry} {
  return
}

// -----

// expected-error @below {{state 'k' has type 'tensor<?x8x16xf32>', expected static sequences, slots and channels, or a static matrix; run nyala-specialize-entries first}}
func.func @f(%x: tensor<?x8x16xf32> {nyala.state = "k"}) attributes {nyala.entry} {
  return
}

// -----

// expected-error @below {{expected the body of an entry point to be one block}}
func.func private @f() attributes {nyala.entry}

// -----

func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) attributes {nyala.entry} {
  // expected-error @below {{is not part of a dispatch; expected a module of the kernel phase}}
  %0 = nyala.activation silu %x : tensor<?x16xf32>
  return
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) attributes {nyala.entry} {
  %one = arith.constant 1 : index
  %rows = tensor.dim %x, %one : tensor<?x16xf32>
  %twice = arith.addi %rows, %rows : index
  // expected-error @below {{expected its rows to be a constant, or the size of an argument's leading dimension}}
  %0 = nyala.dispatch @k rows(%twice) (%x) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

nyala.kernel @k(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?x16xf32>
}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  // expected-error @below {{calls kernel 'k', which has not been generated; run nyala-generate-cpu-kernels first}}
  %0 = nyala.dispatch @k rows(%n) (%x) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  // expected-error @below {{updates operand 0 in place, which is neither a state nor computed by a dispatch}}
  %0 = nyala.dispatch @k rows(%n) (%x) tied [0] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}, %k: tensor<1x8x16xf32> {nyala.state = "k"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  // expected-error @below {{updates operand 1 in place twice: this needs a copy of the state}}
  %0, %1 = nyala.dispatch @k rows(%n) (%x, %k) tied [1, 1] : (tensor<?x16xf32>, tensor<1x8x16xf32>) -> (tensor<1x8x16xf32>, tensor<1x8x16xf32>)
  return
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}, %k: tensor<1x8x16xf32> {nyala.state = "k"})
    -> (tensor<1x8x16xf32> {nyala.state = "k"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  // expected-error @below {{updates a state in place that a later operation still reads: this needs a copy of the state}}
  %k1 = nyala.dispatch @k rows(%n) (%x, %k) tied [1] : (tensor<?x16xf32>, tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // expected-note @below {{read here}}
  %0 = nyala.dispatch @k rows(%n) (%x, %k) tied [-1] : (tensor<?x16xf32>, tensor<1x8x16xf32>) -> tensor<?x16xf32>
  return %k1 : tensor<1x8x16xf32>
}

// -----

// The value before is returned: what is updated is another state.
func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}, %k: tensor<1x8x16xf32> {nyala.state = "k"})
    -> (tensor<1x8x16xf32> {nyala.state = "k"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  // expected-error @below {{updates a state in place that a later operation still reads: this needs a copy of the state}}
  %k1 = nyala.dispatch @k rows(%n) (%x, %k) tied [1] : (tensor<?x16xf32>, tensor<1x8x16xf32>) -> tensor<1x8x16xf32>
  // expected-note @below {{read here}}
  return %k : tensor<1x8x16xf32>
}

// -----

// expected-error @below {{result 0 is the next value of state 'v' but is not tied to it: this needs a copy of the state}}
func.func @f(%k: tensor<1x8x16xf32> {nyala.state = "k"}, %v: tensor<1x8x16xf32> {nyala.state = "v"})
    -> (tensor<1x8x16xf32> {nyala.state = "v"}, tensor<1x8x16xf32> {nyala.state = "k"}) attributes {nyala.entry} {
  return %k, %v : tensor<1x8x16xf32>, tensor<1x8x16xf32>
}

// -----

// expected-error @below {{result 0 must be computed by a dispatch and carry 'nyala.result' or 'nyala.state'}}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) -> (tensor<?x16xf32> {nyala.result = "logits"}) attributes {nyala.entry} {
  return %x : tensor<?x16xf32>
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
// expected-error @below {{result 0 must be computed by a dispatch and carry 'nyala.result' or 'nyala.state'}}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) -> tensor<?x16xf32> attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  %0 = nyala.dispatch @k rows(%n) (%x) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
// expected-error @below {{result 0 has type 'tensor<?xi32>', expected rows by channels}}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) -> (tensor<?xi32> {nyala.result = "ids"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  %0 = nyala.dispatch @k rows(%n) (%x) tied [-1] : (tensor<?x16xf32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}

// -----

// Every variant has every kernel.
func.func private @k() attributes {nyala.cost = array<i64: 0, 0, 0, 0, 0>}
module @best attributes {nyala.target = #nyala.cpu_target<"best">} {
  func.func private @k() attributes {nyala.tiles = 1 : i64}
}
module @plain attributes {nyala.target = #nyala.cpu_target<"plain">} {
}
func.func @f(%x: tensor<?x16xf32> {nyala.max_rows = 1 : i64, nyala.role = "x"}) attributes {nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  // expected-error @below {{calls kernel 'k', for which variant 'plain' has no code}}
  %0 = nyala.dispatch @k rows(%n) (%x) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

nyala.kernel @k(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {max_rows = 4 : i64, nyala.device = "cuda"} {
  nyala.return %x : tensor<?x16xf32>
}
func.func @cuda_decode(%x: tensor<?x16xf32> {nyala.max_rows = 4 : i64, nyala.role = "tokens"}) -> (tensor<?x16xf32> {nyala.result = "logits"}) attributes {nyala.device = "cuda", nyala.entry} {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x16xf32>
  // expected-error @below {{calls kernel 'k', which has not been generated; run nyala-generate-cuda-kernels first}}
  %0 = nyala.dispatch @k rows(%n) (%x) tied [-1] : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// expected-error @below {{resident state 'w' has type 'tensor<?x16xbf16>', expected a static shape}}
func.func @cuda_decode(%w: tensor<?x16xbf16> {nyala.resident, nyala.state = "w"}) attributes {nyala.device = "cuda", nyala.entry} {
  return
}
