//===- FuzzTokenizerJson.cpp - Hostile tokenizer.json ---------------------===//
//
// The input is the texts of a model's files, with NUL bytes between them, in the
// order of `names`; an empty one is no file. What the reader takes, the artifact
// writer or the runtime may only refuse for its size.
//
//===----------------------------------------------------------------------===//

#include "frontends/hf/HfTokenizer.h"
#include "ir/storage/Error.h"
#include "runtime/core/Status.h"
#include "test/fuzz/JsonMutator.h"
#include "test/fuzz/WrittenTokenizer.h"

#include <array>
#include <cstring>

using namespace nyala;

namespace {

/// tokenizer.json, tokenizer_config.json, special_tokens_map.json, config.json,
/// generation_config.json, chat_template.jinja.
using Texts = std::array<std::string, 6>;

Texts split(const uint8_t *data, size_t size) {
  std::string_view rest(reinterpret_cast<const char *>(data), size);
  Texts texts;
  for (std::string &text : texts) {
    size_t end = &text == &texts.back() ? std::string_view::npos : rest.find('\0');
    text = rest.substr(0, end);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return texts;
}

void encode(const rt::Tokenizer &tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  try {
    tokenizer.encode(text, /*special=*/true, ids);
  } catch (const rt::Failure &) {
    return; // a byte without a token, or a pattern that backtracks too much
  }
  std::string spelled;
  for (int32_t id : ids)
    spelled += tokenizer.tokenBytes(id, /*special=*/true);
  // The beginning-of-sequence token spells nothing of the text.
  if (!spelled.ends_with(text))
    std::abort();
}

void use(const TokenizerData &data) {
  const test::WrittenTokenizer written(data);
  if (!written.get())
    return;
  std::string vocabulary;
  for (const std::string &token : data.tokens)
    vocabulary += token;
  encode(*written.get(), vocabulary);
  encode(*written.get(), "ab  a1b\n\n aab<s>'s \xc3\xa9");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Texts texts = split(data, size);
  auto file = [](std::string &text) {
    return text.empty() ? std::optional<std::string>() : std::move(text);
  };
  try {
    use(hf::readTokenizer(hf::TokenizerFiles{.directory = "m",
                                             .tokenizer = std::move(texts[0]),
                                             .tokenizerConfig = file(texts[1]),
                                             .specialTokensMap = file(texts[2]),
                                             .config = file(texts[3]),
                                             .generationConfig = file(texts[4]),
                                             .chatTemplate = file(texts[5])}));
  } catch (const Error &) {
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  test::Mutator mutator(seed);
  Texts texts = split(data, size);
  // Most of what there is to read is in the first file.
  std::string &text = texts[mutator.pick(2) == 0 ? mutator.pick(texts.size()) : 0];
  if (mutator.pick(4) == 0 || !test::mutateJson(mutator, text))
    return LLVMFuzzerMutate(data, size, maxSize);
  std::string changed;
  for (const std::string &part : texts)
    changed += (&part == texts.data() ? "" : std::string(1, '\0')) + part;
  return test::replaceInput(changed, data, size, maxSize);
}
