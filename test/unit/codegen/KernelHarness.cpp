#include "test/unit/codegen/KernelHarness.h"

#include "codegen/Pipelines.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/CpuTileModels.h"
#include "ir/KernelTies.h"
#include "ir/Variants.h"
#include "ir/reference/Elementwise.h"
#include "ir/reference/Interpreter.h"
#include "ir/reference/Random.h"
#include "ir/storage/PackedLayout.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "test/unit/codegen/AmxEmulator.h"
#include "test/unit/codegen/GuardedBuffer.h"
#include "test/unit/codegen/Instructions.h"
#include "tools/RegisterAll.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>

using namespace mlir;
using namespace nyala;
using namespace nyala::test;
using reference::RandomStream;
using reference::Tensor;

KernelText nyala::test::makeKernel(std::string name, int64_t maxRows, const std::string &arguments,
                                   const std::string &body, const std::string &returned,
                                   const std::string &results, double tolerance) {
  std::string text = "nyala.kernel @" + name + "(" + arguments + ") -> (" + results +
                     ") attributes {max_rows = " + std::to_string(maxRows) + " : i64} {\n" + body +
                     "\nnyala.return " + returned + " : " + results + "\n}\n";
  return {std::move(name), maxRows, std::move(text), tolerance, maxRows <= cpu::kStreamedRows};
}

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
// Operands
//===----------------------------------------------------------------------===//

template <typename T> static void append(Bytes &bytes, T value) {
  auto *from = reinterpret_cast<const uint8_t *>(&value);
  bytes.insert(bytes.end(), from, from + sizeof(T));
}

/// A number of the format f16; one in 16 is subnormal, one in 16 is zero.
static uint16_t makeHalf(RandomStream &random, double scale) {
  int64_t kind = random.below(16);
  if (kind == 0)
    return random.below(2) ? 0x8000 : 0;
  if (kind == 1)
    return static_cast<uint16_t>(random.below(1024) | random.below(2) << 15);
  return floatToHalf(static_cast<float>(scale * random.normal()));
}

/// A number of the format bf16, rounded towards zero.
static uint16_t getUpperHalf(float value) { return std::bit_cast<uint32_t>(value) >> 16; }

/// One stored row of `columns` values of variance about 1 / columns.
static Bytes makeStoredRow(StoredFormat format, int64_t columns, RandomStream &random) {
  Bytes row;
  double scale = 1.0 / std::sqrt(static_cast<double>(columns));
  const StoredFormatInfo &info = getInfo(format);
  for (int64_t c = 0; c < columns; c += info.blockValues) {
    switch (format) {
    case StoredFormat::F32:
      append(row, static_cast<float>(scale * random.normal()));
      continue;
    case StoredFormat::F16:
      append(row, makeHalf(random, scale));
      continue;
    case StoredFormat::BF16: {
      auto value = static_cast<float>(scale * random.normal());
      append(row, getUpperHalf(value));
      continue;
    }
    default:
      break;
    }
    // Bits of any value, but for halves: first the scale (q6_k: last), then the minimum.
    double levels = std::ldexp(0.29, info.quantBits);
    double integers = info.scaleValues == 0 ? 1 : format == StoredFormat::Q6_K ? 74 : 37;
    uint16_t halves[] = {makeHalf(random, scale / levels / integers),
                         makeHalf(random, scale / integers)};
    size_t start = row.size(), halvesBytes = info.hasMinimum ? 4 : 2;
    for (size_t i = 0; i < info.blockBytes; ++i)
      append(row, static_cast<uint8_t>(random.next()));
    size_t at = format == StoredFormat::Q6_K ? info.blockBytes - halvesBytes : 0;
    std::memcpy(row.data() + start + at, halves, halvesBytes);
  }
  return row;
}

static Operand makePacked(RankedTensorType type, StoredFormat format, RandomStream &random) {
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  PackedLayout layout(format, rows, columns);
  Operand operand;
  operand.values = Tensor(type.getShape());
  operand.bytes.resize(layout.getBytes());
  for (int64_t group = 0; group < layout.getNumGroups(); ++group) {
    std::array<Bytes, PackedLayout::kGroupRows> stored;
    std::array<const uint8_t *, PackedLayout::kGroupRows> sources{};
    for (int64_t i = 0; i < PackedLayout::kGroupRows; ++i) {
      int64_t row = group * PackedLayout::kGroupRows + i;
      if (row >= rows)
        continue;
      stored[i] = makeStoredRow(format, columns, random);
      sources[i] = stored[i].data();
      std::vector<float> widened(columns);
      dequantize(format, stored[i].data(), widened.data(), columns);
      llvm::copy(widened, operand.values.mutableValues().begin() + row * columns);
    }
    layout.packGroup(sources, operand.bytes.data() + group * layout.getGroupBytes());
  }
  return operand;
}

