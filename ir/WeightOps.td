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

#endif // NYALA_IR_WEIGHTOPS_TD
