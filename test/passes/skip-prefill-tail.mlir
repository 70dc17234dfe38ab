// RUN: split-file %s %t

// RUN: nyala-opt %t/last-layer.mlir --nyala-skip-prefill-tail -o %t/last-layer.after && FileCheck %t/last-layer.mlir < %t/last-layer.after
// RUN: nyala-opt %t/last-layer.mlir --nyala-skip-prefill-tail --remarks-filter=nyala-skip-prefill-tail -o /dev/null 2>&1 | FileCheck %t/last-layer.mlir --check-prefix=REMARK
// RUN: nyala-interpret --compare %t/last-layer.mlir %t/last-layer.after --entry prefill --random-weights --seed 1 --tolerance 0 --dim rows=6,start=3 --input wanted=4
// RUN: nyala-interpret --compare %t/last-layer.mlir %t/last-layer.after --entry prefill --random-weights --seed 2 --tolerance 0 --dim rows=6,start=3,wanted=0
// Positions and sequences swapped must be noticed.
// RUN: sed -e "s/at %\([0-9]*\) in %\([0-9]*\) {/at %\2 in %\1 {/" %t/last-layer.after > %t/wrong.mlir
// RUN: not nyala-interpret --compare %t/last-layer.mlir %t/wrong.mlir --entry prefill --random-weights --seed 1 --tolerance 1e-3 --dim rows=6,start=3 --input wanted=4

// RUN: nyala-opt %t/shared.mlir --nyala-skip-prefill-tail -o %t/shared.after && FileCheck %t/shared.mlir < %t/shared.after
// RUN: nyala-interpret --compare %t/shared.mlir %t/shared.after --entry prefill --random-weights --seed 1 --tolerance 0 --dim rows=6,start=3 --input wanted=5

// RUN: nyala-opt %t/quantized.mlir --nyala-skip-prefill-tail -o %t/quantized.after && FileCheck %t/quantized.mlir < %t/quantized.after
// RUN: nyala-interpret --compare %t/quantized.mlir %t/quantized.after --entry prefill --random-weights --seed 1 --tolerance 0 --dim rows=6,start=3 --input wanted=0

// RUN: nyala-opt %t/missed.mlir --split-input-file --nyala-skip-prefill-tail -o %t/missed.after && FileCheck %t/missed.mlir < %t/missed.after
// RUN: nyala-opt %t/missed.mlir --split-input-file --nyala-skip-prefill-tail --remarks-filter=nyala-skip-prefill-tail -o /dev/null 2>&1 | FileCheck %t/missed.mlir --check-prefix=REMARK
// An entry of one row, by option.
// RUN: nyala-opt %t/last-layer.mlir --nyala-skip-prefill-tail=entry=decode --remarks-filter=nyala-skip-prefill-tail 2>&1 | FileCheck %t/last-layer.mlir --check-prefix=DECODE

