#include "test/unit/hf/TokenizerFiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace nyala;
using namespace nyala::hf::test;
using nlohmann::json;
using testing::ElementsAre;
using testing::StartsWith;

namespace {

TEST(HfTokenizer, ReadsADirectory) {
  std::filesystem::path folder = testing::TempDir() + "nyala-hf-tokenizer";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  EXPECT_EQ(hf::readTokenizer(folder.string()).has_value(), false);
  auto write = [&](const char *name, const std::string &text) {
    std::ofstream(folder / name, std::ios::binary) << text;
  };
  write("tokenizer.json", makeTokenizerJson().dump());
  EXPECT_EQ(hf::readTokenizer(folder.string())->tokens.size(), 6u);
  write("tokenizer_config.json", R"({"bos_token": "<s>"})");
  write("special_tokens_map.json", R"({"eos_token": "a"})");
  write("config.json", R"({"vocab_size": 8})");
  write("generation_config.json", R"({"eos_token_id": 1})");
  write("chat_template.jinja", "{{ messages }}");
  TokenizerData data = hf::readTokenizer(folder.string()).value();
  EXPECT_EQ(data.tokens.size(), 8u);
  EXPECT_EQ(data.bos, 5);
  EXPECT_EQ(data.eos, 0);
  EXPECT_THAT(data.stops, ElementsAre(0, 1));
  EXPECT_EQ(data.chatTemplate, "{{ messages }}");
  write("config.json", "");
  try {
    hf::readTokenizer(folder.string());
    FAIL();
  } catch (const Error &error) {
    EXPECT_EQ(error.what(),
              (folder / "config.json").string() + ": the file is empty, expected JSON");
  }
}

TEST(HfTokenizer, PadsToTheModelsVocabulary) {
  TokenizerData data = Files{.config = {{"vocab_size", 8}}}.read();
  EXPECT_EQ(data.tokens.size(), 8u);
  EXPECT_EQ(data.kinds[7], TokenKind::Unused);
  EXPECT_EQ((Files{.config = {{"vocab_size", 6}}}.read().tokens.size()), 6u);
  EXPECT_EQ(
      (Files{.config = {{"vocab_size", 5}}}.getMessage()),
      "m/config.json: vocab_size: expected 6, the number of tokens of m/tokenizer.json, or up "
      "to 262144 more, got 5");
  for (const json &size : {json(1 << 24), json(-1), json("6"), json(1e9)})
    EXPECT_THAT((Files{.config = {{"vocab_size", size}}}.getMessage()),
                StartsWith("m/config.json: vocab_size: expected"));
}

TEST(HfTokenizer, SpecialTokens) {
  // The first file that says something counts.
  Files files{.tokenizerConfig = {{"bos_token", "a"}, {"eos_token", {{"content", "<s>"}}}},
              .specialTokensMap = {{"bos_token", "b"}, {"eos_token", "b"}},
              .config = {{"bos_token_id", 2}, {"eos_token_id", {3, 4}}},
              .generationConfig = {{"eos_token_id", 1}}};
  TokenizerData data = files.read();
  EXPECT_EQ(data.bos, 0);
  EXPECT_EQ(data.eos, 5);
  EXPECT_THAT(data.stops, ElementsAre(1, 3, 4, 5));
  files.tokenizerConfig = {{"bos_token", nullptr}};
  EXPECT_EQ(files.read().bos, 1);
  files.specialTokensMap = nullptr;
  data = files.read();
  EXPECT_EQ(data.bos, 2);
  EXPECT_EQ(data.eos, 3);
  files.config = nullptr;
  EXPECT_EQ(files.read().eos, 1);

  EXPECT_EQ((Files{.tokenizerConfig = {{"eos_token", "</s>"}}}.getMessage()),
            "m/tokenizer_config.json: eos_token: expected a token of tokenizer.json, got '</s>'");
  EXPECT_EQ((Files{.tokenizerConfig = {{"eos_token", {{"content", 1}}}}}.getMessage()),
            "m/tokenizer_config.json: eos_token.content: expected a string, got 1");
  EXPECT_EQ((Files{.config = {{"eos_token_id", {1, 6}}}}.getMessage()),
            "m/config.json: eos_token_id[1]: expected an integer from 0 to 5, got 6");
  EXPECT_THAT((Files{.generationConfig = {{"eos_token_id", "1"}}}.getMessage()),
              StartsWith("m/generation_config.json: eos_token_id: expected an integer"));
}

TEST(HfTokenizer, StopTexts) {
  Files files;
  files.tokenizer["added_tokens"][0]["content"] = "<|im_end|>";
  EXPECT_THAT(files.read().stops, ElementsAre(5));
  files.tokenizer["added_tokens"][0]["special"] = false;
  EXPECT_TRUE(files.read().stops.empty());
}

TEST(HfTokenizer, AddBos) {
  json processor = {
      {"type", "TemplateProcessing"},
      {"single", {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
      {"special_tokens", {{"<s>", {{"ids", json::array({5})}}}}}};
  auto make = [&](bool hasProcessor, const json &config) {
    Files files{.tokenizerConfig = config};
    files.tokenizer["post_processor"] = hasProcessor ? processor : json();
    return files;
  };
  EXPECT_FALSE(make(false, {{"bos_token", "<s>"}}).read().addBos);
  EXPECT_TRUE(make(true, {{"bos_token", "<s>"}}).read().addBos);
  EXPECT_TRUE(make(false, {{"bos_token", "<s>"}, {"add_bos_token", true}}).read().addBos);
  EXPECT_FALSE(make(true, {{"bos_token", "<s>"}, {"add_bos_token", false}}).read().addBos);
  EXPECT_EQ(
      make(true, {{"bos_token", "a"}}).getMessage(),
      "m/tokenizer.json: post_processor puts token 5 before a text, expected bos_token, which "
      "is 0");
  EXPECT_EQ(make(true, {{"bos_token", "a"}, {"add_bos_token", true}}).read().bos, 0);
  EXPECT_EQ(make(false, {{"add_bos_token", true}}).getMessage(),
            "m/tokenizer_config.json: add_bos_token: is true, but no file says what bos_token is");
  EXPECT_THAT(make(false, {{"add_eos_token", true}}).getMessage(),
              StartsWith("m/tokenizer_config.json: add_eos_token: expected false, putting a token "
                         "after a text is not supported"));
}

TEST(HfTokenizer, ChatTemplate) {
  auto templateOf = [](const json &value, std::optional<std::string> file = {}) {
    return Files{.tokenizerConfig = {{"chat_template", value}}, .chatTemplate = std::move(file)}
        .read()
        .chatTemplate;
  };
  EXPECT_EQ(templateOf("{{ a }}"), "{{ a }}");
  EXPECT_EQ(templateOf("{{ a }}", "{{ b }}"), "{{ b }}");
  json named = {{{"name", "tool_use"}, {"template", "{{ t }}"}},
                {{"name", "default"}, {"template", "{{ d }}"}}};
  EXPECT_EQ(templateOf(named), "{{ d }}");
  named.erase(1);
  EXPECT_EQ(templateOf(named), std::nullopt);
  EXPECT_EQ((Files{.tokenizerConfig = {{"chat_template", 1}}}.getMessage()),
            "m/tokenizer_config.json: chat_template: expected a string, got 1");
  EXPECT_EQ((Files{.tokenizerConfig = {{"chat_template", json::array({{{"name", "default"}}})}}}
                 .getMessage()),
            "m/tokenizer_config.json: chat_template[0]: 'template' is missing");
  EXPECT_THAT((Files{.chatTemplate = "\xff"}.getMessage()),
              StartsWith("m/chat_template.jinja: text is not valid UTF-8"));
}

} // namespace
