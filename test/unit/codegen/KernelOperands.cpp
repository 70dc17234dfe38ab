//===- KernelOperands.cpp - Kernels in words, operands, results -----------===//
#include "test/unit/codegen/KernelOperands.h"

#include "codegen/cpu/CpuTileModels.h"
#include "ir/reference/Elementwise.h"
#include "ir/reference/Interpreter.h"
#include "ir/reference/Random.h"
#include "ir/storage/PackedLayout.h"

#include <bit>
#include <cmath>
#include <cstring>

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

std::set<int64_t> nyala::test::getRowNumbers(const KernelText &kernel) {
  std::set<int64_t> numbers;
  for (int64_t rows :
       {int64_t(1), int64_t(3), int64_t(8), int64_t(17), kernel.maxRows - 1, kernel.maxRows})
    if (rows > 0 && rows <= kernel.maxRows)
      numbers.insert(rows);
  return numbers;
}

bool nyala::test::hasFixedRows(KernelOp kernel) {
  return llvm::any_of(kernel.getResultTypes(), [](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return tensor.getRank() <= 2 && !tensor.isDynamicDim(0);
  });
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
  auto given = kernel.getArgAttrOfType<DenseF32ArrayAttr>(number, "test.floats");
  Operand operand;
  operand.values = Tensor(shape);
  for (auto [index, value] : llvm::enumerate(operand.values.mutableValues())) {
    auto number = given ? given[index % given.size()]
                        : static_cast<float>(deviation * random.normal() + center);
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

int64_t nyala::test::getElementBytes(RankedTensorType type) {
  return type.getElementTypeBitWidth() / 8;
}

std::vector<Operand> nyala::test::makeOperands(KernelOp kernel, int64_t rows, uint64_t seed) {
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
// Results
//===----------------------------------------------------------------------===//

cases::Element nyala::test::getElement(RankedTensorType type) {
  if (BlocksAttr blocks = getBlocks(type))
    return blocks.getFormat() == StoredFormat::Q8_0 ? cases::Element::Q8_0 : cases::Element::Q4_0;
  Type element = type.getElementType();
  return element.isF16()         ? cases::Element::F16
         : element.isBF16()      ? cases::Element::BF16
         : element.isInteger(32) ? cases::Element::I32
                                 : cases::Element::F32;
}

std::vector<Tensor> nyala::test::interpret(KernelOp kernel, const std::vector<Operand> &operands) {
  SmallVector<Tensor> arguments;
  for (const Operand &operand : operands)
    arguments.push_back(operand.values);
  reference::Interpreter interpreter({.precision = reference::Precision::F64});
  FailureOr<SmallVector<Tensor>> results = interpreter.run(kernel, arguments);
  if (failed(results))
    return {};
  for (auto [result, type] : llvm::zip_equal(*results, kernel.getResultTypes()))
    if (Type element = getElementTypeOrSelf(type); element.getIntOrFloatBitWidth() == 16)
      for (double &value : result.mutableValues()) // in f64 the interpreter rounds nothing
        value = reference::roundTo(element, value);
  return {results->begin(), results->end()};
}
