// Files that are not GGUF, are damaged, or ask for what nyala does not support.
#include "test/unit/gguf/GgufBuilder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::gguf;
using namespace nyala::gguf::test;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

constexpr uint64_t absurd = uint64_t(1) << 63;
constexpr uint32_t arrayType = 9;

TEST(GgufBadInput, Magic) {
  EXPECT_EQ(getReadError(""), "header at byte 0: the file is empty, expected a GGUF model");
  for (const char *text : {"GGML\3\0\0\0 and more", "PK\3\4", "x", "GGU?", "gguf"})
    EXPECT_EQ(getReadError(text),
              "header at byte 0: not a GGUF file: it does not start with the magic 'GGUF'");
  EXPECT_THAT(getReadError("GG"), StartsWith("truncated in header at byte 2: "));
}

TEST(GgufBadInput, Version) {
  auto getVersionError = [](uint32_t version) {
    GgufBuilder builder;
    builder.version = version;
    return getReadError(builder.build());
  };
  EXPECT_THAT(getVersionError(1), StartsWith("header at byte 4: GGUF version 1 is not supported, "
                                             "expected 2 or 3; convert"));
  for (uint32_t version : {0u, 4u, 99u, 0xffffffffu})
    EXPECT_THAT(getVersionError(version),
                StartsWith("header at byte 4: unknown GGUF version " + std::to_string(version)));
  for (uint32_t version : {0x01000000u, 0x02000000u, 0x03000000u})
    EXPECT_THAT(getVersionError(version),
                StartsWith("header at byte 4: big-endian GGUF version " +
                           std::to_string(version >> 24) + ", expected little-endian; "));
}

TEST(GgufBadInput, TruncatedAnywhere) {
  GgufBuilder builder;
  addTokenizer(builder)
      .addArray<uint16_t>("numbers", ValueType::Uint16, {1, 2, 3})
      .addTensor("first", {32, 2}, 8, std::string(68, 'x'))
      .addTensor("second", {3}, 0, std::string(12, 'y'));
  std::string bytes = builder.build();
  ASSERT_EQ(getReadError(bytes), "");
  size_t metadata = 24, infos = metadata + builder.entries.text.size();
  size_t data = infos + builder.infos.text.size();
  for (size_t size = 1; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    std::string message = getReadError(bytes.substr(0, size));
    ASSERT_THAT(message, StartsWith("truncated in "));
    // Counts that no longer fit are noticed at once.
    if (size < metadata) {
      ASSERT_THAT(message, StartsWith("truncated in header at byte "));
    } else if (size >= data) {
      ASSERT_THAT(message, StartsWith("truncated in tensor data at byte "));
    }
    size_t at = std::stoul(message.substr(message.find(" at byte ") + 9));
    ASSERT_LE(at, size);
  }
  EXPECT_EQ(
      getReadError(bytes.substr(0, metadata)),
      "truncated in header at byte 8: 2 tensors of at least 32 bytes each do not fit in the 0 "
      "bytes left for them");
  EXPECT_EQ(getReadError(bytes.substr(0, data - 1)),
            "truncated in tensor infos at byte " + std::to_string(data - 8) +
                ": tensor 'second': the offset of the tensor's data needs 8 bytes, 7 are left");
}

TEST(GgufBadInput, AbsurdCounts) {
  for (uint64_t count : {absurd, UINT64_MAX, uint64_t(2), UINT64_MAX / 32 + 1}) {
    SCOPED_TRACE(count);
    GgufBuilder builder;
    builder.tensorCount = count;
    EXPECT_THAT(getReadError(builder.build()),
                StartsWith("truncated in header at byte 8: " + std::to_string(count) + " tensors"));
    builder.tensorCount.reset();
    builder.entryCount = count;
    EXPECT_THAT(getReadError(builder.build()),
                StartsWith("truncated in header at byte 16: " + std::to_string(count) +
                           " metadata entries"));
  }
}

