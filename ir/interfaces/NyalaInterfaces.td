//===- NyalaInterfaces.td - What passes ask of an op --------*- tablegen -*-===//
#ifndef NYALA_IR_INTERFACES_NYALAINTERFACES_TD
#define NYALA_IR_INTERFACES_NYALAINTERFACES_TD

include "mlir/IR/OpBase.td"

/// Of ops that are no elementwise ops for MLIR, since they have operands of other shapes or
/// attributes that decide, but whose results can be computed in place.
def Nyala_Pointwise : NativeOpTrait<"Pointwise"> {
  let cppNamespace = "::nyala";
}

def Nyala_CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::nyala";
  let description = [{
    FLOPs and bytes of memory traffic of an op, as a function of the number of rows and of cached
    positions. Used by the planner, the inspector and, later, rematerialization.
  }];
  let methods = [
    InterfaceMethod<"The op's cost; every operand and result is counted once.",
                    "::nyala::OpCost", "getCost", (ins)>
  ];
}

def Nyala_ReferenceOpInterface : OpInterface<"ReferenceOpInterface"> {
  let cppNamespace = "::nyala";
  let description = [{
    The op's meaning, executable: plain loops over `reference::Tensor`s. Every rewrite is checked
    against it.
  }];
  let methods = [
    InterfaceMethod<[{Computes the results from the operands' values, in the operands' order.
                      Emits an error and fails where the op's contract is broken (an index out of
                      range).}],
                    "::mlir::FailureOr<::llvm::SmallVector<::nyala::reference::Tensor>>",
                    "evaluate", (ins "::llvm::ArrayRef<::nyala::reference::Tensor>":$operands)>
  ];
}

def Nyala_RowDomainOpInterface : OpInterface<"RowDomainOpInterface"> {
  let cppNamespace = "::nyala";
  let description = [{
    Which operand's rows the rows of the results are: result row r belongs to the same token as row
    r of that operand. The number of rows of a value is found by following it to an argument.
  }];
  let methods = [
    InterfaceMethod<"The operand whose leading dimension is that of the results.",
                    "::mlir::OpOperand &", "getRowOperand", (ins)>,
    InterfaceMethod<[{All operands of which result row r reads row r alone, the row operand among
                      them. Other operands (weights, caches) it may read as wholes. So results of some
                      rows of these operands are those rows of the results.}],
                    "::llvm::SmallVector<::mlir::OpOperand *>", "getRowOperands", (ins), [{}], [{
                      return {&$_op.getRowOperand()};
                    }]>
  ];
}

def Nyala_FusibleOpInterface : OpInterface<"FusibleOpInterface"> {
  let cppNamespace = "::nyala";
  let description = [{
    How an op may join a dispatch. What pays is a question to the target
    (codegen/dispatch/DispatchTarget.h).
  }];
  let methods = [
    InterfaceMethod<"How results depend on operands.", "::nyala::FusionKind", "getFusionKind",
                    (ins)>
  ];
}

def Nyala_StoredWeightOpInterface : OpInterface<"StoredWeightOpInterface"> {
  let cppNamespace = "::nyala";
  let description = [{
    Which operand is a weight matrix that a target may lay out in its own way (nyala-pack-weights).
  }];
  let methods = [
    InterfaceMethod<"The operand that holds the matrix.", "::mlir::OpOperand &", "getStoredWeight",
                    (ins)>
  ];
}

def Nyala_InPlaceOpInterface : OpInterface<"InPlaceOpInterface"> {
  let cppNamespace = "::nyala";
  let description = [{
    Which results are updates of operands, to be computed where those lie. The op itself is pure: that an
    update in place is right is for the planner to prove.
  }];
  let methods = [
    InterfaceMethod<"The operand that result `result` updates; null if it has memory of its own.",
                    "::mlir::OpOperand *", "getUpdatedOperand", (ins "unsigned":$result)>
  ];
}

#endif // NYALA_IR_INTERFACES_NYALAINTERFACES_TD
