// RUN: nyala-opt %s --nyala-share-kv=factor=2 -o %t.shared && FileCheck %s < %t.shared
// RUN: nyala-opt %t.shared --nyala-remove-dead-state -o %t.after && FileCheck %s --check-prefix=DEAD < %t.after
// RUN: nyala-opt %s --nyala-share-kv=map=0,0,2,2,2 -o - | FileCheck %s --check-prefix=MAP
// RUN: nyala-opt %s --nyala-share-kv=factor=3 -o - | FileCheck %s --check-prefix=THREE
// RUN: nyala-opt %s --nyala-share-kv=factor=2 --remarks-filter=nyala-share-kv -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// What is removed had no reader: the same results, whatever of the caches is left.
// RUN: nyala-interpret --compare --entry=decode %t.shared %t.after --random-weights --seed 1 --tolerance 1e-6 --dim rows=3,sequences=1,slots=8
// Sharing does change the function; a map of nobody does not.
// RUN: not nyala-interpret --compare --entry=decode %s %t.after --random-weights --seed 1 --tolerance 1e-6 --dim rows=3,sequences=1,slots=8
// RUN: nyala-opt %s --nyala-share-kv=map=0,1,2,3,4 -o %t.own && nyala-interpret --compare --entry=decode %s %t.own --random-weights --seed 1 --tolerance 1e-6 --dim rows=3,sequences=1,slots=8
// RUN: FileCheck %s --check-prefix=OWN < %t.own

// Five layers of grouped queries (four heads, two of keys and values): groups of two leave one over.
// CHECK: module attributes {nyala.model = {kv_sharing = "0,0,2,2,4", kv_sharing_lossy = "converted without training{{.*}}", kv_sharing_source = "first", name = "m"}}
// CHECK-LABEL: func.func @decode
// CHECK: nyala.attention %{{.+}}, %[[K0:nk0|[0-9]+]], %[[V0:[a-z0-9]+]] at
// CHECK: nyala.attention %{{.+}}, %[[K0]], %[[V0]] at
// CHECK: nyala.attention %{{.+}}, %[[K2:[a-z0-9]+]], %[[V2:[a-z0-9]+]] at
// CHECK: nyala.attention %{{.+}}, %[[K2]], %[[V2]] at
// CHECK: nyala.attention
// Entry points share alike.
// CHECK-LABEL: func.func @prefill
// CHECK: nyala.attention %{{.+}}, %[[K0:[a-z0-9]+]], %[[V0:[a-z0-9]+]] at
// CHECK: nyala.attention %{{.+}}, %[[K0]], %[[V0]] at

// DEAD-NOT: nyala.weight @k1
// DEAD-NOT: nyala.weight @v1
// DEAD-NOT: nyala.weight @k3
// DEAD-LABEL: func.func @decode
// DEAD-NOT: nyala.state = "k.1"
// DEAD-NOT: nyala.state = "v.3"
// DEAD-SAME: nyala.state = "v.4"
// DEAD-COUNT-6: nyala.cache_append
// DEAD-NOT: nyala.cache_append
// DEAD-LABEL: func.func @prefill
// DEAD-COUNT-6: nyala.cache_append
// DEAD-NOT: nyala.cache_append

// MAP: kv_sharing = "0,0,2,2,2"
// MAP-LABEL: func.func @decode
// MAP-COUNT-2: nyala.attention
// MAP: nyala.attention %{{.+}}, %[[K:[a-z0-9]+]], %[[V:[a-z0-9]+]] at
// MAP: nyala.attention %{{.+}}, %[[K]], %[[V]] at
// MAP: nyala.attention %{{.+}}, %[[K]], %[[V]] at

// THREE: kv_sharing = "0,0,0,3,3"
// THREE-LABEL: func.func @decode
// THREE: nyala.attention %{{.+}}, %[[K:[a-z0-9]+]], %[[V:[a-z0-9]+]] at
// THREE: nyala.attention %{{.+}}, %[[K]], %[[V]] at
// THREE: nyala.attention %{{.+}}, %[[K]], %[[V]] at
// THREE: nyala.attention %{{.+}}, %[[K3:[a-z0-9]+]], %[[V3:[a-z0-9]+]] at
// THREE: nyala.attention %{{.+}}, %[[K3]], %[[V3]] at

// REMARK: [Passed] KvShared {{.*}}Function=decode | Remark="layers 1 use the keys and values of layer 0"
// REMARK: KvCachesSaved {{.*}}"3 of 5 layers keep keys and values: 96 numbers a position instead of 160 (map 0,0,2,2,4, source first)"

