//===- AttentionOps.td - Attention in two steps -------------*- tablegen -*-===//
#ifndef NYALA_IR_ATTENTIONOPS_TD
#define NYALA_IR_ATTENTIONOPS_TD

include "ir/NyalaOpBase.td"

def Nyala_AttentionPartsOp : Nyala_ModelOp<"attention_parts", [], ["getRowOperands"]> {
  let summary = "attention of rows over each part of their sequence's cache";
  let description = [{
    The first of two steps of `nyala.attention`, whose operands and attributes it has: the softmax of
    each part of 256 positions on its own. A cache of S slots has `parts = ceil(S / 256)` of them. For row
    r, head h and part p with at least one position that the mask lets the row see, over those positions,
    `scores[s] = scale * query[r, h] · keys[s]`, columns `(h * parts + p) * (D + 2)` and following hold

      - `sum_s exp(scores[s] - maximum) * values[s]`: D numbers, the channels of a head of the values,
      - `maximum = max_s scores[s]`,
      - `sum_s exp(scores[s] - maximum)`.

    What other parts hold is undefined. So several workers share the cache of one row
    (Dao et al. 2023, Flash-Decoding). See `nyala-split-attention`.

    ```mlir
    %p = nyala.attention_parts %q, %k1, %v1 at %positions in %sequences
       {heads = 9, kv_heads = 3, scale = 0.125 : f32, mask = #nyala.mask<causal>}
       : tensor<?x576xf32>, tensor<1x8192x192xf32>, tensor<1x8192x192xf32>, tensor<?xi32>,
         tensor<?xi32> -> tensor<?x19008xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$query, Nyala_Cache:$keys, Nyala_Cache:$values,
      Nyala_Ids:$positions, Nyala_Ids:$sequences, I64Attr:$heads, I64Attr:$kv_heads, F32Attr:$scale,
      Nyala_MaskAttr:$mask);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $query `,` $keys `,` $values `at` $positions `in` $sequences attr-dict `:` type($query) `,`
    type($keys) `,` type($values) `,` type($positions) `,` type($sequences) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Nyala_MergeAttentionOp : Nyala_ModelOp<"merge_attention", [], ["getRowOperands"]> {
  let summary = "attention from its parts";
  let description = [{
    The second step: of each row and head, merges the parts that `nyala.attention_parts` has computed for
    the row's position, in ascending order, each weighted by `exp(its maximum - the largest)`.

    ```mlir
    %a = nyala.merge_attention %p at %positions {heads = 9, mask = #nyala.mask<causal>}
       : tensor<?x19008xf32>, tensor<?xi32> -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$parts, Nyala_Ids:$positions, I64Attr:$heads,
      Nyala_MaskAttr:$mask);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $parts `at` $positions attr-dict `:` type($parts) `,` type($positions) `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // NYALA_IR_ATTENTIONOPS_TD
