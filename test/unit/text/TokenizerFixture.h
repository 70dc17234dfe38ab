//===- TokenizerFixture.h - A small byte-level tokenizer --------*- C++ -*-===//
#ifndef NYALA_TEST_UNIT_TEXT_TOKENIZERFIXTURE_H
#define NYALA_TEST_UNIT_TEXT_TOKENIZERFIXTURE_H

#include "codegen/package/TokenizerWriter.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <memory>
#include <string>

namespace nyala {

/// All bytes as tokens 0..255, then tokens and merges as tests add them.
class TokenizerFixture {
public:
  explicit TokenizerFixture(std::string preTokenizer = "gpt-2") {
    data.model = "gpt2";
    data.preTokenizer = std::move(preTokenizer);
    for (int byte = 0; byte < 256; ++byte)
      add(std::string(1, static_cast<char>(byte)));
  }

  uint32_t add(std::string text, TokenKind kind = TokenKind::Normal) {
    data.tokens.push_back(std::move(text));
    data.kinds.push_back(kind);
    return static_cast<uint32_t>(data.tokens.size() - 1);
  }

  /// A merge of rank = number of merges so far; its result becomes a token if it is none yet.
  uint32_t merge(const std::string &left, const std::string &right) {
    uint32_t a = find(left), b = find(right), result = find(left + right);
    if (result == data.tokens.size())
      add(left + right);
    data.merges.push_back({a, b, static_cast<uint32_t>(data.merges.size()), result});
    return result;
  }

  uint32_t find(const std::string &text) const {
    return static_cast<uint32_t>(std::ranges::find(data.tokens, text) - data.tokens.begin());
  }

  /// Lays the data out. The tokenizer lives until the next call.
  const rt::Tokenizer &build() {
    tokenizer.reset();
    builder.Clear();
    builder.Finish(package::writeTokenizer(builder, data));
    tokenizer = std::make_unique<rt::Tokenizer>(
        flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer()));
    return *tokenizer;
  }

  TokenizerData data;

private:
  flatbuffers::FlatBufferBuilder builder;
  std::unique_ptr<rt::Tokenizer> tokenizer;
};

} // namespace nyala

#endif // NYALA_TEST_UNIT_TEXT_TOKENIZERFIXTURE_H