// OWN-NOT: kv_sharing
module attributes {nyala.model = {name = "m"}} {
nyala.weight @n0 : tensor<32xf32>
nyala.weight @q0 : tensor<32x32xf32>
nyala.weight @k0 : tensor<16x32xf32>
nyala.weight @v0 : tensor<16x32xf32>
nyala.weight @n1 : tensor<32xf32>
nyala.weight @q1 : tensor<32x32xf32>
nyala.weight @k1 : tensor<16x32xf32>
nyala.weight @v1 : tensor<16x32xf32>
nyala.weight @n2 : tensor<32xf32>
nyala.weight @q2 : tensor<32x32xf32>
nyala.weight @k2 : tensor<16x32xf32>
nyala.weight @v2 : tensor<16x32xf32>
nyala.weight @n3 : tensor<32xf32>
nyala.weight @q3 : tensor<32x32xf32>
nyala.weight @k3 : tensor<16x32xf32>
nyala.weight @v3 : tensor<16x32xf32>
nyala.weight @n4 : tensor<32xf32>
nyala.weight @q4 : tensor<32x32xf32>
nyala.weight @k4 : tensor<16x32xf32>
nyala.weight @v4 : tensor<16x32xf32>

func.func @decode(%x: tensor<?x32xf32> {nyala.role = "x"},
                  %positions: tensor<?xi32> {nyala.role = "positions"},
                  %sequences: tensor<?xi32> {nyala.role = "sequences"},
                  %slots: tensor<?xi32> {nyala.role = "slots"},
                  %ck0: tensor<?x?x16xf32> {nyala.state = "k.0"},
                  %cv0: tensor<?x?x16xf32> {nyala.state = "v.0"},
                  %ck1: tensor<?x?x16xf32> {nyala.state = "k.1"},
                  %cv1: tensor<?x?x16xf32> {nyala.state = "v.1"},
                  %ck2: tensor<?x?x16xf32> {nyala.state = "k.2"},
                  %cv2: tensor<?x?x16xf32> {nyala.state = "v.2"},
                  %ck3: tensor<?x?x16xf32> {nyala.state = "k.3"},
                  %cv3: tensor<?x?x16xf32> {nyala.state = "v.3"},
                  %ck4: tensor<?x?x16xf32> {nyala.state = "k.4"},
                  %cv4: tensor<?x?x16xf32> {nyala.state = "v.4"})
    -> (tensor<?x32xf32> {nyala.result = "y"},
        tensor<?x?x16xf32> {nyala.state = "k.0"},
        tensor<?x?x16xf32> {nyala.state = "v.0"},
        tensor<?x?x16xf32> {nyala.state = "k.1"},
        tensor<?x?x16xf32> {nyala.state = "v.1"},
        tensor<?x?x16xf32> {nyala.state = "k.2"},
        tensor<?x?x16xf32> {nyala.state = "v.2"},
        tensor<?x?x16xf32> {nyala.state = "k.3"},
        tensor<?x?x16xf32> {nyala.state = "v.3"},
        tensor<?x?x16xf32> {nyala.state = "k.4"},
        tensor<?x?x16xf32> {nyala.state = "v.4"}) {
  %n0 = nyala.load @n0 : tensor<32xf32>
  %wq0 = nyala.load @q0 : tensor<32x32xf32>
  %wk0 = nyala.load @k0 : tensor<16x32xf32>
  %wv0 = nyala.load @v0 : tensor<16x32xf32>
  %x0 = nyala.rms_norm %x, %n0 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql0 = nyala.linear %x0, %wq0 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl0 = nyala.linear %x0, %wk0 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl0 = nyala.linear %x0, %wv0 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q0 = nyala.rope adjacent %ql0 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k0 = nyala.rope adjacent %kl0 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk0 = nyala.cache_append %ck0, %k0 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv0 = nyala.cache_append %cv0, %vl0 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a0 = nyala.attention %q0, %nk0, %nv0 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y0 = arith.addf %x, %a0 : tensor<?x32xf32>
  %n1 = nyala.load @n1 : tensor<32xf32>
  %wq1 = nyala.load @q1 : tensor<32x32xf32>
  %wk1 = nyala.load @k1 : tensor<16x32xf32>
  %wv1 = nyala.load @v1 : tensor<16x32xf32>
  %x1 = nyala.rms_norm %y0, %n1 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql1 = nyala.linear %x1, %wq1 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl1 = nyala.linear %x1, %wk1 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl1 = nyala.linear %x1, %wv1 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q1 = nyala.rope adjacent %ql1 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k1 = nyala.rope adjacent %kl1 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk1 = nyala.cache_append %ck1, %k1 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv1 = nyala.cache_append %cv1, %vl1 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a1 = nyala.attention %q1, %nk1, %nv1 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y1 = arith.addf %y0, %a1 : tensor<?x32xf32>
  %n2 = nyala.load @n2 : tensor<32xf32>
  %wq2 = nyala.load @q2 : tensor<32x32xf32>
  %wk2 = nyala.load @k2 : tensor<16x32xf32>
  %wv2 = nyala.load @v2 : tensor<16x32xf32>
  %x2 = nyala.rms_norm %y1, %n2 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql2 = nyala.linear %x2, %wq2 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl2 = nyala.linear %x2, %wk2 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl2 = nyala.linear %x2, %wv2 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q2 = nyala.rope adjacent %ql2 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k2 = nyala.rope adjacent %kl2 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk2 = nyala.cache_append %ck2, %k2 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv2 = nyala.cache_append %cv2, %vl2 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a2 = nyala.attention %q2, %nk2, %nv2 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y2 = arith.addf %y1, %a2 : tensor<?x32xf32>
  %n3 = nyala.load @n3 : tensor<32xf32>
  %wq3 = nyala.load @q3 : tensor<32x32xf32>
  %wk3 = nyala.load @k3 : tensor<16x32xf32>
  %wv3 = nyala.load @v3 : tensor<16x32xf32>
  %x3 = nyala.rms_norm %y2, %n3 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql3 = nyala.linear %x3, %wq3 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl3 = nyala.linear %x3, %wk3 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl3 = nyala.linear %x3, %wv3 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q3 = nyala.rope adjacent %ql3 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k3 = nyala.rope adjacent %kl3 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk3 = nyala.cache_append %ck3, %k3 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv3 = nyala.cache_append %cv3, %vl3 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a3 = nyala.attention %q3, %nk3, %nv3 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y3 = arith.addf %y2, %a3 : tensor<?x32xf32>
  %n4 = nyala.load @n4 : tensor<32xf32>
  %wq4 = nyala.load @q4 : tensor<32x32xf32>
  %wk4 = nyala.load @k4 : tensor<16x32xf32>
  %wv4 = nyala.load @v4 : tensor<16x32xf32>
  %x4 = nyala.rms_norm %y3, %n4 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql4 = nyala.linear %x4, %wq4 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl4 = nyala.linear %x4, %wk4 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl4 = nyala.linear %x4, %wv4 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q4 = nyala.rope adjacent %ql4 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k4 = nyala.rope adjacent %kl4 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk4 = nyala.cache_append %ck4, %k4 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv4 = nyala.cache_append %cv4, %vl4 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a4 = nyala.attention %q4, %nk4, %nv4 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y4 = arith.addf %y3, %a4 : tensor<?x32xf32>
  return %y4, %nk0, %nv0, %nk1, %nv1, %nk2, %nv2, %nk3, %nv3, %nk4, %nv4
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
}

func.func @prefill(%x: tensor<?x32xf32> {nyala.role = "x"},
                   %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"},
                   %slots: tensor<?xi32> {nyala.role = "slots"},
                   %ck0: tensor<?x?x16xf32> {nyala.state = "k.0"},
                   %cv0: tensor<?x?x16xf32> {nyala.state = "v.0"},
                   %ck1: tensor<?x?x16xf32> {nyala.state = "k.1"},
                   %cv1: tensor<?x?x16xf32> {nyala.state = "v.1"},
                   %ck2: tensor<?x?x16xf32> {nyala.state = "k.2"},
                   %cv2: tensor<?x?x16xf32> {nyala.state = "v.2"},
                   %ck3: tensor<?x?x16xf32> {nyala.state = "k.3"},
                   %cv3: tensor<?x?x16xf32> {nyala.state = "v.3"},
                   %ck4: tensor<?x?x16xf32> {nyala.state = "k.4"},
                   %cv4: tensor<?x?x16xf32> {nyala.state = "v.4"})
    -> (tensor<?x32xf32> {nyala.result = "y"},
        tensor<?x?x16xf32> {nyala.state = "k.0"},
        tensor<?x?x16xf32> {nyala.state = "v.0"},
        tensor<?x?x16xf32> {nyala.state = "k.1"},
        tensor<?x?x16xf32> {nyala.state = "v.1"},
        tensor<?x?x16xf32> {nyala.state = "k.2"},
        tensor<?x?x16xf32> {nyala.state = "v.2"},
        tensor<?x?x16xf32> {nyala.state = "k.3"},
        tensor<?x?x16xf32> {nyala.state = "v.3"},
        tensor<?x?x16xf32> {nyala.state = "k.4"},
        tensor<?x?x16xf32> {nyala.state = "v.4"}) {
  %n0 = nyala.load @n0 : tensor<32xf32>
  %wq0 = nyala.load @q0 : tensor<32x32xf32>
  %wk0 = nyala.load @k0 : tensor<16x32xf32>
  %wv0 = nyala.load @v0 : tensor<16x32xf32>
  %x0 = nyala.rms_norm %x, %n0 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql0 = nyala.linear %x0, %wq0 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl0 = nyala.linear %x0, %wk0 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl0 = nyala.linear %x0, %wv0 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q0 = nyala.rope adjacent %ql0 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k0 = nyala.rope adjacent %kl0 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk0 = nyala.cache_append %ck0, %k0 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv0 = nyala.cache_append %cv0, %vl0 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a0 = nyala.attention %q0, %nk0, %nv0 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y0 = arith.addf %x, %a0 : tensor<?x32xf32>
  %n1 = nyala.load @n1 : tensor<32xf32>
  %wq1 = nyala.load @q1 : tensor<32x32xf32>
  %wk1 = nyala.load @k1 : tensor<16x32xf32>
  %wv1 = nyala.load @v1 : tensor<16x32xf32>
  %x1 = nyala.rms_norm %y0, %n1 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql1 = nyala.linear %x1, %wq1 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl1 = nyala.linear %x1, %wk1 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl1 = nyala.linear %x1, %wv1 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q1 = nyala.rope adjacent %ql1 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k1 = nyala.rope adjacent %kl1 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk1 = nyala.cache_append %ck1, %k1 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv1 = nyala.cache_append %cv1, %vl1 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a1 = nyala.attention %q1, %nk1, %nv1 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y1 = arith.addf %y0, %a1 : tensor<?x32xf32>
  %n2 = nyala.load @n2 : tensor<32xf32>
  %wq2 = nyala.load @q2 : tensor<32x32xf32>
  %wk2 = nyala.load @k2 : tensor<16x32xf32>
  %wv2 = nyala.load @v2 : tensor<16x32xf32>
  %x2 = nyala.rms_norm %y1, %n2 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql2 = nyala.linear %x2, %wq2 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl2 = nyala.linear %x2, %wk2 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl2 = nyala.linear %x2, %wv2 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q2 = nyala.rope adjacent %ql2 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k2 = nyala.rope adjacent %kl2 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk2 = nyala.cache_append %ck2, %k2 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv2 = nyala.cache_append %cv2, %vl2 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a2 = nyala.attention %q2, %nk2, %nv2 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y2 = arith.addf %y1, %a2 : tensor<?x32xf32>
  %n3 = nyala.load @n3 : tensor<32xf32>
  %wq3 = nyala.load @q3 : tensor<32x32xf32>
  %wk3 = nyala.load @k3 : tensor<16x32xf32>
  %wv3 = nyala.load @v3 : tensor<16x32xf32>
  %x3 = nyala.rms_norm %y2, %n3 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql3 = nyala.linear %x3, %wq3 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl3 = nyala.linear %x3, %wk3 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl3 = nyala.linear %x3, %wv3 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q3 = nyala.rope adjacent %ql3 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k3 = nyala.rope adjacent %kl3 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk3 = nyala.cache_append %ck3, %k3 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv3 = nyala.cache_append %cv3, %vl3 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a3 = nyala.attention %q3, %nk3, %nv3 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y3 = arith.addf %y2, %a3 : tensor<?x32xf32>
  %n4 = nyala.load @n4 : tensor<32xf32>
  %wq4 = nyala.load @q4 : tensor<32x32xf32>
  %wk4 = nyala.load @k4 : tensor<16x32xf32>
  %wv4 = nyala.load @v4 : tensor<16x32xf32>
  %x4 = nyala.rms_norm %y3, %n4 {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %ql4 = nyala.linear %x4, %wq4 : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %kl4 = nyala.linear %x4, %wk4 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %vl4 = nyala.linear %x4, %wv4 : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %q4 = nyala.rope adjacent %ql4 at %positions {heads = 4, dims = 8, base = 1.0e4}
     : tensor<?x32xf32>, tensor<?xi32>
  %k4 = nyala.rope adjacent %kl4 at %positions {heads = 2, dims = 8, base = 1.0e4}
     : tensor<?x16xf32>, tensor<?xi32>
  %nk4 = nyala.cache_append %ck4, %k4 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %nv4 = nyala.cache_append %cv4, %vl4 at %slots in %sequences
     : tensor<?x?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a4 = nyala.attention %q4, %nk4, %nv4 at %positions in %sequences
     {heads = 4, kv_heads = 2, scale = 0.35 : f32, mask = #nyala.mask<causal>}
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?xi32>, tensor<?xi32>
     -> tensor<?x32xf32>
  %y4 = arith.addf %y3, %a4 : tensor<?x32xf32>
  return %y4, %nk0, %nv0, %nk1, %nv1, %nk2, %nv2, %nk3, %nv3, %nk4, %nv4
     : tensor<?x32xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
}
}
