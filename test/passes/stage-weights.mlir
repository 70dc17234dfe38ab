// RUN: nyala-opt %s --nyala-stage-weights -o %t.staged && FileCheck %s < %t.staged
// RUN: nyala-opt %s --nyala-stage-weights --remarks-filter=nyala-stage-weights -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// What @cuda_init computes makes the entry the function that it was.
// RUN: sed -e '/^}$/d' %t.staged > %t.after && echo 'func.func @run(%%x: tensor<?x32xbf16> {nyala.max_rows = 4 : i64, nyala.role = "rows"}) -> (tensor<?x32xf32> {nyala.result = "y"}) { %%0 = arith.constant dense<0.0> : tensor<32x32xbf16> %%1 = arith.constant dense<0.0> : tensor<16x32xbf16> %%w:2 = func.call @cuda_init(%%0, %%1) : (tensor<32x32xbf16>, tensor<16x32xbf16>) -> (tensor<32x32xbf16>, tensor<16x32xbf16>) %%y = func.call @cuda_decode(%%x, %%w#0) : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32> return %%y : tensor<?x32xf32> } }' >> %t.after
// RUN: nyala-opt %s | sed -e '/^}$/d' > %t.before && echo 'func.func @run(%%x: tensor<?x32xbf16> {nyala.max_rows = 4 : i64, nyala.role = "rows"}) -> (tensor<?x32xf32> {nyala.result = "y"}) { %%y = func.call @cuda_decode(%%x) : (tensor<?x32xbf16>) -> tensor<?x32xf32> return %%y : tensor<?x32xf32> } }' >> %t.before
// RUN: nyala-interpret --compare %t.before %t.after --entry run --random-weights --seed 1 --dim rows=3
// RUN: sed -e 's/nyala.load @b /nyala.load @a /' %t.after > %t.wrong
// RUN: not nyala-interpret --compare %t.before %t.wrong --entry run --random-weights --seed 1 --dim rows=3
// Without weights, random numbers take the place of all of them.
// RUN: sed -e 's/^module {/module attributes {nyala.model = {weights = "none"}} {/' %s | nyala-opt --nyala-stage-weights --nyala-hoist-weights | FileCheck %s --check-prefix=RANDOM

