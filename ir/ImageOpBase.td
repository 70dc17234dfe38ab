//===- ImageOpBase.td - What ops of images have in common ---*- tablegen -*-===//
#ifndef NYALA_IR_IMAGEOPBASE_TD
#define NYALA_IR_IMAGEOPBASE_TD

include "ir/NyalaOpBase.td"

/// An op on images, of which each is a row: pure, executable by the interpreter, with a cost.
class Nyala_ImageOp<string mnemonic, list<Trait> traits = []>
    : Nyala_Op<mnemonic, traits#[Pure, DeclareOpInterfaceMethods<Nyala_CostOpInterface>,
                                 DeclareOpInterfaceMethods<Nyala_ReferenceOpInterface>,
                                 DeclareOpInterfaceMethods<Nyala_RowDomainOpInterface>]>;

class Nyala_RowsOf<Type type, string summary>
    : ConfinedType<type,
                   [CPred<"!::mlir::ShapedType::isDynamicShape("
                          "::llvm::cast<::mlir::ShapedType>($_self).getShape().drop_front())">],
                   summary>;

def Nyala_Images
    : Nyala_RowsOf<4DTensorOf<[AnyFloat]>,
                   "4D tensor of floats, images by static numbers of channels, rows and columns">;
def Nyala_Planes
    : Nyala_RowsOf<TensorRankOf<[AnyFloat], [2, 3, 4, 5]>,
                   "tensor of floats, images by static numbers of channels and of what each has">;
def Nyala_Filters : ConfinedType<4DTensorOf<[AnyFloat]>, [HasStaticShapePred],
                                 "4D tensor of floats of static shape">;

/// How a window moves: rows first, then columns. Pads are those at the top, left, bottom and right.
class Nyala_Window {
  dag parameters = (ins DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$strides,
      DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">:$pads,
      DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">:$dilations);
}

#endif // NYALA_IR_IMAGEOPBASE_TD
