#include "codegen/package/TokenizerWriter.h"
#include "runtime/text/Tokenizer.h"
#include "test/unit/hf/TokenizerFiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::hf::test;
using nlohmann::json;
using testing::ElementsAre;
using testing::StartsWith;

namespace {

/// What reading says after `change` of the sound tokenizer.json.
template <typename Change> std::string messageAfter(Change change) {
  Files files;
  change(files.tokenizer);
  return files.getMessage();
}
template <typename Change> TokenizerData readAfter(Change change) {
  Files files;
  change(files.tokenizer);
  return files.read();
}

const char *llamaPattern = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| )"
                           R"(?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

json makeSplit(const char *pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}
json makeByteLevel(bool useRegex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", useRegex}};
}
json makeSequence(const json &parts) { return {{"type", "Sequence"}, {"pretokenizers", parts}}; }

TEST(TokenizerJson, ReadsAll) {
  TokenizerData data = Files().read();
  EXPECT_EQ(data.model, "gpt2");
  EXPECT_EQ(data.preTokenizer, "gpt-2");
  EXPECT_TRUE(data.splits.empty());
  EXPECT_FALSE(data.ignoreMerges);
  EXPECT_THAT(data.tokens, ElementsAre("a", "b", "ab", " ", " a", "<s>"));
  EXPECT_EQ(data.kinds[4], TokenKind::Normal);
  EXPECT_EQ(data.kinds[5], TokenKind::Control);
  EXPECT_THAT(data.merges,
              ElementsAre(TokenizerData::Merge{0, 1, 0, 2}, TokenizerData::Merge{3, 0, 1, 4}));
  EXPECT_EQ(data.bos, -1);
  EXPECT_EQ(data.eos, -1);
  EXPECT_FALSE(data.addBos);
  EXPECT_TRUE(data.stops.empty());
  EXPECT_EQ(data.chatTemplate, std::nullopt);
}

TEST(TokenizerJson, PreTokenizersOfFamilies) {
  auto nameOf = [](const json &preTokenizer, bool ignoreMerges = false) {
    TokenizerData data = readAfter([&](json &file) {
      file["pre_tokenizer"] = preTokenizer;
      file["model"]["ignore_merges"] = ignoreMerges;
    });
    EXPECT_EQ(data.splits.empty(), data.preTokenizer != "splits");
    return data.preTokenizer + (data.ignoreMerges ? " ignoring merges" : "");
  };
  json llama = makeSequence({makeSplit(llamaPattern), makeByteLevel(false)});
  EXPECT_EQ(nameOf(llama, true), "llama-bpe");
  EXPECT_EQ(nameOf(llama, false), "splits");
  EXPECT_EQ(nameOf(makeByteLevel(true), true), "splits ignoring merges");
  EXPECT_EQ(nameOf(makeSequence(
                {{{"type", "Digits"}, {"individual_digits", true}}, makeByteLevel(true)})),
            "smollm");
  std::string qwen = llamaPattern;
  qwen.erase(qwen.find("{1,3}"), 5);
  EXPECT_EQ(nameOf(makeSequence({makeSplit(qwen.c_str()), makeByteLevel(false)})), "qwen2");
  EXPECT_EQ(nameOf(makeSequence(
                {makeSequence(json::array({makeSplit(qwen.c_str())})), makeByteLevel(false)})),
            "qwen2");
}

TEST(TokenizerJson, OtherPreTokenizersAreKept) {
  json split = makeSplit("");
  split["pattern"] = {{"String", "a.b 漢"}};
  TokenizerData data = readAfter([&](json &file) {
    file["pre_tokenizer"] = makeSequence({split,
                                          {{"type", "Digits"}, {"individual_digits", false}},
                                          makeSplit(R"(\p{N}{1,3})"),
                                          makeByteLevel(false)});
  });
  EXPECT_EQ(data.preTokenizer, "splits");
  ASSERT_EQ(data.splits.size(), 3u);
  EXPECT_EQ(data.splits[0], R"(a\.b 漢)");
  EXPECT_THAT(data.splits[1], StartsWith(R"([\p{N})"));
  EXPECT_EQ(data.splits[1].back(), '+');
  EXPECT_EQ(data.splits[2], R"(\p{N}{1,3})");
}

