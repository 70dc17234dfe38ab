// A cheap fuzzer: damages a valid file at random, with a fixed seed. Whatever comes out either is
// read in full or throws nyala::Error; sanitizers notice the rest.
#include "test/unit/gguf/GgufBuilder.h"

#include <gtest/gtest.h>

#include <random>

using namespace nyala;
using namespace nyala::gguf;
using namespace nyala::gguf::test;

namespace {

/// Touches everything that the file offers. False if it was refused.
bool readInFull(const std::string &bytes) {
  try {
    GgufFile file = readGguf(bytes);
    for (const TensorInfo &tensor : file.getTensors()) {
      auto content = file.bytes().subspan(tensor.offset, tensor.bytes);
      std::vector<float> values(content.size() / getInfo(tensor.format).blockBytes *
                                getInfo(tensor.format).blockValues);
      dequantize(tensor.format, content.data(), values.data(), values.size());
    }
    readTokenizer(file);
  } catch (const Error &) {
    return false;
  }
  return true;
}

TEST(GgufMutation, ThrowsOrSucceeds) {
  GgufBuilder builder;
  addTokenizer(builder)
      .add<uint32_t>("general.alignment", ValueType::Uint32, 32)
      .addArray<uint16_t>("numbers", ValueType::Uint16, {1, 2, 3})
      .addTensor("first", {32, 2}, 8, std::string(68, 'x'))
      .addTensor("second", {3}, 0, std::string(12, 'y'))
      .addTensor("third", {256}, 14, std::string(210, 'z'));
  std::string bytes = builder.build();
  ASSERT_TRUE(readInFull(bytes));

  // Only mt19937's own output is the same in all standard libraries.
  std::mt19937 random(20240607);
  constexpr unsigned char interesting[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  int accepted = 0;
  constexpr int rounds = 20'000;
  for (int round = 0; round < rounds; ++round) {
    std::string damaged = bytes;
    for (uint32_t changes = 1 + random() % 3; changes > 0; --changes) {
      size_t at = random() % damaged.size();
      switch (random() % 5) {
      case 0:
        damaged[at] = static_cast<char>(interesting[random() % std::size(interesting)]);
        break;
      case 1:
        damaged[at] = static_cast<char>(damaged[at] ^ 1 << random() % 8);
        break;
      case 2:
        damaged.erase(at, 1 + random() % 16);
        break;
      case 3:
        damaged.insert(at, damaged.substr(random() % damaged.size(), 1 + random() % 16));
        break;
      default:
        damaged[at] = static_cast<char>(random());
      }
    }
    accepted += readInFull(damaged);
  }
  // The loop would show nothing if it only met one outcome.
  EXPECT_GT(accepted, rounds / 100);
  EXPECT_LT(accepted, rounds * 9 / 10);
}

} // namespace
