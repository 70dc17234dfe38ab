// RUN: nyala-opt %s --nyala-interleave-rope -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-interleave-rope --remarks-filter=nyala-interleave-rope -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nyala-interpret --compare %s %t.after --entry shared --random-weights --seed 1 --tolerance 1e-5 --dim rows=5,sequences=1,slots=8
// RUN: nyala-interpret --compare %s %t.after --entry norm_behind --random-weights --seed 2 --tolerance 1e-5 --dim rows=5,sequences=1,slots=8
// Queries whose channels stay where they were must be noticed.
// RUN: sed -e 's/nyala.load @q1.interleaved/nyala.load @q1/' %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry shared --random-weights --seed 1 --tolerance 1e-5 --dim rows=5,sequences=1,slots=8

// Keys with a bias, and queries of two layers that attend to them; norms of each head. Of 8 channels of a head
// 6 are rotated.
// CHECK: nyala.weight @q0.interleaved : tensor<16x16xf32> initializer {
// CHECK-NEXT: %[[Q:.+]] = nyala.load @q0 : tensor<16x16xf32>
// CHECK-NEXT: %[[I:.+]] = nyala.interleave_rows %[[Q]] {dims = 6 : i64, groups = 2 : i64} : tensor<16x16xf32>
// CHECK-NEXT: nyala.yield %[[I]] : tensor<16x16xf32>
// CHECK: nyala.weight @kb.interleaved : tensor<8xf32> initializer {
// CHECK: nyala.interleave_rows {{.*}} {dims = 6 : i64, groups = 1 : i64} : tensor<8xf32>
// CHECK: nyala.weight @n.interleaved : tensor<8xf32> initializer {
// CHECK-NEXT: nyala.load @n
// CHECK-NEXT: nyala.interleave_rows {{.*}} {dims = 6 : i64, groups = 1 : i64} : tensor<8xf32>
// CHECK-LABEL: func.func @shared
// CHECK-DAG: %[[K:.+]] = nyala.load @k.interleaved
// CHECK-DAG: %[[KB:.+]] = nyala.load @kb.interleaved
// CHECK: %[[KL:.+]] = nyala.linear %{{.+}}, %[[K]] bias %[[KB]]
// CHECK: %[[N:.+]] = nyala.load @n.interleaved
// CHECK: %[[KN:.+]] = nyala.rms_norm %[[KL]], %[[N]]
// CHECK: %[[KR:.+]] = nyala.rotate adjacent %[[KN]]
// CHECK: nyala.cache_append %{{.+}}, %[[KR]]
// CHECK-COUNT-2: nyala.rotate adjacent
// CHECK-NOT: rotate half
// REMARK-DAG: [Passed] RopeInterleaved | {{.*}}Function=shared | Remark="3 rotations of adjacent channels, by interleaving rows of 5 weights"
nyala.weight @q0 : tensor<16x16xf32>
nyala.weight @q1 : tensor<16x16xf32>
nyala.weight @k : tensor<8x16xf32>
nyala.weight @kb : tensor<8xf32>
nyala.weight @v : tensor<8x16xf32>
nyala.weight @n : tensor<8xf32>

