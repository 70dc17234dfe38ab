// Errors of the interpreter: exit code 1 and what to do; 2 for wrong usage.
// RUN: not nyala-interpret %s --entry nothing 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: nyala-interpret: error: '{{.*}}' has no function 'nothing': it has embedding, gather,
// RUN: not nyala-interpret %t.absent 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: nyala-interpret: error: cannot open input file '{{.*}}': No such file or directory

// RUN: not nyala-interpret %s --entry embedding --input 0=0,3 2>&1 | FileCheck %s --check-prefix=TOKEN
// TOKEN: error: 'nyala.embedding' op token 3 of row 1 is outside 0..2
// TOKEN: nyala-interpret: error: cannot interpret 'embedding'
// RUN: not nyala-interpret %s --entry embedding --input 0=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: 'nyala.embedding' op token -1 of row 0 is outside 0..2
func.func @embedding(%ids: tensor<?xi32>, %table: tensor<3x2xf32>) -> tensor<?x2xf32> {
  %0 = nyala.embedding %ids, %table : tensor<?xi32>, tensor<3x2xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: not nyala-interpret %s --entry gather --input 1=5 2>&1 | FileCheck %s --check-prefix=INDEX
// INDEX: error: 'nyala.gather' op index 5 of row 0 is outside 0..0
func.func @gather(%x: tensor<?x2xf32>, %indices: tensor<?xi32>) -> tensor<?x2xf32> {
  %0 = nyala.gather %x, %indices : tensor<?x2xf32>, tensor<?xi32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: not nyala-interpret %s --entry append --input 2=16,0 2>&1 | FileCheck %s --check-prefix=SLOT
// SLOT: error: 'nyala.cache_append' op slot 16 of row 0 is outside 0..15
// RUN: not nyala-interpret %s --entry append --input 3=0,1 2>&1 | FileCheck %s --check-prefix=SEQUENCE
// SEQUENCE: error: 'nyala.cache_append' op sequence 1 of row 1 is outside 0..0
// RUN: not nyala-interpret %s --entry append --input 3=0,1 --dim 2.0=3 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: 'nyala.cache_append' op expected rows of the {{slots|sequences}} to be
func.func @append(%cache: tensor<?x?x2xf32>, %x: tensor<?x2xf32>, %slots: tensor<?xi32>, %sequences: tensor<?xi32>)
    -> tensor<?x?x2xf32> {
  %0 = nyala.cache_append %cache, %x at %slots in %sequences : tensor<?x?x2xf32>, tensor<?x2xf32>, tensor<?xi32>, tensor<?xi32>
  return %0 : tensor<?x?x2xf32>
}

// RUN: not nyala-interpret %s --entry attention --input 2=16 2>&1 | FileCheck %s --check-prefix=POSITION
// POSITION: error: 'nyala.attention' op position 16 of row 0 is outside 0..15
// RUN: not nyala-interpret %s --entry attention --input 3=-1 2>&1 | FileCheck %s --check-prefix=ATTENDED
// ATTENDED: error: 'nyala.attention' op sequence -1 of row 0 is outside 0..0
func.func @attention(%q: tensor<?x2xf32>, %cache: tensor<?x?x2xf32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>)
    -> tensor<?x2xf32> {
  %0 = nyala.attention %q, %cache, %cache at %positions in %sequences
      {heads = 1, kv_heads = 1, scale = 1.0 : f32, mask = #nyala.mask<causal>}
      : tensor<?x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: not nyala-interpret %s --entry shapes --dim 0.0=2,1.0=3 2>&1 | FileCheck %s --check-prefix=SHAPES
// SHAPES: error: 'arith.addf' op expected operands of one shape, got [2, 2] and [3, 2]
func.func @shapes(%x: tensor<?x2xf32>, %y: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %0 = arith.addf %x, %y : tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: not nyala-interpret %s --entry divide 2>&1 | FileCheck %s --check-prefix=DIVIDE
// DIVIDE: error: 'arith.divsi' op divides 7.0{{.*}} by 0.0
func.func @divide() -> i32 {
  %c7 = arith.constant 7 : i32
  %c0 = arith.constant 0 : i32
  %0 = arith.divsi %c7, %c0 : i32
  return %0 : i32
}

// RUN: not nyala-interpret %s --entry unknown 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: interpret-errors.mlir:[[#@LINE+2]]:{{[0-9]+}}: error: 'tensor.generate' op is not an op that the interpreter knows
func.func @unknown() -> tensor<2xf32> {
  %0 = tensor.generate {
  ^bb0(%i: index):
    %c1 = arith.constant 1.0 : f32
    tensor.yield %c1 : f32
  } : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// RUN: not nyala-interpret %s --entry dim 2>&1 | FileCheck %s --check-prefix=DIM
// DIM: error: 'tensor.dim' op dimension 1 does not exist
func.func @dim(%x: tensor<?xf32>) -> index {
  %c1 = arith.constant 1 : index
  %0 = tensor.dim %x, %c1 : tensor<?xf32>
  return %0 : index
}

// RUN: not nyala-interpret %s --entry cast 2>&1 | FileCheck %s --check-prefix=CAST
// CAST: error: 'tensor.cast' op gives a value of shape [5], which type 'tensor<4xf32>' excludes
func.func @cast(%x: tensor<?xf32>) -> tensor<4xf32> {
  %0 = tensor.cast %x : tensor<?xf32> to tensor<4xf32>
  return %0 : tensor<4xf32>
}

// RUN: not nyala-interpret %s --entry concat --dim 0.0=2,1.0=3 2>&1 | FileCheck %s --check-prefix=CONCAT
// CONCAT: error: 'tensor.concat' op expected operands that differ in dimension 1 alone, got [2, 2] and [3, 2]
func.func @concat(%x: tensor<?x2xf32>, %y: tensor<?x2xf32>) -> tensor<?x4xf32> {
  %0 = tensor.concat dim(1) %x, %y : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// RUN: not nyala-interpret %s --entry recursion 2>&1 | FileCheck %s --check-prefix=RECURSION
// RECURSION: error: 'func.func' op is nested too deeply in calls and initializers
func.func @recursion(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = call @recursion(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// RUN: not nyala-interpret %s --entry external 2>&1 | FileCheck %s --check-prefix=EXTERNAL
// EXTERNAL: error: 'func.func' op has no body to interpret
func.func private @external() -> tensor<?xf32>

// RUN: not nyala-interpret %s --entry blocks 2>&1 | FileCheck %s --check-prefix=BLOCKS
// BLOCKS: error: 'func.func' op has several blocks; the interpreter runs straight-line code
func.func @blocks() {
  cf.br ^bb1
^bb1:
  return
}

// RUN: not nyala-interpret %s --entry endless 2>&1 | FileCheck %s --check-prefix=ENDLESS
// ENDLESS: error: 'llvm.unreachable' op is not an op that the interpreter knows
func.func @endless() -> tensor<?xf32> {
  llvm.unreachable
}

// RUN: not nyala-interpret %s --entry rows --dim 0.0=3 2>&1 | FileCheck %s --check-prefix=MAXROWS
// MAXROWS: error: 'func.func' op expected at most 2 rows in argument 0, got 3
func.func @rows(%x: tensor<?xf32> {nyala.max_rows = 2 : i64}) {
  return
}

nyala.kernel @kernel(%x: tensor<?x2xf32>) -> tensor<?x2xf32> attributes {max_rows = 2 : i64} {
  nyala.return %x : tensor<?x2xf32>
}
llvm.func @compiled()

// RUN: not nyala-interpret %s --entry dispatch 2>&1 | FileCheck %s --check-prefix=KERNELROWS
// KERNELROWS: error: 'nyala.dispatch' op expected at most 2 rows for kernel 'kernel', got 5
func.func @dispatch(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x2xf32>
  %0 = nyala.dispatch @kernel rows(%n) (%x) tied [-1] : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: not nyala-interpret %s --entry compiled_kernel 2>&1 | FileCheck %s --check-prefix=COMPILED
// COMPILED: error: 'nyala.dispatch' op refers to 'compiled', which is no nyala.kernel; the interpreter runs modules of the phases input, model and dispatch
func.func @compiled_kernel(%n: index) {
  nyala.dispatch @compiled rows(%n) () tied [] : () -> ()
  return
}

// Sizes that no memory holds.
// RUN: not nyala-interpret %s --entry large 2>&1 | FileCheck %s --check-prefix=LARGE
// LARGE: error: 'arith.constant' op is too large to interpret: expected at most 268435456 elements
func.func @large() -> tensor<100000x100000xf32> {
  %0 = arith.constant dense<0.0> : tensor<100000x100000xf32>
  return %0 : tensor<100000x100000xf32>
}
// RUN: not nyala-interpret %s --entry wide 2>&1 | FileCheck %s --check-prefix=WIDE
// WIDE: error: 'nyala.linear' op a tensor of type 'tensor<?x200000xf32>' is too large to interpret
func.func @wide() -> tensor<?x200000xf32> {
  %x = arith.constant dense<0.0> : tensor<200000x1xf32>
  %0 = tensor.cast %x : tensor<200000x1xf32> to tensor<?x1xf32>
  %1 = nyala.linear %0, %x : tensor<?x1xf32>, tensor<200000x1xf32> -> tensor<?x200000xf32>
  return %1 : tensor<?x200000xf32>
}
// RUN: not nyala-interpret %s --entry embedding --dim 0.0=200000000 2>&1 | FileCheck %s --check-prefix=MANY
// MANY: error: 'nyala.embedding' op a tensor of type 'tensor<?x2xf32>' is too large to interpret
// RUN: not nyala-interpret %s --entry shapes --dim rows=268435456 2>&1 | FileCheck %s --check-prefix=ARGUMENT
// ARGUMENT: nyala-interpret: error: argument '0' of shape [268435456, 2] is too large
nyala.weight @huge : tensor<0x4611686018427387904xf32>
// RUN: not nyala-interpret %s --entry weight 2>&1 | FileCheck %s --check-prefix=WEIGHT
// WEIGHT: error: 'nyala.weight' op a tensor of type 'tensor<0x4611686018427387904xf32>' is too large to interpret
func.func @weight() {
  %0 = nyala.load @huge : tensor<0x4611686018427387904xf32>
  return
}

// Training
// RUN: not nyala-interpret %s --entry scatter --input 1=0,3 2>&1 | FileCheck %s --check-prefix=SCATTER
// SCATTER: error: 'nyala.scatter_add' op id 3 of row 1 is outside 0..2
func.func @scatter(%x: tensor<2x1xf32>, %ids: tensor<2xi32>) -> tensor<3x1xf32> {
  %0 = nyala.scatter_add %x at %ids : tensor<2x1xf32>, tensor<2xi32> -> tensor<3x1xf32>
  return %0 : tensor<3x1xf32>
}
// RUN: not nyala-interpret %s --entry cross_entropy --input 2=-1 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: 'nyala.cross_entropy' op target -1 of row 0 is outside 0..4
// RUN: not nyala-interpret %s --entry cross_entropy --input 2=1,2 --dim 0.0=1 2>&1 | FileCheck %s --check-prefix=TARGETS
// TARGETS: error: 'nyala.cross_entropy' op expected rows of the targets to be 1, got 2
func.func @cross_entropy(%x: tensor<?x2xf32>, %w: tensor<5x2xf32>, %targets: tensor<?xi32>) -> tensor<?x1xf32> {
  %0:2 = nyala.cross_entropy %x, %w at %targets : tensor<?x2xf32>, tensor<5x2xf32>, tensor<?xi32> -> tensor<?x1xf32>, tensor<?x1xf32>
  return %0#0 : tensor<?x1xf32>
}
// RUN: not nyala-interpret %s --entry self_attention --dim 0.0=3,1.0=3 2>&1 | FileCheck %s --check-prefix=LENGTH
// LENGTH: error: 'nyala.self_attention' op expected rows to be a multiple of the length 2 of sequences, got 3
// RUN: not nyala-interpret %s --entry self_attention --dim 0.0=2,1.0=4 2>&1 | FileCheck %s --check-prefix=SEQUENCES
// SEQUENCES: error: 'nyala.self_attention' op expected rows of the operands to be 2, got 4
func.func @self_attention(%q: tensor<?x2xf32>, %k: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %0:2 = nyala.self_attention %q, %k, %k {heads = 1, kv_heads = 1, scale = 1.0 : f32, length = 2, mask = #nyala.mask<causal>}
     : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32> -> tensor<?x2xf32>, tensor<?x1xf32>
  return %0#0 : tensor<?x2xf32>
}
// RUN: not nyala-interpret %s --entry matmul --dim 0.0=2,1.0=3 2>&1 | FileCheck %s --check-prefix=DEPTH
// DEPTH: error: 'nyala.matmul' op expected depth of the second operand to be 2, got 3
func.func @matmul(%a: tensor<?x2xf32>, %b: tensor<?x4xf32>) -> tensor<2x4xf32> {
  %0 = nyala.matmul %a, %b {transpose_a} : tensor<?x2xf32>, tensor<?x4xf32> -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
// RUN: not nyala-interpret %s --entry slice 2>&1 | FileCheck %s --check-prefix=SLICE
// SLICE: error: 'tensor.extract_slice' op slice of 2 from 1 in dimension 0 is outside 0..1
func.func @slice() -> tensor<2xf32> {
  %x = arith.constant dense<1.0> : tensor<2xf32>
  %y = tensor.cast %x : tensor<2xf32> to tensor<?xf32>
  %0 = tensor.extract_slice %y[1] [2] [1] : tensor<?xf32> to tensor<2xf32>
  return %0 : tensor<2xf32>
}

// Sources
nyala.weight @absent_weight : tensor<1xf32> source <"/nonexistent/model", offset = 0, bytes = 4, format = f32>
// RUN: not nyala-interpret %s --entry absent 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: error: 'nyala.weight' op cannot open '/nonexistent/model': no such file or directory (random values instead: --random-weights)
// RUN: nyala-interpret %s --entry absent --random-weights
func.func @absent() {
  %0 = nyala.load @absent_weight : tensor<1xf32>
  return
}
nyala.weight @short_weight : tensor<4xf32> source <"/proc/self/status", offset = 0, bytes = 15, format = f32>
// RUN: not nyala-interpret %s --entry short 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: error: 'nyala.weight' op expected 16 bytes of format f32 for 'tensor<4xf32>', got 15
func.func @short() {
  %0 = nyala.load @short_weight : tensor<4xf32>
  return
}
nyala.weight @ragged_weight : tensor<2x48xf32> source <"m", offset = 0, bytes = 60, format = q4_1>
// RUN: not nyala-interpret %s --entry ragged 2>&1 | FileCheck %s --check-prefix=RAGGED
// RAGGED: error: 'nyala.weight' op expected rows of a multiple of 32 values in format q4_1, got 'tensor<2x48xf32>'
func.func @ragged() {
  %0 = nyala.load @ragged_weight : tensor<2x48xf32>
  return
}
nyala.weight @ints_weight : tensor<2xi32> source <"m", offset = 0, bytes = 8, format = f32>
// RUN: not nyala-interpret %s --entry ints 2>&1 | FileCheck %s --check-prefix=INTS
// INTS: error: 'nyala.weight' op expected a weight of floats to read from a file, got 'tensor<2xi32>'
// RUN: not nyala-interpret %s --entry ints --random-weights 2>&1 | FileCheck %s --check-prefix=RANDOMINTS
// RANDOMINTS: error: 'nyala.weight' op expected a weight of floats to fill with random values, got 'tensor<2xi32>'
func.func @ints() {
  %0 = nyala.load @ints_weight : tensor<2xi32>
  return
}
// RUN: printf 'abc' > %t.bin
// RUN: sed s@FILE@%t.bin@ %s > %t.mlir
nyala.weight @beyond_weight : tensor<1xf32> source <"FILE", offset = 1, bytes = 4, format = f32>
// RUN: not nyala-interpret %t.mlir --entry beyond 2>&1 | FileCheck %s --check-prefix=BEYOND
// BEYOND: error: 'nyala.weight' op expected 4 bytes at offset 1 of '{{.*}}', which has 3
func.func @beyond() {
  %0 = nyala.load @beyond_weight : tensor<1xf32>
  return
}
nyala.weight @loop_weight : tensor<1xf32> initializer {
  %0 = nyala.load @loop_weight : tensor<1xf32>
  nyala.yield %0 : tensor<1xf32>
}
// RUN: not nyala-interpret %s --entry loop 2>&1 | FileCheck %s --check-prefix=LOOP
// LOOP: error: 'nyala.weight' op is nested too deeply in calls and initializers
func.func @loop() {
  %0 = nyala.load @loop_weight : tensor<1xf32>
  return
}
