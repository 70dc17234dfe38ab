//===- CudaProgram.cpp - One entry point as launches of kernels -----------===//

#include "runtime/devices/cuda/CudaProgram.h"
#include "runtime/core/Status.h"
#include "runtime/kernel_abi.h"

#include <algorithm>
#include <set>

namespace nyala::rt::cuda {

Address CudaProgram::resolve(const artifact::Buffer &buffer, const CudaMemory &memory) const {
  const auto base = [&]() -> Address {
    switch (buffer.region()) {
    case artifact::Region::Arena:
      return memory.arena;
    case artifact::Region::Weight:
      return memory.weights[buffer.index()];
    case artifact::Region::State:
      return memory.states[buffer.index()];
    case artifact::Region::Argument:
      return memory.arguments[buffer.index()];
    case artifact::Region::Result:
      return memory.results[buffer.index()];
    }
    __builtin_unreachable(); // checkStructure() accepts no other
  };
  return base() + buffer.offset();
}

std::string CudaProgram::describe(size_t index) const {
  const artifact::Step &step = *entry.steps()->Get(static_cast<uint32_t>(index));
  return "step " + std::to_string(index) + " of " + entry.name()->str() + ", kernel " +
         module.getKernel(step.kernel()).name()->str();
}

const artifact::MatmulCall *CudaProgram::findLibraryCall(const artifact::Kernel &kernel,
                                                         uint32_t rows) const {
  const artifact::MatmulCall *call = kernel.library_call();
  // The bits of shorter calls must not depend on a library's choices.
  return call && library && rows > NYALA_CONTRACT_ROWS && library->prepare(*call, rows) ? call
                                                                                        : nullptr;
}

void CudaProgram::unifySharedMemory() const {
  constexpr uint64_t reserved = 1 << 10; // of each block
  std::set<uint32_t> kernels;
  uint64_t most = 0;
  for (const artifact::Step *step : *entry.steps())
    if (const artifact::Kernel &kernel = module.getKernel(step->kernel()); kernel.overlaps()) {
      kernels.insert(step->kernel());
      most = std::max(most, kernel.shared_bytes() + reserved);
    }
  const CudaContext &context = module.getContext();
  const uint64_t all = std::max(context.getSharedBytes(), 1);
  const auto percent = static_cast<int>(std::min<uint64_t>((100 * most + all - 1) / all, 100));
  for (const uint32_t kernel : kernels)
    context.getDriver().check(context.getDriver().funcSetAttribute(module.getFunction(kernel),
                                                                   preferredSharedPercent, percent),
                              "divide the memory of multiprocessors");
}

bool CudaProgram::launch(size_t index, const CudaMemory &memory, std::span<const uint32_t> most,
                         Stream stream, bool behindKernel) const {
  const artifact::Step &step = *entry.steps()->Get(static_cast<uint32_t>(index));
  const artifact::Kernel &kernel = module.getKernel(step.kernel());
  const uint32_t rows = most[step.rows()];
  if (rows == 0)
    return behindKernel;
  std::vector<Address> arguments;
  arguments.reserve(step.buffers()->size() + 2);
  for (const artifact::Buffer *buffer : *step.buffers())
    arguments.push_back(resolve(*buffer, memory));
  if (const artifact::MatmulCall *call = findLibraryCall(kernel, rows)) {
    library->multiply(*call, arguments, rows, memory.libraryWorkspace, stream);
    return false;
  }
  arguments.push_back(memory.counts + step.rows() * sizeof(int32_t));
  if (kernel.workspace_bytes() > 0)
    arguments.push_back(memory.workspace);
  std::vector<void *> parameters;
  parameters.reserve(arguments.size());
  for (Address &argument : arguments)
    parameters.push_back(&argument);
  const uint32_t rowBlocks = kernel.row_block() > 0 ? (rows - 1) / kernel.row_block() + 1 : 1;
  const CudaDriver &driver = module.getContext().getDriver();
  const LaunchAttribute early = {.id = programmaticSerialization, .value = 1, .rest = {}};
  const LaunchConfig config = {
      .grid = {static_cast<unsigned>(kernel.tiles()), rowBlocks, 1},
      .block = {kernel.threads(), 1, 1},
      .sharedBytes = static_cast<unsigned>(kernel.shared_bytes()),
      .stream = stream,
      .attributes = &early,
      .numAttributes = behindKernel && kernel.overlaps() && driver.canOverlap() ? 1U : 0U};
  const Result result =
      driver.launchKernelEx(&config, module.getFunction(step.kernel()), parameters.data(), nullptr);
  if (result != Success)
    driver.fail(result, "launch " + describe(index) + " on " + module.getContext().getName() +
                            ", or what came before it failed (NYALA_CUDA_DEBUG=1 says which step)");
  return true;
}

void CudaProgram::launchAll(const CudaMemory &memory, std::span<const uint32_t> most,
                            Stream stream) const {
  bool behindKernel = false;
  for (size_t i = 0; i < entry.steps()->size(); ++i)
    behindKernel = launch(i, memory, most, stream, behindKernel);
}

uint64_t getWorkspaceBytes(const artifact::Executable &executable) {
  uint64_t bytes = 0;
  for (const artifact::Kernel *kernel : *executable.kernels())
    bytes = std::max(bytes, kernel->workspace_bytes());
  return bytes;
}

} // namespace nyala::rt::cuda
