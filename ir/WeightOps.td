//===- WeightOps.td - Ops that rearrange weights -------------*- tablegen -*-===//
#ifndef NYALA_IR_WEIGHTOPS_TD
#define NYALA_IR_WEIGHTOPS_TD

include "ir/NyalaOpBase.td"

def Nyala_InterleaveRowsOp : Nyala_Op<"interleave_rows", [
    Pure, AllTypesMatch<["input", "result"]>, DeclareOpInterfaceMethods<Nyala_ReferenceOpInterface>]> {
  let summary = "brings rows that lie half a group apart side by side";
  let description = [{
    In each of `groups` equal parts of a weight's rows (of a vector: elements), the first `dims` rows
    a0, a1, … b0, b1, … become a0, b0, a1, b1, …; the rows behind them stay. A projection to heads whose
    rotary embedding pairs channels in halves becomes one that pairs adjacent ones
    (`nyala-interleave-rope`). Only moves bits.

    ```mlir
    %p = nyala.interleave_rows %w {groups = 9, dims = 64} : tensor<576x576xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$input, I64Attr:$groups, I64Attr:$dims);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The row of the operand that a row of the result is.
    int64_t getSourceRow(int64_t row);
  }];
}

def Nyala_UnpackOp : Nyala_ModelOp<"unpack"> {
  let summary = "the plain rows of a packed weight";
  let description = [{
    The identity on values. What is packed is how weights are stored; a device that wants them in a layout of
    its own starts from this, when a model is loaded or at each call: never at compile time.

    ```mlir
    %u = nyala.unpack %p : tensor<576x576xf32, #nyala.packed<q4_1>> -> tensor<576x576xf32>
    %b = arith.truncf %u : tensor<576x576xf32> to tensor<576x576xbf16>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$input);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Nyala_RandomOp : Nyala_Op<"random", [
    Pure, DeclareOpInterfaceMethods<Nyala_CostOpInterface>,
    DeclareOpInterfaceMethods<Nyala_ReferenceOpInterface>,
    DeclareOpInterfaceMethods<Nyala_FusibleOpInterface>,
    DeclareOpInterfaceMethods<Nyala_InPlaceOpInterface>]> {
  let summary = "numbers in place of a weight";
  let description = [{
    For timing runs of models whose weights are absent. A function of `seed` and place alone, the same
    on every device; seeds may be equal. What it is computed `over`, if anything, is a state that it replaces, and
    whose value is of no consequence: so two states with the same numbers are two. With h(i) = hashCounter(seed, i) (ir/WeightOps.h):

      - plain floats, and f32 packed: element i of the row-major order is `mean + deviation * sqrt(3) * u`,
        u = (h(i) >> 8) / 2^23 - 1, by one f32 multiply-add whose factor sqrt(3) * deviation is rounded to f32;
        then rounded to the type;
      - packed as q4_0 or q8_0: word i of the 32-bit words of integers, in the order of their addresses among all words
        of the layout (those of scales are counted, too), is h(i); each scale is the f16 nearest to deviation / 4.61 (q4_0) or
        deviation / 73.9 (q8_0). `mean` must be 0. Padding rows are filled likewise.

    ```mlir
    %w = nyala.random {deviation = 0.02 : f32} : tensor<576x576xbf16>
    %s1 = nyala.random over %s0 {deviation = 0.02 : f32} : tensor<576x576xbf16>
    %n = nyala.random {deviation = 0.02 : f32, mean = 1.0 : f32, seed = 3 : i32} : tensor<576xf32>
    ```
  }];
  let arguments = (ins Optional<AnyStaticShapeTensor>:$state, F32Attr:$deviation,
                       DefaultValuedAttr<F32Attr, "0.0f">:$mean, DefaultValuedAttr<I32Attr, "0">:$seed);
  let results = (outs AnyStaticShapeTensor:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What u is multiplied with: sqrt(3) * deviation.
    float getFactor();
    /// The scale of all blocks, as f16 bits; for results packed as q4_0 or q8_0.
    uint16_t getBlockScale();
  }];
}

#endif // NYALA_IR_WEIGHTOPS_TD
