//===- ModelTest.cpp - What the C API says of a model ---------------------===//

#include "runtime/nyala.h"
#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/runtime/ToyKernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

class ModelTest : public testing::Test {
protected:
  void open(const ArtifactSpec &spec) {
    nyala_model_close(model);
    const std::string path = directory.write("toy.nyala", buildArtifact(spec));
    ASSERT_EQ(nyala_model_open(path.c_str(), &model), NYALA_OK) << nyala_last_error();
  }
  ~ModelTest() override { nyala_model_close(model); }

  std::vector<int32_t> tokenize(const std::string &text, bool special) {
    std::vector<int32_t> ids(100);
    size_t count = 0;
    EXPECT_EQ(
        nyala_tokenize(model, text.data(), text.size(), special, ids.data(), ids.size(), &count),
        NYALA_OK);
    ids.resize(count);
    return ids;
  }
  TemporaryDirectory directory;
  nyala_model *model = nullptr;
};

TEST_F(ModelTest, Info) {
  open(makeToy(64, 8));
  nyala_model_info info;
  nyala_model_get_info(model, &info);
  EXPECT_STREQ(info.architecture, "toy");
  EXPECT_STREQ(info.arithmetic, "f32");
  EXPECT_EQ(info.vocabulary, unsigned{toyVocabulary});
  EXPECT_EQ(info.context, 64u);
  EXPECT_EQ(info.max_prefill, 8u);
  EXPECT_EQ(info.bos, -1);
  EXPECT_EQ(info.eos, 256);
  EXPECT_EQ(info.weight_bytes, toyVocabulary * 4u);
  EXPECT_EQ(info.arena_bytes, 128u);
  EXPECT_EQ(info.kv_bytes_per_token, toySlotBytes + 4u);
  EXPECT_TRUE(info.has_tokenizer);
  EXPECT_TRUE(info.has_chat_template);
  EXPECT_EQ(info.sequences, 1u);
  EXPECT_STREQ(info.cpu, "x86-64");
  EXPECT_STREQ(nyala_model_metadata(model, "general.name"), "toy");
  EXPECT_EQ(nyala_model_metadata(model, "general"), nullptr);
  EXPECT_TRUE(nyala_model_is_stop(model, 256));
  EXPECT_FALSE(nyala_model_is_stop(model, 257));
  EXPECT_FALSE(nyala_model_is_stop(model, -1));
}

TEST_F(ModelTest, InfoOfTrainingSteps) {
  open(makeToyTraining());
  nyala_model_info info;
  nyala_model_get_info(model, &info);
  EXPECT_EQ(info.max_prefill, 0u);
  EXPECT_EQ(info.kv_bytes_per_token, 0u);
  EXPECT_EQ(info.arena_bytes, 64u);
}

