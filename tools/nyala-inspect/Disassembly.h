//===- Disassembly.h - Kernels as machine code in text ----------*- C++ -*-===//
#ifndef NYALA_TOOLS_NYALA_INSPECT_DISASSEMBLY_H
#define NYALA_TOOLS_NYALA_INSPECT_DISASSEMBLY_H

#include "runtime/core/Artifact.h"

namespace nyala::inspect {

/// The code of the kernel of that name, or of all kernels if it is empty, in every executable:
/// machine code of CPUs, PTX of GPUs. Of a cubin, how to look at it. Throws rt::Failure if there is
/// no such kernel or its code cannot be disassembled.
std::string reportMachineCode(const rt::Artifact &artifact, const std::string &kernel);

} // namespace nyala::inspect

#endif // NYALA_TOOLS_NYALA_INSPECT_DISASSEMBLY_H
