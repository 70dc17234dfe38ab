//===- Ptxas.cpp - NVIDIA's assembler of PTX ------------------------------===//
#include "codegen/cuda/Ptxas.h"
#include "codegen/cuda/CudaTarget.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::cuda;
namespace path = llvm::sys::path;

namespace {

/// A file that is gone when this is, or when a signal ends the process.
class TemporaryFile {
public:
  explicit TemporaryFile(StringRef suffix) {
    status = llvm::sys::fs::createTemporaryFile("nyala", suffix, name);
    if (!status)
      llvm::sys::RemoveFileOnSignal(name);
  }
  ~TemporaryFile() {
    if (status)
      return;
    (void)llvm::sys::fs::remove(name);
    llvm::sys::DontRemoveFileOnSignal(name);
  }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  std::error_code getStatus() const { return status; }
  StringRef getName() const { return name; }
  std::string read() const {
    auto buffer = llvm::MemoryBuffer::getFile(name);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  }

private:
  SmallString<128> name;
  std::error_code status;
};

/// How a child process ended: its exit code, or less than 0 and a message.
struct Ending {
  int code;
  std::string message;
  std::string output; ///< both of its streams
};

} // namespace

/// Runs a program with nothing to read.
static Ending runTool(StringRef program, ArrayRef<StringRef> arguments) {
  TemporaryFile output("txt");
  if (std::error_code error = output.getStatus())
    return {-1, "no temporary file can be made: " + error.message(), ""};
  SmallVector<StringRef> line = {program};
  llvm::append_range(line, arguments);
  std::optional<StringRef> streams[] = {StringRef(), output.getName(), output.getName()};
  Ending ending{};
  ending.code = llvm::sys::ExecuteAndWait(program, line, std::nullopt, streams,
                                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &ending.message);
  ending.output = output.read();
  return ending;
}

//===----------------------------------------------------------------------===//
// Which ptxas
//===----------------------------------------------------------------------===//

static bool isProgram(const Twine &file) { return llvm::sys::fs::can_execute(file); }

/// PREFIX/lib/python3.*/{site,dist}-packages/nvidia/…/ptxas, as the package nvidia-cuda-nvcc lays
/// it out since CUDA 13 and before; empty if it is not there.
static std::string findInPython(StringRef prefix) {
  SmallString<128> lib(prefix);
  path::append(lib, "lib");
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(lib, error), end; it != end && !error;
       it.increment(error)) {
    if (!path::filename(it->path()).starts_with("python3"))
      continue;
    for (StringRef packages : {"site-packages", "dist-packages"})
      for (StringRef toolkit : {"cu13", "cuda_nvcc"}) {
        SmallString<128> file(it->path());
        path::append(file, packages, "nvidia", toolkit);
        path::append(file, "bin", "ptxas");
        if (isProgram(file))
          return file.str().str();
      }
  }
  return "";
}

/// The first that is there; empty if none is.
static std::string findPath() {
  auto inFolder = [](StringRef folder) {
    SmallString<128> file(folder);
    path::append(file, "bin", "ptxas");
    return isProgram(file) ? file.str().str() : std::string();
  };
  for (StringRef variable : {"CUDA_HOME", "CUDA_PATH"})
    if (std::optional<std::string> folder = llvm::sys::Process::GetEnv(variable))
      if (std::string file = inFolder(*folder); !file.empty())
        return file;
  if (llvm::ErrorOr<std::string> file = llvm::sys::findProgramByName("ptxas"))
    return *file;
  if (std::optional<std::string> folder = llvm::sys::Process::GetEnv("VIRTUAL_ENV"))
    if (std::string file = findInPython(*folder); !file.empty())
      return file;
  if (llvm::ErrorOr<std::string> python = llvm::sys::findProgramByName("python3"))
    if (std::string file = findInPython(path::parent_path(path::parent_path(*python)));
        !file.empty())
      return file;
  return inFolder("/usr/local/cuda");
}