TEST_F(ModelTest, Tokenize) {
  open(makeToy());
  EXPECT_THAT(tokenize("ab<|end|>", true), ElementsAre('a', 'b', 256));
  EXPECT_EQ(tokenize("ab<|end|>", false).size(), 9u);
  size_t count = 0;
  int32_t one = -1;
  EXPECT_EQ(nyala_tokenize(model, "abc", 3, false, nullptr, 0, &count), NYALA_OK);
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(nyala_tokenize(model, "abc", 3, false, &one, 1, &count), NYALA_OK);
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(one, 'a');
  EXPECT_EQ(nyala_tokenize(model, nullptr, 0, false, nullptr, 0, &count), NYALA_OK);
  EXPECT_EQ(count, 0u);
  EXPECT_EQ(nyala_tokenize(model, "ab\xFFz", 4, false, nullptr, 0, &count), NYALA_INVALID_TEXT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("2"));
  EXPECT_EQ(nyala_tokenize(model, "a", 1, false, nullptr, 1, &count), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_tokenize(model, "a", 1, false, nullptr, 0, nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_tokenize(nullptr, "a", 1, false, nullptr, 0, &count), NYALA_INVALID_ARGUMENT);
}

TEST_F(ModelTest, BeginningOfSequence) {
  ArtifactSpec spec = makeToy();
  spec.tokenizer->bos = 257;
  spec.tokenizer->addBos = true;
  open(spec);
  EXPECT_THAT(tokenize("a", true), ElementsAre(257, 'a'));
  EXPECT_THAT(tokenize("", true), ElementsAre(257));
  EXPECT_THAT(tokenize("<|start|>a", true), ElementsAre(257, 'a'));
  EXPECT_THAT(tokenize("a", false), ElementsAre('a'));
}

TEST_F(ModelTest, TokenBytes) {
  open(makeToy());
  size_t length = 99;
  EXPECT_EQ(*nyala_token_bytes(model, 'q', false, &length), 'q');
  EXPECT_EQ(length, 1u);
  EXPECT_EQ(std::string(nyala_token_bytes(model, 256, true, &length), 7), "<|end|>");
  EXPECT_EQ(length, 7u);
  EXPECT_NE(nyala_token_bytes(model, 256, false, &length), nullptr);
  EXPECT_EQ(length, 0u);
  // In the vocabulary, but not in the tokenizer.
  for (int32_t id : {258, toyVocabulary - 1, -1, INT32_MAX}) {
    length = 99;
    EXPECT_EQ(nyala_token_bytes(model, id, true, &length), nullptr);
    EXPECT_EQ(length, 0u);
  }
}

TEST_F(ModelTest, ChatFormat) {
  open(makeToy());
  const nyala_message messages[] = {{"user", "hi"}};
  char text[100];
  size_t length = 0;
  ASSERT_EQ(nyala_chat_format(model, messages, 1, true, text, sizeof(text), &length), NYALA_OK)
      << nyala_last_error();
  EXPECT_EQ(std::string(text, length), "<|start|>user:hi<|end|><|start|>");
  const size_t whole = length;
  EXPECT_EQ(nyala_chat_format(model, messages, 1, true, nullptr, 0, &length), NYALA_OK);
  EXPECT_EQ(length, whole);
  const nyala_message incomplete[] = {{"user", nullptr}};
  EXPECT_EQ(nyala_chat_format(model, incomplete, 1, true, text, 100, &length),
            NYALA_INVALID_ARGUMENT);
}

TEST_F(ModelTest, WithoutTextParts) {
  ArtifactSpec spec = makeToy();
  spec.tokenizer->chatTemplate.clear();
  open(spec);
  const nyala_message messages[] = {{"user", "hi"}};
  size_t length = 0;
  EXPECT_EQ(nyala_chat_format(model, messages, 1, true, nullptr, 0, &length), NYALA_NOT_FOUND);
  EXPECT_THAT(nyala_last_error(), HasSubstr("no chat template"));
  spec.tokenizer.reset();
  open(spec);
  EXPECT_EQ(nyala_tokenize(model, "a", 1, true, nullptr, 0, &length), NYALA_NOT_FOUND);
  EXPECT_EQ(nyala_token_bytes(model, 'a', true, &length), nullptr);
  EXPECT_FALSE(nyala_model_is_stop(model, 256));
  nyala_model_info info;
  nyala_model_get_info(model, &info);
  EXPECT_FALSE(info.has_tokenizer);
  EXPECT_EQ(info.eos, -1);
}

TEST_F(ModelTest, TokenizerBeyondTheVocabulary) {
  ArtifactSpec spec = makeToy();
  while (spec.tokenizer->tokens.size() <= toyVocabulary) {
    spec.tokenizer->tokens.push_back("extra" + std::to_string(spec.tokenizer->tokens.size()));
    spec.tokenizer->kinds.push_back(nyala::artifact::TokenKind::Control);
  }
  nyala_model *bad = nullptr;
  const std::string path = directory.write("bad.nyala", buildArtifact(spec));
  EXPECT_EQ(nyala_model_open(path.c_str(), &bad), NYALA_CORRUPT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("301 tokens"));
  EXPECT_EQ(bad, nullptr);
}

TEST_F(ModelTest, HostileNamesAreEscaped) {
  ArtifactSpec spec = makeToy();
  spec.states[0].name = "\x1b[2J\x7f";
  spec.states[0].sequences = 0;
  nyala_model *bad = nullptr;
  const std::string path = directory.write("bad.nyala", buildArtifact(spec));
  EXPECT_EQ(nyala_model_open(path.c_str(), &bad), NYALA_CORRUPT);
  EXPECT_THAT(nyala_last_error(), HasSubstr("state '\\x1b[2J\\x7f' is empty"));
}

TEST_F(ModelTest, Statuses) {
  EXPECT_STREQ(nyala_status_name(NYALA_CORRUPT), "corrupt");
  for (int status = NYALA_OK; status <= NYALA_OTHER_MODEL; ++status)
    EXPECT_STRNE(nyala_status_name(static_cast<nyala_status>(status)), "unknown status");
  EXPECT_STREQ(nyala_version(), "0.1.0");
  EXPECT_EQ(nyala_model_open(nullptr, &model), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_model_open("x", nullptr), NYALA_INVALID_ARGUMENT);
  EXPECT_EQ(nyala_model_metadata(nullptr, "x"), nullptr);
  nyala_model_get_info(nullptr, nullptr);
}

} // namespace
