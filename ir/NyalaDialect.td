//===- NyalaDialect.td - The nyala dialect ------------------*- tablegen -*-===//
#ifndef NYALA_IR_NYALADIALECT_TD
#define NYALA_IR_NYALADIALECT_TD

include "mlir/IR/OpBase.td"

def Nyala_Dialect : Dialect {
  let name = "nyala";
  let cppNamespace = "::nyala";
  let summary = "Transformer models, from whole models to programs of steps";
  let description = [{
    Ops of the model level are pure and work on tensors: activations are `tensor<?xCxf32>`, rows by
    channels, one row a token; state (a KV cache) enters and leaves a function as an SSA value.
    Weights are symbols whose data stay in files. Dispatch-level ops (`nyala.kernel`,
    `nyala.dispatch`) hold fused regions; program-level ops (`nyala.program`, `nyala.step`) hold what
    the runtime executes. Elementwise arithmetic is that of `arith` and `math` on tensors.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    /// On arguments of entry functions: what the runtime passes ("tokens", "positions", …).
    static constexpr llvm::StringLiteral kRoleAttr = "nyala.role";
    /// On row arguments of specialized entries: the largest number of rows.
    static constexpr llvm::StringLiteral kMaxRowsAttr = "nyala.max_rows";
    /// On arguments and results: the name of the state (a cache) that they carry.
    static constexpr llvm::StringLiteral kStateAttr = "nyala.state";
    /// Beside it: the state belongs to the loaded model, not to a session. Only @init (or @randomize)
    /// writes it.
    static constexpr llvm::StringLiteral kResidentAttr = "nyala.resident";
    /// On results of entries: what the caller reads them as ("logits").
    static constexpr llvm::StringLiteral kResultAttr = "nyala.result";
    /// On the module: a dictionary of facts about the model.
    static constexpr llvm::StringLiteral kModelAttr = "nyala.model";
    /// On the module: the file that holds the tokenizer.
    static constexpr llvm::StringLiteral kTokenizerAttr = "nyala.tokenizer";
    /// On the module: what kernels are generated for, those of a device best first (array of
    /// #nyala.cpu_target and #nyala.cuda_target).
    static constexpr llvm::StringLiteral kTargetsAttr = "nyala.targets";
    /// On a variant (ir/Variants.h): the one that its kernels are for.
    static constexpr llvm::StringLiteral kTargetAttr = "nyala.target";
    /// On entries, kernels and programs: the device that runs them ("cuda"; "cpu" or absent: the CPU).
    static constexpr llvm::StringLiteral kDeviceAttr = "nyala.device";
    /// On functions: an entry point of the artifact.
    static constexpr llvm::StringLiteral kEntryAttr = "nyala.entry";

    void registerAttributes();
  }];
}

#endif // NYALA_IR_NYALADIALECT_TD
