#include "tools/nyala-train/TokenizerFiles.h"
#include "frontends/text/ByteLevel.h"
#include "runtime/text/PreTokenizer.h"

#include <nlohmann/json.hpp>

namespace nyala::train {
namespace {

using Json = nlohmann::ordered_json;

bool isAdded(TokenKind kind) {
  return kind == TokenKind::Control || kind == TokenKind::UserDefined;
}

Json makeByteLevel(bool useRegex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", useRegex}};
}

/// The patterns of a family are written as such, but for SmolLM's first one, which only the type
/// Digits says.
Json makePreTokenizer(const TokenizerData &tokenizer) {
  if (tokenizer.preTokenizer == "gpt-2")
    return makeByteLevel(true);
  if (tokenizer.preTokenizer == "smollm")
    return {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Digits"}, {"individual_digits", true}}, makeByteLevel(true)}}};
  std::vector<std::string> splits = tokenizer.splits;
  if (tokenizer.preTokenizer != "splits")
    for (std::string_view split : rt::getPreTokenizerFamily(tokenizer.preTokenizer).splits)
      splits.emplace_back(split);
  Json parts = Json::array();
  for (const std::string &split : splits)
    parts.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", split}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  parts.push_back(makeByteLevel(false));
  return {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}};
}

bool ignoresMerges(const TokenizerData &tokenizer) {
  return tokenizer.ignoreMerges ||
         (tokenizer.preTokenizer != "splits" &&
          rt::getPreTokenizerFamily(tokenizer.preTokenizer).ignoresMerges);
}

/// The beginning-of-text token before each text.
Json makePostProcessor(const TokenizerData &tokenizer) {
  if (!tokenizer.addBos)
    return makeByteLevel(true);
  const std::string &text = tokenizer.tokens[tokenizer.bos];
  Json bos = {{"SpecialToken", {{"id", text}, {"type_id", 0}}}};
  return {
      {"type", "TemplateProcessing"},
      {"single", {bos, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair",
       {bos,
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
        bos,
        {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
      {"special_tokens", {{text, {{"id", text}, {"ids", {tokenizer.bos}}, {"tokens", {text}}}}}}};
}

} // namespace

std::string makeTokenizerJson(const TokenizerData &tokenizer) {
  Json added = Json::array(), vocabulary = Json::object(), merges = Json::array();
  for (size_t id = 0; id < tokenizer.tokens.size(); ++id) {
    if (tokenizer.kinds[id] == TokenKind::Normal)
      vocabulary[encodeByteLevel(tokenizer.tokens[id])] = id;
    else if (isAdded(tokenizer.kinds[id]))
      added.push_back({{"id", id},
                       {"content", tokenizer.tokens[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", tokenizer.kinds[id] == TokenKind::Control}});
  }
  for (const TokenizerData::Merge &merge : tokenizer.merges)
    merges.push_back({encodeByteLevel(tokenizer.tokens[merge.left]),
                      encodeByteLevel(tokenizer.tokens[merge.right])});
  Json json = {{"version", "1.0"},
               {"truncation", nullptr},
               {"padding", nullptr},
               {"added_tokens", std::move(added)},
               {"normalizer", nullptr},
               {"pre_tokenizer", makePreTokenizer(tokenizer)},
               {"post_processor", makePostProcessor(tokenizer)},
               {"decoder", makeByteLevel(true)},
               {"model",
                {{"type", "BPE"},
                 {"dropout", nullptr},
                 {"unk_token", nullptr},
                 {"continuing_subword_prefix", nullptr},
                 {"end_of_word_suffix", nullptr},
                 {"fuse_unk", false},
                 {"byte_fallback", false},
                 {"ignore_merges", ignoresMerges(tokenizer)},
                 {"vocab", std::move(vocabulary)},
                 {"merges", std::move(merges)}}}};
  return json.dump(1) + "\n";
}

std::string makeTokenizerConfig(const TokenizerData &tokenizer) {
  Json json = {{"tokenizer_class", "PreTrainedTokenizerFast"},
               {"clean_up_tokenization_spaces", false},
               {"add_bos_token", tokenizer.addBos}};
  if (tokenizer.bos >= 0)
    json["bos_token"] = tokenizer.tokens[tokenizer.bos];
  if (tokenizer.eos >= 0)
    json["eos_token"] = tokenizer.tokens[tokenizer.eos];
  if (tokenizer.chatTemplate)
    json["chat_template"] = *tokenizer.chatTemplate;
  return json.dump(2) + "\n";
}

} // namespace nyala::train
