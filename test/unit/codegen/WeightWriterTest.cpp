//===- WeightWriterTest.cpp - Packed bytes against stored values ----------===//
#include "codegen/package/WeightWriter.h"
#include "ir/storage/Error.h"
#include "ir/storage/PackedLayout.h"
#include "tools/RegisterAll.h"

#include "mlir/Parser/Parser.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace nyala;
using namespace nyala::package;
using ::testing::HasSubstr;

namespace {

uint32_t load(const uint8_t *from, size_t bytes) {
  uint32_t value = 0;
  std::memcpy(&value, from, bytes);
  return value;
}

/// unpack() for K-quants.
float unpackKQuant(StoredFormat format, const uint8_t *packed, int64_t columns, int64_t row,
                   int64_t c) {
  int64_t high = format == StoredFormat::Q4_K ? 0 : format == StoredFormat::Q5_K ? 1 : 2;
  int64_t blockBytes = 4 * 64 + high * 64, superBytes = 320 + 8 * blockBytes;
  const uint8_t *header = packed + (row / 16 * (columns / 256) + c / 256) * superBytes;
  int64_t number = c % 256 / 32, lane = row % 16, column = c % 32;
  const uint8_t *block = header + 320 + number * blockBytes + lane * 4;
  int quant = block[column / 8 * 64 + column % 4] >> (column / 4 % 2 * 4) & 15;
  if (high > 0) {
    int64_t bit = column / 4 * high;
    quant |= (block[256 + bit / 8 * 64 + column % 4] >> bit % 8 & ((1 << high) - 1)) << 4;
  }
  float d = halfToFloat(static_cast<uint16_t>(load(header + 2 * lane, 2)));
  float dmin = halfToFloat(static_cast<uint16_t>(load(header + 32 + 2 * lane, 2)));
  const uint8_t *integers = header + 64 + 32 * number + lane;
  if (format == StoredFormat::Q6_K) {
    EXPECT_EQ(dmin, 0);
    return d * static_cast<float>(static_cast<int8_t>(integers[column / 16 * 16])) *
           static_cast<float>(quant - 32);
  }
  return d * static_cast<float>(integers[0]) * static_cast<float>(quant) -
         dmin * static_cast<float>(integers[16]);
}

/// One value of a packed matrix, as the comment of ir/storage/PackedLayout.h says; `packed` holds
/// `columns` columns of 16 rows at a time.
float unpack(StoredFormat format, const uint8_t *packed, int64_t columns, int64_t row, int64_t c) {
  if (getInfo(format).blockValues == 256)
    return unpackKQuant(format, packed, columns, row, c);
  bool isPlain = getInfo(format).blockValues == 1;
  bool hasMinimum = format == StoredFormat::Q4_1 || format == StoredFormat::Q5_1;
  bool hasHigh = format == StoredFormat::Q5_0 || format == StoredFormat::Q5_1;
  int64_t perWord = format == StoredFormat::F32                                   ? 1
                    : format == StoredFormat::F16 || format == StoredFormat::BF16 ? 2
                    : format == StoredFormat::Q8_0                                ? 4
                                                                                  : 8;
  auto wordsOf = [&](int64_t length) { return (length + perWord - 1) / perWord; };
  int64_t words = wordsOf(32);
  int64_t blockBytes = 64 * words + (isPlain ? 0 : 32) + (hasMinimum ? 32 : 0) + (hasHigh ? 64 : 0);
  int64_t groupBytes = columns / 32 * blockBytes + wordsOf(columns % 32) * 64;
  const uint8_t *block = packed + row / 16 * groupBytes + c / 32 * blockBytes;
  int64_t lane = row % 16, column = c % 32;
  uint32_t word = load(block + column / perWord * 64 + lane * 4, 4);
  int64_t inWord = column % perWord;
  switch (format) {
  case StoredFormat::F32:
    return std::bit_cast<float>(word);
  case StoredFormat::F16:
    return halfToFloat(static_cast<uint16_t>(word >> (16 * inWord)));
  case StoredFormat::BF16:
    return bfloatToFloat(static_cast<uint16_t>(word >> (16 * inWord)));
  default:
    break;
  }
  const uint8_t *high = block + words * 64, *scales = high + (hasHigh ? 64 : 0);
  float scale = halfToFloat(static_cast<uint16_t>(load(scales + 2 * lane, 2)));
  float minimum =
      hasMinimum ? halfToFloat(static_cast<uint16_t>(load(scales + 32 + 2 * lane, 2))) : 0;
  if (format == StoredFormat::Q8_0)
    return scale * static_cast<float>(static_cast<int>(word >> (8 * inWord) & 255) - 128);
  int quant = word >> (8 * (inWord % 4) + 4 * (inWord / 4)) & 15;
  if (hasHigh)
    quant |= (high[4 * lane + column % 4] >> (column / 4) & 1) << 4;
  if (hasMinimum)
    return scale * static_cast<float>(quant) + minimum;
  return scale * static_cast<float>(quant - (hasHigh ? 16 : 8));
}

class WeightWriterTest : public ::testing::Test {
protected:
  WeightWriterTest() : context(makeRegistry(), MLIRContext::Threading::DISABLED) {
    context.loadDialect<NyalaDialect>();
    std::string pattern = (std::filesystem::temp_directory_path() / "nyala-weight-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~WeightWriterTest() override { std::filesystem::remove_all(folder); }

  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  /// Random stored values; scales and floats stay finite.
  std::vector<uint8_t> makeStored(StoredFormat format, int64_t values) {
    std::vector<uint8_t> bytes(storedBytes(format, values));
    for (uint8_t &byte : bytes)
      byte = random();
    const StoredFormatInfo &info = getInfo(format);
    size_t floatEnd = format == StoredFormat::F32    ? 4
                      : format == StoredFormat::Q6_K ? info.blockBytes
                                                     : 2;
    for (size_t i = 0; i < bytes.size(); i += info.blockBytes) {
      bytes[i + floatEnd - 1] &= 0x3f;
      if (info.hasMinimum)
        bytes[i + 3] &= 0x3f;
    }
    return bytes;
  }

  std::string store(const std::string &name, const std::vector<uint8_t> &bytes, size_t offset = 0) {
    std::string path = (folder / name).string();
    std::ofstream file(path, std::ios::binary);
    file << std::string(offset, 'x');
    file.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    return path;
  }

  static std::string source(const std::string &path, size_t offset, size_t bytes,
                            StoredFormat format) {
    return " source #nyala.source<\"" + path + "\", offset = " + std::to_string(offset) +
           ", bytes = " + std::to_string(bytes) +
           ", format = " + std::string(getInfo(format).name) + ">\n";
  }

  std::vector<uint8_t> write(const std::string &text, StringRef name) {
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      throw Error("the module does not parse");
    WeightWriter writer(*module);
    auto weight = module->lookupSymbol<WeightOp>(name);
    std::vector<uint8_t> bytes;
    writer.write(weight, [&](ArrayRef<uint8_t> part) {
      bytes.insert(bytes.end(), part.begin(), part.end());
    });
    EXPECT_EQ(bytes.size(), static_cast<size_t>(WeightWriter::getBytes(weight)));
    return bytes;
  }

  std::string errorOf(const std::string &text, StringRef name) {
    try {
      write(text, name);
    } catch (const Error &error) {
      return error.what();
    }
    return "no error";
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::filesystem::path folder;
  std::mt19937 random{1};
};

constexpr StoredFormat kFormats[] = {StoredFormat::F32,  StoredFormat::F16,  StoredFormat::BF16,
                                     StoredFormat::Q4_0, StoredFormat::Q4_1, StoredFormat::Q5_0,
                                     StoredFormat::Q5_1, StoredFormat::Q8_0, StoredFormat::Q4_K,
                                     StoredFormat::Q5_K, StoredFormat::Q6_K};

std::string pack(const std::string &type, const std::string &format, const std::string &value) {
  return "%p = nyala.pack " + value + " : " + type + "> -> " + type + ", #nyala.packed<" + format +
         ">>\nnyala.yield %p : " + type + ", #nyala.packed<" + format + ">>\n}\n";
}

TEST_F(WeightWriterTest, PackedBytesHoldTheStoredValues) {
  for (StoredFormat format : kFormats)
    for (int64_t columns : {64, 45, 512}) {
      if (columns % getInfo(format).blockValues != 0)
        continue;
      constexpr int64_t kRows = 21; // the second group has 11 rows of padding
      std::string name(getInfo(format).name);
      SCOPED_TRACE(name + " " + std::to_string(columns));
      std::vector<uint8_t> stored = makeStored(format, kRows * columns);
      std::string path = store("model", stored, 13);
      std::string type = "tensor<21x" + std::to_string(columns) + "xf32";
      std::vector<uint8_t> packed = write(
          "nyala.weight @w : " + type + ">" + source(path, 13, stored.size(), format) +
              "nyala.weight @p : " + type + ", #nyala.packed<" + name +
              ">> initializer {\n%w = nyala.load @w : " + type + ">\n" + pack(type, name, "%w"),
          "p");
      EXPECT_EQ(WeightWriter::getFormatName(module->lookupSymbol<WeightOp>("p")), name + "x16");
      std::vector<float> values(kRows * columns);
      dequantize(format, stored.data(), values.data(), values.size());
      for (int64_t row = 0; row < 32; ++row)
        for (int64_t c = 0; c < columns; ++c) {
          float got = unpack(format, packed.data(), columns, row, c);
          float want = row < kRows ? values[row * columns + c] : 0;
          ASSERT_EQ(got, want) << row << ", " << c;
        }
    }
}

// Also where a group holds rows of both.
TEST_F(WeightWriterTest, ConcatenatedWeightsFollowEachOther) {
  std::vector<uint8_t> a = makeStored(StoredFormat::Q5_1, 7 * 32),
                       b = makeStored(StoredFormat::Q5_1, 20 * 32);
  std::string first = store("a", a), second = store("b", b, 100);
  std::vector<uint8_t> packed =
      write("nyala.weight @a : tensor<7x32xf32>" + source(first, 0, a.size(), StoredFormat::Q5_1) +
                "nyala.weight @b : tensor<20x32xf32>" +
                source(second, 100, b.size(), StoredFormat::Q5_1) +
                "nyala.weight @ab : tensor<27x32xf32> initializer {\n"
                "%a = nyala.load @a : tensor<7x32xf32>\n%b = nyala.load @b : tensor<20x32xf32>\n"
                "%c = tensor.concat dim(0) %a, %b : (tensor<7x32xf32>, tensor<20x32xf32>) -> "
                "tensor<27x32xf32>\nnyala.yield %c : tensor<27x32xf32>\n}\n"
                "nyala.weight @p : tensor<27x32xf32, #nyala.packed<q5_1>> initializer {\n"
                "%w = nyala.load @ab : tensor<27x32xf32>\n" +
                pack("tensor<27x32xf32", "q5_1", "%w"),
            "p");
  std::vector<float> values(27 * 32);
  dequantize(StoredFormat::Q5_1, a.data(), values.data(), 7 * 32);
  dequantize(StoredFormat::Q5_1, b.data(), values.data() + 7 * 32, 20 * 32);
  for (int64_t row = 0; row < 27; ++row)
    for (int64_t c = 0; c < 32; ++c)
      ASSERT_EQ(unpack(StoredFormat::Q5_1, packed.data(), 32, row, c), values[row * 32 + c]);
}

// The mean of a quantized and a plain matrix, rounded to blocks and packed; and of vectors.
TEST_F(WeightWriterTest, MeansAreComputedInFloats) {
  std::vector<uint8_t> a = makeStored(StoredFormat::Q4_1, 5 * 64),
                       b = makeStored(StoredFormat::F32, 5 * 64);
  std::string first = store("a", a), second = store("b", b);
  auto mean = [](const std::string &name, const std::string &type, const std::string &rounded) {
    return "nyala.weight @" + name + " : " + type + " initializer {\n%a = nyala.load @a : " + type +
           "\n%b = nyala.load @b : " + type + "\n%s = arith.addf %a, %b : " + type +
           "\n%h = arith.constant dense<0.5> : " + type + "\n%m = arith.mulf %s, %h : " + type +
           "\n" + rounded + " : " + type + "\n}\n";
  };
  std::string weights =
      "nyala.weight @a : tensor<5x64xf32>" + source(first, 0, a.size(), StoredFormat::Q4_1) +
      "nyala.weight @b : tensor<5x64xf32>" + source(second, 0, b.size(), StoredFormat::F32);
  std::vector<float> values(5 * 64), other(5 * 64);
  dequantize(StoredFormat::Q4_1, a.data(), values.data(), values.size());
  std::memcpy(other.data(), b.data(), b.size());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = (values[i] + other[i]) * 0.5F;

  std::vector<uint8_t> plain =
      write(weights + mean("m", "tensor<5x64xf32>", "nyala.yield %m"), "m");
  EXPECT_EQ(std::memcmp(plain.data(), values.data(), plain.size()), 0);

  std::vector<uint8_t> packed =
      write(weights +
                mean("m", "tensor<5x64xf32>",
                     "%r = nyala.requantize %m as <q8_0> : tensor<5x64xf32>\nnyala.yield %r") +
                "nyala.weight @p : tensor<5x64xf32, #nyala.packed<q8_0>> initializer {\n"
                "%w = nyala.load @m : tensor<5x64xf32>\n" +
                pack("tensor<5x64xf32", "q8_0", "%w"),
            "p");
  std::vector<uint8_t> blocks(storedBytes(StoredFormat::Q8_0, values.size()));
  quantize(StoredFormat::Q8_0, values.data(), blocks.data(), values.size());
  dequantize(StoredFormat::Q8_0, blocks.data(), values.data(), values.size());
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t c = 0; c < 64; ++c)
      ASSERT_EQ(unpack(StoredFormat::Q8_0, packed.data(), 64, row, c), values[row * 64 + c]);
}

TEST_F(WeightWriterTest, PlainWeightsAreWidened) {
  for (StoredFormat format : {StoredFormat::F32, StoredFormat::F16, StoredFormat::Q8_0}) {
    std::vector<uint8_t> stored = makeStored(format, 3 * 64);
    std::string path = store("plain", stored);
    std::vector<uint8_t> bytes =
        write("nyala.weight @w : tensor<3x64xf32>" + source(path, 0, stored.size(), format), "w");
    std::vector<float> values(3 * 64);
    dequantize(format, stored.data(), values.data(), values.size());
    EXPECT_EQ(std::memcmp(bytes.data(), values.data(), bytes.size()), 0);
    EXPECT_EQ(WeightWriter::getFormatName(module->lookupSymbol<WeightOp>("w")), "f32");
  }
}

TEST_F(WeightWriterTest, ErrorsNameTheWeight) {
  std::string path = store("short", std::vector<uint8_t>(100));
  StoredFormat f32 = StoredFormat::F32;
  EXPECT_EQ(
      errorOf("nyala.weight @blk.0.q : tensor<4x16xf32>" + source(path, 64, 256, f32), "blk.0.q"),
      "weight 'blk.0.q' lies at bytes 64 to 320 of '" + path +
          "', which has 100; has the file changed since it was imported?");
  EXPECT_THAT(
      errorOf("nyala.weight @w : tensor<16xf32>" + source(path, 9223372036854775807, 64, f32), "w"),
      HasSubstr("weight 'w' lies at bytes"));
  EXPECT_THAT(errorOf("nyala.weight @w : tensor<16xf32>" + source(path, 0, 60, f32), "w"),
              HasSubstr("weight 'w' has 60 bytes in its file"));
  EXPECT_THAT(
      errorOf("nyala.weight @w : tensor<16xf32>" + source(path, 0, 17, StoredFormat::Q8_0), "w"),
      HasSubstr("weight 'w' has 17 bytes in its file"));
  EXPECT_THAT(errorOf("nyala.weight @w : tensor<16xf32>\n", "w"),
              HasSubstr("weight 'w' has no data"));
  EXPECT_THAT(errorOf("nyala.weight @w : tensor<f32>" + source(path, 0, 4, f32), "w"),
              HasSubstr("weight 'w' has no values"));
  EXPECT_THAT(errorOf("nyala.weight @w : tensor<4x0xf32>" + source(path, 0, 0, f32), "w"),
              HasSubstr("weight 'w' has no values"));
  EXPECT_THAT(
      errorOf("nyala.weight @w : tensor<16xf32>" + source((folder / "absent").string(), 0, 64, f32),
              "w"),
      HasSubstr("absent"));
}

TEST_F(WeightWriterTest, InitializersThatCannotBeEvaluated) {
  std::string path = store("model", std::vector<uint8_t>(4096));
  std::string weights =
      "nyala.weight @a : tensor<2x32xf32>" + source(path, 0, 256, StoredFormat::F32) +
      "nyala.weight @b : tensor<2x32xf32>" + source(path, 0, 68, StoredFormat::Q8_0);
  EXPECT_EQ(errorOf(weights + "nyala.weight @c : tensor<4x32xf32> initializer {\n"
                              "%a = nyala.load @a : tensor<2x32xf32>\n"
                              "%b = nyala.load @b : tensor<2x32xf32>\n"
                              "%c = tensor.concat dim(0) %a, %b : (tensor<2x32xf32>, "
                              "tensor<2x32xf32>) -> tensor<4x32xf32>\n"
                              "nyala.yield %c : tensor<4x32xf32>\n}\n",
                    "c"),
            "weight 'c' concatenates weights stored as f32 and q8_0");
  EXPECT_EQ(errorOf(weights + "nyala.weight @c : tensor<2x32xf32> initializer {\n"
                              "%a = nyala.load @a : tensor<2x32xf32>\n"
                              "%c = arith.divf %a, %a : tensor<2x32xf32>\n"
                              "nyala.yield %c : tensor<2x32xf32>\n}\n",
                    "c"),
            "weight 'c' is computed by arith.divf, which cannot be evaluated on stored blocks");
  EXPECT_THAT(errorOf(weights +
                          "nyala.weight @p : tensor<2x32xf32, #nyala.packed<q4_0>> "
                          "initializer {\n%a = nyala.load @a : tensor<2x32xf32>\n" +
                          pack("tensor<2x32xf32", "q4_0", "%a"),
                      "p"),
              HasSubstr("weight 'p' is stored as f32, expected q4_0"));
  EXPECT_THAT(errorOf("nyala.weight @c : tensor<2xf32> initializer {\n"
                      "%c = nyala.load @c : tensor<2xf32>\nnyala.yield %c : tensor<2xf32>\n}\n",
                      "c"),
              HasSubstr("weight 'c' is nested too deeply"));
}

} // namespace