TEST(GgufBadInput, AbsurdLengths) {
  for (uint64_t length : {absurd, UINT64_MAX, uint64_t(100)}) {
    SCOPED_TRACE(length);
    GgufBuilder key;
    key.entries.put(length).put<uint64_t>(0);
    key.entryCount = 1;
    EXPECT_EQ(getReadError(key.build()), "truncated in metadata at byte 32: a string needs " +
                                             std::to_string(length) + " bytes, 8 are left");
    EXPECT_EQ(getReadError(GgufBuilder().addRaw("k", 8, Bytes().put(length)).build()),
              "truncated in metadata at byte 45: key 'k': a string needs " +
                  std::to_string(length) + " bytes, 0 are left");
    for (uint32_t type = 0; type <= 12; ++type) {
      if (type == arrayType)
        continue;
      Bytes value;
      value.put(type).put(length).put<uint32_t>(0);
      EXPECT_THAT(getReadError(GgufBuilder().addRaw("k", arrayType, value).build()),
                  StartsWith("truncated in metadata at byte 41: key 'k': " +
                             std::to_string(length) + " array elements of at least "));
    }
    GgufBuilder tensor;
    tensor.infos.put(length).text += std::string(40, 'x');
    tensor.infosWritten = 1;
    EXPECT_THAT(getReadError(tensor.build()),
                StartsWith("truncated in tensor infos at byte 32: a string needs "));
  }
}

TEST(GgufBadInput, Values) {
  EXPECT_EQ(getReadError(GgufBuilder().addRaw("k", 13, Bytes().put<uint64_t>(0)).build()),
            "metadata at byte 33: key 'k': unknown value type 13, expected 0 to 12");
  EXPECT_EQ(
      getReadError(
          GgufBuilder().addRaw("k", arrayType, Bytes().put<uint32_t>(99).put<uint64_t>(0)).build()),
      "metadata at byte 37: key 'k': unknown value type 99, expected 0 to 12");
  EXPECT_EQ(getReadError(GgufBuilder().add<uint8_t>("k", ValueType::Bool, 2).build()),
            "metadata at byte 37: key 'k': a bool has the value 2, expected 0 or 1");
  Bytes nested;
  nested.put(arrayType).put<uint64_t>(1).put(arrayType).put<uint64_t>(1);
  EXPECT_EQ(getReadError(GgufBuilder().addRaw("k", arrayType, nested).build()),
            "metadata at byte 37: key 'k': an array of arrays is not supported");
}

TEST(GgufBadInput, DuplicateKey) {
  EXPECT_EQ(getReadError(GgufBuilder().addString("k", "").addString("k", "").build()),
            "metadata at byte 45: key 'k': occurs a second time");
}

TEST(GgufBadInput, HostileNamesAreEscaped) {
  EXPECT_EQ(getReadError(GgufBuilder().addRaw("\x1b[2J\n", 77, Bytes().put('x')).build()),
            "metadata at byte 37: key '\\x1b[2J\\x0a': unknown value type 77, expected 0 to 12");
}

TEST(GgufBadInput, Alignment) {
  for (uint64_t alignment : {uint64_t(0), uint64_t(3), uint64_t(48), uint64_t(1) << 32, absurd})
    EXPECT_EQ(
        getReadError(GgufBuilder().add("general.alignment", ValueType::Uint64, alignment).build()),
        "key 'general.alignment' is " + std::to_string(alignment) +
            ", expected a power of two of at most 32 bits");
  EXPECT_EQ(getReadError(GgufBuilder().addString("general.alignment", "32").build()),
            "key 'general.alignment' is a string, expected an integer");
  // Larger than the file.
  EXPECT_THAT(getReadError(GgufBuilder()
                               .add<uint32_t>("general.alignment", ValueType::Uint32, 1u << 31)
                               .addTensor("x", {1}, 0, "1234")
                               .build()),
              StartsWith("truncated in tensor data at byte "));
}

std::string getShapeError(const std::vector<int64_t> &dimensions, uint32_t type = 0) {
  std::string message =
      getReadError(GgufBuilder().addInfo("x", dimensions, type, 0).build() + std::string(64, 0));
  return message.substr(message.find("'x': ") + 5);
}