FailureOr<Ptxas> nyala::cuda::findPtxas(StringRef given, ArrayAttr targets, std::string &error) {
  static constexpr StringLiteral remedy =
      "; install it ('pip install nvidia-cuda-nvcc') and give its path with --ptxas, or use "
      "--ptx-only: then the GPU's driver assembles the kernels when the model is loaded";
  std::string file = given.empty() ? findPath() : given.str();
  if (file.empty()) {
    error = "ptxas, the assembler of the CUDA toolkit, is not found in CUDA_HOME, CUDA_PATH, PATH, "
            "the active Python's packages and /usr/local/cuda" +
            remedy.str();
    return failure();
  }
  if (!isProgram(file)) {
    error = "'" + file + "' is no program, expected ptxas of the CUDA toolkit" + remedy.str();
    return failure();
  }
  Ending ending = runTool(file, {"--version"});
  SmallVector<StringRef> parts;
  Ptxas ptxas{file, {}};
  if (ending.code != 0 || !llvm::Regex("release ([0-9]+\\.[0-9]+)").match(ending.output, &parts) ||
      ptxas.version.tryParse(parts[1])) {
    error = "'" + file + " --version' names no release, expected ptxas of the CUDA toolkit" +
            remedy.str();
    return failure();
  }
  for (Attribute each : targets) {
    auto target = dyn_cast<CudaTargetAttr>(each);
    if (!target)
      continue;
    llvm::VersionTuple needed = getToolkitVersion(target);
    if (ptxas.version >= needed)
      continue;
    error = "'" + file + "' is ptxas " + ptxas.version.getAsString() + ", but " +
            target.getArch().str() + " needs " + needed.getAsString() + " or newer" + remedy.str();
    return failure();
  }
  return ptxas;
}

//===----------------------------------------------------------------------===//
// Assembling
//===----------------------------------------------------------------------===//

/// Reads what `ptxas --verbose` says of kernels, and its warnings.
static void readReport(StringRef report, Assembly &assembly) {
  const llvm::Regex entry("Compiling entry function '([^']+)'");
  const llvm::Regex spills("([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads");
  const llvm::Regex registers("Used ([0-9]+) registers");
  KernelResources *kernel = nullptr;
  for (StringRef line : llvm::split(report, '\n')) {
    SmallVector<StringRef> parts;
    if (line.contains_insensitive("warning"))
      assembly.warnings += (line.trim() + "\n").str();
    if (entry.match(line, &parts)) {
      kernel = &assembly.kernels[parts[1].str()];
    } else if (kernel && spills.match(line, &parts)) {
      parts[1].getAsInteger(10, kernel->spillStoreBytes);
      parts[2].getAsInteger(10, kernel->spillLoadBytes);
    } else if (kernel && registers.match(line, &parts)) {
      parts[1].getAsInteger(10, kernel->registers);
    }
  }
}

FailureOr<Assembly> nyala::cuda::assemble(const Ptxas &ptxas, StringRef ptx, StringRef arch,
                                          std::string &error) {
  TemporaryFile input("ptx"), output("cubin");
  std::error_code status = input.getStatus() ? input.getStatus() : output.getStatus();
  if (!status) {
    llvm::raw_fd_ostream stream(input.getName(), status);
    if (!status) {
      stream << ptx;
      stream.close();
      status = stream.error();
      stream.clear_error();
    }
  }
  if (status) {
    error = "no temporary file can be written for ptxas: " + status.message();
    return failure();
  }
  Ending ending = runTool(ptxas.path, {"--verbose", "--gpu-name", arch, "--output-file",
                                       output.getName(), input.getName()});
  if (ending.code != 0) {
    error = "'" + ptxas.path + "' (" + ptxas.version.getAsString() + ") cannot assemble for " +
            arch.str() + ": " +
            (ending.message.empty() ? "exit code " + std::to_string(ending.code) : ending.message) +
            "\n" + StringRef(ending.output).trim().str();
    return failure();
  }
  Assembly assembly;
  std::string cubin = output.read();
  assembly.cubin.assign(cubin.begin(), cubin.end());
  readReport(ending.output, assembly);
  return assembly;
}