TEST(TokenizerJson, PreTokenizersThatAreRefused) {
  auto messageOf = [](const json &preTokenizer) {
    return messageAfter([&](json &file) { file["pre_tokenizer"] = preTokenizer; });
  };
  EXPECT_THAT(messageOf(nullptr), StartsWith("m/tokenizer.json: there is no pre_tokenizer, expected"
                                             " that of a byte-level tokenizer: "));
  EXPECT_THAT(messageOf({{"type", "Metaspace"}}),
              StartsWith("m/tokenizer.json: pre_tokenizer.type: expected a byte-level tokenizer: "
                         "ByteLevel, or a Sequence of Split and Digits that ends in ByteLevel, got "
                         "'Metaspace'"));
  EXPECT_THAT(messageOf(makeSplit("a")),
              StartsWith("m/tokenizer.json: pre_tokenizer: there is no ByteLevel in it"));
  EXPECT_EQ(messageOf(makeSequence({makeByteLevel(true), makeSplit("a")})),
            "m/tokenizer.json: pre_tokenizer.pretokenizers[1]: it comes after ByteLevel, expected "
            "ByteLevel to be the last one");
  json spaced = makeByteLevel(true), removed = makeSplit("a"), inverted = removed, empty = removed;
  spaced["add_prefix_space"] = true;
  EXPECT_EQ(messageOf(spaced), "m/tokenizer.json: pre_tokenizer.add_prefix_space: expected false, "
                               "putting a space before a text is not supported, got true");
  removed["behavior"] = "Removed";
  EXPECT_EQ(messageOf(makeSequence({removed, makeByteLevel(false)})),
            "m/tokenizer.json: pre_tokenizer.pretokenizers[0].behavior: expected 'Isolated', the "
            "only one that is supported, got 'Removed'");
  inverted["invert"] = true;
  EXPECT_THAT(
      messageOf(makeSequence({inverted, makeByteLevel(false)})),
      StartsWith("m/tokenizer.json: pre_tokenizer.pretokenizers[0].invert: expected false"));
  empty["pattern"] = {{"String", ""}};
  EXPECT_EQ(messageOf(makeSequence({empty, makeByteLevel(false)})),
            "m/tokenizer.json: pre_tokenizer.pretokenizers[0].pattern.String: expected a text, got "
            "an empty one");
  EXPECT_THAT(messageOf(makeSequence({makeSplit(R"(\w+)"), makeByteLevel(false)})),
              StartsWith("m/tokenizer.json: pre_tokenizer: pattern 0 of the pre-tokenizer: the "
                         "construct at byte offset 0 is not supported: "));
}