//--- last-layer.mlir
// Keys and values of the last layer need all rows of its merged product, queries do not: what comes
// behind is a tail in every model. Grouped heads.
// REMARK: [Passed] TailSkipped | {{.*}}Function=prefill | Remark="4 ops, 2 of them products or attention, run on the wanted row alone"
// DECODE: [Missed] TailNotSkipped | {{.*}}Function=decode | Reason="it takes no more than one row"
// DECODE-NOT: nyala.gather {{.*}} tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
// CHECK: module attributes {nyala.model = {context = 16 : i64, prefill_tail = "skipped"}}
module attributes {nyala.model = {context = 16 : i64}} {
nyala.weight @wqkv : tensor<16x8xf32>
nyala.weight @wo : tensor<8x8xf32>
nyala.weight @head : tensor<12x8xf32>
// CHECK-LABEL: func.func @prefill
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x8xf32> {nyala.max_rows = 8 : i64
// CHECK-SAME: %[[P:[a-z0-9]+]]: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "positions"}
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "sequences"}
// CHECK-SAME: %[[WANTED:[a-z0-9]+]]: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "wanted"}
// Arguments are gathered at the top, other rows where they are computed, each once.
// CHECK-DAG: %[[X1:.+]] = nyala.gather %[[X]], %[[WANTED]] : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
// CHECK-DAG: %[[P1:.+]] = nyala.gather %[[P]], %[[WANTED]] : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
// CHECK-DAG: %[[S1:.+]] = nyala.gather %[[S]], %[[WANTED]] : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
// CHECK: %[[T:.+]] = nyala.rope_table %[[P]]
// CHECK-NEXT: %[[T1:.+]] = nyala.gather %[[T]], %[[WANTED]]
// CHECK: %[[QKV:.+]]:3 = nyala.split
// CHECK-NEXT: %[[Q1:.+]] = nyala.gather %[[QKV]]#0, %[[WANTED]]
// CHECK-NOT: nyala.gather
// CHECK: %[[Q:.+]] = nyala.rotate adjacent %[[Q1]] by %[[T1]]
// CHECK: %[[K:.+]] = nyala.rotate adjacent %[[QKV]]#1 by %[[T]]
// CHECK: %[[K1:.+]] = nyala.cache_append %{{.*}}, %[[K]]
// CHECK: %[[V1:.+]] = nyala.cache_append %{{.*}}, %[[QKV]]#2
// CHECK: %[[A:.+]] = nyala.attention %[[Q]], %[[K1]], %[[V1]] at %[[P1]] in %[[S1]]
// CHECK: %[[O:.+]] = nyala.linear %[[A]],
// CHECK: %[[Y:.+]] = arith.addf %[[X1]], %[[O]]
// CHECK: %[[LOGITS:.+]] = nyala.linear %[[Y]],
// CHECK: return %[[LOGITS]], %[[K1]], %[[V1]]
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %positions: tensor<?xi32> {nyala.role = "positions", nyala.max_rows = 8 : i64},
                   %sequences: tensor<?xi32> {nyala.role = "sequences", nyala.max_rows = 8 : i64},
                   %slots: tensor<?xi32> {nyala.role = "slots", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64},
                   %k: tensor<1x16x4xf32> {nyala.state = "k"},
                   %v: tensor<1x16x4xf32> {nyala.state = "v"})
    -> (tensor<?x12xf32> {nyala.result = "logits"}, tensor<1x16x4xf32> {nyala.state = "k"},
        tensor<1x16x4xf32> {nyala.state = "v"}) attributes {nyala.entry} {
  %t = nyala.rope_table %positions {dims = 4, base = 1.0e4} : tensor<?xi32> -> tensor<?x4xf32>
  %wqkv = nyala.load @wqkv : tensor<16x8xf32>
  %qkv = nyala.linear %x, %wqkv : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
  %q0, %k0, %v0 = nyala.split %qkv : tensor<?x16xf32> -> tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  %q = nyala.rotate adjacent %q0 by %t {heads = 2} : tensor<?x8xf32>, tensor<?x4xf32>
  %kr = nyala.rotate adjacent %k0 by %t {heads = 1} : tensor<?x4xf32>, tensor<?x4xf32>
  %k1 = nyala.cache_append %k, %kr at %slots in %sequences : tensor<1x16x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v, %v0 at %slots in %sequences : tensor<1x16x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %q, %k1, %v1 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x8xf32>, tensor<1x16x4xf32>, tensor<1x16x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  %wo = nyala.load @wo : tensor<8x8xf32>
  %o = nyala.linear %a, %wo : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %y = arith.addf %x, %o : tensor<?x8xf32>
  %z = nyala.gather %y, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %head = nyala.load @head : tensor<12x8xf32>
  %logits = nyala.linear %z, %head : tensor<?x8xf32>, tensor<12x8xf32> -> tensor<?x12xf32>
  return %logits, %k1, %v1 : tensor<?x12xf32>, tensor<1x16x4xf32>, tensor<1x16x4xf32>
}

