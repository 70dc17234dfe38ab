//===- FuzzGguf.cpp - Hostile GGUF files ----------------------------------===//
//
// Reads everything that the reader offers. A tokenizer goes on to where it is
// used: what the compiler writes into artifacts, the runtime must take.
//
//===----------------------------------------------------------------------===//

#include "frontends/gguf/GgufFile.h"
#include "ir/storage/Error.h"
#include "test/fuzz/GgufLayout.h"
#include "test/fuzz/MemoryFile.h"
#include "test/fuzz/Mutation.h"
#include "test/fuzz/WrittenTokenizer.h"

using namespace nyala;
using namespace nyala::gguf;

static void readTensors(const GgufFile &file) {
  for (const TensorInfo &tensor : file.getTensors()) {
    if (file.findTensor(tensor.name) != &tensor)
      std::abort();
    const StoredFormatInfo &info = getInfo(tensor.format);
    std::vector<float> values(tensor.bytes / info.blockBytes * info.blockValues);
    dequantize(tensor.format, file.bytes().data() + tensor.offset, values.data(), values.size());
  }
}

/// Each look-up either returns or throws, whatever the key's type is.
static void readMetadata(const GgufFile &file) {
  const auto attempt = [](auto read) {
    try {
      read();
    } catch (const Error &) {
    }
  };
  for (const auto &[key, value] : file.getMetadata()) {
    attempt([&] { file.getInteger(key); });
    attempt([&] { file.getFloat(key); });
    attempt([&] { file.getBool(key); });
    attempt([&] { file.getString(key); });
    attempt([&] { file.getIntegers(key); });
    attempt([&] { file.getStrings(key); });
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const test::MemoryFile memory({data, size});
  try {
    const GgufFile file(memory.getPath());
    readTensors(file);
    readMetadata(file);
    if (std::optional<TokenizerData> tokenizer = readTokenizer(file))
      const test::WrittenTokenizer written(*tokenizer);
  } catch (const Error &) {
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  test::Mutator mutator(seed);
  if (mutator.pick(3) == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  test::GgufLayout layout({data, size});
  layout.addChanges(mutator);
  mutator.apply();
  return test::replaceInput(layout.assemble(), data, size, maxSize);
}
