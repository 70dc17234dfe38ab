//===- GradientInterface.td - Reverse-mode differentiation --*- tablegen -*-===//
#ifndef NYALA_IR_INTERFACES_GRADIENTINTERFACE_TD
#define NYALA_IR_INTERFACES_GRADIENTINTERFACE_TD

include "mlir/IR/OpBase.td"

def Nyala_GradientOpInterface : OpInterface<"GradientOpInterface"> {
  let cppNamespace = "::nyala";
  let description = [{
    How an op takes part in reverse-mode differentiation (docs/training.md): it builds the ops that
    compute the gradient of a scalar loss with respect to its operands from that with respect to its
    results (a vector-Jacobian product). Attached to ops of this and of upstream dialects as external
    models (passes/differentiate/GradientModels.h).
  }];
  let methods = [
    InterfaceMethod<[{
      Gradients with respect to the operands, in their order, of the operands' types.
      `gradients[i]` is that of result i, null where the loss does not depend on it; at least one is
      given. `needed[i]` says whether that of operand i is asked for; null is returned for one that is
      not, and for one that the results do not depend on. Emits an error and fails where an operand's
      gradient is asked for but does not exist.
    }],
      "::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>", "buildGradient",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$gradients,
           "::llvm::ArrayRef<bool>":$needed)>
  ];
}

#endif // NYALA_IR_INTERFACES_GRADIENTINTERFACE_TD