func.func @shared(%x: tensor<?x16xf32> {nyala.role = "x"}, %p: tensor<?xi32> {nyala.role = "positions"},
    %s: tensor<?xi32> {nyala.role = "sequences"}, %l: tensor<?xi32> {nyala.role = "slots"},
    %k0: tensor<?x?x8xf32> {nyala.state = "k"}, %v0: tensor<?x?x8xf32> {nyala.state = "v"}) -> tensor<?x16xf32> {
  %t = nyala.rope_table %p {dims = 6 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x6xf32>
  %wk = nyala.load @k : tensor<8x16xf32>
  %bk = nyala.load @kb : tensor<8xf32>
  %k = nyala.linear %x, %wk bias %bk : tensor<?x16xf32>, tensor<8x16xf32>, tensor<8xf32> -> tensor<?x8xf32>
  %g = nyala.load @n : tensor<8xf32>
  %kn = nyala.rms_norm %k, %g {epsilon = 1.0e-5 : f32} : tensor<?x8xf32>, tensor<8xf32>
  %rk = nyala.rotate half %kn by %t {heads = 1 : i64} : tensor<?x8xf32>, tensor<?x6xf32>
  %wv = nyala.load @v : tensor<8x16xf32>
  %v = nyala.linear %x, %wv : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k1 = nyala.cache_append %k0, %rk at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %wq0 = nyala.load @q0 : tensor<16x16xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r0 = nyala.rotate half %q0 by %t {heads = 2 : i64} : tensor<?x16xf32>, tensor<?x6xf32>
  %a0 = nyala.attention %r0, %k1, %v1 at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  %wq1 = nyala.load @q1 : tensor<16x16xf32>
  %q1 = nyala.linear %a0, %wq1 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r1 = nyala.rotate half %q1 by %t {heads = 2 : i64} : tensor<?x16xf32>, tensor<?x6xf32>
  %a = nyala.attention %r1, %k1, %v1 at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// Norms behind the rotation; a head's weight that several norms share.
// CHECK-LABEL: func.func @norm_behind
// CHECK: %[[R:.+]] = nyala.rotate adjacent
// CHECK: %[[N:.+]] = nyala.load @n.interleaved
// CHECK: nyala.rms_norm %[[R]], %[[N]]
// CHECK: nyala.rotate adjacent
// CHECK-NOT: rotate half
func.func @norm_behind(%x: tensor<?x16xf32> {nyala.role = "x"}, %p: tensor<?xi32> {nyala.role = "positions"},
    %s: tensor<?xi32> {nyala.role = "sequences"}, %l: tensor<?xi32> {nyala.role = "slots"},
    %k0: tensor<?x?x8xf32> {nyala.state = "k"}, %v0: tensor<?x?x8xf32> {nyala.state = "v"}) -> tensor<?x16xf32> {
  %t = nyala.rope_table %p {dims = 6 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x6xf32>
  %wk = nyala.load @k : tensor<8x16xf32>
  %k = nyala.linear %x, %wk : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %rk = nyala.rotate half %k by %t {heads = 1 : i64} : tensor<?x8xf32>, tensor<?x6xf32>
  %g = nyala.load @n : tensor<8xf32>
  %nk = nyala.rms_norm %rk, %g {epsilon = 1.0e-5 : f32} : tensor<?x8xf32>, tensor<8xf32>
  %wv = nyala.load @v : tensor<8x16xf32>
  %v = nyala.linear %x, %wv : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k1 = nyala.cache_append %k0, %nk at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %wq0 = nyala.load @q0 : tensor<16x16xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r0 = nyala.rotate half %q0 by %t {heads = 2 : i64} : tensor<?x16xf32>, tensor<?x6xf32>
  %nq = nyala.rms_norm %r0, %g {epsilon = 1.0e-5 : f32, groups = 2 : i64} : tensor<?x16xf32>, tensor<8xf32>
  %a = nyala.attention %nq, %k1, %v1 at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// What is left alone. Keys that somebody else reads:
// CHECK-LABEL: func.func @keys_returned
// CHECK-NOT: adjacent
// REMARK-DAG: [Missed] RopeNotInterleaved | {{.*}}Function=keys_returned | Reason="queries or keys have other uses, or are not projected here"
func.func @keys_returned(%x: tensor<?x16xf32> {nyala.role = "x"}, %p: tensor<?xi32> {nyala.role = "positions"},
    %s: tensor<?xi32> {nyala.role = "sequences"}, %l: tensor<?xi32> {nyala.role = "slots"},
    %k0: tensor<?x?x8xf32> {nyala.state = "k"}, %v0: tensor<?x?x8xf32> {nyala.state = "v"}) -> (tensor<?x16xf32>, tensor<?x8xf32>) {
  %t = nyala.rope_table %p {dims = 6 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x6xf32>
  %wk = nyala.load @k : tensor<8x16xf32>
  %k = nyala.linear %x, %wk : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %rk = nyala.rotate half %k by %t {heads = 1 : i64} : tensor<?x8xf32>, tensor<?x6xf32>
  %wv = nyala.load @v : tensor<8x16xf32>
  %v = nyala.linear %x, %wv : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k1 = nyala.cache_append %k0, %rk at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %wq0 = nyala.load @q0 : tensor<16x16xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r0 = nyala.rotate half %q0 by %t {heads = 2 : i64} : tensor<?x16xf32>, tensor<?x6xf32>
  %a = nyala.attention %r0, %k1, %v1 at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a, %rk : tensor<?x16xf32>, tensor<?x8xf32>
}

// Queries that are rotated otherwise:
// CHECK-LABEL: func.func @adjacent_queries
// CHECK: nyala.rotate half
// CHECK: nyala.rotate adjacent
// REMARK-DAG: Function=adjacent_queries | Reason="queries or keys are not rotated in halves"
func.func @adjacent_queries(%x: tensor<?x16xf32> {nyala.role = "x"}, %p: tensor<?xi32> {nyala.role = "positions"},
    %s: tensor<?xi32> {nyala.role = "sequences"}, %l: tensor<?xi32> {nyala.role = "slots"},
    %k0: tensor<?x?x8xf32> {nyala.state = "k"}, %v0: tensor<?x?x8xf32> {nyala.state = "v"}) -> tensor<?x16xf32> {
  %t = nyala.rope_table %p {dims = 6 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x6xf32>
  %wk = nyala.load @k : tensor<8x16xf32>
  %k = nyala.linear %x, %wk : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %rk = nyala.rotate half %k by %t {heads = 1 : i64} : tensor<?x8xf32>, tensor<?x6xf32>
  %wv = nyala.load @v : tensor<8x16xf32>
  %v = nyala.linear %x, %wv : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k1 = nyala.cache_append %k0, %rk at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %wq0 = nyala.load @q0 : tensor<16x16xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r0 = nyala.rotate adjacent %q0 by %t {heads = 2 : i64} : tensor<?x16xf32>, tensor<?x6xf32>
  %a = nyala.attention %r0, %k1, %v1 at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// An op between projection and rotation:
// CHECK-LABEL: func.func @scaled
// CHECK-NOT: adjacent
// REMARK-DAG: Function=scaled | Reason="arith.mulf lies between projection and rotation"
func.func @scaled(%x: tensor<?x16xf32> {nyala.role = "x"}, %p: tensor<?xi32> {nyala.role = "positions"},
    %s: tensor<?xi32> {nyala.role = "sequences"}, %l: tensor<?xi32> {nyala.role = "slots"},
    %k0: tensor<?x?x8xf32> {nyala.state = "k"}, %v0: tensor<?x?x8xf32> {nyala.state = "v"}) -> tensor<?x16xf32> {
  %t = nyala.rope_table %p {dims = 6 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x6xf32>
  %wk = nyala.load @k : tensor<8x16xf32>
  %k = nyala.linear %x, %wk : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %kk = arith.mulf %k, %k : tensor<?x8xf32>
  %rk = nyala.rotate half %kk by %t {heads = 1 : i64} : tensor<?x8xf32>, tensor<?x6xf32>
  %wv = nyala.load @v : tensor<8x16xf32>
  %v = nyala.linear %x, %wv : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k1 = nyala.cache_append %k0, %rk at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %wq0 = nyala.load @q0 : tensor<16x16xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r0 = nyala.rotate half %q0 by %t {heads = 2 : i64} : tensor<?x16xf32>, tensor<?x6xf32>
  %a = nyala.attention %r0, %k1, %v1 at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// Keys that are values as well:
// CHECK-LABEL: func.func @keys_as_values
// CHECK-NOT: adjacent
// REMARK-DAG: Function=keys_as_values | Reason="the cache is read by more than attention to keys"
func.func @keys_as_values(%x: tensor<?x16xf32> {nyala.role = "x"}, %p: tensor<?xi32> {nyala.role = "positions"},
    %s: tensor<?xi32> {nyala.role = "sequences"}, %l: tensor<?xi32> {nyala.role = "slots"},
    %k0: tensor<?x?x8xf32> {nyala.state = "k"}, %v0: tensor<?x?x8xf32> {nyala.state = "v"}) -> tensor<?x16xf32> {
  %t = nyala.rope_table %p {dims = 6 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x6xf32>
  %wk = nyala.load @k : tensor<8x16xf32>
  %k = nyala.linear %x, %wk : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %rk = nyala.rotate half %k by %t {heads = 1 : i64} : tensor<?x8xf32>, tensor<?x6xf32>
  %wv = nyala.load @v : tensor<8x16xf32>
  %v = nyala.linear %x, %wv : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k1 = nyala.cache_append %k0, %rk at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %wq0 = nyala.load @q0 : tensor<16x16xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r0 = nyala.rotate half %q0 by %t {heads = 2 : i64} : tensor<?x16xf32>, tensor<?x6xf32>
  %a = nyala.attention %r0, %k1, %k1 at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// A weight that is computed:
// CHECK-LABEL: func.func @computed
// CHECK-NOT: adjacent
// REMARK-DAG: Function=computed | Reason="a weight of the projection is computed, not loaded"
func.func @computed(%x: tensor<?x16xf32> {nyala.role = "x"}, %p: tensor<?xi32> {nyala.role = "positions"},
    %s: tensor<?xi32> {nyala.role = "sequences"}, %l: tensor<?xi32> {nyala.role = "slots"},
    %k0: tensor<?x?x8xf32> {nyala.state = "k"}, %v0: tensor<?x?x8xf32> {nyala.state = "v"}) -> tensor<?x16xf32> {
  %t = nyala.rope_table %p {dims = 6 : i64, base = 1.0e4 : f64} : tensor<?xi32> -> tensor<?x6xf32>
  %w = nyala.load @k : tensor<8x16xf32>
  %wk = arith.addf %w, %w : tensor<8x16xf32>
  %k = nyala.linear %x, %wk : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %rk = nyala.rotate half %k by %t {heads = 1 : i64} : tensor<?x8xf32>, tensor<?x6xf32>
  %wv = nyala.load @v : tensor<8x16xf32>
  %v = nyala.linear %x, %wv : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
  %k1 = nyala.cache_append %k0, %rk at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %v at %l in %s : tensor<?x?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  %wq0 = nyala.load @q0 : tensor<16x16xf32>
  %q0 = nyala.linear %x, %wq0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32>
  %r0 = nyala.rotate half %q0 by %t {heads = 2 : i64} : tensor<?x16xf32>, tensor<?x6xf32>
  %a = nyala.attention %r0, %k1, %v1 at %p in %s {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}
