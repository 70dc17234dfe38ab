//===- GpuKernels.cpp - Kernels of GPUs against the interpreter -----------===//
#include "test/unit/codegen/GpuKernels.h"

#include "codegen/Pipelines.h"
#include "codegen/cuda/CudaTarget.h"
#include "codegen/cuda/CudaTileModels.h"
#include "codegen/cuda/PtxCompiler.h"
#include "codegen/package/LaunchRecord.h"
#include "ir/Contract.h"
#include "ir/KernelTies.h"
#include "ir/Variants.h"
#include "test/unit/kernels/KernelCases.h"
#include "tools/RegisterAll.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

using namespace mlir;
using namespace nyala;
using namespace nyala::test;
using flatbuffers::Offset;

static constexpr uint64_t kSeed = 1;

static std::string getEnvironment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

namespace {

/// A module of kernels on its way to cases.
class CaseBuilder {
public:
  CaseBuilder(const std::vector<KernelText> &texts, std::string arch)
      : texts(texts), arch(std::move(arch)),
        context(makeRegistry(), MLIRContext::Threading::DISABLED) {
    context.allowUnregisteredDialects(); // test.* attributes
    context.loadDialect<NyalaDialect>();
  }

  /// Adds a failure with the diagnostics and fails if the kernels do not compile. `assembles`: to
  /// machine code, if there is ptxas.
  bool compile(bool assembles) {
    std::string messages;
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
    if (succeeded(lower(assembles)))
      return true;
    ADD_FAILURE() << "kernels do not compile for " << arch << ":\n" << messages;
    return false;
  }

  /// What has been compiled, with calls.
  flatbuffers::DetachedBuffer build() {
    std::vector<Offset<cases::Code>> codes;
    for (const CodeImage &image : images)
      codes.push_back(buildCode(image));
    auto entry = buildEntry();
    std::vector<Offset<cases::Case>> list;
    for (const KernelText &text : texts)
      list.push_back(buildCase(text));
    cases::FinishKernelCasesBuffer(b, cases::CreateKernelCasesDirect(b, &codes, entry, &list));
    return b.Release();
  }

private:
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    cuda::registerTileModels(registry);
    return registry;
  }

  LogicalResult lower(bool assembles) {
    std::string text, error;
    for (const KernelText &kernel : texts)
      text += kernel.text;
    FailureOr<ArrayAttr> targets = cuda::getCudaTargets(&context, arch, error);
    original = parseSourceString<ModuleOp>(text, &context);
    if (failed(targets) || !original)
      return emitError(UnknownLoc::get(&context), error);
    addKernelsOfOneRow();
    lowered = original->clone();
    (*lowered)->setAttr(NyalaDialect::kTargetsAttr, *targets);
    PassManager pm(&context);
    buildKernelPipeline(pm);
    buildProgramPipeline(pm);
    if (failed(pm.run(*lowered)))
      return failure();
    FailureOr<std::vector<CodeImage>> compiled =
        cuda::compileKernels(*lowered, assembles ? findAssembler(*targets) : std::nullopt);
    if (failed(compiled))
      return failure();
    // [cubin of each architecture,] PTX of each: the first is that of the GPU.
    size_t first = compiled->size() - targets->size();
    images.push_back(std::move(compiled->front()));
    for (size_t i = first + 1; i < compiled->size(); ++i)
      images.push_back(std::move((*compiled)[i]));
    for (auto [index, kernel] : llvm::enumerate(images.front().kernels))
      steps[kernel.name] = index;
    return success();
  }

  static std::optional<cuda::Ptxas> findAssembler(ArrayAttr targets) {
    std::string error;
    FailureOr<cuda::Ptxas> ptxas = cuda::findPtxas("", targets, error);
    return succeeded(ptxas) ? std::optional(*ptxas) : std::nullopt;
  }

  static std::string getNameAlone(const std::string &name) { return name + "_alone"; }

  /// Decoding runs kernels for one row, and others for a few: rows have the same bits in both.
  void addKernelsOfOneRow() {
    for (KernelOp kernel : llvm::to_vector(original->getOps<KernelOp>())) {
      setDevice(kernel, Device::Cuda);
      int64_t rows = kernel.getMaxRows();
      if (rows == 1 || rows > kContractRows || hasFixedRows(kernel))
        continue;
      KernelOp one = kernel.clone();
      one.setSymName(getNameAlone(kernel.getSymName().str()));
      one.setMaxRows(1);
      original->push_back(one);
    }
  }

  Offset<cases::Code> buildCode(const CodeImage &image) {
    auto variant = lowered->lookupSymbol<ModuleOp>(image.arch);

    SymbolTableCollection symbols;
    std::vector<Offset<artifact::Kernel>> kernels;
    for (const CodeImage::Kernel &kernel : image.kernels)
      kernels.push_back(package::buildGpuKernel(
          b, kernel,
          lookupKernel(variant, FlatSymbolRefAttr::get(&context, kernel.name), symbols)));
    std::vector<Offset<flatbuffers::String>> features;
    auto executable = artifact::CreateExecutableDirect(
        b, artifact::Target::Cuda, image.arch.c_str(), &features, image.format.c_str(),
        /*offset=*/0, image.bytes.size(), /*checksum=*/0, &kernels);
    return cases::CreateCode(
        b, executable,
        b.CreateVector(reinterpret_cast<const uint8_t *>(image.bytes.data()), image.bytes.size()));
  }

