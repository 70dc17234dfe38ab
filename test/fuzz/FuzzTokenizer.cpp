//===- FuzzTokenizer.cpp - Hostile tokenizers, hostile text ---------------===//
//
// The input is a FlatBuffer, TokenizerCase.fbs. What the checks let pass must
// tokenize any text, and the tokens must spell it.
//
//===----------------------------------------------------------------------===//

#include "TokenizerCase_generated.h"
#include "runtime/core/Status.h"
#include "runtime/text/TokenTrie.h"
#include "runtime/text/Utf8.h"
#include "test/fuzz/TokenizerMutator.h"

#include <algorithm>
#include <cstring>

using namespace nyala;

static bool isValid(const rt::Tokenizer &tokenizer) {
  try {
    tokenizer.validate();
    return true;
  } catch (const rt::Failure &) {
    return false;
  }
}

static void encode(const rt::Tokenizer &tokenizer, std::string_view text, bool special,
                   bool valid) {
  std::vector<int32_t> ids;
  try {
    tokenizer.encode(text, special, ids);
  } catch (const rt::Failure &) {
    if (!ids.empty())
      std::abort();
    return;
  }
  std::string spelled;
  for (int32_t id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= tokenizer.size())
      std::abort();
    spelled += tokenizer.tokenBytes(id, /*special=*/true);
  }
  // The beginning-of-sequence token spells nothing of the text.
  if (valid && !spelled.ends_with(text))
    std::abort();
}

/// Every token is found by its bytes in a tree that passes.
static void walkTree(const rt::Tokenizer &tokenizer) {
  const rt::TokenTrie trie(tokenizer);
  for (uint32_t id : tokenizer.getSorted()) {
    uint32_t node = rt::TokenTrie::root;
    for (char byte : tokenizer.tokenBytes(static_cast<int32_t>(id), /*special=*/false)) {
      node = trie.findChild(node, static_cast<uint8_t>(byte));
      if (node == rt::TokenTrie::none)
        std::abort();
    }
    if (node != rt::TokenTrie::root && std::ranges::count(trie.tokensAt(node), id) != 1)
      std::abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  flatbuffers::Verifier verifier(data, size);
  if (!verifier.VerifyBuffer<test::TokenizerCase>(nullptr))
    return 0;
  const auto &input = *flatbuffers::GetRoot<test::TokenizerCase>(data);
  try {
    const rt::Tokenizer tokenizer(input.tokenizer());
    const bool valid = isValid(tokenizer);
    const std::string_view text(reinterpret_cast<const char *>(input.text()->data()),
                                input.text()->size());
    rt::Utf8Stream stream;
    std::string printed;
    const auto count = static_cast<int32_t>(tokenizer.size());
    for (int32_t id = -1; id <= count; ++id)
      for (bool special : {false, true}) {
        tokenizer.isStop(id);
        stream.append(tokenizer.tokenBytes(id, special), printed);
      }
    stream.flush(printed);
    if (rt::checkText(printed) != std::string_view::npos)
      std::abort();
    for (bool special : {false, true}) {
      encode(tokenizer, text, special, valid);
      encode(tokenizer, printed, special, valid); // the vocabulary as a text
    }
    if (valid)
      walkTree(tokenizer);
  } catch (const rt::Failure &) {
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  test::Mutator mutator(seed);
  flatbuffers::Verifier verifier(data, size);
  if (mutator.pick(8) == 0 || !verifier.VerifyBuffer<test::TokenizerCase>(nullptr))
    return LLVMFuzzerMutate(data, size, maxSize);
  const std::unique_ptr<test::TokenizerCaseT> input(
      flatbuffers::GetRoot<test::TokenizerCase>(data)->UnPack());
  if (mutator.pick(3) == 0)
    test::mutateBytes(input->text);
  else
    test::addChanges(mutator, *input->tokenizer);
  mutator.apply();
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(test::TokenizerCase::Pack(builder, input.get()));
  if (builder.GetSize() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::memcpy(data, builder.GetBufferPointer(), builder.GetSize());
  return builder.GetSize();
}
