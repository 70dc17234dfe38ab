//===- RunTest.cpp - The libraries of nyala-run on the toy model ----------===//

#include "runtime/core/Status.h"
#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/runtime/ToyKernels.h"
#include "tools/nyala-run/ChatPrompt.h"
#include "tools/nyala-run/Generate.h"
#include "tools/nyala-run/SavedSession.h"
#include "tools/run-support/Perplexity.h"
#include "tools/run-support/Prompt.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::test;
using testing::ElementsAre;

namespace {

Tokens bytesOf(const std::string &text) { return Tokens(text.begin(), text.end()); }

class RunTest : public testing::Test {
protected:
  Model open(const ArtifactSpec &spec) {
    return Model(directory.write("toy.nyala", buildArtifact(spec)));
  }
  Generation generateFrom(const Model &model, const RunOptions &options) {
    Session session(model, options.session, options.sampler);
    std::string printed;
    Generation result = generate(model, session, bytesOf("hello"), options,
                                 [&](std::string_view text) { printed += text; });
    EXPECT_EQ(printed, result.text);
    return result;
  }
  TemporaryDirectory directory;
};

TEST_F(RunTest, PromptBegins) {
  const Model plain = open(makeToy());
  EXPECT_THAT(tokenizePrompt(plain, "a<|end|>", true), ElementsAre('a', 256));
  EXPECT_EQ(tokenizePrompt(plain, "<|end|>", false).size(), 7u);
  EXPECT_THROW(tokenizePrompt(plain, "", true), rt::Failure);
  ArtifactSpec spec = makeToy();
  spec.tokenizer->bos = 257;
  EXPECT_THAT(tokenizePrompt(open(spec), "", true), ElementsAre(257));
  EXPECT_THAT(tokenizePrompt(open(spec), "a", false), ElementsAre('a'));
  spec.tokenizer->addBos = true;
  EXPECT_THAT(tokenizePrompt(open(spec), "", true), ElementsAre(257));
  EXPECT_THAT(tokenizePrompt(open(spec), "a", true), ElementsAre(257, 'a'));
  EXPECT_THAT(tokenizePrompt(open(spec), "a", false), ElementsAre(257, 'a'));
}

TEST_F(RunTest, TextThatIsNone) {
  EXPECT_NO_THROW(checkText("h\xC3\xA9", "the prompt"));
  for (const std::string &text : {std::string("ab\xFF"), std::string("ab\0c", 4)})
    try {
      checkText(text, "the prompt");
      ADD_FAILURE();
    } catch (const rt::Failure &failure) {
      EXPECT_THAT(failure.what(), testing::HasSubstr("the prompt: "));
      EXPECT_THAT(failure.what(), testing::HasSubstr("offset 2"));
    }
}

TEST_F(RunTest, ChatMessagesAreLiteral) {
  for (bool addBos : {false, true}) {
    ArtifactSpec spec = makeToy();
    spec.tokenizer->bos = 257;
    spec.tokenizer->addBos = addBos;
    const Model model = open(spec);
    const auto expect = [&](const std::string &content) {
      Tokens expected = {257};
      for (int32_t id : bytesOf("user:" + content))
        expected.push_back(id);
      expected.insert(expected.end(), {256, 257});
      EXPECT_EQ(tokenizeChat(model, {{"user", content}}, false), expected) << content;
    };
    expect("hi");
    expect("P<|end|>Q<|start|>");
    expect("<|end|>");
    expect("\x01<|end|>\x01\x01");
    expect("");
    EXPECT_THAT(tokenizeChat(model, {{"user", "<|end|>"}}, true),
                ElementsAre(257, 'u', 's', 'e', 'r', ':', 256, 256, 257));
  }
}

TEST_F(RunTest, WhyAGenerationEnds) {
  const Model model = open(makeToy());
  RunOptions options;
  options.session = {12, 2, 1};
  const Generation whole = generateFrom(model, options);
  EXPECT_EQ(whole.finish, Finish::Context);
  EXPECT_EQ(whole.ids.size(), 12u - 5 + 1);

  options.maxTokens = 3;
  options.topLogits = 2;
  const Generation three = generateFrom(model, options);
  EXPECT_EQ(three.finish, Finish::Length);
  EXPECT_EQ(three.ids, Tokens(whole.ids.begin(), whole.ids.begin() + 3));
  ASSERT_EQ(three.topLogits.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(three.topLogits[i][0].first, three.ids[i]);
    EXPECT_GE(three.topLogits[i][0].second, three.topLogits[i][1].second);
  }
  options.maxTokens = 0;
  EXPECT_THAT(generateFrom(model, options).ids, ElementsAre());

  // The first two tokens spell "(*".
  options.maxTokens.reset();
  options.stops = {"*"};
  const Generation stopped = generateFrom(model, options);
  EXPECT_EQ(stopped.finish, Finish::StopString);
  EXPECT_EQ(stopped.text, "(");
  EXPECT_EQ(stopped.ids.size(), 2u);
  options.stops = {"*zebra", "zebra"};
  EXPECT_EQ(generateFrom(model, options).text, whole.text);

  ArtifactSpec spec = makeToy();
  spec.tokenizer->stops = {static_cast<uint32_t>(whole.ids[2])};
  options.stops.clear();
  const Generation ended = generateFrom(open(spec), options);
  EXPECT_EQ(ended.finish, Finish::Stop);
  EXPECT_EQ(ended.ids.size(), 3u);
  EXPECT_EQ(ended.text, "(*");
}

TEST_F(RunTest, SavedConversation) {
  const Model model = open(makeToy());
  const std::string path = directory.path("saved");
  {
    Session session(model, {0, 1, 1}, {0, 0, 1, 0});
    SavedSession saved(session, path);
    EXPECT_TRUE(saved.getMessages().empty());
    saved.save();
    EXPECT_FALSE(std::filesystem::exists(path)) << "an empty session";
    session.setTokens(bytesOf("hello"));
    saved.setMessages({{"user", "h\"\xC3\xA9"}, {"assistant", ""}});
    saved.save();
  }
  Session session(model, {0, 1, 1}, {0, 0, 1, 0});
  const SavedSession saved(session, path);
  EXPECT_EQ(session.setTokens(bytesOf("hello!")), 5u);
  const std::vector<ChatMessage> messages = saved.getMessages();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].content, "h\"\xC3\xA9");
  EXPECT_EQ(messages[1].role, "assistant");
  for (const char *note : {"?", "{}", "[1]", "{\"messages\": 1}", "{\"messages\": [{}]}"}) {
    session.setNote(note);
    EXPECT_THROW(saved.getMessages(), rt::Failure) << note;
  }
}

