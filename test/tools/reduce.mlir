// A planted miscompile in a function of several ops is reduced to the op that shows it.
// RUN: not %S/Inputs/miscompiles-rope.sh %s
// RUN: nyala-reduce %s --test %S/Inputs/miscompiles-rope.sh -o %t.small 2> %t.report
// RUN: FileCheck %s < %t.small
// RUN: FileCheck %s --check-prefix=REPORT < %t.report
// REPORT: nyala-reduce: {{[0-9]+}} bytes became {{[0-9]+}}

// docs/debugging.md shows this test and this result, line by line.
// RUN: not sh -c 'grep -v "^# " "$0" | grep -vxFf "$1"' %S/Inputs/miscompiles-rope.sh %nyala_src/docs/debugging.md
// RUN: not sh -c 'grep "^  " "$0" | sed "s/^  //" | grep -vxFf "$1"' %t.small %nyala_src/docs/debugging.md

// It still shows the bug.
// RUN: not %S/Inputs/miscompiles-rope.sh %t.small

// CHECK-NOT: nyala.weight
// CHECK: func.func @forward(
// CHECK-NEXT: %[[ROPE:.+]] = nyala.rope adjacent %arg{{[0-9]}} at %arg{{[0-9]}}
// CHECK-NEXT: return %[[ROPE]]
// CHECK-NEXT: }
// CHECK-NOT: nyala.
// CHECK-NOT: func
nyala.weight @wq : tensor<8x8xf32>
nyala.weight @wk : tensor<8x8xf32>
nyala.weight @norm : tensor<8xf32>

func.func @helper(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = nyala.load @norm : tensor<8xf32>
  %0 = nyala.rms_norm %x, %w {epsilon = 1.0e-5 : f32} : tensor<?x8xf32>, tensor<8xf32>
  return %0 : tensor<?x8xf32>
}

func.func @forward(%x: tensor<?x8xf32> {nyala.role = "x"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %unused: tensor<?x4xf32> {nyala.role = "unused"})
    -> (tensor<?x8xf32> {nyala.result = "q"}, tensor<?x8xf32> {nyala.result = "k"}) {
  %norm = nyala.load @norm : tensor<8xf32>
  %wq = nyala.load @wq : tensor<8x8xf32>
  %wk = nyala.load @wk : tensor<8x8xf32>
  %0 = nyala.rms_norm %x, %norm {epsilon = 1.0e-5 : f32} : tensor<?x8xf32>, tensor<8xf32>
  %q = nyala.linear %0, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %k = nyala.linear %0, %wk : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %q1 = nyala.rope half %q at %positions {heads = 2, dims = 4, base = 1.0e4} : tensor<?x8xf32>, tensor<?xi32>
  %k1 = nyala.rope adjacent %k at %positions {heads = 2, dims = 4, base = 1.0e4} : tensor<?x8xf32>, tensor<?xi32>
  %1 = arith.addf %q1, %x : tensor<?x8xf32>
  return %1, %k1 : tensor<?x8xf32>, tensor<?x8xf32>
}