module {
nyala.weight @a : tensor<16x32xf32>
nyala.weight @b : tensor<16x32xf32>
nyala.weight @packed : tensor<16x32xf32, #nyala.packed<q4_0>>
nyala.weight @norm : tensor<32xf32>

// The CPU's entries are left alone.
// CHECK-LABEL: func.func @decode
// CHECK: arith.truncf
func.func @decode(%x: tensor<?x32xbf16> {nyala.max_rows = 4 : i64, nyala.role = "rows"}) -> (tensor<?x16xf32> {nyala.result = "y"})
    attributes {nyala.entry} {
  %a = nyala.load @a : tensor<16x32xf32>
  %w = arith.truncf %a : tensor<16x32xf32> to tensor<16x32xbf16>
  %y = nyala.linear %x, %w : tensor<?x32xbf16>, tensor<16x32xbf16> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// Concatenation moves bits, rounding does not: both leave, because what is rounded is concatenated.
// REMARK: computes state "a+b"
// REMARK: computes state "packed"
// CHECK-LABEL: func.func @cuda_decode
// CHECK-SAME: (%[[X:.+]]: tensor<?x32xbf16> {{.+}}, %[[W:.+]]: tensor<32x32xbf16> {nyala.resident, nyala.state = "a+b"})
// CHECK-NEXT: %norm = nyala.load @norm
// CHECK-NEXT: %[[Y:.+]] = nyala.linear %[[X]], %[[W]]
// RANDOM-LABEL: func.func @cuda_decode
// RANDOM-SAME: tensor<32xf32> {nyala.resident, nyala.state = "norm"}
// RANDOM-NOT: nyala.load
// RANDOM: return
func.func @cuda_decode(%x: tensor<?x32xbf16> {nyala.max_rows = 4 : i64, nyala.role = "rows"}) -> (tensor<?x32xf32> {nyala.result = "y"})
    attributes {nyala.device = "cuda", nyala.entry} {
  %a = nyala.load @a : tensor<16x32xf32>
  %b = nyala.load @b : tensor<16x32xf32>
  %c = tensor.concat dim(0) %a, %b : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<32x32xf32>
  %w = arith.truncf %c : tensor<32x32xf32> to tensor<32x32xbf16>
  %norm = nyala.load @norm : tensor<32xf32>
  %y = nyala.linear %x, %w : tensor<?x32xbf16>, tensor<32x32xbf16> -> tensor<?x32xf32>
  %n = nyala.rms_norm %y, %norm {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  return %n : tensor<?x32xf32>
}

// The same expression is the same state, here too. What kernels read as it is stored stays a load.
// CHECK-LABEL: func.func @cuda_prefill
// CHECK-SAME: %[[W:.+]]: tensor<32x32xbf16> {nyala.resident, nyala.state = "a+b"}, %[[P:.+]]: tensor<16x32xbf16> {nyala.resident, nyala.state = "packed"})
// CHECK: nyala.load @packed
// CHECK-NOT: nyala.unpack
func.func @cuda_prefill(%x: tensor<?x32xbf16> {nyala.max_rows = 128 : i64, nyala.role = "rows"}) -> (tensor<?x32xf32> {nyala.result = "y"}, tensor<?x16xf32> {nyala.result = "z"}, tensor<?x16xf32> {nyala.result = "u"})
    attributes {nyala.device = "cuda", nyala.entry} {
  %a = nyala.load @a : tensor<16x32xf32>
  %b = nyala.load @b : tensor<16x32xf32>
  %c = tensor.concat dim(0) %a, %b : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<32x32xf32>
  %w = arith.truncf %c : tensor<32x32xf32> to tensor<32x32xbf16>
  %y = nyala.linear %x, %w : tensor<?x32xbf16>, tensor<32x32xbf16> -> tensor<?x32xf32>
  %p = nyala.load @packed : tensor<16x32xf32, #nyala.packed<q4_0>>
  %plain = nyala.unpack %p : tensor<16x32xf32, #nyala.packed<q4_0>> -> tensor<16x32xf32>
  %v = arith.truncf %plain : tensor<16x32xf32> to tensor<16x32xbf16>
  %z = nyala.linear %x, %v : tensor<?x32xbf16>, tensor<16x32xbf16> -> tensor<?x16xf32>
  %f = arith.extf %x : tensor<?x32xbf16> to tensor<?x32xf32>
  %u = nyala.linear %f, %p : tensor<?x32xf32>, tensor<16x32xf32, #nyala.packed<q4_0>> -> tensor<?x16xf32>
  return %y, %z, %u : tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func.func @cuda_init
// CHECK-SAME: (%{{.+}}: tensor<32x32xbf16> {nyala.resident, nyala.state = "a+b"}, %{{.+}}: tensor<16x32xbf16> {nyala.resident, nyala.state = "packed"})
// CHECK-SAME: -> (tensor<32x32xbf16> {nyala.state = "a+b"}, tensor<16x32xbf16> {nyala.state = "packed"}) attributes {nyala.device = "cuda", nyala.entry}
// CHECK: %[[C:.+]] = tensor.concat dim(0) %a, %b
// CHECK: %[[W:.+]] = arith.truncf %[[C]]
// CHECK: %[[U:.+]] = nyala.unpack %packed
// CHECK: %[[V:.+]] = arith.truncf %[[U]]
// CHECK: return %[[W]], %[[V]]

// RANDOM-LABEL: func.func @cuda_randomize
// RANDOM-DAG: nyala.random over %{{.+}} {deviation = 2.000000e-02 : f32} : tensor<32x32xbf16>
// RANDOM-DAG: nyala.random over %{{.+}} {deviation = 2.000000e-02 : f32, mean = 1.000000e+00 : f32} : tensor<32xf32>
// RANDOM-DAG: nyala.random over %{{.+}} {deviation = 2.000000e-02 : f32} : tensor<16x32xbf16>
// RANDOM-DAG: nyala.random over %{{.+}} {deviation = 2.000000e-02 : f32} : tensor<16x32xf32, #nyala.packed<q4_0>>
// RANDOM: return
}
