// How nyala-interpret chooses sizes and values of arguments, and what it prints.
// RUN: nyala-interpret %s | FileCheck %s
// RUN: nyala-interpret %s --dim rows=4,sequences=2,slots=8 --dim start=3 | FileCheck %s --check-prefix=DIMS
// RUN: nyala-interpret %s --input tokens=1,2 --input wanted=[1,0,1] --dim 5.2=3 | FileCheck %s --check-prefix=INPUT
// RUN: nyala-interpret %s --json --dim rows=1,slots=1,wanted=0 | FileCheck %s --check-prefix=JSON
// RUN: nyala-interpret %s --dim slots=100 | FileCheck %s --check-prefix=LARGE
// RUN: nyala-interpret %s --dim slots=20 --full | FileCheck %s --check-prefix=FULL
// RUN: nyala-opt %s --emit-bytecode | nyala-interpret - | FileCheck %s
// The same seed gives the same values, another one others.
// RUN: nyala-interpret %s --seed 7 > %t.1
// RUN: nyala-interpret %s --seed 7 | diff %t.1 -
// RUN: nyala-interpret %s --seed 8 | not diff %t.1 -
// Lists fill the shape of an argument; files hold JSON.
// RUN: echo '[[1, 2], [3, 4], [5, 6]]' > %t.json
// RUN: nyala-interpret %s --entry scale --input 0=%t.json | FileCheck %s --check-prefix=SCALE
// RUN: nyala-interpret %s --entry scale --input 0=1,2,3,4,5,6 | FileCheck %s --check-prefix=SCALE
// RUN: nyala-interpret %s --entry scale --input '0=[[1,2],[3,4],[5,6]]' | FileCheck %s --check-prefix=SCALE
// Kernels run too; without a role the leading size is that of the rows.
// RUN: nyala-interpret %s --entry double --dim rows=3 | FileCheck %s --check-prefix=KERNEL
// RUN: nyala-interpret --help | FileCheck %s --check-prefix=HELP

module attributes {nyala.model = {vocabulary = 3 : i64}} {

// CHECK: tokens: 5xi32
// CHECK-NEXT: {{^  \[[012], [012], [012], [012], [012]\]$}}
// CHECK: positions: 5xi32
// CHECK-NEXT: {{^}}  [0, 1, 2, 3, 4]
// CHECK: sequences: 5xi32
// CHECK-NEXT: {{^}}  [0, 0, 0, 0, 0]
// CHECK: slots: 5xi32
// CHECK-NEXT: {{^}}  [0, 1, 2, 3, 4]
// CHECK: wanted: 2xi32
// CHECK-NEXT: {{^  \[[0-4], [0-4]\]$}}
// CHECK: cache: 1x16x{{[0-9]+}}xf32

// Rows are divided over the sequences.
// DIMS: positions: 4xi32
// DIMS-NEXT: {{^}}  [3, 4, 3, 4]
// DIMS: sequences: 4xi32
// DIMS-NEXT: {{^}}  [0, 0, 1, 1]
// DIMS: slots: 4xi32
// DIMS-NEXT: {{^}}  [3, 4, 3, 4]
// DIMS: cache: 2x8x3xf32

// INPUT: tokens: 2xi32
// INPUT-NEXT: {{^}}  [1, 2]
// INPUT: positions: 2xi32
// INPUT-NEXT: {{^}}  [0, 1]
// INPUT: wanted: 3xi32
// INPUT-NEXT: {{^}}  [1, 0, 1]

// JSON: {"results":[{"name":"tokens","type":"tensor<?xi32>","shape":[1],"values":[{{[012]}}.0]}
// JSON-SAME: {"name":"wanted","type":"tensor<?xi32>","shape":[0],"values":[]}
// JSON-SAME: {"name":"cache","type":"tensor<?x?x3xf32>","shape":[1,1,3],"values":[{{[-0-9.]+,[-0-9.]+,[-0-9.]+}}]}

// LARGE: cache: 1x100x3xf32
// LARGE-NEXT: {{^}}  300 values, from -{{[0-9.]+}} to {{[0-9.]+}}, mean {{[-0-9.e]+}}, first [{{[-0-9.]+}}, {{.*}}]{{$}}
// FULL: cache: 1x20x3xf32
// FULL-COUNT-20: {{^  \[[-0-9.]+, [-0-9.]+, [-0-9.]+\]$}}

func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %wanted: tensor<?xi32> {nyala.role = "wanted"},
                   %cache: tensor<?x?x3xf32> {nyala.state = "cache"})
    -> (tensor<?xi32> {nyala.result = "tokens"}, tensor<?xi32> {nyala.result = "positions"},
        tensor<?xi32> {nyala.result = "sequences"}, tensor<?xi32> {nyala.result = "slots"},
        tensor<?xi32> {nyala.result = "wanted"}, tensor<?x?x3xf32> {nyala.state = "cache"}) {
  return %tokens, %positions, %sequences, %slots, %wanted, %cache
      : tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?x3xf32>
}

// SCALE: 0: 3x2xf32
// SCALE-NEXT: {{^}}  [2, 4]
// SCALE-NEXT: {{^}}  [6, 8]
// SCALE-NEXT: {{^}}  [10, 12]
func.func @scale(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %0 = arith.addf %x, %x : tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// KERNEL: 0: 3x2xf32
nyala.kernel @double(%x: tensor<?x2xf32>, %y: tensor<?x2xf32>) -> tensor<?x2xf32>
    attributes {max_rows = 4 : i64} {
  %0 = arith.addf %x, %y : tensor<?x2xf32>
  nyala.return %0 : tensor<?x2xf32>
}

}

// HELP: Usage: nyala-interpret [OPTIONS] files
// HELP: --compare
