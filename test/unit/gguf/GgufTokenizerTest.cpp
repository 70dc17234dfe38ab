#include "test/unit/gguf/GgufBuilder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::gguf;
using namespace nyala::gguf::test;
using testing::ElementsAre;
using testing::StartsWith;

namespace {

/// The parts of a tokenizer's metadata that tests change.
struct Vocabulary {
  std::optional<std::string> model = "gpt2", pre = "smollm";
  std::vector<std::string> tokens = {"<|endoftext|>", "<|im_end|>", "a", "b", "ab"};
  std::vector<int32_t> types = {3, 3, 1, 1, 1};
  std::vector<std::string> merges = {"a b"};
  std::vector<std::pair<std::string, uint32_t>> ids = {{"bos", 0}, {"eos", 1}};
  std::optional<bool> addBos = {};

  GgufFile toFile() const {
    GgufBuilder builder;
    if (model)
      builder.addString("tokenizer.ggml.model", *model);
    if (pre)
      builder.addString("tokenizer.ggml.pre", *pre);
    if (!tokens.empty())
      builder.addStrings("tokenizer.ggml.tokens", tokens);
    if (!types.empty())
      builder.addArray("tokenizer.ggml.token_type", ValueType::Int32, types);
    if (!merges.empty())
      builder.addStrings("tokenizer.ggml.merges", merges);
    for (const auto &[name, id] : ids)
      builder.add("tokenizer.ggml." + name + "_token_id", ValueType::Uint32, id);
    if (addBos)
      builder.add("tokenizer.ggml.add_bos_token", ValueType::Bool, *addBos);
    return readGguf(builder.build());
  }
  TokenizerData read() const { return readTokenizer(toFile()).value(); }
  std::string getMessage() const {
    return getError([&] { readTokenizer(toFile()); });
  }
};

TEST(GgufTokenizer, ReadsAll) {
  GgufBuilder builder;
  TokenizerData data = readTokenizer(readGguf(addTokenizer(builder).build())).value();
  EXPECT_EQ(data.model, "gpt2");
  EXPECT_EQ(data.preTokenizer, "smollm");
  EXPECT_THAT(data.tokens, ElementsAre("<|endoftext|>", "<|im_end|>", "a", "b", " ", "ab", " a"));
  EXPECT_EQ(data.kinds[1], TokenKind::Control);
  EXPECT_EQ(data.kinds[2], TokenKind::Normal);
  ASSERT_EQ(data.merges.size(), 2u);
  EXPECT_EQ(data.merges[1].left, 4u);
  EXPECT_EQ(data.merges[1].right, 2u);
  EXPECT_EQ(data.merges[1].rank, 1u);
  EXPECT_EQ(data.merges[1].result, 6u);
  EXPECT_EQ(data.bos, 0);
  EXPECT_EQ(data.eos, 1);
  EXPECT_FALSE(data.addBos);
  EXPECT_THAT(data.stops, ElementsAre(0, 1));
  EXPECT_EQ(data.chatTemplate, "{{ messages }}");
}

TEST(GgufTokenizer, AbsentTokenizerIsNullopt) {
  EXPECT_EQ(readTokenizer(readGguf(GgufBuilder().build())).has_value(), false);
  for (const char *model : {"none", "no_vocab"})
    EXPECT_FALSE(
        readTokenizer(readGguf(GgufBuilder().addString("tokenizer.ggml.model", model).build()))
            .has_value());
}

TEST(GgufTokenizer, ModelAndPreTokenizer) {
  for (const char *pre : {"smollm", "gpt-2", "llama-bpe", "qwen2"})
    EXPECT_EQ((Vocabulary{.pre = pre}.read().preTokenizer), pre);
  EXPECT_EQ((Vocabulary{.model = "llama"}.getMessage()),
            "tokenizer: model 'llama' is not supported, expected 'gpt2' (byte-level BPE)");
  EXPECT_EQ((Vocabulary{.model = std::nullopt}.getMessage()),
            "tokenizer: key 'tokenizer.ggml.model' is missing, expected 'gpt2'");
  EXPECT_EQ((Vocabulary{.pre = "default"}.getMessage()),
            "tokenizer: pre-tokenizer 'default' is not supported, expected one of 'gpt-2', "
            "'llama-bpe', 'qwen2', 'smollm'");
  EXPECT_THAT((Vocabulary{.pre = std::nullopt}.getMessage()),
              StartsWith("tokenizer: key 'tokenizer.ggml.pre' is missing, expected one of "));
}

TEST(GgufTokenizer, UndoesTheByteEncoding) {
  Vocabulary vocabulary;
  // Space, newline, 0x00, 0x7f, 0xad and 0xff; "é" is written as its two bytes C3 A9.
  vocabulary.tokens = {
      "\u0120\u010a",        "\u0100", "\u0121", "\u0143", "\u00ff", "\u00c3\u00a9",
      "!~\u00a1\u00ac\u00ae"};
  vocabulary.types.assign(vocabulary.tokens.size(), 1);
  vocabulary.merges = {"\u0100 \u0121"};
  vocabulary.tokens.push_back("\u0100\u0121");
  vocabulary.types.push_back(1);
  vocabulary.ids.clear();
  TokenizerData data = vocabulary.read();
  EXPECT_THAT(data.tokens, ElementsAre(" \n", std::string(1, '\0'), "\x7f", "\xad", "\xff",
                                       "\u00e9", "!~\xa1\xac\xae", std::string("\0\x7f", 2)));
  EXPECT_EQ(data.bos, -1);
  EXPECT_EQ(data.eos, -1);
  EXPECT_TRUE(data.stops.empty());
  EXPECT_EQ(data.chatTemplate, std::nullopt);
}

TEST(GgufTokenizer, EveryByteHasOneCharacter) {
  // Each character of the alphabet gives another byte, and there are 256.
  Vocabulary vocabulary{.tokens = {}, .types = {}, .merges = {"! !"}, .ids = {}};
  auto add = [&](uint32_t character) {
    std::string text;
    if (character < 0x80)
      text = {static_cast<char>(character)};
    else
      text = {static_cast<char>(0xc0 | character >> 6), static_cast<char>(0x80 | (character & 63))};
    vocabulary.tokens.push_back(text);
  };
  for (uint32_t character = 0x21; character < 0x144; ++character)
    if (character < 0x7f || (character > 0xa0 && character != 0xad))
      add(character);
  ASSERT_EQ(vocabulary.tokens.size(), 256u);
  vocabulary.tokens.push_back("!!");
  TokenizerData data = vocabulary.read();
  std::vector<bool> seen(256);
  for (size_t id = 0; id < 256; ++id) {
    ASSERT_EQ(data.tokens[id].size(), 1u) << id;
    auto byte = static_cast<uint8_t>(data.tokens[id][0]);
    EXPECT_FALSE(seen[byte]) << id;
    seen[byte] = true;
  }
}

TEST(GgufTokenizer, OnlyNormalTokensAreDecoded) {
  Vocabulary vocabulary;
  const char *text = "\u0120x";
  vocabulary.tokens = {"a", "b", "ab", text, text, text, text, text, "<0xE9>"};
  vocabulary.types = {1, 1, 1, 1, 2, 3, 4, 5, 6};
  TokenizerData data = vocabulary.read();
  EXPECT_EQ(data.tokens[3], " x");
  for (size_t id = 4; id < 8; ++id)
    EXPECT_EQ(data.tokens[id], text);
  EXPECT_EQ(data.tokens[8], "\xe9");
  using enum TokenKind;
  EXPECT_THAT(data.kinds, ElementsAre(Normal, Normal, Normal, Normal, Unknown, Control, UserDefined,
                                      Unused, Byte));
}

TEST(GgufTokenizer, NormalTokensOutsideTheAlphabetAreLiteral) {
  Vocabulary vocabulary;
  std::vector<std::string> literals = {"a b",   "\u0120\u2581", "\u00a0", "\u0144",  "\u00ad",
                                       "x\xc4", "\xff",         "\xc4z",  "\xc0\xa1"};
  for (const std::string &text : literals) {
    vocabulary.tokens.push_back(text);
    vocabulary.types.push_back(1);
  }
  TokenizerData data = vocabulary.read();
  for (size_t i = 0; i < literals.size(); ++i)
    EXPECT_EQ(data.tokens[5 + i], literals[i]);
}

TEST(GgufTokenizer, Tokens) {
  EXPECT_THAT((Vocabulary{.tokens = {}}.getMessage()),
              StartsWith("tokenizer: key 'tokenizer.ggml.tokens' is missing or empty"));
  EXPECT_EQ((Vocabulary{.types = {1, 1}}.getMessage()),
            "tokenizer: 2 token types for 5 tokens, expected as many");
  for (int32_t type : {0, 7, -1})
    EXPECT_EQ((Vocabulary{.types = {3, 3, 1, 1, type}}.getMessage()),
              "tokenizer: token 4 has the type " + std::to_string(type) + ", expected 1 to 6");
  for (const char *text : {"x", "<0x0a>", "<0x0A", "<0x0A>>", "<0xG0>"}) {
    Vocabulary vocabulary;
    vocabulary.tokens.push_back(text);
    vocabulary.types.push_back(6);
    EXPECT_EQ(vocabulary.getMessage(),
              "tokenizer: byte token 5 is " + quote(text) + ", expected the form '<0x0A>'");
  }
  EXPECT_EQ((Vocabulary{.types = {}}.read().kinds[0]), TokenKind::Normal);
}

TEST(GgufTokenizer, Merges) {
  EXPECT_THAT((Vocabulary{.merges = {}}.getMessage()),
              StartsWith("tokenizer: key 'tokenizer.ggml.merges' is missing"));
  EXPECT_EQ((Vocabulary{.merges = {"a b", "ab c"}}.getMessage()),
            "tokenizer: merge 1 is 'ab c', but 'c' is not a token");
  EXPECT_EQ((Vocabulary{.merges = {"b a"}}.getMessage()),
            "tokenizer: merge 0 is 'b a', but 'ba' is not a token");
  for (const char *merge : {"", "ab", "ab ", " ", " ab"})
    EXPECT_EQ((Vocabulary{.merges = {merge}}.getMessage()),
              "tokenizer: merge 0 is " + quote(merge) +
                  ", expected two parts with a space between them");
}

TEST(GgufTokenizer, TheFirstOfEqualMergesCounts) {
  TokenizerData data = Vocabulary{.merges = {"a b", "a b"}}.read();
  ASSERT_EQ(data.merges.size(), 1u);
  EXPECT_EQ(data.merges[0].rank, 0u);
}

TEST(GgufTokenizer, MergesMeanTheNormalOneOfEqualTokens) {
  Vocabulary vocabulary{.tokens = {"ab", "a", "b", "ab", "ab"}, .types = {4, 1, 1, 1, 1}};
  EXPECT_EQ(vocabulary.read().merges[0].result, 3u);
}

TEST(GgufTokenizer, SpecialTokens) {
  EXPECT_EQ((Vocabulary{.ids = {{"eos", 5}}}.getMessage()),
            "tokenizer: key 'tokenizer.ggml.eos_token_id' is 5, expected less than 5, the number "
            "of tokens");
  EXPECT_THAT((Vocabulary{.ids = {{"bos", UINT32_MAX}}}.getMessage()),
              StartsWith("tokenizer: key 'tokenizer.ggml.bos_token_id' is 4294967295, expected"));
  EXPECT_THAT((Vocabulary{.ids = {{"eot", 99}}}.getMessage()),
              StartsWith("tokenizer: key 'tokenizer.ggml.eot_token_id' is 99, expected"));
  EXPECT_THAT((Vocabulary{.ids = {{"eos", 2}, {"eot", 3}, {"eom", 4}}}.read().stops),
              ElementsAre(0, 1, 2, 3, 4));
  // Text alone does not make a stop: the token must be Control.
  EXPECT_THAT((Vocabulary{.types = {1, 4, 1, 1, 1}, .ids = {{"eos", 3}}}.read().stops),
              ElementsAre(3));
}

TEST(GgufTokenizer, AddBos) {
  EXPECT_FALSE(Vocabulary{}.read().addBos);
  EXPECT_TRUE(Vocabulary{.addBos = true}.read().addBos);
  EXPECT_TRUE(Vocabulary{.pre = "llama-bpe"}.read().addBos);
  EXPECT_FALSE((Vocabulary{.pre = "llama-bpe", .ids = {}}.read().addBos));
  EXPECT_FALSE((Vocabulary{.pre = "llama-bpe", .addBos = false}.read().addBos));
  EXPECT_EQ((Vocabulary{.ids = {}, .addBos = true}.getMessage()),
            "tokenizer: key 'tokenizer.ggml.add_bos_token' is true, but there is no "
            "'tokenizer.ggml.bos_token_id'");
}

} // namespace