static Operand makeIds(KernelOp kernel, unsigned number, int64_t rows, RandomStream &random) {
  auto values = kernel.getArgAttrOfType<DenseI32ArrayAttr>(number, "test.values");
  auto below = kernel.getArgAttrOfType<IntegerAttr>(number, "test.below");
  Operand operand;
  operand.values = Tensor({rows});
  operand.rowBytes = sizeof(int32_t);
  for (int64_t r = 0; r < rows; ++r) {
    auto id = values  ? values[r % values.size()]
              : below ? static_cast<int32_t>(random.below(below.getInt()))
                      : 0;
    operand.values.mutableValues()[r] = id;
    append(operand.bytes, id);
  }
  return operand;
}

static Operand makeFloats(KernelOp kernel, unsigned number, ArrayRef<int64_t> shape,
                          RandomStream &random) {
  Type element = getElementTypeOrSelf(kernel.getArgumentTypes()[number]);
  Type rounded = kernel.getArgAttr(number, "test.bf16")
                     ? Type(BFloat16Type::get(kernel.getContext()))
                     : element;
  auto scale = kernel.getArgAttrOfType<FloatAttr>(number, "test.scale");
  auto mean = kernel.getArgAttrOfType<FloatAttr>(number, "test.mean");
  double deviation = scale ? scale.getValueAsDouble() : 1.0;
  double center = mean ? mean.getValueAsDouble() : shape.size() == 1 ? 1.0 : 0.0;
  Operand operand;
  operand.values = Tensor(shape);
  for (double &value : operand.values.mutableValues()) {
    auto number = static_cast<float>(deviation * random.normal() + center);
    value = reference::roundTo(rounded, number);
    if (element.isF16())
      append(operand.bytes, floatToHalf(number));
    else if (element.isBF16())
      append(operand.bytes, getUpperHalf(static_cast<float>(value)));
    else
      append(operand.bytes, static_cast<float>(value));
  }
  return operand;
}

/// A cache in blocks: each slot holds what appending random values would leave.
static Operand makeSlots(RankedTensorType type, RandomStream &random) {
  SlotLayout layout = getSlotLayout(type);
  int64_t channels = type.getDimSize(2), slots = type.getDimSize(0) * type.getDimSize(1);
  Operand operand;
  operand.values = Tensor(type.getShape());
  operand.bytes.resize(slots * layout.getSlotBytes());
  std::vector<float> values(channels);
  for (int64_t slot = 0; slot < slots; ++slot) {
    std::ranges::generate(values, [&] { return static_cast<float>(random.normal()); });
    uint8_t *stored = operand.bytes.data() + slot * layout.getSlotBytes();
    layout.store(values.data(), stored);
    layout.load(stored, values.data());
    llvm::copy(values, operand.values.mutableValues().begin() + slot * channels);
  }
  return operand;
}

static int64_t getElementBytes(RankedTensorType type) { return type.getElementTypeBitWidth() / 8; }

std::vector<Operand> CompiledKernels::makeOperands(StringRef name, int64_t rows, uint64_t seed) {
  KernelOp kernel = kernels.at(name.str()).op;
  std::vector<Operand> operands;
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i) {
    auto type = cast<RankedTensorType>(kernel.getArgumentTypes()[i]);
    RandomStream random(seed, std::to_string(i));
    SmallVector<int64_t> shape(type.getShape());
    auto fixed = kernel.getArgAttrOfType<IntegerAttr>(i, "test.rows");
    bool hasRows = type.isDynamicDim(0);
    if (hasRows)
      shape[0] = fixed ? fixed.getInt() : rows;
    Operand operand;
    if (auto packed = dyn_cast_or_null<PackedAttr>(type.getEncoding()))
      operand = makePacked(type, packed.getFormat(), random);
    else if (getBlocks(type))
      operand = makeSlots(type, random);
    else if (type.getElementType().isInteger(32))
      operand = makeIds(kernel, i, shape[0], random);
    else
      operand = makeFloats(kernel, i, shape, random);
    operand.rowBytes = !hasRows || fixed     ? 0
                       : type.getRank() == 1 ? sizeof(int32_t)
                                             : type.getDimSize(1) * getElementBytes(type);
    operands.push_back(std::move(operand));
  }
  return operands;
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

/// Kernels on tensors of static shapes have as many rows as those say.
static bool hasFixedRows(KernelOp kernel) {
  return llvm::any_of(kernel.getResultTypes(), [](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return tensor.getRank() <= 2 && !tensor.isDynamicDim(0);
  });
}

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

