//===- FuzzSafetensors.cpp - Hostile parts of checkpoints -----------------===//
//
// An input is a safetensors file; it also goes through the reader of a
// checkpoint's JSON files, which is done at its first byte unless that is '{'.
//
//===----------------------------------------------------------------------===//

#include "frontends/hf/JsonValue.h"
#include "frontends/hf/SafetensorsFile.h"
#include "ir/storage/Error.h"
#include "test/fuzz/MemoryFile.h"
#include "test/fuzz/Mutation.h"
#include "test/unit/hf/SafetensorsBuilder.h"

#include <cctype>
#include <charconv>

using namespace nyala;
using namespace nyala::hf;
using nyala::test::MemoryFile;
using nyala::test::Mutator;

static void readTensors(const SafetensorsFile &file) {
  for (const TensorInfo &tensor : file.getTensors()) {
    if (file.findTensor(tensor.name) != &tensor)
      std::abort();
    if (!tensor.format)
      continue;
    std::vector<float> values(tensor.bytes / getInfo(*tensor.format).blockBytes);
    uint64_t count = 1;
    for (int64_t size : tensor.shape)
      count *= static_cast<uint64_t>(size);
    if (count != values.size())
      std::abort();
    dequantize(*tensor.format, file.bytes().data() + tensor.offset, values.data(), values.size());
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const MemoryFile memory({data, size});
  try {
    readTensors(SafetensorsFile(memory.getPath()));
  } catch (const Error &) {
  }
  try {
    readJsonFile(memory.getPath(), 1 << 20);
  } catch (const Error &) {
  }
  return 0;
}

/// Where each number in the text begins and how long it is.
static std::vector<std::pair<size_t, size_t>> findNumbers(const std::string &text) {
  std::vector<std::pair<size_t, size_t>> numbers;
  for (size_t i = 0; i < text.size(); ++i)
    if (std::isdigit(static_cast<unsigned char>(text[i]))) {
      if (numbers.empty() || numbers.back().first + numbers.back().second != i)
        numbers.emplace_back(i, 0);
      ++numbers.back().second;
    }
  return numbers;
}

static void changeNumber(std::string &text, Mutator &mutator, unsigned seed) {
  const std::vector<std::pair<size_t, size_t>> numbers = findNumbers(text);
  if (numbers.empty())
    return;
  const auto [at, digits] = numbers[mutator.pick(numbers.size())];
  uint64_t number = 0;
  std::from_chars(text.data() + at, text.data() + at + digits, number);
  Mutator ofNumber(seed + 1);
  ofNumber.number(number);
  ofNumber.apply();
  text.replace(at, digits, std::to_string(number));
}

/// Header and data change each for itself; the header's length stays right.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  Mutator mutator(seed);
  uint64_t length = 0;
  if (size >= sizeof(length))
    std::memcpy(&length, data, sizeof(length));
  if (size < sizeof(length) || length > size - sizeof(length) || mutator.pick(4) == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  const char *text = reinterpret_cast<const char *>(data) + sizeof(length);
  std::string header(text, length), content(text + length, size - sizeof(length) - length);

  mutator.text(header);
  mutator.text(content);
  // A number is as likely to change as the two together.
  for (int twice = 0; twice < 2; ++twice)
    mutator.add([&] { changeNumber(header, mutator, seed); });
  mutator.apply();
  return nyala::test::replaceInput(hf::test::buildSafetensors(header, content), data, size,
                                   maxSize);
}
