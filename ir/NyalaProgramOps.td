//===- NyalaProgramOps.td - Dispatch and program ops ---------*- tablegen -*-===//
#ifndef NYALA_IR_NYALAPROGRAMOPS_TD
#define NYALA_IR_NYALAPROGRAMOPS_TD

include "ir/NyalaOps.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"

//===----------------------------------------------------------------------===//
// Dispatch level
//===----------------------------------------------------------------------===//

def Nyala_KernelOp : Nyala_Op<"kernel", [IsolatedFromAbove, AutomaticAllocationScope,
                                         FunctionOpInterface, HasParent<"::mlir::ModuleOp">]> {
  let summary = "a fused region that becomes one kernel";
  let description = [{
    A function on tensors that all dispatches with the same body share. `max_rows` bounds its rows.

    ```mlir
    nyala.kernel @residual(%x: tensor<?x576xf32>, %w: tensor<576x576xf32>, %r: tensor<?x576xf32>)
        -> tensor<?x576xf32> attributes {max_rows = 1 : i64} {
      %0 = nyala.linear %x, %w : tensor<?x576xf32>, tensor<576x576xf32> -> tensor<?x576xf32>
      %1 = arith.addf %r, %0 : tensor<?x576xf32>
      nyala.return %1 : tensor<?x576xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       I64Attr:$max_rows,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    mlir::ArrayRef<mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    mlir::ArrayRef<mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    mlir::Region *getCallableRegion() { return &getBody(); }
  }];
}

def Nyala_ReturnOp : Nyala_Op<"return", [Pure, Terminator, ReturnLike, HasParent<"KernelOp">]> {
  let summary = "ends a kernel";
  let arguments = (ins Variadic<AnyTensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let hasVerifier = 1;
}

def Nyala_DispatchOp : Nyala_Op<"dispatch", [Pure,
                                             DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "one execution of a kernel";
  let description = [{
    `rows` is the number of rows the kernel works on. `tied[i]` is the operand that result i updates
    in place, or -1.

    ```mlir
    %n = tensor.dim %tokens, %c0 : tensor<?xi32>
    %q, %k1 = nyala.dispatch @qk rows(%n) (%x, %w, %k0, %slots, %sequences) tied [-1, 2]
       : (tensor<?x576xf32>, tensor<768x576xf32>, tensor<1x64x192xf32>, tensor<?xi32>, tensor<?xi32>)
       -> (tensor<?x576xf32>, tensor<1x64x192xf32>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$rows, Variadic<AnyTensor>:$inputs,
                       DenseI64ArrayAttr:$tied);
  let results = (outs Variadic<AnyTensor>:$results);
  let assemblyFormat = [{
    $kernel `rows` `(` $rows `)` `(` $inputs `)` `tied` $tied attr-dict `:`
    functional-type($inputs, $results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Program level
//===----------------------------------------------------------------------===//

def Nyala_ProgramOp : Nyala_Op<"program", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock,
                                           HasParent<"::mlir::ModuleOp">]> {
  let summary = "an entry point: steps over statically planned memory";
  let description = [{
    The attribute `nyala.device` says what runs it; without, it is the CPU.

    ```mlir
    nyala.program @decode counts [#nyala.count<"rows", max = 1>]
        arguments [#nyala.argument<"tokens", count = 0>]
        results [#nyala.result<"logits", count = 0, row_bytes = 196608>]
        states [#nyala.state<"blk.0.k", sequences = 1, slots = 64, slot_bytes = 768>] arena 4096 {
      nyala.step @embed [#nyala.buffer<argument>, #nyala.buffer<weight, symbol = @table>, #nyala.buffer<arena>]
          rows 0 waits [] cost [0, 0, 0, 4608, 0]
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypedArrayAttrBase<Nyala_CountAttr, "counts">:$counts,
                       TypedArrayAttrBase<Nyala_ArgumentAttr, "arguments">:$arguments,
                       TypedArrayAttrBase<Nyala_ResultAttr, "results">:$results,
                       TypedArrayAttrBase<Nyala_StateAttr, "states">:$states,
                       I64Attr:$arena_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `counts` $counts `arguments` $arguments `results` $results `states` $states `arena`
    $arena_bytes attr-dict-with-keyword $body
  }];
}

def Nyala_StepOp : Nyala_Op<"step", [HasParent<"ProgramOp">,
                                     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "one launch of a kernel";
  let description = [{
    Every variant of the program's device (a module of kernels for one CPU or GPU) has the kernel. `rows` is the index of the program's
    count that bounds the kernel's rows; `waits` lists the indices of earlier steps that must be complete.
    `cost` holds the fields of OpCost in their order. The kernel's new results are its last buffers; `writes` holds
    their bytes at the most rows. (What it updates in place is among the buffers before.) `floats` says
    of each of `writes` whether it is f32, `updates` lists the indices of buffers whose old values are
    overwritten.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel,
                       TypedArrayAttrBase<Nyala_BufferAttr, "buffers">:$buffers, I64Attr:$rows,
                       DenseI64ArrayAttr:$waits,
                       DenseI64ArrayAttr:$cost,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$writes,
                       DefaultValuedAttr<DenseBoolArrayAttr, "{}">:$floats,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$updates);
  let assemblyFormat = [{
    $kernel $buffers `rows` $rows `waits` $waits `cost` $cost (`writes` $writes^)?
    (`floats` $floats^)? (`updates` $updates^)? attr-dict
  }];
  let hasVerifier = 1;
}

#endif // NYALA_IR_NYALAPROGRAMOPS_TD
