//===- CudaModule.cpp - The code of an artifact on a GPU ------------------===//

#include "runtime/devices/cuda/CudaModule.h"
#include "runtime/core/Status.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace nyala::rt::cuda {
namespace {

/// What kernels get without asking for more.
constexpr uint64_t defaultSharedBytes = 48 << 10;

/// "sm_90a": compute capability 9.0, and only that.
struct Architecture {
  int major = 0, minor = 0;
  bool specific = false;
};

Architecture parseArchitecture(std::string_view text) {
  if (!text.starts_with("sm_"))
    return {};
  text.remove_prefix(3);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return {number / 10, number % 10, end != text.data() + text.size()};
}

/// How well code suits a GPU; 0: not at all. Cubins come before PTX, then what is closest.
int rate(const artifact::Executable &executable, const CudaContext &gpu) {
  if (executable.target() != artifact::Target::Cuda)
    return 0;
  const Architecture arch = parseArchitecture(executable.arch()->string_view());
  const bool same = arch.major == gpu.getMajor() && arch.minor == gpu.getMinor();
  const bool older =
      arch.major < gpu.getMajor() || (arch.major == gpu.getMajor() && arch.minor <= gpu.getMinor());
  const int closeness = 20 * arch.major + 2 * arch.minor + (arch.specific ? 1 : 0);
  constexpr int aboveAllPtx = 1 << 16;
  if (executable.format()->string_view() == "cubin")
    return same || (!arch.specific && older && arch.major == gpu.getMajor())
               ? aboveAllPtx + closeness
               : 0;
  return same || (!arch.specific && older && arch.major > 0) ? closeness : 0;
}

/// "sm_90a (cubin), sm_90a (ptx)"
std::string listCode(const Artifact &artifact) {
  std::string text;
  for (const artifact::Executable *executable : *artifact.program().executables())
    if (executable->target() == artifact::Target::Cuda)
      text += (text.empty() ? "" : ", ") + executable->arch()->str() + " (" +
              executable->format()->str() + ")";
  return text;
}

} // namespace

CudaModule::CudaModule(const CudaContext &context, const Artifact &artifact) : context(context) {
  std::vector<const artifact::Executable *> candidates;
  for (const artifact::Executable *candidate : *artifact.program().executables())
    if (rate(*candidate, context) > 0)
      candidates.push_back(candidate);
  std::ranges::sort(candidates, std::greater(), [&](const artifact::Executable *candidate) {
    return rate(*candidate, context);
  });
  context.use();
  std::string obstacles;
  for (const artifact::Executable *candidate : candidates) {
    const std::string obstacle = load(*candidate, artifact.getCode(*candidate));
    if (obstacle.empty())
      return;
    obstacles += "; " + obstacle;
  }
  const std::string arch =
      "sm_" + std::to_string(context.getMajor()) + std::to_string(context.getMinor());
  throw Failure(NYALA_UNSUPPORTED,
                "'" + artifact.getPath() + "' has code for " + listCode(artifact) + "; " +
                    context.getName() + ", " + context.getProduct() + ", is " + arch + obstacles +
                    (obstacles.empty()
                         ? "; compile the model with --cuda-arch=" + arch +
                               (context.getMajor() >= 9 ? "a" : "")
                         : "; update the driver, or compile the model with the ptxas of an older "
                           "cuda (--ptxas)"));
}

CudaModule::CudaModule(const CudaContext &context, const artifact::Executable &executable,
                       std::span<const std::byte> code)
    : context(context) {
  context.use();
  if (const std::string obstacle = load(executable, code); !obstacle.empty())
    throw Failure(NYALA_UNSUPPORTED, obstacle);
}

CudaModule::~CudaModule() { unload(); }

void CudaModule::unload() {
  context.tryUse();
  if (module)
    context.getDriver().moduleUnload(module);
}

std::string CudaModule::load(const artifact::Executable &candidate,
                             std::span<const std::byte> code) {
  const CudaDriver &driver = context.getDriver();
  std::string log(4096, '\0');
  int names[] = {jitErrorLog, jitErrorLogBytes};
  void *values[] = {log.data(), std::bit_cast<void *>(log.size())};
  const Result result =
      driver.moduleLoadDataEx(&module, code.data(), std::size(names), names, values);
  switch (result) {
  case Success:
    break;
  case InvalidImage:
  case NoBinaryForGpu:
  case InvalidPtx:
  case UnsupportedPtxVersion:
    log.resize(log.find('\0'));
    return "the driver (cuda " + driver.getVersion() + ") refuses its " +
           candidate.format()->str() + " for " + candidate.arch()->str() + ": " +
           driver.describe(result) + (log.empty() ? "" : ": " + log);
  default:
    driver.fail(result,
                "load the code for " + candidate.arch()->str() + " onto " + context.getName());
  }
  executable = &candidate;
  try {
    findFunctions();
  } catch (...) {
    unload();
    throw;
  }
  return "";
}

void CudaModule::findFunctions() {
  const CudaDriver &driver = context.getDriver();
  for (const artifact::Kernel *kernel : *executable->kernels()) {
    Function function = nullptr;
    if (const Result result = driver.moduleGetFunction(&function, module, kernel->name()->c_str());
        result != Success)
      driver.fail(result, "find kernel '" + kernel->name()->str() + "' in its code for " +
                              executable->arch()->str());
    // Loads the function: only for those that need it.
    if (kernel->shared_bytes() > defaultSharedBytes)
      if (const Result result = driver.funcSetAttribute(function, maxDynamicSharedBytes,
                                                        static_cast<int>(kernel->shared_bytes()));
          result != Success)
        driver.fail(result, "give kernel '" + kernel->name()->str() + "' " +
                                std::to_string(kernel->shared_bytes()) + " bytes of shared memory");
    functions.push_back(function);
  }
}

} // namespace nyala::rt::cuda
