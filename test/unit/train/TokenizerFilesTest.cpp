#include "tools/nyala-train/TokenizerFiles.h"
#include "frontends/hf/HfTokenizer.h"
#include "tools/nyala-train/BpeTrainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::train;
using testing::ElementsAre;

namespace {

TokenizerData readBack(const TokenizerData &data) {
  return hf::readTokenizer(hf::TokenizerFiles{.directory = "m",
                                              .tokenizer = makeTokenizerJson(data),
                                              .tokenizerConfig = makeTokenizerConfig(data),
                                              .specialTokensMap = {},
                                              .config = {},
                                              .generationConfig = {},
                                              .chatTemplate = {}});
}

void expectEqual(const TokenizerData &a, const TokenizerData &b) {
  EXPECT_EQ(a.preTokenizer, b.preTokenizer);
  EXPECT_EQ(a.splits, b.splits);
  EXPECT_EQ(a.ignoreMerges, b.ignoreMerges);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.kinds, b.kinds);
  EXPECT_EQ(a.merges, b.merges);
  EXPECT_EQ(a.bos, b.bos);
  EXPECT_EQ(a.eos, b.eos);
  EXPECT_EQ(a.addBos, b.addBos);
  EXPECT_EQ(a.stops, b.stops);
  EXPECT_EQ(a.chatTemplate, b.chatTemplate);
}

TEST(TokenizerFiles, AreReadBackAsTheyWere) {
  std::string_view text = "stripes \xc3\xa9t\xc3\xa9 stripes \xc3\xa9t\xc3\xa9\n\n 123 123";
  TokenizerData data = trainBpe(std::span(&text, 1), 280);
  expectEqual(readBack(data), data);

  data.addBos = true;
  data.chatTemplate = "{{ messages }}";
  data.tokens.emplace_back("<plain>");
  data.kinds.push_back(TokenKind::UserDefined);
  for (const char *family : {"gpt-2", "smollm", "llama-bpe", "qwen2"}) {
    data.preTokenizer = family;
    expectEqual(readBack(data), data);
  }
  data.preTokenizer = "splits";
  data.splits = {"\\p{N}", "a+"};
  data.ignoreMerges = true;
  expectEqual(readBack(data), data);
}

} // namespace
