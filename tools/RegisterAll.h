//===- RegisterAll.h - The dialects that nyala's tools know -----*- C++ -*-===//
#ifndef NYALA_TOOLS_REGISTERALL_H
#define NYALA_TOOLS_REGISTERALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace nyala {

/// Adds the nyala dialect and the upstream dialects that some phase of a compilation uses, with the
/// interfaces that upstream passes (inlining, bufferization, lowering to LLVM) ask of them. Named
/// one by one: registering everything of MLIR would cost 20 ms at every start.
void registerAllDialects(mlir::DialectRegistry &registry);

} // namespace nyala

#endif // NYALA_TOOLS_REGISTERALL_H