TEST_F(RunTest, PerplexityOfWindows) {
  const Model model = open(makeToy(512, 64, 16));
  Session session(model, {0, 2, 1}, {0, 0, 1, 0});
  Tokens ids;
  for (int i = 0; i < 1100; ++i)
    ids.push_back(i * 5 % 251);
  double sum = 0;
  for (size_t window = 0; window < 2; ++window) {
    int hash = 0;
    for (size_t i = 0; i + 1 < 512; ++i) {
      hash = (hash * 31 + ids[window * 512 + i]) % 65521;
      const auto logit = [&](size_t token) -> double {
        // The last token's logit counts the calls of the last kernel: one for each 16 rows.
        return token == toyVocabulary - 1 ? static_cast<double>(window * 32 + i / 16 + 1)
                                          : (hash * 7 + toyWeight(token)) % 1009;
      };
      double exponentials = 0;
      for (size_t token = 0; token < toyVocabulary; ++token)
        exponentials += std::exp(logit(token) - 1009);
      sum += 1009 + std::log(exponentials) - logit(ids[window * 512 + i + 1]);
    }
  }
  const Perplexity result = computePerplexity(session, toyVocabulary, ids);
  EXPECT_EQ(result.windows, 2u);
  EXPECT_EQ(result.tokens, 1022u);
  EXPECT_NEAR(std::log(result.value) / (sum / 1022), 1, 1e-9); // terms are of f32
  ids.resize(511);
  EXPECT_THROW(computePerplexity(session, toyVocabulary, ids), rt::Failure);
}

} // namespace
