//===- WrittenTokenizer.h - A tokenizer as an artifact has it ---*- C++ -*-===//
#ifndef NYALA_TEST_FUZZ_WRITTENTOKENIZER_H
#define NYALA_TEST_FUZZ_WRITTENTOKENIZER_H

#include "codegen/package/TokenizerWriter.h"
#include "ir/storage/Error.h"
#include "runtime/text/Tokenizer.h"

#include <optional>

namespace nyala::test {

/// What the artifact writer makes of a tokenizer that a reader has read. The runtime's checks must
/// accept it: what they throw is a finding.
class WrittenTokenizer {
public:
  explicit WrittenTokenizer(const TokenizerData &data) {
    try {
      builder.Finish(package::writeTokenizer(builder, data));
    } catch (const Error &) {
      return;
    }
    tokenizer.emplace(flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer()));
    tokenizer->validate();
  }

  /// Null if the writer has refused it.
  const rt::Tokenizer *get() const { return tokenizer ? &*tokenizer : nullptr; }

private:
  flatbuffers::FlatBufferBuilder builder;
  std::optional<rt::Tokenizer> tokenizer;
};

} // namespace nyala::test

#endif // NYALA_TEST_FUZZ_WRITTENTOKENIZER_H
