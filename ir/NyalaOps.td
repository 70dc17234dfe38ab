//===- NyalaOps.td - Ops of the model level ------------------*- tablegen -*-===//
#ifndef NYALA_IR_NYALAOPS_TD
#define NYALA_IR_NYALAOPS_TD

include "ir/NyalaOpBase.td"

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Nyala_WeightOp : Nyala_Op<"weight", [Symbol, IsolatedFromAbove, NoTerminator,
                                         SingleBlock, HasParent<"::mlir::ModuleOp">]> {
  let summary = "a frozen weight, by name";
  let description = [{
    Either read from a file (`source`) or computed at compile time from other weights by its
    `initializer` region, which ends in `nyala.yield`; or neither, if it is still to be trained.

    ```mlir
    nyala.weight @a : tensor<576x576xf32> source #nyala.source<"m.gguf", offset = 64, bytes = 207360, format = q4_1>
    nyala.weight @b : tensor<576x576xf32, #nyala.packed<q4_1>> initializer {
      %0 = nyala.load @a : tensor<576x576xf32>
      %1 = nyala.pack %0 : tensor<576x576xf32> -> tensor<576x576xf32, #nyala.packed<q4_1>>
      nyala.yield %1 : tensor<576x576xf32, #nyala.packed<q4_1>>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyStaticShapeTensor>:$type,
                       OptionalAttr<Nyala_SourceAttr>:$source);
  let regions = (region MaxSizedRegion<1>:$initializer);
  let assemblyFormat = [{
    $sym_name `:` $type (`source` $source^)? (`initializer` $initializer^)? attr-dict
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    mlir::RankedTensorType getTensorType() {
      return mlir::cast<mlir::RankedTensorType>(getType());
    }
    /// The value the initializer yields; null if the weight comes from a file.
    mlir::Value getInitialValue();
  }];
}

def Nyala_LoadOp : Nyala_Op<"load", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                     DeclareOpInterfaceMethods<OpAsmOpInterface,
                                                               ["getAsmResultNames"]>]> {
  let summary = "the value of a weight";
  let description = [{
    ```mlir
    %w = nyala.load @blk.0.attn_q : tensor<576x576xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def Nyala_PackOp : Nyala_Op<"pack", [Pure, DeclareOpInterfaceMethods<Nyala_ReferenceOpInterface>]> {
  let summary = "lays a weight out in interleaved row groups";
  let description = [{
    The identity on values; the result's encoding says how they are stored. The operand must be
    stored in the same format (a weight from a file, or a concatenation of such), so that packing
    only moves bits.

    ```mlir
    %p = nyala.pack %w : tensor<576x576xf32> -> tensor<576x576xf32, #nyala.packed<q4_1>>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$input);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Nyala_RequantizeOp : Nyala_Op<"requantize", [Pure, AllTypesMatch<["input", "result"]>,
    DeclareOpInterfaceMethods<Nyala_ReferenceOpInterface>]> {
  let summary = "rounds a weight to what a stored format holds";
  let description = [{
    For weights that are computed from others: the value of an initializer, stored in blocks. Rounding
    is that of `nyala::quantize` (ir/storage/StoredFormat.h), row by row.

    ```mlir
    %r = nyala.requantize %mean as <q8_0> : tensor<192x576xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$input, Nyala_StoredFormatAttr:$format);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$input `as` $format attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Nyala_YieldOp : Nyala_Op<"yield", [Pure, Terminator, HasParent<"WeightOp">]> {
  let summary = "ends a weight's initializer";
  let arguments = (ins AnyTensor:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

//===----------------------------------------------------------------------===//
// Rows by index
//===----------------------------------------------------------------------===//

def Nyala_EmbeddingOp : Nyala_ModelOp<"embedding",
    [DeclareOpInterfaceMethods<Nyala_StoredWeightOpInterface>]> {
  let summary = "rows of an embedding table, by token id";
  let description = [{
    `result[r, :] = table[ids[r], :]`. An id outside the table is an error of the caller.

    ```mlir
    %x = nyala.embedding %tokens, %table : tensor<?xi32>, tensor<49152x576xf32> -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Nyala_Ids:$ids, Nyala_Matrix:$table);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $ids `,` $table attr-dict `:` type($ids) `,` type($table) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Nyala_GatherOp : Nyala_ModelOp<"gather"> {
  let summary = "some rows of the activations, or ids of some rows";
  let description = [{
    `result[i, :] = input[indices[i], :]`: the rows whose logits are wanted, for one.

    ```mlir
    %y = nyala.gather %x, %wanted : tensor<?x576xf32>, tensor<?xi32> -> tensor<?x576xf32>
    %p = nyala.gather %positions, %wanted : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Nyala_Matrix, Nyala_Ids]>:$input, Nyala_Ids:$indices);
  let results = (outs AnyTypeOf<[Nyala_Matrix, Nyala_Ids]>:$result);
  let assemblyFormat = [{
    $input `,` $indices attr-dict `:` type($input) `,` type($indices) `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Products and norms
//===----------------------------------------------------------------------===//

def Nyala_LinearOp : Nyala_ModelOp<"linear",
    [DeclareOpInterfaceMethods<Nyala_StoredWeightOpInterface>]> {
  let summary = "a linear layer";
  let description = [{
    `result[r, n] = sum_k input[r, k] * weight[n, k] (+ bias[n])`.

    ```mlir
    %y = nyala.linear %x, %w : tensor<?x576xf32>, tensor<1536x576xf32> -> tensor<?x1536xf32>
    %z = nyala.linear %x, %w bias %b
       : tensor<?x576xf32>, tensor<1536x576xf32>, tensor<1536xf32> -> tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input, Nyala_Matrix:$weight, Optional<Nyala_Vector>:$bias);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? attr-dict `:` type($input) `,` type($weight)
    (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Nyala_RmsNormOp : Nyala_ModelOp<"rms_norm", [AllTypesMatch<["input", "result"]>]> {
  let summary = "root mean square normalization";
  let description = [{
    Within each of `groups` equal parts of a row (heads; default the whole row), of c channels:
    `result = input * weight / sqrt(sum(input^2) / c + epsilon)` (Zhang and Sennrich 2019, eq. 4).
    `weight` has c elements.

    ```mlir
    %n = nyala.rms_norm %x, %w {epsilon = 1.0e-5 : f32} : tensor<?x576xf32>, tensor<576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input, Nyala_Vector:$weight, F32Attr:$epsilon,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}

def Nyala_LayerNormOp : Nyala_ModelOp<"layer_norm", [
                                                     AllTypesMatch<["input", "result"]>]> {
  let summary = "layer normalization";
  let description = [{
    `result = (input - mean) / sqrt(variance + epsilon) * weight (+ bias)` over each row, with the
    biased variance (Ba et al. 2016, eq. 3).

    ```mlir
    %n = nyala.layer_norm %x, %w bias %b {epsilon = 1.0e-5 : f32}
       : tensor<?x576xf32>, tensor<576xf32>, tensor<576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input, Nyala_Vector:$weight, Optional<Nyala_Vector>:$bias,
                       F32Attr:$epsilon);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? attr-dict `:` type($input) `,` type($weight)
    (`,` type($bias)^)?
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Quantized products
//===----------------------------------------------------------------------===//

def Nyala_QuantizeOp : Nyala_ModelOp<"quantize"> {
  let summary = "activations as 8-bit integers, a scale for each block of 32 channels";
  let description = [{
    For each block b of 32 channels of a row, with m = max |input|: `scales[b] = m / 127`,
    `values[c] = round(input[c] * (127 / m))`, to nearest even, zeros if m is 0. `sums` holds the sum of
    the values of each 16 channels, two a block, which products with offset weights need.

    ```mlir
    %q, %s, %t = nyala.quantize %x
       : tensor<?x576xf32> -> tensor<?x576xi8>, tensor<?x18xf32>, tensor<?x36xi32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input);
  let results = (outs 2DTensorOf<[I8]>:$values, Nyala_Matrix:$scales, 2DTensorOf<[I32]>:$sums);
  let assemblyFormat = [{
    $input attr-dict `:` type($input) `->` type($values) `,` type($scales) `,` type($sums)
  }];
  let hasVerifier = 1;
}

def Nyala_QuantizedLinearOp : Nyala_ModelOp<"quantized_linear",
    [DeclareOpInterfaceMethods<Nyala_StoredWeightOpInterface>], ["getRowOperands"]> {
  let summary = "a linear layer of quantized activations and weights";
  let description = [{
    The weight is stored in blocks of 32 columns, `weight = scale * quant + minimum` (q4_0: quant - 8,
    and so on; docs/weight-layout.md). With i_b the integer dot product of block b and t_b the sum of
    its values, both exact:

    `result[r, n] = sum_b (i_b * (scale[n, b] * scales[r, b]))
                  + sum_b (minimum[n, b] * (t_b * scales[r, b])) (+ bias[n])`,

    each sum in f32 over ascending blocks (docs/numerics.md). In exact arithmetic this is the linear
    layer of `values * scales`.

    ```mlir
    %y = nyala.quantized_linear %q, %s, %t, %w
       : tensor<?x576xi8>, tensor<?x18xf32>, tensor<?x36xi32>, tensor<1536x576xf32>
       -> tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins 2DTensorOf<[I8]>:$values, Nyala_Matrix:$scales,
                       2DTensorOf<[I32]>:$sums, Nyala_Matrix:$weight,
                       Optional<Nyala_Vector>:$bias);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $values `,` $scales `,` $sums `,` $weight (`bias` $bias^)? attr-dict `:` type($values) `,`
    type($scales) `,` type($sums) `,` type($weight) (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Rotary position embedding
//===----------------------------------------------------------------------===//

class Nyala_RopeParameters {
  dag parameters = (ins F64Attr:$base, I64Attr:$dims,
                        DefaultValuedAttr<F64Attr, "1.0">:$scale,
                        OptionalAttr<DenseF32ArrayAttr>:$factors);
}

def Nyala_RopeOp : Nyala_ModelOp<"rope", [AllTypesMatch<["input", "result"]>],
                                 ["getRowOperands"]> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates pairs of the first `dims` channels of each of `heads` heads by the angles
    `position * frequency[i]`, i < dims/2 (Su et al. 2021, eq. 34); the others pass through.
    `frequency[i] = scale * base^(-2i/dims) / factors[i]`: `scale` is 1/s for linear scaling by s,
    `factors` (dims/2 numbers, default ones) are those of Llama 3's long contexts. `pairing` says
    which channels form a pair.

    ```mlir
    %r = nyala.rope adjacent %x at %positions {heads = 9, dims = 64, base = 1.0e5}
       : tensor<?x576xf32>, tensor<?xi32>
    ```
  }];
  let arguments = !con((ins Nyala_RopePairingAttr:$pairing, Nyala_Matrix:$input,
                            Nyala_Ids:$positions, I64Attr:$heads),
                       Nyala_RopeParameters<>.parameters);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    `` $pairing $input `at` $positions attr-dict `:` type($input) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def Nyala_RopeTableOp : Nyala_ModelOp<"rope_table"> {
  let summary = "cosines and sines of rotary angles";
  let description = [{
    Row r holds cos(angle[i]) for i < dims/2, then sin(angle[i]), with `nyala.rope`'s angles. Shared
    by all layers of a model (`nyala-share-rope-tables`).

    ```mlir
    %t = nyala.rope_table %positions {dims = 64, base = 1.0e5} : tensor<?xi32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = !con((ins Nyala_Ids:$positions), Nyala_RopeParameters<>.parameters);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "$positions attr-dict `:` type($positions) `->` type($result)";
  let hasVerifier = 1;
}

def Nyala_RotateOp : Nyala_ModelOp<"rotate", [AllTypesMatch<["input", "result"]>],
                                   ["getRowOperands"]> {
  let summary = "rotates pairs of channels by a table of angles";
  let description = [{
    `(a, b) -> (a cos - b sin, b cos + a sin)` for each pair of the first channels of each head;
    the table has cosines and sines of as many angles as there are pairs to rotate. `inverse` rotates
    back, by the negative angles: the gradient.

    ```mlir
    %r = nyala.rotate adjacent %x by %table {heads = 9} : tensor<?x576xf32>, tensor<?x64xf32>
    %y = nyala.rotate adjacent %r by %table {heads = 9, inverse} : tensor<?x576xf32>, tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Nyala_RopePairingAttr:$pairing, Nyala_Matrix:$input, Nyala_Matrix:$table,
                       I64Attr:$heads, UnitAttr:$inverse);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    `` $pairing $input `by` $table attr-dict `:` type($input) `,` type($table)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Attention and its cache
//===----------------------------------------------------------------------===//

def Nyala_CacheAppendOp : Nyala_ModelOp<"cache_append", [
    AllTypesMatch<["cache", "result"]>, DeclareOpInterfaceMethods<Nyala_InPlaceOpInterface>],
    ["getRowOperands"]> {
  let summary = "a cache with some slots replaced";
  let description = [{
    `result = cache`, but `result[sequences[r], slots[r], :] = input[r, :]` for every row whose slot
    is not negative, rounded to the cache's type: its elements, or the blocks of its encoding. Pure:
    dispatches tie the result to the operand, and the planner proves that the update can be done in place.

    ```mlir
    %k1 = nyala.cache_append %k0, %k at %slots in %sequences
       : tensor<1x8192x192xf32>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
    %v1 = nyala.cache_append %v0, %v at %slots in %sequences
       : tensor<1x8192x192xf32, #nyala.blocks<q8_0>>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Nyala_Cache:$cache, Nyala_Matrix:$input, Nyala_Ids:$slots,
                       Nyala_Ids:$sequences);
  let results = (outs Nyala_Cache:$result);
  let assemblyFormat = [{
    $cache `,` $input `at` $slots `in` $sequences attr-dict `:` type($cache) `,` type($input) `,`
    type($slots) `,` type($sequences)
  }];
  let hasVerifier = 1;
}

def Nyala_AttentionOp : Nyala_ModelOp<"attention", [], ["getRowOperands"]> {
  let summary = "scaled dot-product attention of rows over their sequence's cache";
  let description = [{
    For row r and head h, with the keys and values of head `h / (heads / kv_heads)` of sequence
    `sequences[r]`, over the positions s that the mask lets row position `positions[r]` see:
    `result[r, h] = sum_s softmax_s(scale * query[r, h] · keys[s]) * values[s]` (Vaswani et al. 2017,
    eq. 1; grouped heads: Ainslie et al. 2023). Slot s of a sequence holds position s. A training step, which
    has no cache, uses `nyala.self_attention`.

    ```mlir
    %a = nyala.attention %q, %k1, %v1 at %positions in %sequences
       {heads = 9, kv_heads = 3, scale = 0.125 : f32, mask = #nyala.mask<causal>}
       : tensor<?x576xf32>, tensor<1x8192x192xf32>, tensor<1x8192x192xf32>, tensor<?xi32>,
         tensor<?xi32> -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$query, Nyala_Cache:$keys, Nyala_Cache:$values,
                       Nyala_Ids:$positions, Nyala_Ids:$sequences, I64Attr:$heads,
                       I64Attr:$kv_heads, F32Attr:$scale, Nyala_MaskAttr:$mask);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = [{
    $query `,` $keys `,` $values `at` $positions `in` $sequences attr-dict `:` type($query) `,`
    type($keys) `,` type($values) `,` type($positions) `,` type($sequences) `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Activations, softmax, reductions
//===----------------------------------------------------------------------===//

def Nyala_ActivationOp : Nyala_ModelOp<"activation", [SameOperandsAndResultType]> {
  let summary = "an activation function";
  let description = [{
    ```mlir
    %y = nyala.activation silu %x : tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins Nyala_ActivationKindAttr:$kind, Nyala_Matrix:$input);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "`` $kind $input attr-dict `:` type($result)";
}

def Nyala_GatedActivationOp : Nyala_ModelOp<"gated_activation", [SameOperandsAndResultType],
                                            ["getRowOperands"]> {
  let summary = "a gated activation";
  let description = [{
    `result = activation(gate) * input` (Shazeer 2020, eq. 6: SwiGLU with silu).

    ```mlir
    %y = nyala.gated_activation silu %gate, %up : tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins Nyala_ActivationKindAttr:$kind, Nyala_Matrix:$gate, Nyala_Matrix:$input);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "`` $kind $gate `,` $input attr-dict `:` type($result)";
}

def Nyala_SoftmaxOp : Nyala_ModelOp<"softmax", [SameOperandsAndResultType]> {
  let summary = "softmax over the channels of each row";
  let description = [{
    ```mlir
    %p = nyala.softmax %x : tensor<?x49152xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def Nyala_ReduceOp : Nyala_ModelOp<"reduce"> {
  let summary = "a reduction over the channels of each row";
  let description = [{
    ```mlir
    %s = nyala.reduce sum %x : tensor<?x576xf32> -> tensor<?x1xf32>
    ```
  }];
  let arguments = (ins Nyala_ReduceKindAttr:$kind, Nyala_Matrix:$input);
  let results = (outs Nyala_Matrix:$result);
  let assemblyFormat = "`` $kind $input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Nyala_TopKOp : Nyala_ModelOp<"top_k", [AllElementTypesMatch<["input", "values"]>]> {
  let summary = "the largest channels of each row, and their numbers";
  let description = [{
    `ids[r, :]` are the numbers of the K largest channels of row r, in descending order; of equal ones the
    lower number comes first. `values[r, i] = input[r, ids[r, i]]`. NaN counts as -infinity, also in
    `values`; -0 is equal to 0. K is the results' width.

    What a sampler needs of a row of logits: its first candidates.

    ```mlir
    %values, %ids = nyala.top_k %logits
       : tensor<?x49152xf32> -> tensor<?x64xf32>, tensor<?x64xi32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input);
  let results = (outs Nyala_Matrix:$values, 2DTensorOf<[I32]>:$ids);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($values) `,` type($ids)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

def Nyala_SplitOp : Nyala_ModelOp<"split"> {
  let summary = "consecutive ranges of channels";
  let description = [{
    The results' widths add up to the operand's.

    ```mlir
    %q, %k, %v = nyala.split %qkv
       : tensor<?x960xf32> -> tensor<?x576xf32>, tensor<?x192xf32>, tensor<?x192xf32>
    ```
  }];
  let arguments = (ins Nyala_Matrix:$input);
  let results = (outs Variadic<Nyala_Matrix>:$results);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($results)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// First channel of result `i` in the operand.
    int64_t getOffset(unsigned i);
  }];
}

#endif // NYALA_IR_NYALAOPS_TD
