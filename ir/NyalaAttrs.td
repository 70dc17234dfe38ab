//===- NyalaAttrs.td - Attributes of the nyala dialect ------*- tablegen -*-===//
#ifndef NYALA_IR_NYALAATTRS_TD
#define NYALA_IR_NYALAATTRS_TD

include "ir/NyalaDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/TensorEncoding.td"

class Nyala_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Nyala_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

class Nyala_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::nyala";
  let genSpecializedAttr = 0;
}

//===----------------------------------------------------------------------===//
// Enums
//===----------------------------------------------------------------------===//

def Nyala_RopePairing : Nyala_Enum<"RopePairing", "which channels of a head rotate together", [
  I32EnumAttrCase<"Adjacent", 0, "adjacent">, // (2i, 2i+1): GGUF files of llama
  I32EnumAttrCase<"Half", 1, "half">          // (i, i + dims/2): Hugging Face checkpoints
]>;
def Nyala_RopePairingAttr : EnumAttr<Nyala_Dialect, Nyala_RopePairing, "pairing">;

def Nyala_ActivationKind : Nyala_Enum<"ActivationKind", "activation function", [
  I32EnumAttrCase<"Silu", 0, "silu">,         // x * sigmoid(x)
  I32EnumAttrCase<"Gelu", 1, "gelu">,         // x * Phi(x), by erf
  I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,// tanh approximation of gelu
  I32EnumAttrCase<"Relu", 3, "relu">
]>;
def Nyala_ActivationKindAttr : EnumAttr<Nyala_Dialect, Nyala_ActivationKind, "activation_kind">;

def Nyala_ReduceKind : Nyala_Enum<"ReduceKind", "reduction over the channels of a row", [
  I32EnumAttrCase<"Sum", 0, "sum">,
  I32EnumAttrCase<"Mean", 1, "mean">,
  I32EnumAttrCase<"Max", 2, "max">
]>;
def Nyala_ReduceKindAttr : EnumAttr<Nyala_Dialect, Nyala_ReduceKind, "reduce_kind">;

def Nyala_MaskKind : Nyala_Enum<"MaskKind", "which cached positions a row attends to", [
  I32EnumAttrCase<"Causal", 0, "causal">      // positions up to the row's own
]>;

def Nyala_PoolKind : Nyala_Enum<"PoolKind", "what is kept of a window", [
  I32EnumAttrCase<"Max", 0, "max">,
  I32EnumAttrCase<"Average", 1, "average">
]>;
def Nyala_PoolKindAttr : EnumAttr<Nyala_Dialect, Nyala_PoolKind, "pool_kind">;

def Nyala_ResizeKind : Nyala_Enum<"ResizeKind", "how pixels of another size are made", [
  I32EnumAttrCase<"Nearest", 0, "nearest">,
  I32EnumAttrCase<"Linear", 1, "linear">
]>;
def Nyala_ResizeKindAttr : EnumAttr<Nyala_Dialect, Nyala_ResizeKind, "resize_kind">;

def Nyala_ResizeCoordinates : Nyala_Enum<"ResizeCoordinates", "where a pixel of the result lies", [
  I32EnumAttrCase<"HalfPixel", 0, "half_pixel">,               // (x + 0.5) / scale - 0.5
  I32EnumAttrCase<"PytorchHalfPixel", 1, "pytorch_half_pixel">,// the same; 0 of one pixel
  I32EnumAttrCase<"AlignCorners", 2, "align_corners">,         // x * (in - 1) / (out - 1); 0 of one
  I32EnumAttrCase<"Asymmetric", 3, "asymmetric">               // x / scale
]>;
def Nyala_ResizeCoordinatesAttr : EnumAttr<Nyala_Dialect, Nyala_ResizeCoordinates, "resize_coordinates">;

def Nyala_ResizeRounding : Nyala_Enum<"ResizeRounding", "which pixel is nearest", [
  I32EnumAttrCase<"HalfDown", 0, "half_down">, // ceil(x - 0.5)
  I32EnumAttrCase<"HalfUp", 1, "half_up">,     // floor(x + 0.5)
  I32EnumAttrCase<"Floor", 2, "floor">,
  I32EnumAttrCase<"Ceil", 3, "ceil">
]>;
def Nyala_ResizeRoundingAttr : EnumAttr<Nyala_Dialect, Nyala_ResizeRounding, "resize_rounding">;