// Whatever else the module has stays as it is.
// CHECK-LABEL: func.func @decode
// CHECK-SAME: nyala.role = "positions"
// CHECK: %[[Y:.+]] = arith.addf
// CHECK-NEXT: nyala.gather %[[Y]]
func.func @decode(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 1 : i64},
                  %positions: tensor<?xi32> {nyala.role = "positions", nyala.max_rows = 1 : i64},
                  %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 1 : i64})
    -> (tensor<?x8xf32> {nyala.result = "logits"}) attributes {nyala.entry} {
  %y = arith.addf %x, %x : tensor<?x8xf32>
  %z = nyala.gather %y, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
}

//--- shared.mlir
// The second layer attends to the first one's cache: all of it is tail. What it computes from the
// positions for itself is tail too. A state that is not needed for results stays.
// CHECK-LABEL: func.func @prefill
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: tensor<?xi32> {nyala.max_rows = 8 : i64, nyala.role = "tokens"}
// CHECK-SAME: %[[P:[a-z0-9]+]]: tensor<?xi32>
// CHECK-DAG: %[[P1:.+]] = nyala.gather %[[P]], %{{.*}} : tensor<?xi32>
// CHECK-DAG: %[[S1:.+]] = nyala.gather %arg2, %{{.*}} : tensor<?xi32>
// CHECK: %[[X:.+]] = nyala.embedding %[[TOKENS]]
// CHECK-NEXT: %[[X1:.+]] = nyala.gather %[[X]]
// CHECK: %[[K:.+]] = nyala.linear %[[X]],
// CHECK-NEXT: %[[K1:.+]] = nyala.cache_append %{{.*}}, %[[K]]
// CHECK: %[[Q0:.+]] = nyala.linear %[[X1]],
// CHECK: %[[A0:.+]] = nyala.attention %[[Q0]], %[[K1]], %[[K1]] at %[[P1]] in %[[S1]]
// CHECK: %[[Q1:.+]] = nyala.linear %[[A0]],
// CHECK: %[[T1:.+]] = nyala.rope_table %[[P1]]
// CHECK: %[[R1:.+]] = nyala.rotate half %[[Q1]] by %[[T1]]
// CHECK: %[[A1:.+]] = nyala.attention %[[R1]], %[[K1]], %[[K1]] at %[[P1]] in %[[S1]]
// CHECK: %[[SUM:.+]] = arith.addf %[[A0]], %[[A1]]
// CHECK: %[[SILU:.+]] = nyala.gated_activation silu %[[SUM]], %[[A0]]
// CHECK: nyala.linear %[[SILU]],
// CHECK-NOT: nyala.gather
nyala.weight @table : tensor<12x8xf32>
nyala.weight @wk : tensor<4x8xf32>
nyala.weight @wq0 : tensor<8x8xf32>
nyala.weight @wq1 : tensor<8x8xf32>
func.func @prefill(%tokens: tensor<?xi32> {nyala.role = "tokens", nyala.max_rows = 8 : i64},
                   %positions: tensor<?xi32> {nyala.role = "positions", nyala.max_rows = 8 : i64},
                   %sequences: tensor<?xi32> {nyala.role = "sequences", nyala.max_rows = 8 : i64},
                   %slots: tensor<?xi32> {nyala.role = "slots", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64},
                   %k: tensor<1x16x4xf32> {nyala.state = "k"})
    -> (tensor<?x12xf32> {nyala.result = "logits"}, tensor<1x16x4xf32> {nyala.state = "k"})
    attributes {nyala.entry} {
  %table = nyala.load @table : tensor<12x8xf32>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<12x8xf32> -> tensor<?x8xf32>
  %wk = nyala.load @wk : tensor<4x8xf32>
  %k0 = nyala.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k1 = nyala.cache_append %k, %k0 at %slots in %sequences : tensor<1x16x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %wq0 = nyala.load @wq0 : tensor<8x8xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %a0 = nyala.attention %q0, %k1, %k1 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x8xf32>, tensor<1x16x4xf32>, tensor<1x16x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  %wq1 = nyala.load @wq1 : tensor<8x8xf32>
  %q1 = nyala.linear %a0, %wq1 : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %t = nyala.rope_table %positions {dims = 4, base = 1.0e4} : tensor<?xi32> -> tensor<?x4xf32>
  %r1 = nyala.rotate half %q1 by %t {heads = 2} : tensor<?x8xf32>, tensor<?x4xf32>
  %a1 = nyala.attention %r1, %k1, %k1 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x8xf32>, tensor<1x16x4xf32>, tensor<1x16x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  %y = arith.addf %a0, %a1 : tensor<?x8xf32>
  %g = nyala.gated_activation silu %y, %a0 : tensor<?x8xf32>
  %z = nyala.gather %g, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %logits = nyala.linear %z, %table : tensor<?x8xf32>, tensor<12x8xf32> -> tensor<?x12xf32>
  return %logits, %k1 : tensor<?x12xf32>, tensor<1x16x4xf32>
}