TEST(GgufBadInput, Shapes) {
  EXPECT_EQ(getShapeError({}), "0 dimensions, expected 1 to 4");
  EXPECT_EQ(getShapeError({1, 1, 1, 1, 1}), "5 dimensions, expected 1 to 4");
  EXPECT_EQ(getShapeError({0}), "dimension 0 is 0, expected at least 1");
  EXPECT_EQ(getShapeError({1, -1}), "dimension 1 is -1, expected at least 1");
  EXPECT_EQ(getShapeError({2, INT64_MIN}),
            "dimension 1 is -9223372036854775808, expected at least 1");
  int64_t large = int64_t(1) << 32;
  EXPECT_EQ(getShapeError({large, large}), "the product of the dimensions overflows 63 bits");
  EXPECT_EQ(getShapeError({large, large / 2}), "the product of the dimensions overflows 63 bits");
  EXPECT_EQ(getShapeError({INT64_MAX, 1, 1, 2}), "the product of the dimensions overflows 63 bits");
  for (uint32_t type : {0u, 1u, 30u})
    EXPECT_THAT(getShapeError({INT64_MAX}, type), HasSubstr("need more bytes than the file has"));
  EXPECT_THAT(getShapeError({32, INT64_MAX / 32}, 8),
              HasSubstr("need more bytes than the file has"));
  EXPECT_THAT(getShapeError({256, INT64_MAX / 256}, 13),
              HasSubstr("need more bytes than the file has"));
  EXPECT_EQ(getReadError(GgufBuilder().addInfo("x", {1, 1, 1, 1, 1}, 0, 0).build()),
            "tensor infos at byte 33: tensor 'x': 5 dimensions, expected 1 to 4");
}

TEST(GgufBadInput, RowsOfPartialBlocks) {
  EXPECT_EQ(getShapeError({16, 2}, 2),
            "a row has 16 values, expected a multiple of 32, the block size of q4_0");
  EXPECT_EQ(getShapeError({33}, 8),
            "a row has 33 values, expected a multiple of 32, the block size of q8_0");
  EXPECT_EQ(getShapeError({128, 2}, 12),
            "a row has 128 values, expected a multiple of 256, the block size of q4_k");
  EXPECT_EQ(getShapeError({257}, 14),
            "a row has 257 values, expected a multiple of 256, the block size of q6_k");
}

TEST(GgufBadInput, TensorTypes) {
  EXPECT_EQ(getShapeError({32}, 11),
            "tensor type 11 (Q3_K) is not supported, expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, "
            "Q5_1, Q8_0, Q4_K, Q5_K or Q6_K; quantize the original model to one of these");
  EXPECT_THAT(getShapeError({32}, 17), StartsWith("tensor type 17 (IQ2_XS) is not supported"));
  EXPECT_THAT(getShapeError({32}, 24), StartsWith("tensor type 24 (I8) is not supported"));
  EXPECT_THAT(getShapeError({32}, 36), StartsWith("tensor type 36 (IQ4_NL_4_4) is not supported"));
  EXPECT_THAT(getShapeError({32}, 39), StartsWith("tensor type 39 (MXFP4) is not supported"));
  EXPECT_THAT(getShapeError({32}, 42), StartsWith("unknown tensor type 42; "));
  EXPECT_THAT(getShapeError({32}, UINT32_MAX), StartsWith("unknown tensor type 4294967295; "));
}

TEST(GgufBadInput, DuplicateTensor) {
  EXPECT_EQ(
      getReadError(GgufBuilder().addTensor("x", {1}, 0, "1234").addInfo("x", {1}, 0, 0).build()),
      "tensor infos at byte 57: tensor 'x': occurs a second time");
}

TEST(GgufBadInput, TensorOffsets) {
  auto getOffsetError = [](uint64_t offset) {
    return getReadError(GgufBuilder()
                            .addTensor("a", {16}, 0, std::string(64, 0))
                            .addInfo("x", {2}, 0, offset)
                            .build());
  };
  EXPECT_EQ(getOffsetError(32), "");
  EXPECT_EQ(getOffsetError(4),
            "tensor infos at byte 82: tensor 'x': its data begin at offset 4, expected a multiple "
            "of the alignment, 32");
  for (uint64_t offset : {uint64_t(64), uint64_t(96), absurd, UINT64_MAX - 31})
    EXPECT_EQ(getOffsetError(offset), "truncated in tensor data at byte 96: tensor 'x': 8 bytes at "
                                      "offset " +
                                          std::to_string(offset) +
                                          " do not fit in the 64 bytes of tensor data");
  // Begins inside, ends behind.
  EXPECT_THAT(getReadError(GgufBuilder()
                               .addTensor("a", {16}, 0, std::string(64, 0))
                               .addInfo("x", {9}, 0, 32)
                               .build()),
              HasSubstr("tensor 'x': 36 bytes at offset 32 do not fit in the 64 bytes"));
}

} // namespace