def Nyala_BufferRegion : Nyala_Enum<"BufferRegion", "memory region of a program", [
  I32EnumAttrCase<"Arena", 0, "arena">,
  I32EnumAttrCase<"Weight", 1, "weight">,
  I32EnumAttrCase<"State", 2, "state">,
  I32EnumAttrCase<"Argument", 3, "argument">,
  I32EnumAttrCase<"Result", 4, "result">
]>;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Nyala_StoredFormat : AttrParameter<"::nyala::StoredFormat", "stored number format"> {
  let parser = "::nyala::parseStoredFormat($_parser)";
  let printer = "$_printer << ::nyala::getInfo($_self).name";
}

def Nyala_StoredFormatAttr : Nyala_Attr<"StoredFormat", "stored_format"> {
  let summary = "a number format of stored weights";
  let description = [{
    ```mlir
    #nyala.stored_format<q8_0>
    ```
  }];
  let parameters = (ins Nyala_StoredFormat:$value);
  let assemblyFormat = "`<` $value `>`";
}

def Nyala_SourceAttr : Nyala_Attr<"Source", "source"> {
  let summary = "where a weight's bytes are: a range of a file, in a stored format";
  let description = [{
    ```mlir
    #nyala.source<"model.gguf", offset = 4096, bytes = 207360, format = q4_1>
    ```
  }];
  let parameters = (ins StringRefParameter<"file">:$file, "int64_t":$offset, "int64_t":$bytes,
                        Nyala_StoredFormat:$format);
  let assemblyFormat = [{
    `<` $file `,` `offset` `=` $offset `,` `bytes` `=` $bytes `,` `format` `=` $format `>`
  }];
}

def Nyala_PackedAttr : Nyala_Attr<"Packed", "packed"> {
  let summary = "tensor encoding: a matrix stored in interleaved row groups";
  let description = [{
    The layout that kernels stream: groups of 16 rows, within a group block after block of 32
    columns, within a block four columns of all 16 rows side by side (docs/weight-layout.md). The
    values are those of the plain tensor.

    ```mlir
    tensor<576x576xf32, #nyala.packed<q4_1>>
    ```
  }];
  let parameters = (ins Nyala_StoredFormat:$format);
  let assemblyFormat = "`<` $format `>`";
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Nyala_BlocksAttr : Nyala_Attr<"Blocks", "blocks",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "tensor encoding: a cache whose slots are stored in quantized blocks";
  let description = [{
    A cache's channels by blocks of 32, integers with a scale of 16 bits (`q8_0`, `q4_0`): a slot of C
    channels takes C * 34/32 or C * 18/32 bytes (ir/storage/SlotLayout.h). The element type, f32, is what
    values mean; appending rounds to what blocks can hold (docs/numerics.md).

    ```mlir
    tensor<1x8192x192xf32, #nyala.blocks<q8_0>>
    ```
  }];
  let parameters = (ins Nyala_StoredFormat:$format);
  let assemblyFormat = "`<` $format `>`";
  let genVerifyDecl = 1;
}

