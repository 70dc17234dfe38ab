//===- Variants.h - Kernels of one model for several machines ---*- C++ -*-===//
//
// All variants of a device share its programs, and all programs the weights; each
// variant has code of its own. In IR a variant is a module inside of the
// model's, named as its CPU or GPU:
//
//   module attributes {nyala.targets = [#nyala.cpu_target<"znver4", …>,
//   #nyala.cuda_target<"sm_90a">]} {
//     module @znver4 attributes {nyala.target = #nyala.cpu_target<"znver4", …>} {
//       func.func @k(…)
//     module @sm_90a attributes {nyala.target = #nyala.cuda_target<"sm_90a">} {
//       gpu.module @kernels {
//         gpu.func @k(…)
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_IR_VARIANTS_H
#define NYALA_IR_VARIANTS_H

#include "ir/NyalaOps.h"

namespace nyala {

/// What runs programs.
enum class Device { Cpu, Cuda };

/// "cpu", "cuda": in IR, of options, in artifacts.
llvm::StringRef getName(Device device);
std::optional<Device> parseDevice(llvm::StringRef name);

/// The device of an entry, a kernel or a program: its attribute nyala.device; without, the CPU.
Device getDevice(mlir::Operation *op);
/// Gives `op` the attribute, or none for the CPU.
void setDevice(mlir::Operation *op, Device device);

/// The symbol of entry `name` on a device: "decode", "cuda_decode".
std::string getEntrySymbol(Device device, llvm::StringRef name);
/// What an entry or program is called on its device: "decode" for @cuda_decode.
llvm::StringRef getEntryName(mlir::Operation *entry);

/// The kernels that code is to be generated for, in their order.
llvm::SmallVector<KernelOp> getKernels(mlir::ModuleOp module, Device device);

/// Name of the gpu.module in a GPU's variant.
inline constexpr llvm::StringLiteral kGpuModuleName = "kernels";

//===----------------------------------------------------------------------===//
// Targets: #nyala.cpu_target, #nyala.cuda_target
//===----------------------------------------------------------------------===//

bool isTarget(mlir::Attribute attribute);
Device getTargetDevice(mlir::Attribute target);
/// "znver4", "sm_90a".
llvm::StringRef getArch(mlir::Attribute target);

/// What kernels are to be generated for, those of a device best first: the attribute nyala.targets.
/// Emits an error if the module has none.
mlir::FailureOr<mlir::ArrayAttr> getTargets(mlir::ModuleOp module);
/// Does nyala.targets name one of `device`? Without the attribute there is but the CPU.
bool hasTarget(mlir::ModuleOp module, Device device);

//===----------------------------------------------------------------------===//
// Variants
//===----------------------------------------------------------------------===//

/// The variants in a module, in their order; none before kernels are generated.
llvm::SmallVector<mlir::ModuleOp> getVariants(mlir::ModuleOp module);
llvm::SmallVector<mlir::ModuleOp> getVariants(mlir::ModuleOp module, Device device);

/// What the kernels of a variant are for.
mlir::Attribute getTarget(mlir::ModuleOp variant);

/// A variant's code for `kernel`, whatever dialect it is in by now; null if there is none.
mlir::Operation *lookupKernel(mlir::ModuleOp variant, mlir::FlatSymbolRefAttr kernel,
                              mlir::SymbolTableCollection &symbols);

} // namespace nyala

#endif // NYALA_IR_VARIANTS_H