//--- quantized.mlir
// Query and key have products of their own, of one quantized input: integers cannot be gathered, so
// they are computed again from what can.
// CHECK-LABEL: func.func @prefill
// CHECK: %[[N:.+]] = nyala.rms_norm
// CHECK-NEXT: %[[N1:.+]] = nyala.gather %[[N]]
// CHECK: %[[V:.+]], %[[S:.+]], %[[T:.+]] = nyala.quantize %[[N]]
// CHECK-NEXT: %[[V1:.+]], %[[S1:.+]], %[[T1:.+]] = nyala.quantize %[[N1]]
// CHECK: nyala.quantized_linear %[[V]], %[[S]], %[[T]], %{{.*}} -> tensor<?x32xf32>
// CHECK: nyala.quantized_linear %[[V1]], %[[S1]], %[[T1]], %{{.*}} -> tensor<?x64xf32>
// CHECK-NOT: nyala.gather
nyala.weight @norm : tensor<32xf32>
nyala.weight @wk : tensor<32x32xf32>
nyala.weight @wq : tensor<64x32xf32>
func.func @prefill(%x: tensor<?x32xf32> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %positions: tensor<?xi32> {nyala.role = "positions", nyala.max_rows = 8 : i64},
                   %sequences: tensor<?xi32> {nyala.role = "sequences", nyala.max_rows = 8 : i64},
                   %slots: tensor<?xi32> {nyala.role = "slots", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64},
                   %k: tensor<1x16x32xf32> {nyala.state = "k"})
    -> (tensor<?x64xf32> {nyala.result = "y"}, tensor<1x16x32xf32> {nyala.state = "k"})
    attributes {nyala.entry} {
  %norm = nyala.load @norm : tensor<32xf32>
  %n = nyala.rms_norm %x, %norm {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %v, %s, %t = nyala.quantize %n : tensor<?x32xf32> -> tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>
  %wk = nyala.load @wk : tensor<32x32xf32>
  %k0 = nyala.quantized_linear %v, %s, %t, %wk : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %k1 = nyala.cache_append %k, %k0 at %slots in %sequences : tensor<1x16x32xf32>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  %wq = nyala.load @wq : tensor<64x32xf32>
  %q = nyala.quantized_linear %v, %s, %t, %wq : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<64x32xf32> -> tensor<?x64xf32>
  %a = nyala.attention %q, %k1, %k1 at %positions in %sequences
     {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x64xf32>, tensor<1x16x32xf32>, tensor<1x16x32xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x64xf32>
  %y = nyala.gather %a, %wanted : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  return %y, %k1 : tensor<?x64xf32>, tensor<1x16x32xf32>
}

//--- missed.mlir
// Nothing is known of how the result's rows depend on the operand's.
// CHECK-NOT: prefill_tail
// CHECK-LABEL: func.func @prefill
// CHECK-SAME: {nyala.max_rows = 8 : i64, nyala.role = "wanted"}
// CHECK-NEXT: tensor.concat
// REMARK: [Missed] TailNotSkipped | {{.*}}Function=prefill | Reason="tensor.concat is not known to compute row by row"
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64})
    -> (tensor<?x8xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %c = tensor.concat dim(0) %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = nyala.gather %c, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Rows by another index.
// CHECK-LABEL: func.func @prefill
// CHECK-NEXT: arith.addf
// REMARK: Reason="nyala.gather reads rows by index"
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %slots: tensor<?xi32> {nyala.role = "slots", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64})
    -> (tensor<?x8xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %0 = arith.addf %x, %x : tensor<?x8xf32>
  %1 = nyala.gather %0, %slots : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %y = nyala.gather %1, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// All rows and the wanted ones meet: this holds only if they are as many.
// REMARK: Reason="arith.addf reads both wanted rows and all"
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64})
    -> (tensor<?x8xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %0 = arith.mulf %x, %x : tensor<?x8xf32>
  %1 = nyala.gather %0, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %y = arith.addf %0, %1 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// A cache that is no state: it has slots instead of rows.
// REMARK: Reason="nyala.cache_append gives a result that does not have its operands' rows"
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %positions: tensor<?xi32> {nyala.role = "positions", nyala.max_rows = 8 : i64},
                   %sequences: tensor<?xi32> {nyala.role = "sequences", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64})
    -> (tensor<?x8xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %k = arith.constant dense<0.0> : tensor<1x16x8xf32>
  %k1 = nyala.cache_append %k, %x at %positions in %sequences : tensor<1x16x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %a = nyala.attention %x, %k1, %k1 at %positions in %sequences
     {heads = 1, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
     : tensor<?x8xf32>, tensor<1x16x8xf32>, tensor<1x16x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  %y = nyala.gather %a, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// REMARK: Reason="a result of type tensor<?x8xf32> has a row for each token"
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64})
    -> (tensor<?x8xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %y = arith.mulf %x, %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Nothing stands between the last update and the gather.
// REMARK: Reason="states need all that is computed before rows are gathered"
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %slots: tensor<?xi32> {nyala.role = "slots", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64},
                   %k: tensor<1x16x8xf32> {nyala.state = "k"})
    -> (tensor<?x8xf32> {nyala.result = "y"}, tensor<1x16x8xf32> {nyala.state = "k"})
    attributes {nyala.entry} {
  %0 = arith.mulf %x, %x : tensor<?x8xf32>
  %k1 = nyala.cache_append %k, %0 at %slots in %slots : tensor<1x16x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %y = nyala.gather %0, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  return %y, %k1 : tensor<?x8xf32>, tensor<1x16x8xf32>
}