def Nyala_MaskAttr : Nyala_Attr<"Mask", "mask"> {
  let summary = "a described attention mask";
  let description = [{
    `causal`: row at position p attends to positions s ≤ p of its sequence; with `window = w` also
    s > p - w.

    ```mlir
    #nyala.mask<causal>
    #nyala.mask<causal, window = 512>
    ```
  }];
  let parameters = (ins EnumParameter<Nyala_MaskKind>:$kind,
                        DefaultValuedParameter<"int64_t", "0">:$window);
  let assemblyFormat = "`<` $kind (`,` `window` `=` $window^)? `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Targets and programs
//===----------------------------------------------------------------------===//

def Nyala_CpuTargetAttr : Nyala_Attr<"CpuTarget", "cpu_target"> {
  let summary = "an x86-64 CPU that kernels are generated for";
  let description = [{
    `features` are LLVM feature names that the code may use; nothing else may be assumed.

    ```mlir
    #nyala.cpu_target<"x86-64-v3", features = "avx", "avx2", "f16c", "fma">
    ```
  }];
  let parameters = (ins StringRefParameter<"arch">:$arch,
                        OptionalArrayRefParameter<"::mlir::StringAttr">:$features);
  let assemblyFormat = "`<` $arch (`,` `features` `=` $features^)? `>`";
  let extraClassDeclaration = [{
    bool hasFeature(llvm::StringRef feature) const;
  }];
}

def Nyala_CudaTargetAttr : Nyala_Attr<"CudaTarget", "cuda_target"> {
  let summary = "an NVIDIA GPU architecture that kernels are generated for";
  let description = [{
    As CUDA's compilers name them; an `a` behind the number: with instructions that this architecture alone has.

    ```mlir
    #nyala.cuda_target<"sm_90a">
    ```
  }];
  let parameters = (ins StringRefParameter<"arch">:$arch);
  let assemblyFormat = "`<` $arch `>`";
  let extraClassDeclaration = [{
    /// 80 of sm_80, 90 of sm_90a; 0 if the name is none.
    unsigned getComputeCapability() const;
    /// Does the name end in `a`?
    bool isSpecific() const;
  }];
}

def Nyala_MatmulCallAttr : Nyala_Attr<"MatmulCall", "matmul_call"> {
  let summary = "a kernel that a library's matrix product can stand in for";
  let description = [{
    On a gpu.func: result[rows x columns] = activations[rows x depth] * weight[columns x depth]^T
    (+ residual[rows x columns]), factors bf16, sums, residual and result f32. Numbers are indices of the kernel's buffers.

    ```mlir
    #nyala.matmul_call<columns = 576, depth = 1536, activations = 0, weight = 1, residual = 2, result = 3>
    ```
  }];
  let parameters = (ins "int64_t":$columns, "int64_t":$depth, "int64_t":$activations, "int64_t":$weight,
                        DefaultValuedParameter<"int64_t", "-1">:$residual, "int64_t":$result);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Nyala_BufferAttr : Nyala_Attr<"Buffer", "buffer"> {
  let summary = "an operand of a step: a region and where in it";
  let description = [{
    ```mlir
    #nyala.buffer<arena, offset = 2304>      #nyala.buffer<weight, symbol = @blk.0.ffn_down>
    #nyala.buffer<state, index = 3>          #nyala.buffer<argument, index = 0>
    ```
  }];
  let parameters = (ins EnumParameter<Nyala_BufferRegion>:$region,
                        OptionalParameter<"::mlir::FlatSymbolRefAttr">:$symbol,
                        DefaultValuedParameter<"int64_t", "0">:$index,
                        DefaultValuedParameter<"int64_t", "0">:$offset);
  let assemblyFormat = "`<` $region (`,` struct($symbol, $index, $offset)^)? `>`";
}

def Nyala_CountAttr : Nyala_Attr<"Count", "count"> {
  let summary = "a row count that the caller of a program chooses, and its bound; in training steps it is that bound";
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$max);
  let assemblyFormat = "`<` $name `,` `max` `=` $max `>`";
}

def Nyala_ArgumentAttr : Nyala_Attr<"Argument", "argument"> {
  let summary = "an argument of a program: its role, and the index of the count of its rows";
  let parameters = (ins StringRefParameter<"role">:$role, "int64_t":$count);
  let assemblyFormat = "`<` $role `,` `count` `=` $count `>`";
}

def Nyala_ResultAttr : Nyala_Attr<"Result", "result"> {
  let summary = "a result of a program: its name, the index of its row count, bytes of a row";
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$count, "int64_t":$rowBytes);
  let assemblyFormat = "`<` $name `,` `count` `=` $count `,` `row_bytes` `=` $rowBytes `>`";
}

def Nyala_StateAttr : Nyala_Attr<"State", "state"> {
  let summary = "a state of the model: its name, sequences, slots of a sequence, bytes of a slot";
  let description = [{
    A `resident` state is a weight as a device reads it, one slot: it belongs to the loaded model, not to a
    session, and `init` (or `randomize`) alone writes it (docs/cuda.md).

    ```mlir
    #nyala.state<"blk.0.k", sequences = 16, slots = 8192, slot_bytes = 384>
    #nyala.state<"output.weight", sequences = 1, slots = 1, slot_bytes = 56623104, resident = true>
    ```
  }];
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$sequences, "int64_t":$slots,
                        "int64_t":$slotBytes, DefaultValuedParameter<"bool", "false">:$resident);
  let assemblyFormat = [{
    `<` $name `,` `sequences` `=` $sequences `,` `slots` `=` $slots `,` `slot_bytes` `=` $slotBytes
    (`,` `resident` `=` $resident^)? `>`
  }];
}

#endif // NYALA_IR_NYALAATTRS_TD