TEST(TokenizerJson, OtherModelsAreRefused) {
  auto messageOf = [](const char *key, const json &value) {
    return messageAfter([&](json &file) { file["model"][key] = value; });
  };
  for (const char *type : {"Unigram", "WordPiece", "WordLevel"})
    EXPECT_EQ(messageOf("type", type),
              "m/tokenizer.json: model.type: expected 'BPE', byte-level as in GPT-2, Llama 3 or "
              "Qwen, got " +
                  quote(type));
  EXPECT_THAT(messageOf("byte_fallback", true),
              StartsWith("m/tokenizer.json: model.byte_fallback: expected false, vocabularies as "
                         "SentencePiece's are not supported, only byte-level BPE"));
  EXPECT_THAT(messageOf("dropout", 0.1), StartsWith("m/tokenizer.json: model.dropout: expected"));
  EXPECT_EQ(messageOf("dropout", 0.0), "nothing was thrown");
  for (const char *affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    EXPECT_THAT(messageOf(affix, "##"),
                StartsWith(std::string("m/tokenizer.json: model.") + affix + ": expected null"));
  EXPECT_EQ(messageOf("type", nullptr), "nothing was thrown");
  EXPECT_EQ(messageOf("unk_token", "<s>"), "nothing was thrown");
  EXPECT_EQ(messageAfter([](json &file) { file.erase("model"); }),
            "m/tokenizer.json: 'model' is missing");
}

TEST(TokenizerJson, NormalizersAndDecoders) {
  auto messageOf = [](const char *key, const json &value) {
    return messageAfter([&](json &file) { file[key] = value; });
  };
  for (const json &normalizer :
       {json{{"type", "NFC"}}, json{{"type", "Sequence"}, {"normalizers", json::array()}},
        json{{"type", "Sequence"}, {"normalizers", json::array({{{"type", "NFC"}}})}}})
    EXPECT_EQ(messageOf("normalizer", normalizer), "nothing was thrown");
  EXPECT_EQ(
      messageOf("normalizer",
                {{"type", "Sequence"}, {"normalizers", json::array({{{"type", "NFKC"}}})}}),
      "m/tokenizer.json: normalizer.normalizers[0].type: expected 'NFC' or no normalizer, got "
      "'NFKC'");
  EXPECT_EQ(messageOf("decoder", nullptr), "nothing was thrown");
  EXPECT_EQ(messageOf("decoder",
                      {{"type", "Sequence"}, {"decoders", json::array({{{"type", "ByteLevel"}}})}}),
            "nothing was thrown");
  EXPECT_EQ(messageOf("decoder", {{"type", "Metaspace"}}),
            "m/tokenizer.json: decoder.type: expected 'ByteLevel', got 'Metaspace'");
}

TEST(TokenizerJson, Vocabulary) {
  auto messageOf = [](const json &vocabulary) {
    return messageAfter([&](json &file) { file["model"]["vocab"] = vocabulary; });
  };
  EXPECT_THAT(messageOf(json::array()),
              StartsWith("m/tokenizer.json: model.vocab: expected an object of ids by token"));
  EXPECT_EQ(messageOf({{"", 0}}), "m/tokenizer.json: model.vocab['']: a token without text");
  EXPECT_EQ(messageOf({{"a", -1}}),
            "m/tokenizer.json: model.vocab['a']: expected an integer from 0 "
            "to 262145, got -1");
  EXPECT_THAT(messageOf({{"a", 1 << 18 | 2}}), StartsWith("m/tokenizer.json: model.vocab['a']: "));
  EXPECT_THAT(messageOf({{"a", "0"}}), StartsWith("m/tokenizer.json: model.vocab['a']: expected"));
  EXPECT_EQ(messageOf({{"a", 0}, {"b", 0}}),
            "m/tokenizer.json: model.vocab['b']: the id 0 is also that of 'a', expected one token "
            "an id");
  EXPECT_EQ(messageAfter([](json &file) {
              file["model"]["vocab"] = json::object();
              file["model"]["merges"] = json::array();
              file["added_tokens"] = json::array();
            }),
            "m/tokenizer.json: model: there are no tokens, expected a vocabulary");
}

TEST(TokenizerJson, IdsWithoutATokenAreUnused) {
  TokenizerData data = readAfter([](json &file) { file["added_tokens"][0]["id"] = 7; });
  ASSERT_EQ(data.tokens.size(), 8u);
  EXPECT_EQ(data.kinds[5], TokenKind::Unused);
  EXPECT_EQ(data.tokens[5], "");
  EXPECT_EQ(data.kinds[7], TokenKind::Control);
}

TEST(TokenizerJson, Merges) {
  auto messageOf = [](const json &merges) {
    return messageAfter([&](json &file) { file["model"]["merges"] = merges; });
  };
  EXPECT_EQ(messageOf("a b"), "m/tokenizer.json: model.merges: expected an array, got 'a b'");
  for (const json &merge :
       {json("ab"), json(" "), json::array({"a"}), json::array({"a", "b", "c"}), json(1)})
    EXPECT_THAT(messageOf(json::array({"a b", merge})),
                StartsWith("m/tokenizer.json: model.merges[1]: expected two tokens as \"a b\" or "
                           "[\"a\", \"b\"], got "));
  EXPECT_EQ(messageOf(json::array({json::array({"a", 1})})),
            "m/tokenizer.json: model.merges[0][1]: expected a string, got 1");
  EXPECT_EQ(messageOf(json::array({"a x"})),
            "m/tokenizer.json: model.merges[0]: 'x' is not in the vocabulary");
  EXPECT_EQ(messageOf(json::array({"b a"})),
            "m/tokenizer.json: model.merges[0]: 'ba' is not in the vocabulary");
  EXPECT_EQ(messageOf(json::array({"a <s>"})),
            "m/tokenizer.json: model.merges[0]: '<s>' is not in the vocabulary");
}

TEST(TokenizerJson, AddedTokens) {
  auto add = [](json &file, const char *content, int id) -> json & {
    return file["added_tokens"].emplace_back(json{{"id", id}, {"content", content}});
  };
  TokenizerData data = readAfter([&](json &file) {
    add(file, "ab", 2)["special"] = false; // has its place in the vocabulary
    add(file, "\u0120x", 6);               // literal: not in the alphabet's meaning
  });
  EXPECT_EQ(data.kinds[2], TokenKind::UserDefined);
  EXPECT_EQ(data.tokens[6], "\u0120x");

  EXPECT_EQ(messageAfter([&](json &file) { add(file, "", 6); }),
            "m/tokenizer.json: added_tokens[1].content: a token without text");
  EXPECT_EQ(messageAfter([&](json &file) { add(file, "x", 5); }),
            "m/tokenizer.json: added_tokens[1].content: the id 5 is also that of '<s>', expected "
            "one token an id");
  EXPECT_EQ(messageAfter([&](json &file) { add(file, "ab", 6); }),
            "m/tokenizer.json: added_tokens[1].content: 'ab' has the id 6, but is also token 2, "
            "expected one id a token");
  EXPECT_EQ(messageAfter([&](json &file) { add(file, "<s>", 5); }),
            "m/tokenizer.json: added_tokens[1].content: '<s>' is added twice");
  EXPECT_EQ(
      messageAfter([&](json &file) { add(file, "x", 6)["lstrip"] = true; }),
      "m/tokenizer.json: added_tokens[1].lstrip: expected false for 'x', what stands around a "
      "token is not looked at, got true");
  EXPECT_EQ(messageAfter([&](json &file) { add(file, "\u0120a", 4); }),
            "m/tokenizer.json: model.merges[1]: ' ' and 'a' do not spell '\\xc4\\xa0a'; expected "
            "added tokens that no merge makes, or plain ones");
  EXPECT_EQ(messageAfter([&](json &file) { file["added_tokens"] = 1; }),
            "m/tokenizer.json: added_tokens: expected an array or an object, got 1");
}

TEST(TokenizerJson, PostProcessors) {
  auto makeTemplate = [](const json &single) {
    return json{
        {"type", "TemplateProcessing"},
        {"single", single},
        {"special_tokens",
         {{"<s>", {{"id", "<s>"}, {"ids", json::array({5})}, {"tokens", json::array({"<s>"})}}}}}};
  };
  json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  json start = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  auto readWith = [](const json &processor) {
    return readAfter([&](json &file) { file["post_processor"] = processor; });
  };
  auto messageOf = [](const json &processor) {
    return messageAfter([&](json &file) { file["post_processor"] = processor; });
  };
  EXPECT_FALSE(readWith(nullptr).addBos);
  EXPECT_FALSE(readWith(makeTemplate(json::array({text}))).addBos);
  TokenizerData data = readWith(
      {{"type", "Sequence"},
       {"processors", {{{"type", "ByteLevel"}}, makeTemplate(json::array({start, text}))}}});
  EXPECT_TRUE(data.addBos);
  EXPECT_EQ(data.bos, 5);
  for (const json &single : {json::array(), json::array({start}), json::array({text, start}),
                             json::array({start, start}), json::array({start, text, start}),
                             json::array({start, start, text})})
    EXPECT_THAT(messageOf(makeTemplate(single)),
                StartsWith("m/tokenizer.json: post_processor.single: expected the text, or one "
                           "token before the text"));
  json two = makeTemplate(json::array({start, text})), large = two;
  two["special_tokens"]["<s>"]["ids"] = json::array({5, 5});
  EXPECT_EQ(messageOf(two), "m/tokenizer.json: post_processor.special_tokens.<s>.ids: expected one "
                            "id, got 2");
  large["special_tokens"]["<s>"]["ids"] = json::array({6});
  EXPECT_EQ(messageOf(large),
            "m/tokenizer.json: post_processor.special_tokens.<s>.ids[0]: expected "
            "an integer from 0 to 5, got 6");
  EXPECT_EQ(
      messageOf({{"type", "BertProcessing"}}),
      "m/tokenizer.json: post_processor.type: expected 'ByteLevel', 'TemplateProcessing' or a "
      "'Sequence' of these, got 'BertProcessing'");
}

TEST(TokenizerJson, TheRuntimeExecutesIt) {
  json split = makeSequence({makeSplit("b"), makeByteLevel(false)});
  TokenizerData data = readAfter([&](json &file) { file["pre_tokenizer"] = split; });
  auto encode = [&] {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(package::writeTokenizer(builder, data));
    rt::Tokenizer tokenizer(flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer()));
    tokenizer.validate();
    return tokenizer.encode("ab a<s>", true);
  };
  EXPECT_THAT(encode(), ElementsAre(0, 1, 4, 5));
  data.splits = {"ab"};
  data.merges.clear();
  EXPECT_THAT(encode(), ElementsAre(0, 1, 3, 0, 5));
  data.ignoreMerges = true;
  EXPECT_THAT(encode(), ElementsAre(2, 4, 5));
}

} // namespace