// -----

// Half floats of one dimension are neither a matrix nor ids.
// REMARK: Reason="arith.extf reads tensor<?xf16>, rows of which nyala.gather cannot have"
func.func @prefill(%x: tensor<?xf16> {nyala.role = "x", nyala.max_rows = 8 : i64},
                   %p: tensor<?xi32> {nyala.role = "positions", nyala.max_rows = 8 : i64},
                   %wanted: tensor<?xi32> {nyala.role = "wanted", nyala.max_rows = 8 : i64})
    -> (tensor<?x4xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  %0 = arith.extf %x : tensor<?xf16> to tensor<?xf32>
  %1 = arith.fptosi %0 : tensor<?xf32> to tensor<?xi32>
  %2 = nyala.rope_table %1 {dims = 4, base = 1.0e4} : tensor<?xi32> -> tensor<?x4xf32>
  %y = nyala.gather %2, %wanted : tensor<?x4xf32>, tensor<?xi32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// REMARK: Reason="it has no argument that says which rows are wanted"
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64})
    -> (tensor<?x8xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  return %x : tensor<?x8xf32>
}

// -----

// REMARK: Reason="its body has several blocks"
func.func @prefill(%x: tensor<?x8xf32> {nyala.role = "x", nyala.max_rows = 8 : i64})
    -> (tensor<?x8xf32> {nyala.result = "y"}) attributes {nyala.entry} {
  cf.br ^end
^end:
  return %x : tensor<?x8xf32>
}
