//===- ObjectCompiler.h - Kernels to machine code ---------------*- C++ -*-===//
//
// LLVM compiles the kernels of a variant to one object; its sections are
// laid out and its relocations resolved here, so that the result is one flat,
// position-independent image that the runtime maps and calls. An ELF header and
// symbol table around it let objdump and gdb read it.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_CODEGEN_CPU_OBJECTCOMPILER_H
#define NYALA_CODEGEN_CPU_OBJECTCOMPILER_H

#include "codegen/CodeImage.h"
#include "ir/NyalaAttrs.h"

#include "mlir/IR/BuiltinOps.h"

namespace nyala::cpu {

/// Compiles the variants for CPUs of a module of the phase `program` (ir/Variants.h), each for its
/// target, in their order. An image is a whole ELF file, to be mapped readable and executable, its
/// kernels in the order of the variant. Emits errors on the variant.
mlir::FailureOr<std::vector<CodeImage>> compileKernels(mlir::ModuleOp module);

/// Turns a relocatable ELF object (x86-64) into an image, whose `arch` stays open. `kernels` are
/// the names to export. Fails with `error` if the object refers to anything outside itself or needs
/// writable data.
mlir::FailureOr<CodeImage> linkImage(llvm::StringRef object, llvm::ArrayRef<std::string> kernels,
                                     std::string &error);

} // namespace nyala::cpu

#endif // NYALA_CODEGEN_CPU_OBJECTCOMPILER_H