static std::vector<float> readValues(const Bytes &bytes, RankedTensorType type) {
  if (getBlocks(type)) {
    SlotLayout layout = getSlotLayout(type);
    std::vector<float> values(type.getNumElements());
    for (size_t slot = 0; slot < bytes.size() / layout.getSlotBytes(); ++slot)
      layout.load(bytes.data() + slot * layout.getSlotBytes(),
                  values.data() + slot * type.getDimSize(2));
    return values;
  }
  std::vector<float> values(bytes.size() / getElementBytes(type));
  if (type.getElementType().isF16() || type.getElementType().isBF16()) {
    dequantize(type.getElementType().isF16() ? StoredFormat::F16 : StoredFormat::BF16, bytes.data(),
               values.data(), values.size());
  } else if (type.getElementType().isInteger(32)) {
    std::vector<int32_t> ids(values.size());
    std::memcpy(ids.data(), bytes.data(), bytes.size());
    llvm::copy(ids, values.begin());
  } else {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return values;
}

void CompiledKernels::checkValues(const KernelText &text, const std::vector<Operand> &operands,
                                  const std::vector<Bytes> &results, int64_t rows) {
  if (rows == 0) { // nothing is written
    for (auto [result, tied] : llvm::zip_equal(results, kernels.at(text.name).tied))
      EXPECT_EQ(result, tied >= 0 ? operands[tied].bytes : Bytes());
    return;
  }
  SmallVector<Tensor> arguments;
  for (const Operand &operand : operands)
    arguments.push_back(operand.values);
  reference::Interpreter interpreter({.precision = reference::Precision::F64});
  FailureOr<SmallVector<Tensor>> expected = interpreter.run(kernels.at(text.name).op, arguments);
  ASSERT_TRUE(succeeded(expected));
  for (auto [index, want] : llvm::enumerate(*expected)) {
    auto type = cast<RankedTensorType>(kernels.at(text.name).op.getResultTypes()[index]);
    std::vector<float> got = readValues(results[index], type);
    ASSERT_EQ(got.size(), static_cast<size_t>(want.size()));
    if (type.getElementTypeBitWidth() == 16) // in f64 the interpreter rounds nothing
      for (double &value : want.mutableValues())
        value = reference::roundTo(type.getElementType(), value);
    int64_t width = want.getShape().back();
    double squares = 0;
    for (double value : want.values())
      squares += value * value;
    for (int64_t start = 0; start < want.size(); start += width) {
      // A short row may happen to be near zero.
      double magnitude = std::sqrt(squares / static_cast<double>(want.size())), worst = 0;
      int64_t where = 0;
      for (int64_t i = start; i < start + width; ++i) {
        magnitude = std::max(magnitude, std::fabs(want[i]));
        double error = std::fabs(got[i] - want[i]);
        if (!(error <= worst)) { // also if it is not a number
          worst = error;
          where = i;
        }
      }
      ASSERT_LE(worst, text.tolerance * magnitude)
          << "result " << index << ", row " << start / width << ", column " << where - start
          << ": got " << got[where] << ", expected " << want[where];
    }
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
  std::vector<Bytes> together(results.size());
  std::vector<Operand> alone = operands;
  for (int64_t r = 0; r < rows; ++r) {
    for (auto [one, all] : llvm::zip_equal(alone, operands))
      if (all.rowBytes)
        one.bytes.assign(all.bytes.begin() + r * all.rowBytes,
                         all.bytes.begin() + (r + 1) * all.rowBytes);
    std::vector<Bytes> row = run(text.name, alone, 1);
    for (auto [index, tied] : llvm::enumerate(kernel.tied)) {
      if (tied >= 0)
        alone[tied].bytes = together[index] = row[index];
      else
        together[index].insert(together[index].end(), row[index].begin(), row[index].end());
    }
  }
  EXPECT_EQ(together, results) << "rows computed alone";
}

//===----------------------------------------------------------------------===//
// KernelTest
//===----------------------------------------------------------------------===//

void KernelTest::SetUp() {
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
  StringRef cpu = GetParam();
  auto compiled = CompiledKernels::compile(texts, cpu);
  ASSERT_TRUE(compiled);
  checkInstructions(compiled->getImage(), cpu);
  for (const KernelText &text : texts)
    for (int64_t rows : std::set<int64_t>{0, 1, 3, 8, 17, text.maxRows - 1, text.maxRows})
      if (rows <= text.maxRows) {
        compiled->check(text, rows, /*seed=*/rows);
        if (HasFatalFailure())
          return;
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
