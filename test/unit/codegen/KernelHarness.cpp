#include "test/unit/codegen/KernelHarness.h"

#include "codegen/Pipelines.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/CpuTileModels.h"
#include "ir/KernelTies.h"
#include "ir/Variants.h"
#include "ir/reference/Random.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "test/unit/codegen/AmxEmulator.h"
#include "test/unit/codegen/GpuKernels.h"
#include "test/unit/codegen/GuardedBuffer.h"
#include "test/unit/codegen/Instructions.h"
#include "tools/RegisterAll.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace nyala;
using namespace nyala::test;
using reference::RandomStream;
using reference::Tensor;

static bool isPresent(StringRef feature) {
  return rt::CpuFeatures::host().query(feature.str()) == rt::CpuFeatures::Answer::Present;
}

/// Tiles can be emulated (AmxEmulator.h).
static bool isTileFeature(StringRef feature) { return feature.starts_with("amx-"); }

/// What kernels are generated for when a test asks for `cpu`. Code for tiles is tested wherever
/// there is AVX-512: without what else the CPU has and this machine lacks.
static FailureOr<CpuTargetAttr> getTestedTarget(MLIRContext *context, StringRef cpu,
                                                std::string &error) {
  FailureOr<CpuTargetAttr> target = cpu::getCpuTarget(context, cpu, error);
  if (failed(target) || !target->hasFeature("amx-tile") || !isPresent("avx512f"))
    return target;
  SmallVector<StringAttr> features;
  llvm::copy_if(target->getFeatures(), std::back_inserter(features),
                [](StringAttr feature) { return isTileFeature(feature) || isPresent(feature); });
  return CpuTargetAttr::get(context, target->getArch(), features);
}

std::string nyala::test::findMissingFeature(StringRef cpu) {
  MLIRContext context;
  context.loadDialect<NyalaDialect>();
  std::string error;
  FailureOr<CpuTargetAttr> target = getTestedTarget(&context, cpu, error);
  if (failed(target))
    return error;
  for (StringAttr feature : target->getFeatures())
    if (!isTileFeature(feature) && !isPresent(feature))
      return feature.getValue().str();
  return "";
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerAllDialects(registry);
  cpu::registerTileModels(registry);
  return registry;
}

CompiledKernels::CompiledKernels() : context(makeRegistry(), MLIRContext::Threading::DISABLED) {
  context.allowUnregisteredDialects(); // test.* attributes
  context.loadDialect<NyalaDialect>();
}

CompiledKernels::~CompiledKernels() {
  if (code)
    munmap(code, image.bytes.size());
}

