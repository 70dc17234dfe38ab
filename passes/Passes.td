//===- Passes.td - Model passes ------------------------------*- tablegen -*-===//
#ifndef NYALA_PASSES_PASSES_TD
#define NYALA_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif // NYALA_PASSES_PASSES_TD
