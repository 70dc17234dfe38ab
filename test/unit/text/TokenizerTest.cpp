#include "ir/storage/Error.h"
#include "runtime/core/Status.h"
#include "test/unit/text/TokenizerFixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

using namespace nyala;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

std::string decode(const rt::Tokenizer &tokenizer, const std::vector<int32_t> &ids,
                   bool special = false) {
  std::string text;
  for (int32_t id : ids)
    text += tokenizer.tokenBytes(id, special);
  return text;
}

std::string failureOf(const std::function<void()> &action, nyala_status status) {
  try {
    action();
  } catch (const rt::Failure &failure) {
    EXPECT_EQ(failure.getStatus(), status);
    return failure.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(Tokenizer, MergesByRankThenFromTheLeft) {
  TokenizerFixture fixture;
  uint32_t bc = fixture.merge("b", "c"), ab = fixture.merge("a", "b"),
           abc = fixture.merge("ab", "c"), aa = fixture.merge("a", "a");
  const rt::Tokenizer &tokenizer = fixture.build();
  tokenizer.validate();
  EXPECT_THAT(tokenizer.encode("ab", false), ElementsAre(ab));
  EXPECT_THAT(tokenizer.encode("abc", false), ElementsAre('a', bc)); // not ab + c
  EXPECT_THAT(tokenizer.encode("aaaaa", false), ElementsAre(aa, aa, 'a'));
  EXPECT_EQ(tokenizer.tokenBytes(static_cast<int32_t>(abc), false), "abc");
}

TEST(Tokenizer, AppliesMergesToResultsOfMerges) {
  TokenizerFixture fixture;
  fixture.merge("h", "e");
  fixture.merge("l", "l");
  fixture.merge("he", "ll");
  uint32_t hello = fixture.merge("hell", "o");
  fixture.merge(" ", "hello");
  const rt::Tokenizer &tokenizer = fixture.build();
  EXPECT_THAT(tokenizer.encode("hello hello", false), ElementsAre(hello, fixture.find(" hello")));
}

TEST(Tokenizer, WholePiecesOnlyWhereTheFamilyIgnoresMerges) {
  for (auto [name, whole] : {std::pair{"llama-bpe", true}, {"qwen2", false}, {"gpt-2", false}}) {
    TokenizerFixture fixture(name);
    uint32_t word = fixture.add("xyz"); // no merge makes it
    auto ids = fixture.build().encode("xyz", false);
    if (whole)
      EXPECT_THAT(ids, ElementsAre(word));
    else
      EXPECT_THAT(ids, ElementsAre('x', 'y', 'z'));
  }
}

TEST(Tokenizer, SpecialTokensLongestFirstAndOnlyWhereAllowed) {
  TokenizerFixture fixture;
  uint32_t a = fixture.add("<a>", TokenKind::Control),
           ab = fixture.add("<a><b>", TokenKind::Control),
           user = fixture.add("[u]", TokenKind::UserDefined);
  const rt::Tokenizer &tokenizer = fixture.build();
  tokenizer.validate();
  EXPECT_THAT(tokenizer.encode("x<a><b><a>[u]<a", true), ElementsAre('x', ab, a, user, '<', 'a'));
  EXPECT_EQ(tokenizer.encode("<a>[u]", false),
            (std::vector<int32_t>{'<', 'a', '>', '[', 'u', ']'}));
  EXPECT_EQ(decode(tokenizer, {static_cast<int32_t>(a), 'x', static_cast<int32_t>(user)}), "x[u]");
  EXPECT_EQ(decode(tokenizer, {static_cast<int32_t>(a), 'x'}, true), "<a>x");
}

TEST(Tokenizer, PiecesEndAtSpecialTokens) {
  // The blanks before a special token are the last of their text: one piece.
  TokenizerFixture fixture;
  uint32_t blanks = fixture.merge(" ", " "), end = fixture.add("<e>", TokenKind::Control);
  EXPECT_THAT(fixture.build().encode("a  <e>", true), ElementsAre('a', blanks, end));
}

TEST(Tokenizer, BeginsWithBosOnce) {
  TokenizerFixture fixture;
  uint32_t bos = fixture.add("<s>", TokenKind::Control);
  fixture.data.bos = static_cast<int32_t>(bos);
  EXPECT_THAT(fixture.build().encode("x", true), ElementsAre('x'));
  fixture.data.addBos = true;
  const rt::Tokenizer &tokenizer = fixture.build();
  EXPECT_THAT(tokenizer.encode("x", true), ElementsAre(bos, 'x'));
  EXPECT_THAT(tokenizer.encode("", true), ElementsAre(bos));
  EXPECT_THAT(tokenizer.encode("<s>x", true), ElementsAre(bos, 'x'));
  EXPECT_THAT(tokenizer.encode("<s><s>x", true), ElementsAre(bos, bos, 'x'));
  EXPECT_THAT(tokenizer.encode("x", false), ElementsAre('x'));
  std::vector<int32_t> ids = {7};
  tokenizer.encode("<s>x", true, ids);
  EXPECT_THAT(ids, ElementsAre(7, bos, 'x'));
}

TEST(Tokenizer, RefusesTextThatItCannotSpell) {
  TokenizerFixture fixture;
  fixture.data.tokens[4] = "no byte 4";
  uint32_t special = fixture.add("<s>", TokenKind::Control);
  const rt::Tokenizer &tokenizer = fixture.build();
  std::vector<int32_t> ids = {7};
  EXPECT_THAT(failureOf([&] { tokenizer.encode("caf\xE9", true, ids); }, NYALA_INVALID_TEXT),
              HasSubstr("the first bad byte is 0xE9 at byte offset 3"));
  EXPECT_THAT(failureOf([&] { tokenizer.encode("ab<s>c\4", true, ids); }, NYALA_INVALID_TEXT),
              HasSubstr("no token for byte 0x04 at byte offset 6"));
  EXPECT_THAT(ids, ElementsAre(7));
  EXPECT_THAT(tokenizer.encode(std::string_view("a\0b", 3), false), ElementsAre('a', 0, 'b'));
  EXPECT_GT(special, 0u);
}

TEST(Tokenizer, AnswersForIdsOutOfRange) {
  TokenizerFixture fixture;
  fixture.add("", TokenKind::Unused);
  fixture.add("odd", TokenKind::Unused);
  fixture.data.stops = {65, 3, 65};
  const rt::Tokenizer &tokenizer = fixture.build();
  EXPECT_EQ(tokenizer.tokenBytes(-1, true).data(), nullptr);
  EXPECT_EQ(tokenizer.tokenBytes(258, true).data(), nullptr);
  EXPECT_NE(tokenizer.tokenBytes(257, false).data(), nullptr);
  EXPECT_EQ(tokenizer.tokenBytes(257, false), "");
  EXPECT_EQ(tokenizer.tokenBytes(257, true), "odd");
  EXPECT_TRUE(tokenizer.isStop(65));
  EXPECT_TRUE(tokenizer.isStop(3));
  EXPECT_FALSE(tokenizer.isStop(66));
  EXPECT_FALSE(tokenizer.isStop(-1));
  EXPECT_EQ(tokenizer.getBos(), -1);
}

TEST(Tokenizer, LongPiecesTakeLittleTime) {
  TokenizerFixture fixture;
  std::string run = "a";
  for (int i = 0; i < 12; ++i) {
    fixture.merge(run, run);
    run += run;
  }
  const rt::Tokenizer &tokenizer = fixture.build();
  std::string text(4096 * 500 + 1, 'a'); // quadratic work would take hours
  auto ids = tokenizer.encode(text, false);
  EXPECT_EQ(ids.size(), 501u);
  EXPECT_EQ(decode(tokenizer, ids), text);
}

TEST(Tokenizer, ManySpecialTokensTakeLittleTime) {
  TokenizerFixture fixture;
  for (int i = 0; i < 50'000; ++i)
    fixture.add("a" + std::to_string(i), TokenKind::Control);
  uint32_t first = fixture.add("abb", TokenKind::Control);
  fixture.add("abb", TokenKind::Control);
  uint32_t longer = fixture.add("abbcde", TokenKind::UserDefined);
  const rt::Tokenizer &tokenizer = fixture.build();
  std::string text(500'000, 'a'); // comparing each of them at each place would take hours
  std::vector<int32_t> ids = tokenizer.encode(text + "a49999abbabbcdabbcdeab", true);
  EXPECT_EQ(decode(tokenizer, ids, true), text + "a49999abbabbcdabbcdeab");
  EXPECT_EQ(ids[text.size()], static_cast<int32_t>(fixture.find("a49999")));
  ids.erase(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(text.size()) + 1);
  EXPECT_THAT(ids, ElementsAre(first, first, 'c', 'd', longer, 'a', 'b'));
}

// --- Writer ------------------------------------------------------------------------------------

std::string bytesOf(const TokenizerData &data) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(package::writeTokenizer(builder, data));
  return {reinterpret_cast<const char *>(builder.GetBufferPointer()), builder.GetSize()};
}

TEST(TokenizerWriter, LastMergeOfAPairCounts) {
  TokenizerFixture fixture;
  fixture.merge("a", "b");
  uint32_t bc = fixture.merge("b", "c");
  fixture.merge("a", "b");
  const rt::Tokenizer &tokenizer = fixture.build();
  tokenizer.validate();
  EXPECT_THAT(tokenizer.encode("abc", false), ElementsAre('a', bc));
}

TEST(TokenizerWriter, SameDataSameBytes) {
  TokenizerFixture fixture;
  fixture.merge("a", "b");
  fixture.add("same");
  fixture.add("same");
  EXPECT_EQ(bytesOf(fixture.data), bytesOf(fixture.data));
  fixture.build().validate();
}

TEST(TokenizerWriter, RefusesWhatTheRuntimeWould) {
  auto refused = [](const std::function<void(TokenizerData &)> &change) {
    TokenizerFixture fixture;
    fixture.merge("a", "b");
    change(fixture.data);
    EXPECT_THROW(bytesOf(fixture.data), Error);
  };
  refused([](TokenizerData &data) { data.kinds.pop_back(); });
  refused([](TokenizerData &data) { data.bos = 257; });
  refused([](TokenizerData &data) { data.eos = -2; });
  refused([](TokenizerData &data) { data.stops = {257}; });
  refused([](TokenizerData &data) { data.merges[0].right = 257; });
  refused([](TokenizerData &data) { data.merges[0].result = 'c'; });
}

// --- Corrupt artifacts -------------------------------------------------------------------------

/// The fields of a sound tokenizer, for tests to damage: tokens "b", "a", "ab", special "<s>".
struct Raw {
  std::string model = "gpt2", preTokenizer = "gpt-2";
  std::vector<uint8_t> bytes = {'b', 'a', 'a', 'b', '<', 's', '>', '<', '/', 's', '>'};
  std::vector<uint32_t> offsets = {0, 1, 2, 4, 7, 11};
  std::vector<artifact::TokenKind> kinds = {
      artifact::TokenKind::Normal, artifact::TokenKind::Normal, artifact::TokenKind::Normal,
      artifact::TokenKind::Control, artifact::TokenKind::Control};
  std::vector<uint32_t> sorted = {1, 2, 0};
  std::vector<uint32_t> specials = {4, 3};
  std::vector<artifact::Merge> merges = {{1, 0, 0, 2}};
  std::vector<uint32_t> stops = {3};
  int32_t bos = 3, eos = -1;

  /// Constructs and validates.
  void load() const {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(artifact::CreateTokenizer(
        builder, builder.CreateString(model), builder.CreateString(preTokenizer),
        builder.CreateVector(bytes), builder.CreateVector(offsets), builder.CreateVector(kinds),
        builder.CreateVector(sorted), builder.CreateVector(specials),
        builder.CreateVectorOfStructs(merges), bos, eos, false, builder.CreateVector(stops)));
    rt::Tokenizer(flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer())).validate();
  }
};

TEST(TokenizerCorrupt, EveryDamageIsFound) {
  Raw().load();
  using artifact::TokenKind;
  const std::pair<const char *, std::function<void(Raw &)>> damages[] = {
      {"6 offsets, got 5", [](Raw &raw) { raw.offsets.pop_back(); }},
      {"6 offsets, got 0", [](Raw &raw) { raw.offsets.clear(); }},
      {"do not cover", [](Raw &raw) { raw.offsets[5] = 12; }},
      {"do not cover", [](Raw &raw) { raw.offsets[0] = 1; }},
      {"token 1 ends before it starts", [](Raw &raw) { raw.offsets[2] = 0; }},
      {"token 1 ends before it starts", [](Raw &raw) { raw.offsets[1] = 0xFFFFFFFF; }},
      {"unknown kind 9", [](Raw &raw) { raw.kinds[0] = TokenKind(9); }},
      {"sorted list names token 5", [](Raw &raw) { raw.sorted[0] = 5; }},
      {"special tokens names token 4294967295", [](Raw &raw) { raw.specials[0] = 0xFFFFFFFF; }},
      {"stop tokens names token 7", [](Raw &raw) { raw.stops[0] = 7; }},
      {"a merge names token 6", [](Raw &raw) { raw.merges[0] = {1, 6, 0, 2}; }},
      {"bos names token 5", [](Raw &raw) { raw.bos = 5; }},
      {"eos names token -2", [](Raw &raw) { raw.eos = -2; }},
      {"has 2 of 3 normal", [](Raw &raw) { raw.sorted.pop_back(); }},
      {"is not a normal one", [](Raw &raw) { raw.sorted[0] = 3; }},
      {"not sorted at entry 1", [](Raw &raw) { std::swap(raw.sorted[0], raw.sorted[1]); }},
      {"not sorted at entry 1", [](Raw &raw) { raw.sorted[1] = 1; }},
      {"special tokens has 1 of 2", [](Raw &raw) { raw.specials.pop_back(); }},
      {"is not special", [](Raw &raw) { raw.specials[0] = 0; }},
      {"special tokens is not sorted", [](Raw &raw) { raw.specials = {3, 4}; }},
      {"merges are not sorted", [](Raw &raw) { raw.merges.push_back(raw.merges[0]); }},
      {"does not spell token 0", [](Raw &raw) { raw.merges[0] = {1, 0, 0, 0}; }},
  };
  for (const auto &[message, damage] : damages) {
    Raw raw;
    damage(raw);
    EXPECT_THAT(failureOf([&] { raw.load(); }, NYALA_CORRUPT), HasSubstr(message));
  }
  Raw raw;
  raw.model = "llama";
  EXPECT_THAT(failureOf([&] { raw.load(); }, NYALA_UNSUPPORTED),
              HasSubstr("unknown tokenizer model 'llama'"));
}

} // namespace