std::unique_ptr<CompiledKernels> CompiledKernels::compile(const std::vector<KernelText> &kernels,
                                                          StringRef cpu) {
  std::unique_ptr<CompiledKernels> result(new CompiledKernels());
  std::string messages;
  ScopedDiagnosticHandler handler(
      &result->context, [&](Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
  if (!result->lower(kernels, cpu)) {
    ADD_FAILURE() << "kernels do not compile for " << cpu.str() << ":\n" << messages;
    return nullptr;
  }
  result->map();
  return result;
}

bool CompiledKernels::lower(const std::vector<KernelText> &texts, StringRef cpu) {
  std::string text;
  for (const KernelText &kernel : texts)
    text += kernel.text;
  std::string error;
  FailureOr<CpuTargetAttr> target = getTestedTarget(&context, cpu, error);
  original = parseSourceString<ModuleOp>(text, &context);
  if (failed(target) || !original)
    return false;
  if (target->hasFeature("amx-tile"))
    enableTiles();
  lowered = original->clone();
  (*lowered)->setAttr(NyalaDialect::kTargetsAttr, ArrayAttr::get(&context, {*target}));
  PassManager pm(&context);
  buildKernelPipeline(pm);
  buildProgramPipeline(pm);
  if (failed(pm.run(*lowered)))
    return false;
  FailureOr<std::vector<CodeImage>> compiled = cpu::compileKernels(*lowered);
  if (failed(compiled))
    return false;
  image = std::move(compiled->front());
  return true;
}

void CompiledKernels::map() {
  code =
      mmap(nullptr, image.bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(code, MAP_FAILED);
  std::memcpy(code, image.bytes.data(), image.bytes.size());
  ASSERT_EQ(mprotect(code, image.bytes.size(), PROT_READ | PROT_EXEC), 0);
  ModuleOp variant = getVariants(*lowered).front();
  for (const CodeImage::Kernel &compiled : image.kernels) {
    auto function = variant.lookupSymbol<LLVM::LLVMFuncOp>(compiled.name);
    Kernel kernel;
    kernel.op = original->lookupSymbol<KernelOp>(compiled.name);
    kernel.function = reinterpret_cast<nyala_kernel_fn>(static_cast<char *>(code) + compiled.entry);
    kernel.tiles = function->getAttrOfType<IntegerAttr>("nyala.tiles").getInt();
    kernel.scratchBytes = function->getAttrOfType<IntegerAttr>("nyala.scratch_bytes").getInt();
    kernel.perRow = function->hasAttr("nyala.per_row");
    for (unsigned i = 0; i < kernel.op.getResultTypes().size(); ++i)
      kernel.tied.push_back(getTiedArgument(kernel.op, i).value_or(-1));
    kernels[compiled.name] = kernel;
  }
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

std::vector<Bytes> CompiledKernels::run(StringRef name, const std::vector<Operand> &operands,
                                        int64_t rows,
                                        ArrayRef<std::pair<int64_t, int64_t>> ranges) {
  Kernel &kernel = kernels.at(name.str());
  std::vector<GuardedBuffer> buffers;
  for (const Operand &operand : operands)
    buffers.emplace_back(operand.bytes);
  std::vector<size_t> resultBuffers;
  for (auto [type, tied] : llvm::zip_equal(kernel.op.getResultTypes(), kernel.tied)) {
    resultBuffers.push_back(tied >= 0 ? tied : buffers.size());
    if (tied >= 0)
      continue;
    auto tensor = cast<RankedTensorType>(type);
    int64_t height = tensor.isDynamicDim(0) ? rows : tensor.getDimSize(0);
    int64_t width = tensor.getRank() == 1 ? 1 : tensor.getDimSize(1);
    buffers.emplace_back(height * width * getElementBytes(tensor));
  }
  std::vector<void *> addresses;
  for (const GuardedBuffer &buffer : buffers)
    addresses.push_back(buffer.data());
  for (auto [begin, end] : ranges) {
    GuardedBuffer scratch(kernel.scratchBytes);
    kernel.function(addresses.data(), rows, begin, end, scratch.data());
    EXPECT_TRUE(scratch.check()) << name.str() << " writes beyond its scratch";
  }
  for (auto [index, buffer] : llvm::enumerate(buffers)) {
    EXPECT_TRUE(buffer.check()) << name.str() << " writes beyond buffer " << index;
    if (index < operands.size() && !llvm::is_contained(kernel.tied, static_cast<int64_t>(index)))
      EXPECT_TRUE(std::ranges::equal(buffer.bytes(), operands[index].bytes))
          << name.str() << " writes to operand " << index;
  }
  std::vector<Bytes> results;
  for (size_t index : resultBuffers)
    results.emplace_back(buffers[index].bytes().begin(), buffers[index].bytes().end());
  return results;
}

std::vector<Bytes> CompiledKernels::run(StringRef name, const std::vector<Operand> &operands,
                                        int64_t rows) {
  return run(name, operands, rows, {{0, kernels.at(name.str()).getItems(rows)}});
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

void CompiledKernels::check(const KernelText &text, int64_t rows, uint64_t seed) {
  if (hasFixedRows(kernels.at(text.name).op) && rows != text.maxRows)
    return;
  SCOPED_TRACE(text.name + " with " + std::to_string(rows) + " rows");
  std::vector<Operand> operands = makeOperands(text.name, rows, seed);
  std::vector<Bytes> results = run(text.name, operands, rows);
  checkValues(text, operands, results, rows);
  checkDivisions(text, operands, results, rows, seed);
  if (text.exactRows && rows > 1)
    checkRowsAlone(text, operands, results, rows);
}

void CompiledKernels::checkValues(const KernelText &text, const std::vector<Operand> &operands,
                                  const std::vector<Bytes> &results, int64_t rows) {
  KernelOp kernel = kernels.at(text.name).op;
  if (rows == 0) { // nothing is written
    for (auto [result, tied] : llvm::zip_equal(results, kernels.at(text.name).tied))
      EXPECT_EQ(result, tied >= 0 ? operands[tied].bytes : Bytes());
    return;
  }
  std::vector<Tensor> expected = interpret(kernel, operands);
  ASSERT_EQ(expected.size(), results.size());
  for (auto [index, want] : llvm::enumerate(expected)) {
    size_t width = want.getShape().back();
    auto type = cast<RankedTensorType>(kernel.getResultTypes()[index]);
    ASSERT_EQ(findDifference(readValues(results[index], getElement(type), width), want.values(),
                             width, text.tolerance),
              "")
        << "in result " << index;
  }
}

void CompiledKernels::checkDivisions(const KernelText &text, const std::vector<Operand> &operands,
                                     const std::vector<Bytes> &results, int64_t rows,
                                     uint64_t seed) {
  int64_t items = kernels.at(text.name).getItems(rows);
  RandomStream random(seed, "division");
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (int64_t begin = 0; begin < items;) {
    int64_t end = begin + random.below(std::max<int64_t>(items / 3, 1) + 1); // may be empty
    ranges.insert(ranges.begin() + random.below(ranges.size() + 1), {begin, std::min(end, items)});
    begin = std::min(end, items);
  }
  EXPECT_EQ(run(text.name, operands, rows, ranges), results) << "in " << ranges.size() << " ranges";
}

void CompiledKernels::checkRowsAlone(const KernelText &text, const std::vector<Operand> &operands,
                                     const std::vector<Bytes> &results, int64_t rows) {
  Kernel &kernel = kernels.at(text.name);
  if (hasFixedRows(kernel.op))
    return;
  auto runOne = [&](const std::vector<Operand> &row) { return run(text.name, row, 1); };
  EXPECT_EQ(runRowsAlone(operands, kernel.tied, rows, runOne), results) << "rows computed alone";
}

//===----------------------------------------------------------------------===//
// KernelTest
//===----------------------------------------------------------------------===//

void KernelTest::SetUp() {
  if (isGpu())
    return;
  std::string missing = findMissingFeature(GetParam());
  if (!missing.empty())
    GTEST_SKIP() << "this machine lacks " << missing << " for " << GetParam();
}

/// Registers and instructions that code for `cpu` may not have.
static void checkInstructions(const CodeImage &image, StringRef cpu) {
  InstructionUse use = findInstructions(image);
  ASSERT_EQ(use.obstacle, "");
  EXPECT_GT(use.instructions, 0u);
  if (cpu == "x86-64-v4") {
    EXPECT_TRUE(use.usesRegister("ZMM"));
    return;
  }
  EXPECT_FALSE(use.usesRegister("ZMM"));
  EXPECT_FALSE(use.usesRegister("K"));
  EXPECT_FALSE(use.usesRegister("XMM16") || use.usesRegister("YMM16"));
  auto isVex = [](StringRef name) { return name.starts_with("V"); };
  if (cpu == "x86-64-v3") {
    EXPECT_TRUE(llvm::any_of(use.opcodes, isVex));
    return;
  }
  EXPECT_FALSE(use.usesRegister("YMM"));
  EXPECT_FALSE(llvm::any_of(use.opcodes, isVex));
  for (StringRef late : {"BLEND", "ROUNDPS", "PMOVZX", "PMOVSX", "PMULLD", "PSHUFB", "EXTRACTPS",
                         "INSERTPS", "HADD", "POPCNT", "DPPS", "ANDN32", "BZHI"})
    EXPECT_FALSE(use.usesOpcode(late)) << late.str();
}

void KernelTest::checkKernels(const std::vector<KernelText> &texts) {
  if (isGpu())
    return checkKernelsOnGpu(texts);
  StringRef cpu = GetParam();
  auto compiled = CompiledKernels::compile(texts, cpu);
  ASSERT_TRUE(compiled);
  checkInstructions(compiled->getImage(), cpu);
  for (const KernelText &text : texts) {
    std::set<int64_t> numbers = getRowNumbers(text);
    numbers.insert(0);
    for (int64_t rows : numbers) {
      compiled->check(text, rows, /*seed=*/rows);
      if (HasFatalFailure())
        return;
    }
  }
  if (cpu != "x86-64-v4")
    return;
  std::vector<KernelText> streamed;
  llvm::copy_if(texts, std::back_inserter(streamed),
                [](const KernelText &text) { return text.exactRows; });
  auto other = CompiledKernels::compile(streamed, "x86-64-v3");
  ASSERT_TRUE(other);
  for (const KernelText &text : streamed) {
    std::vector<Operand> operands = compiled->makeOperands(text.name, text.maxRows, 99);
    EXPECT_EQ(compiled->run(text.name, operands, text.maxRows),
              other->run(text.name, operands, text.maxRows))
        << text.name << " on x86-64-v3 and x86-64-v4";
  }
}
