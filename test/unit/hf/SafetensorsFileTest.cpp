#include "frontends/hf/SafetensorsFile.h"
#include "ir/storage/Error.h"
#include "test/fuzz/MemoryFile.h"
#include "test/unit/hf/SafetensorsBuilder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::hf;
using namespace nyala::hf::test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::string_literals;

namespace {

SafetensorsFile read(const std::string &bytes) {
  const nyala::test::MemoryFile memory(
      {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
  return SafetensorsFile(memory.getPath());
}

/// The message of the error without the file's path; empty if there was none.
std::string getError(const std::string &bytes) {
  try {
    read(bytes);
  } catch (const Error &error) {
    std::string message = error.what();
    return message.substr(message.find(": ") + 2);
  }
  return "";
}

std::string getHeaderError(const std::string &header, const std::string &data = "") {
  return getError(buildSafetensors(header, data));
}

TEST(SafetensorsFile, ReadsTensors) {
  // In another order than the data; an odd header's length, so that nothing is aligned.
  std::string header = "{" + describe("b", "F32", "2", 6, 14) +
                       ",\"__metadata__\":{\"format\":\"pt\",\"format\":\"again\"}," +
                       describe("a", "BF16", "3,1", 0, 6) + "," + describe("c", "F16", "", 14, 16) +
                       "," + describe("empty", "F32", "4,0,9223372036854775807", 14, 14) + "," +
                       describe("flags", "BOOL", "3", 16, 19) + "}";
  header.resize(header.size() + 1 + header.size() % 2, ' ');
  SafetensorsFile file = read(buildSafetensors(header, "aaaaaa\0\0\x80\x3f\0\0\0@ccfff"s));
  ASSERT_EQ(file.getTensors().size(), 5u);
  EXPECT_EQ(file.findTensor("zebra"), nullptr);

  const TensorInfo *b = file.findTensor("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->name, "b");
  EXPECT_EQ(b->type, "F32");
  EXPECT_EQ(b->format, StoredFormat::F32);
  EXPECT_THAT(b->shape, ElementsAre(2));
  EXPECT_EQ(b->offset, 8 + header.size() + 6);
  EXPECT_EQ(b->offset % 2, 1u);
  EXPECT_EQ(b->bytes, 8u);
  float values[2];
  dequantize(*b->format, file.bytes().data() + b->offset, values, 2);
  EXPECT_THAT(values, ElementsAre(1, 2));

  EXPECT_EQ(file.findTensor("a")->format, StoredFormat::BF16);
  EXPECT_THAT(file.findTensor("a")->shape, ElementsAre(3, 1));
  EXPECT_THAT(file.findTensor("c")->shape, ElementsAre());
  EXPECT_EQ(file.findTensor("c")->format, StoredFormat::F16);
  EXPECT_EQ(file.findTensor("empty")->bytes, 0u);
  EXPECT_EQ(file.findTensor("flags")->format, std::nullopt);
  EXPECT_EQ(file.getTensors().front().name, "a");
}

TEST(SafetensorsFile, ReadsTypesThatNyalaDoesNotKnow) {
  // Of unknown types the size cannot be checked; F4 and F6 do not fill whole bytes.
  EXPECT_EQ(getHeaderError("{" + describe("a", "ZEBRA", "7", 0, 1) + "}", "x"), "");
  EXPECT_EQ(getHeaderError("{" + describe("a", "F4", "3", 0, 2) + "}", "xx"), "");
  EXPECT_EQ(getHeaderError("{" + describe("a", "F6_E2M3", "2,2", 0, 3) + "}", "xxx"), "");
  EXPECT_EQ(getHeaderError("{}"), "");
  EXPECT_EQ(read(buildSafetensors("{}")).getTensors().size(), 0u);
}

TEST(SafetensorsFile, TruncatedAnywhere) {
  std::string bytes = buildSafetensors("{" + describe("a", "F32", "2", 0, 8) + "}", "abcdefgh");
  ASSERT_EQ(getError(bytes), "");
  EXPECT_EQ(getError(""), "the file is empty, expected safetensors");
  for (size_t size = 1; size < bytes.size(); ++size)
    EXPECT_THAT(getError(bytes.substr(0, size)), HasSubstr("truncated")) << size;
  EXPECT_EQ(getError(bytes.substr(0, 10)), "truncated: a header of " +
                                               std::to_string(bytes.size() - 16) +
                                               " bytes does not fit in the 2 bytes after its "
                                               "length");
  EXPECT_EQ(getError(bytes + "x"), "the file has 1 bytes after the last tensor, expected none");
}

TEST(SafetensorsFile, HeaderLength) {
  for (uint64_t length : {uint64_t(100'000'001), uint64_t(1) << 32, UINT64_MAX, UINT64_MAX - 7}) {
    std::string bytes = buildSafetensors("{}");
    std::memcpy(bytes.data(), &length, sizeof(length));
    EXPECT_EQ(getError(bytes), "not a safetensors file: it starts with a header's length of " +
                                   std::to_string(length) + ", expected at most 100000000");
  }
  for (const char *header : {"", "{", "[]", " {}"})
    EXPECT_EQ(getHeaderError(header), "not a safetensors file: its header is not a JSON object");
  EXPECT_EQ(getError("version https://git-lfs.github.com/spec/v1\n"),
            "is a pointer of Git LFS, not the file itself; fetch it with 'git lfs pull'");
}

TEST(SafetensorsFile, BrokenJson) {
  EXPECT_EQ(getHeaderError("{\"a\":"), "the header is not valid JSON at byte 14");
  EXPECT_THAT(getHeaderError("{} {}"), StartsWith("the header is not valid JSON at byte "));
  EXPECT_THAT(getHeaderError("{\"\xff\":{}}"), StartsWith("the header is not valid JSON"));
  EXPECT_THAT(getHeaderError("{\"a\":{\"shape\":[1e999]}}"),
              StartsWith("the header is not valid JSON"));
  // However deep: the reader knows only what a header may hold.
  for (const char *opening : {"[", "{\"x\":"}) {
    std::string deep = "{\"a\":{\"shape\":[";
    for (int i = 0; i < 100'000; ++i)
      deep += opening;
    EXPECT_THAT(getHeaderError(deep), StartsWith("header: tensor 'a': 'shape' holds a"));
  }
}

TEST(SafetensorsFile, WhatHeadersHold) {
  auto getEntryError = [](const std::string &entry) {
    return getHeaderError("{\"a\":" + entry + "}");
  };
  for (const char *value : {"null", "true", "1", "-1", "1.5", "\"x\"", "[]"})
    EXPECT_THAT(getEntryError(value), testing::EndsWith(", expected an object")) << value;
  const std::string rest = ",\"shape\":[1],\"data_offsets\":[0,4]}";
  EXPECT_EQ(getEntryError("{\"dtype\":5" + rest),
            "header: tensor 'a': 'dtype' is 5, expected a text");
  EXPECT_EQ(getEntryError("{\"dtype\":[]" + rest),
            "header: tensor 'a': 'dtype' is an array, expected a text");
  EXPECT_EQ(getEntryError("{\"dtype\":\"F32\",\"dtype\":\"F32\"" + rest),
            "header: tensor 'a': the key 'dtype' comes twice");
  EXPECT_EQ(getEntryError("{\"stripes\":\"F32\"" + rest),
            "header: tensor 'a': unknown key 'stripes', expected 'dtype', 'shape' and "
            "'data_offsets'");
  EXPECT_EQ(getEntryError("{\"shape\":[1],\"data_offsets\":[0,4]}"),
            "header: tensor 'a': the key 'dtype' is missing");
  EXPECT_EQ(getEntryError("{\"shape\":3}"),
            "header: tensor 'a': 'shape' is 3, expected an array of numbers");
  for (const char *value : {"-1", "1.5", "null", "\"1\"", "[]", "18446744073709551616"})
    EXPECT_THAT(getEntryError(std::string("{\"shape\":[") + value + "]}"),
                StartsWith("header: tensor 'a': 'shape' holds "))
        << value;
  for (const char *offsets : {"", "0", "0,4,8"})
    EXPECT_THAT(getEntryError(std::string("{\"data_offsets\":[") + offsets + "]}"),
                StartsWith("header: tensor 'a': "))
        << offsets;
  std::string ranks = "1";
  for (int i = 0; i < 64; ++i)
    ranks += ",1";
  EXPECT_EQ(getEntryError("{\"shape\":[" + ranks + "]}"),
            "header: tensor 'a': its 'shape' has too many numbers, expected at most 64");

  std::string entry = describe("a", "F32", "1", 0, 4);
  EXPECT_EQ(getHeaderError("{" + entry + "," + entry + "}", "xxxx"),
            "header: tensor 'a': comes twice");
  EXPECT_EQ(getHeaderError("{\"__metadata__\":{},\"__metadata__\":{}}"),
            "header: '__metadata__': comes twice");
  EXPECT_EQ(getHeaderError("{\"__metadata__\":{\"a\":1}}"),
            "header: '__metadata__': holds 1, expected texts alone");
  EXPECT_EQ(getHeaderError("{\"__metadata__\":[]}"),
            "header: '__metadata__': is an array, expected an object");
}

TEST(SafetensorsFile, RangesThatLie) {
  auto getRangeError = [](const char *shape, uint64_t begin, uint64_t end) {
    return getHeaderError("{" + describe("a", "F32", shape, begin, end) + "}", "12345678");
  };
  EXPECT_EQ(getRangeError("2", 0, 8), "");
  EXPECT_EQ(getRangeError("2", 8, 0), "tensor 'a' lies at bytes 8 to 0 of the tensors' 8");
  EXPECT_EQ(getRangeError("2", 0, 9),
            "tensor 'a' lies at bytes 0 to 9 of the tensors' 8; is the file truncated?");
  EXPECT_THAT(getRangeError("2", UINT64_MAX - 7, UINT64_MAX), HasSubstr("truncated?"));
  EXPECT_EQ(getRangeError("3", 0, 8),
            "tensor 'a' has 8 bytes, expected 12 for its shape and type F32");
  EXPECT_THAT(getRangeError("0", 0, 8), HasSubstr("expected 0"));
  EXPECT_EQ(getRangeError("1", 4, 8), "tensor 'a' comes after a hole of 4 bytes, expected none");
  EXPECT_EQ(getRangeError("1", 0, 4), "the file has 4 bytes after the last tensor, expected none");
  // Products that overflow, to 0 or to what is there.
  for (const char *shape : {"4294967296,4294967296", "4611686018427387905,4",
                            "9223372036854775807,2", "2305843009213693954"})
    EXPECT_EQ(getRangeError(shape, 0, 8),
              "tensor 'a' has a shape of more bytes than can be counted")
        << shape;
  EXPECT_EQ(getRangeError("9223372036854775808", 0, 8),
            "tensor 'a' has a dimension of 9223372036854775808");

  auto getPairError = [](uint64_t begin, uint64_t end) {
    return getHeaderError("{" + describe("a", "U8", "4", 0, 4) + "," +
                              describe("b", "U8", std::to_string(end - begin).c_str(), begin, end) +
                              "}",
                          "12345678");
  };
  EXPECT_EQ(getPairError(4, 8), "");
  EXPECT_EQ(getPairError(3, 8), "tensor 'b' shares bytes with the tensor before it");
  EXPECT_EQ(getPairError(0, 8), "tensor 'b' shares bytes with the tensor before it");
  EXPECT_EQ(getPairError(5, 8), "tensor 'b' comes after a hole of 1 bytes, expected none");
}

} // namespace
