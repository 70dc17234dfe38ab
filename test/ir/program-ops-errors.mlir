// RUN: nyala-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{requires attribute 'max_rows'}}
nyala.kernel @unbounded() {
  nyala.return
}

// -----

nyala.kernel @result(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {max_rows = 1 : i64} {
  // expected-error @below {{expected operands of types 'tensor<?x4xf32>', got}}
  nyala.return
}

// -----

nyala.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?x4xf32>
}
func.func @tied_count(%n: index, %x: tensor<?x4xf32>) {
  // expected-error @below {{expected an entry of 'tied' for each of the 1 results, got 0}}
  %0 = nyala.dispatch @k rows(%n) (%x) tied [] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

nyala.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?x4xf32>
}
func.func @tied_range(%n: index, %x: tensor<?x4xf32>) {
  // expected-error @below {{result 0 is tied to operand 1, expected -1 or less than 1}}
  %0 = nyala.dispatch @k rows(%n) (%x) tied [1] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

nyala.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?x4xf32>
}
func.func @tied_below(%n: index, %x: tensor<?x4xf32>) {
  // expected-error @below {{result 0 is tied to operand -2, expected -1 or less than 1}}
  %0 = nyala.dispatch @k rows(%n) (%x) tied [-2] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

nyala.kernel @k(%x: tensor<4x4xf32>) -> tensor<?x4xf32> attributes {max_rows = 1 : i64} {
  %0 = tensor.cast %x : tensor<4x4xf32> to tensor<?x4xf32>
  nyala.return %0 : tensor<?x4xf32>
}
func.func @tied_type(%n: index, %x: tensor<4x4xf32>) {
  // expected-error @below {{result 0 is tied to an operand of another type: expected 'tensor<?x4xf32>', got 'tensor<4x4xf32>'}}
  %0 = nyala.dispatch @k rows(%n) (%x) tied [0] : (tensor<4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @no_kernel(%n: index) {
  // expected-error @below {{refers to kernel 'k', which does not exist}}
  nyala.dispatch @k rows(%n) () tied [] : () -> ()
  return
}

// -----

nyala.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?x4xf32>
}
func.func @operands(%n: index) {
  // expected-error @below {{expected operands of kernel 'k' 'tensor<?x4xf32>', got}}
  %0 = nyala.dispatch @k rows(%n) () tied [-1] : () -> tensor<?x4xf32>
  return
}

// -----

nyala.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {max_rows = 1 : i64} {
  nyala.return %x : tensor<?x4xf32>
}
func.func @results(%n: index, %x: tensor<?x4xf32>) {
  // expected-error @below {{expected results of kernel 'k' 'tensor<?x4xf32>', got}}
  nyala.dispatch @k rows(%n) (%x) tied [] : (tensor<?x4xf32>) -> ()
  return
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @count counts [] arguments [] results [] states [] arena 0 {
  // expected-error @below {{refers to count 0 of 0}}
  nyala.step @k [] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @state counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0 {
  // expected-error @below {{refers to state 2 of 0}}
  nyala.step @k [#nyala.buffer<state, index = 2>] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @argument counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0 {
  // expected-error @below {{refers to argument -1 of 0}}
  nyala.step @k [#nyala.buffer<argument, index = -1>] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @result counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0 {
  // expected-error @below {{refers to result 0 of 0}}
  nyala.step @k [#nyala.buffer<result>] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @weight counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0 {
  // expected-error @below {{expected the symbol of a weight in #nyala.buffer<weight>}}
  nyala.step @k [#nyala.buffer<weight>] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @arena counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 64 {
  // expected-error @below {{arena offset 64 is outside the program's 64 bytes}}
  nyala.step @k [#nyala.buffer<arena, offset = 64>] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @cost counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0 {
  // expected-error @below {{expected 5 cost fields, got 4}}
  nyala.step @k [] rows 0 waits [] cost [0, 0, 0, 0]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @writes counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 64 {
  // expected-error @below {{writes 2 of 1 buffers}}
  nyala.step @k [#nyala.buffer<arena>] rows 0 waits [] cost [0, 0, 0, 0, 0] writes [4, 4]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @writes counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 64 {
  // expected-error @below {{expected the bytes that it writes not to be negative}}
  nyala.step @k [#nyala.buffer<arena>] rows 0 waits [] cost [0, 0, 0, 0, 0] writes [-4]
}

// -----

nyala.program @kernel counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0 {
  // expected-error @below {{refers to kernel 'k' in a module without variants for device cpu}}
  nyala.step @k [] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @cpu attributes {nyala.target = #nyala.cpu_target<"cpu">} {
  llvm.func @k()
}
nyala.program @symbol counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0 {
  // expected-error @below {{refers to @cpu, which is no nyala.weight}}
  nyala.step @k [#nyala.buffer<weight, symbol = @cpu>] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @best attributes {nyala.target = #nyala.cpu_target<"best">} {
  llvm.func @k()
}
module @plain attributes {nyala.target = #nyala.cpu_target<"plain">} {
}
nyala.program @variant counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0 {
  // expected-error @below {{refers to kernel 'k', which variant 'plain' does not have}}
  nyala.step @k [] rows 0 waits [] cost [0, 0, 0, 0, 0]
}

// -----

module @sm_80 attributes {nyala.target = #nyala.cuda_target<"sm_80">} {
  module @kernels {
    llvm.func @other()
  }
}
nyala.program @cuda_decode counts [#nyala.count<"rows", max = 1>] arguments [] results [] states [] arena 0
    attributes {nyala.device = "cuda"} {
  // expected-error @below {{refers to kernel 'k', which variant 'sm_80' does not have}}
  nyala.step @k [] rows 0 waits [] cost [0, 0, 0, 0, 0]
}
