#include "test/unit/gguf/GgufBuilder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::gguf;
using namespace nyala::gguf::test;
using testing::ElementsAre;

namespace {

TEST(GgufFile, ReadsTensors) {
  GgufBuilder builder;
  std::string blocks(2 * 18, '\x3c');
  builder.addTensor("row", {3}, 0, std::string(12, 'a'))
      .addTensor("matrix", {32, 2}, 2, blocks)
      .addTensor("deep", {2, 3, 4, 5}, 1, std::string(240, 'c'));
  for (uint32_t version : {2u, 3u}) {
    builder.version = version;
    GgufFile file = readGguf(builder.build());
    EXPECT_EQ(file.getVersion(), version);
    ASSERT_EQ(file.getTensors().size(), 3u);
    EXPECT_EQ(file.findTensor("nothing"), nullptr);

    const TensorInfo *matrix = file.findTensor("matrix");
    ASSERT_EQ(matrix, &file.getTensors()[1]);
    EXPECT_EQ(matrix->name, "matrix");
    EXPECT_THAT(matrix->shape, ElementsAre(2, 32));
    EXPECT_EQ(matrix->format, StoredFormat::Q4_0);
    EXPECT_EQ(matrix->bytes, 36u);
    EXPECT_EQ(matrix->offset % 32, 0u);
    auto content = file.bytes().subspan(matrix->offset, matrix->bytes);
    EXPECT_TRUE(std::equal(content.begin(), content.end(), blocks.begin(), blocks.end()));
    EXPECT_THAT(file.findTensor("deep")->shape, ElementsAre(5, 4, 3, 2));
    EXPECT_THAT(file.findTensor("row")->shape, ElementsAre(3));
  }
}

TEST(GgufFile, ReadsEverySupportedType) {
  struct {
    uint32_t type;
    StoredFormat format;
  } types[] = {{0, StoredFormat::F32},   {1, StoredFormat::F16},   {2, StoredFormat::Q4_0},
               {3, StoredFormat::Q4_1},  {6, StoredFormat::Q5_0},  {7, StoredFormat::Q5_1},
               {8, StoredFormat::Q8_0},  {30, StoredFormat::BF16}, {12, StoredFormat::Q4_K},
               {13, StoredFormat::Q5_K}, {14, StoredFormat::Q6_K}};
  for (auto [type, format] : types) {
    GgufBuilder builder;
    builder.addTensor("x", {256}, type, std::string(storedBytes(format, 256), 'x'));
    GgufFile file = readGguf(builder.build());
    EXPECT_EQ(file.getTensors()[0].format, format);
    EXPECT_EQ(file.getTensors()[0].bytes, storedBytes(format, 256));
    EXPECT_EQ(getTensorTypeName(type).size(), getInfo(format).name.size());
  }
}

TEST(GgufFile, HonoursTheAlignment) {
  for (uint32_t alignment : {1u, 8u, 64u, 4096u}) {
    GgufBuilder builder;
    builder.alignment = alignment;
    builder.add("general.alignment", ValueType::Uint32, alignment)
        .addTensor("x", {1}, 0, "1234")
        .addTensor("y", {1}, 0, "5678");
    GgufFile file = readGguf(builder.build());
    EXPECT_EQ(file.bytes()[file.findTensor("y")->offset], '5');
  }
}

TEST(GgufFile, NeedsNeitherTensorsNorMetadata) {
  GgufFile file = readGguf(GgufBuilder().build());
  EXPECT_TRUE(file.getTensors().empty());
  EXPECT_TRUE(file.getMetadata().empty());
}

TEST(GgufFile, MovesWithItsViews) {
  GgufFile first = readGguf(GgufBuilder().addString("key", "value").build());
  GgufFile second = std::move(first);
  EXPECT_EQ(second.getString("key"), "value");
}

GgufFile readScalars() {
  GgufBuilder builder;
  builder.add<uint8_t>("u8", ValueType::Uint8, 255)
      .add<int8_t>("i8", ValueType::Int8, -1)
      .add<uint16_t>("u16", ValueType::Uint16, 65535)
      .add<int16_t>("i16", ValueType::Int16, -2)
      .add<uint32_t>("u32", ValueType::Uint32, 4294967295u)
      .add<int32_t>("i32", ValueType::Int32, 7)
      .add<uint64_t>("u64", ValueType::Uint64, UINT64_MAX)
      .add<int64_t>("i64", ValueType::Int64, INT64_MIN)
      .add<float>("f32", ValueType::Float32, 0.1f)
      .add<double>("f64", ValueType::Float64, 0.1)
      .add<bool>("bool", ValueType::Bool, true)
      .addString("string", std::string_view("a\0\xff", 3))
      .addStrings("strings", {"x", "", "yz"})
      .addArray<int8_t>("i8s", ValueType::Int8, {-1, 2})
      .addArray<uint16_t>("u16s", ValueType::Uint16, {1, 65535})
      .addArray<uint64_t>("u64s", ValueType::Uint64, {UINT64_MAX})
      .addArray<float>("f32s", ValueType::Float32, {0.5f})
      .addArray<uint8_t>("bools", ValueType::Bool, {1, 0})
      .addArray<uint32_t>("none", ValueType::Uint32, {});
  return readGguf(builder.build());
}

TEST(GgufFile, ReadsMetadata) {
  GgufFile file = readScalars();
  EXPECT_EQ(file.getMetadata().size(), 19u);
  EXPECT_EQ(file.getInteger("u8"), 255u);
  EXPECT_EQ(file.getInteger("u16"), 65535u);
  EXPECT_EQ(file.getInteger("u32"), 4294967295u);
  EXPECT_EQ(file.getInteger("i32"), 7u);
  EXPECT_EQ(file.getInteger("u64"), UINT64_MAX);
  EXPECT_EQ(file.getFloat("f32"), static_cast<double>(0.1f));
  EXPECT_EQ(file.getFloat("f64"), 0.1);
  EXPECT_EQ(file.getFloat("i16"), -2.0);
  EXPECT_EQ(file.getFloat("u8"), 255.0);
  EXPECT_EQ(file.getBool("bool"), true);
  EXPECT_EQ(file.getString("string"), std::string_view("a\0\xff", 3));
  EXPECT_THAT(*file.getStrings("strings"), ElementsAre("x", "", "yz"));
  EXPECT_THAT(*file.getIntegers("i8s"), ElementsAre(-1, 2));
  EXPECT_THAT(*file.getIntegers("u16s"), ElementsAre(1, 65535));
  EXPECT_TRUE(file.getIntegers("none")->empty());
  EXPECT_EQ(std::get<std::vector<bool>>(file.getMetadata().find("bools")->second),
            std::vector<bool>({true, false}));
  EXPECT_THAT(std::get<std::vector<double>>(file.getMetadata().find("f32s")->second),
              ElementsAre(0.5));
}

TEST(GgufFile, AbsentKeysAreNullopt) {
  GgufFile file = readScalars();
  EXPECT_EQ(file.getInteger("?"), std::nullopt);
  EXPECT_EQ(file.getFloat("?"), std::nullopt);
  EXPECT_EQ(file.getBool("?"), std::nullopt);
  EXPECT_EQ(file.getString("?"), std::nullopt);
  EXPECT_EQ(file.getIntegers("?"), std::nullopt);
  EXPECT_EQ(file.getStrings("?"), nullptr);
}

TEST(GgufFile, WrongTypesAreNamed) {
  GgufFile file = readScalars();
  EXPECT_EQ(getError([&] { file.getInteger("i8"); }), "key 'i8' is -1, expected at least 0");
  EXPECT_EQ(getError([&] { file.getInteger("f32"); }), "key 'f32' is a float, expected an integer");
  EXPECT_EQ(getError([&] { file.getInteger("bool"); }),
            "key 'bool' is a bool, expected an integer");
  EXPECT_EQ(getError([&] { file.getFloat("string"); }),
            "key 'string' is a string, expected a float");
  EXPECT_EQ(getError([&] { file.getBool("u8"); }),
            "key 'u8' is an unsigned integer, expected a bool");
  EXPECT_EQ(getError([&] { file.getString("strings"); }),
            "key 'strings' is an array of strings, expected a string");
  EXPECT_EQ(getError([&] { file.getIntegers("f32s"); }),
            "key 'f32s' is an array of floats, expected an array of integers");
  EXPECT_EQ(getError([&] { file.getIntegers("u64s"); }),
            "key 'u64s' holds 18446744073709551615, expected less than 2^63");
  EXPECT_EQ(getError([&] { file.getStrings("i8s"); }),
            "key 'i8s' is an array of integers, expected an array of strings");
}

} // namespace
