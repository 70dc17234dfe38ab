// RUN: nyala-opt %s --nyala-build-loss="batch=2 length=4" | FileCheck %s

// Two layers that share keys and values, a norm, a head that is the table of embeddings.
// CHECK: module attributes {nyala.model = {batch = 2 : i64, context = 16 : i64, length = 4 : i64}}
module attributes {nyala.model = {context = 16 : i64}} {
nyala.weight @table : tensor<12x8xf32>
nyala.weight @norm : tensor<8xf32>
nyala.weight @wk : tensor<4x8xf32>
// CHECK-NOT: func.func @forward
// CHECK-LABEL: func.func @train_step
// CHECK-SAME: (%[[TOKENS:[a-z0-9]+]]: tensor<8xi32> {nyala.max_rows = 8 : i64, nyala.role = "tokens"}, %[[P:[a-z0-9]+]]: tensor<8xi32> {nyala.max_rows = 8 : i64, nyala.role = "positions"},
// CHECK-SAME: %[[TARGETS:[a-z0-9]+]]: tensor<8xi32> {nyala.max_rows = 8 : i64, nyala.role = "targets"}, %[[WEIGHTS:[a-z0-9]+]]: tensor<8x1xf32> {nyala.max_rows = 8 : i64, nyala.role = "loss_weights"},
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: tensor<12x8xf32> {nyala.state = "table"}, %[[WK:[a-z0-9]+]]: tensor<4x8xf32> {nyala.state = "wk"}, %[[NORM:[a-z0-9]+]]: tensor<1x8xf32> {nyala.state = "norm"})
// CHECK-SAME: -> (tensor<1x1xf32> {nyala.result = "loss"}) attributes {nyala.entry}
// CHECK-NEXT: %[[X:.+]] = nyala.embedding %[[TOKENS]], %[[TABLE]] : tensor<8xi32>, tensor<12x8xf32> -> tensor<8x8xf32>
// CHECK-NEXT: %[[K:.+]] = nyala.linear %[[X]], %[[WK]] : tensor<8x8xf32>, tensor<4x8xf32> -> tensor<8x4xf32>
// CHECK-NEXT: %[[A0:.+]], %{{.+}} = nyala.self_attention %[[X]], %[[K]], %[[K]] {heads = 2 : i64, kv_heads = 1 : i64, length = 4 : i64, mask = #nyala.mask<causal>, scale = 5.000000e-01 : f32}
// CHECK-SAME: -> tensor<8x8xf32>, tensor<8x2xf32>
// CHECK-NEXT: %[[A1:.+]], %{{.+}} = nyala.self_attention %[[A0]], %[[K]], %[[K]] {{.*}}window = 3
// CHECK-NEXT: %[[ROW:.+]] = tensor.collapse_shape %[[NORM]] {{\[}}[0, 1]] : tensor<1x8xf32> into tensor<8xf32>
// CHECK-NEXT: %[[Y:.+]] = nyala.rms_norm %[[A1]], %[[ROW]]
// CHECK-NEXT: %[[L:.+]], %{{.+}} = nyala.cross_entropy %[[Y]], %[[TABLE]] at %[[TARGETS]] : tensor<8x8xf32>, tensor<12x8xf32>, tensor<8xi32> -> tensor<8x1xf32>, tensor<8x1xf32>
// CHECK-NEXT: %[[M:.+]] = arith.mulf %[[L]], %[[WEIGHTS]] : tensor<8x1xf32>
// CHECK-NEXT: %[[LOSS:.+]] = nyala.sum_rows %[[M]] : tensor<8x1xf32> -> tensor<1x1xf32>
// CHECK-NEXT: return %[[LOSS]] : tensor<1x1xf32>
// CHECK-LABEL: func.func @evaluate
// CHECK-SAME: attributes {nyala.entry}
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"}, %positions: tensor<?xi32> {nyala.role = "positions"},
                   %sequences: tensor<?xi32> {nyala.role = "sequences"}, %slots: tensor<?xi32> {nyala.role = "slots"},
                   %wanted: tensor<?xi32> {nyala.role = "wanted"}, %k0: tensor<?x?x4xf32> {nyala.state = "k"},
                   %v0: tensor<?x?x4xf32> {nyala.state = "v"})
    -> (tensor<?x12xf32> {nyala.result = "logits"}, tensor<?x?x4xf32> {nyala.state = "k"}, tensor<?x?x4xf32> {nyala.state = "v"}) {
  %table = nyala.load @table : tensor<12x8xf32>
  %wk = nyala.load @wk : tensor<4x8xf32>
  %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<12x8xf32> -> tensor<?x8xf32>
  %k = nyala.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k1 = nyala.cache_append %k0, %k at %slots in %sequences : tensor<?x?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %v1 = nyala.cache_append %v0, %k at %slots in %sequences : tensor<?x?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a0 = nyala.attention %x, %k1, %v1 at %positions in %sequences {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
      : tensor<?x8xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  %a1 = nyala.attention %a0, %k1, %v1 at %positions in %sequences {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal, window = 3>}
      : tensor<?x8xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?xi32>, tensor<?xi32> -> tensor<?x8xf32>
  %y = nyala.gather %a1, %wanted : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %norm = nyala.load @norm : tensor<8xf32>
  %z = nyala.rms_norm %y, %norm {epsilon = 1.0e-5 : f32} : tensor<?x8xf32>, tensor<8xf32>
  %head = nyala.load @table : tensor<12x8xf32>
  %logits = nyala.linear %z, %head : tensor<?x8xf32>, tensor<12x8xf32> -> tensor<?x12xf32>
  return %logits, %k1, %v1 : tensor<?x12xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>
}
}
