//===- CodeImage.h - What a variant's kernels are compiled to ---*- C++ -*-===//
#ifndef NYALA_CODEGEN_CODEIMAGE_H
#define NYALA_CODEGEN_CODEIMAGE_H

#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nyala {

/// A file of code as an artifact holds it (Executable in runtime/artifact.fbs).
struct CodeImage {
  struct Kernel {
    std::string name;
    uint64_t entry; ///< offset in the image of its code; in PTX of its text
    uint64_t size;  ///< bytes of that
  };
  std::string arch;   ///< the variant's name (ir/Variants.h)
  std::string format; ///< "elf"; of GPUs "cubin" or "ptx"
  llvm::SmallVector<char, 0> bytes;
  std::vector<Kernel> kernels; ///< the same in all images of a device
};

} // namespace nyala

#endif // NYALA_CODEGEN_CODEIMAGE_H