  Offset<artifact::Entry> buildEntry() {
    std::vector<Offset<artifact::Step>> list;
    for (const auto &[index, kernel] : llvm::enumerate(images.front().kernels)) {
      auto op = original->lookupSymbol<KernelOp>(kernel.name);
      std::vector<artifact::Buffer> buffers;
      for (unsigned i = 0; i < op.getNumArguments(); ++i)
        buffers.emplace_back(artifact::Region::State, i, 0);
      for (unsigned i = 0; i < op.getResultTypes().size(); ++i)
        if (!getTiedArgument(op, i))
          buffers.emplace_back(artifact::Region::State, buffers.size(), 0);
      std::vector<uint32_t> waits;
      list.push_back(artifact::CreateStepDirect(b, index, &buffers, /*rows=*/0, &waits));
    }
    std::vector<Offset<artifact::Count>> counts = {
        artifact::CreateCountDirect(b, "rows", std::numeric_limits<uint16_t>::max())};
    std::vector<Offset<artifact::Argument>> arguments;
    std::vector<Offset<artifact::Result>> results;
    return artifact::CreateEntryDirect(b, "test", &counts, &arguments, &results, /*arena_bytes=*/0,
                                       &list, artifact::Target::Cuda);
  }

  Offset<cases::Case> buildCase(const KernelText &text) {
    auto kernel = original->lookupSymbol<KernelOp>(text.name);
    std::vector<Operand> operands = makeOperands(kernel, text.maxRows, kSeed);
    std::vector<Offset<cases::Operand>> operandList;
    for (const Operand &operand : operands)
      operandList.push_back(cases::CreateOperandDirect(b, &operand.bytes, operand.rowBytes));
    std::vector<Offset<cases::Result>> results;
    for (auto [index, resultType] : llvm::enumerate(kernel.getResultTypes())) {
      auto type = cast<RankedTensorType>(resultType);
      std::optional<int64_t> tied = getTiedArgument(kernel, index);
      int64_t width = type.getRank() == 1 ? 1 : type.getShape().back();
      results.push_back(cases::CreateResult(
          b, tied.value_or(-1), tied ? 0 : width * getElementBytes(type),
          type.isDynamicDim(0) || tied ? 0 : type.getDimSize(0), width, getElement(type)));
    }
    std::vector<Offset<cases::Call>> calls;
    for (int64_t rows : getRowNumbers(text))
      if (!hasFixedRows(kernel) || rows == text.maxRows)
        calls.push_back(buildCall(kernel, rows, rows == text.maxRows));
    auto alone = steps.find(getNameAlone(text.name));
    return cases::CreateCaseDirect(
        b, steps.at(text.name), alone == steps.end() ? -1 : static_cast<int>(alone->second),
        text.maxRows, text.gpuTolerance > 0 ? text.gpuTolerance : text.tolerance, &operandList,
        &results, &calls);
  }

  Offset<cases::Call> buildCall(KernelOp kernel, int64_t rows, bool isLast) {
    std::vector<Offset<cases::Values>> expected;
    std::vector<reference::Tensor> results = interpret(kernel, makeOperands(kernel, rows, kSeed));
    for (auto [index, values] : llvm::enumerate(results)) {
      bool isTied = getTiedArgument(kernel, index).has_value();
      ArrayRef<double> kept = isLast || isTied ? values.values() : ArrayRef<double>();
      expected.push_back(cases::CreateValues(b, b.CreateVector(kept.data(), kept.size())));
    }
    EXPECT_EQ(expected.size(), kernel.getResultTypes().size());
    return cases::CreateCallDirect(b, rows, &expected);
  }

  const std::vector<KernelText> &texts;
  std::string arch;
  MLIRContext context;
  OwningOpRef<ModuleOp> original, lowered;
  std::vector<CodeImage> images;

  std::map<std::string, uint32_t> steps;
  flatbuffers::FlatBufferBuilder b;
};

} // namespace

/// `NYALA_TEST_EXPORT/Suite.Test.cases`
static void exportCases(const flatbuffers::DetachedBuffer &cases) {
  const ::testing::TestInfo *test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(test->test_suite_name()) + "." + test->name() + ".cases";
  llvm::replace(name, '/', '.');
  std::ofstream file(getEnvironment("NYALA_TEST_EXPORT") + "/" + name, std::ios::binary);
  file.write(reinterpret_cast<const char *>(cases.data()), cases.size());
  EXPECT_TRUE(file.flush()) << "cannot write " << name;
}

/// The GPU's own (or that of one elsewhere), and the oldest, which newer GPUs run as well; where
/// nothing runs, the oldest has least that kernels can be made of.
static std::string getArchitectures(const rt::cuda::CudaContext *gpu, bool exports) {
  constexpr const char *oldest = "sm_80";
  if (std::string named = getEnvironment("NYALA_TEST_CUDA_ARCH"); !named.empty())
    return named;
  if (!gpu)
    return exports ? std::string("sm_90a,") + oldest : oldest;
  std::string own = "sm_" + std::to_string(gpu->getMajor()) + std::to_string(gpu->getMinor()) +
                    (gpu->getMajor() >= 9 ? "a" : "");
  return own == oldest ? own : own + "," + oldest;
}

void nyala::test::checkKernelsOnGpu(std::vector<KernelText> kernels) {
  llvm::erase_if(kernels, [](const KernelText &kernel) { return !kernel.onGpus; });
  std::string reason;
  std::unique_ptr<rt::cuda::CudaContext> gpu = openGpu(reason);
  bool exports = !getEnvironment("NYALA_TEST_EXPORT").empty();
  CaseBuilder builder(kernels, getArchitectures(gpu.get(), exports));
  if (!builder.compile(/*assembles=*/gpu || exports))
    return;
  if (!gpu && !exports)
    GTEST_SKIP() << "kernels compile, but nothing runs them: " << reason;
  flatbuffers::DetachedBuffer cases = builder.build();
  if (gpu)
    checkCases(*gpu, *cases::GetKernelCases(cases.data()));
  else
    exportCases(cases);
}
