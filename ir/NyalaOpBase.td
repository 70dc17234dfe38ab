//===- NyalaOpBase.td - What ops have in common -------------*- tablegen -*-===//
#ifndef NYALA_IR_NYALAOPBASE_TD
#define NYALA_IR_NYALAOPBASE_TD

include "ir/NyalaAttrs.td"
include "ir/interfaces/NyalaInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Nyala_Op<string mnemonic, list<Trait> traits = []> : Op<Nyala_Dialect, mnemonic, traits>;

/// An op of the model level: pure, executable by the interpreter, with a cost and rows. `rowMethods`:
/// "getRowOperands" if several operands have the results' rows.
class Nyala_ModelOp<string mnemonic, list<Trait> traits = [], list<string> rowMethods = []>
    : Nyala_Op<mnemonic, traits # [
        Pure,
        DeclareOpInterfaceMethods<Nyala_CostOpInterface>,
        DeclareOpInterfaceMethods<Nyala_ReferenceOpInterface>,
        DeclareOpInterfaceMethods<Nyala_RowDomainOpInterface, rowMethods>,
        DeclareOpInterfaceMethods<Nyala_FusibleOpInterface>]>;

/// Channels, the last dimension, are static; rows, sequences and slots need not be.
class Nyala_Channels<Type type, string summary>
    : ConfinedType<type, [CPred<"!::llvm::cast<::mlir::ShapedType>($_self).isDynamicDim("
                                "::llvm::cast<::mlir::ShapedType>($_self).getRank() - 1)">],
                   summary>;

def Nyala_Matrix : Nyala_Channels<2DTensorOf<[AnyFloat]>, "2D tensor of floats, rows by a static number of channels">;
def Nyala_Vector : Nyala_Channels<1DTensorOf<[AnyFloat]>, "1D tensor of a static number of floats">;
def Nyala_Ids : 1DTensorOf<[I32]>;           // one a row
def Nyala_Cache : Nyala_Channels<3DTensorOf<[AnyFloat]>, "3D tensor of floats, sequences by slots by a static number of channels">;

#endif // NYALA_IR_NYALAOPBASE_TD
