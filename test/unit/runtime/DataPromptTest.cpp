//===- DataPromptTest.cpp - What models are told of data ------------------===//

#include "tools/nyala-run/DataPrompt.h"
#include "runtime/core/Status.h"
#include "test/unit/runtime/ArtifactBuilder.h"
#include "test/unit/runtime/ToyKernels.h"
#include "tools/nyala-run/ValueStream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala;
using namespace nyala::test;
using rt::grounding::DataTree;
using testing::HasSubstr;
using testing::Not;

namespace {

const DataTree &getGame() {
  static const DataTree data(R"({"home": {"team": "Hawks", "points": 129, "odd key": 1.5},
    "date": "2024-03-05", "players": [{"n": "A\nB", "p": 3}, {"n": "{{ date }}", "p": 4}],
    "notes": [], "none": null})");
  return data;
}

TEST(ShownFields, AreListedAsReferencesSpellThem) {
  const ShownFields fields(getGame(), {});
  EXPECT_EQ(fields.list(),
            "home.team: Hawks\nhome.points: 129\nhome[\"odd key\"]: 1.5\ndate: 2024-03-05\n"
            "players[0].n: \"A\\nB\"\nplayers[0].p: 3\nplayers[1].n: {{ date }}\nplayers[1].p: 4\n"
            "notes: []\ndata[\"none\"]: null\n");
  EXPECT_EQ(fields.toJson(), getGame().toJson(DataTree::root));
  EXPECT_EQ(fields.findFork(), DataTree::root);
}

TEST(ShownFields, AreThoseOfGlobs) {
  EXPECT_EQ(ShownFields(getGame(), {"home.*s", "d?te"}).list(),
            "home.points: 129\ndate: 2024-03-05\n");
  EXPECT_EQ(ShownFields(getGame(), {"players[1]"}).list(),
            "players[1].n: {{ date }}\nplayers[1].p: 4\n");
  EXPECT_EQ(ShownFields(getGame(), {"players*.p"}).toJson(), R"({"players":[{"p":3},{"p":4}]})");
  EXPECT_EQ(ShownFields(getGame(), {"players[0]"}).toJson(), R"({"players":[{"n":"A\nB","p":3}]})");
  EXPECT_EQ(ShownFields(getGame(), {"players[1]"}).toJson(), std::nullopt);
  try {
    ShownFields(getGame(), {"home", "visitor.*"});
    ADD_FAILURE();
  } catch (const rt::Failure &failure) {
    EXPECT_THAT(failure.what(), HasSubstr("no field is like 'visitor.*'"));
  }
}

TEST(WorkedExample, IsMadeOfTheData) {
  const WorkedExample game = makeExample(ShownFields(getGame(), {}));
  EXPECT_EQ(game.text, "The home team is {{ home.team }}. The home points is {{ home.points }}. "
                       "There are {{ players | count }} players.");
  EXPECT_EQ(game.prose, "The home team is Hawks. The home points is 129. There are 2 players.");
  EXPECT_EQ(game.path, "home[\"odd key\"]");
  EXPECT_EQ(makeExample(ShownFields(getGame(), {"date", "data*none*"})).text,
            "The date is {{ date }}. The none is {{ data[\"none\"] }}.");
  EXPECT_EQ(makeExample(ShownFields(getGame(), {"date", "home"})).text,
            "The home team is {{ home.team }}. The home points is {{ home.points }}. The date is "
            "{{ date | date(\"%-d %B %Y\") }}.");
  EXPECT_EQ(makeExample(ShownFields(DataTree(R"([{"a": 1}, {"a": 2}])"), {})).text,
            "The 0 a is {{ data[0].a }}. The 1 a is {{ data[1].a }}.");
  EXPECT_EQ(makeExample(ShownFields(DataTree(R"({"a": []})"), {})).text, "");
  EXPECT_EQ(makeExample(ShownFields(DataTree(R"({"{{b": 1})"), {})).text,
            "The b is {{ data[\"{{b\"] }}.");
}

TEST(DataPrompt, HasNoSpecialTokenOfTheData) {
  const TemporaryDirectory directory;
  ArtifactSpec spec = makeToy();
  spec.tokenizer->chatTemplate = "{% for m in messages %}{{ m.content }}<|end|>{% endfor %}";
  const Model model(directory.write("toy.nyala", buildArtifact(spec)));
  const Tokens special = model.tokenize("<|end|>", true);
  const DataTree data(R"({"a": "<|end|>"})");
  const ShownFields fields(data, {});
  const auto messages =
      askForReferences(showFields(model, fields), makeExample(fields), "Say <|end|>.");
  EXPECT_EQ(std::ranges::count(tokenizeAsked(model, messages), special[0]),
            static_cast<ptrdiff_t>(messages.size()));
}

TEST(DataPrompt, IsPlainWithoutTemplateOrSystemMessage) {
  const TemporaryDirectory directory;
  ArtifactSpec spec = makeToy();
  const auto read = [&](const std::vector<ChatMessage> &messages) {
    const Model model(directory.write("toy.nyala", buildArtifact(spec)));
    std::string text;
    for (int32_t token : tokenizeAsked(model, messages))
      text += model.tokenBytes(token, true);
    return text;
  };
  spec.tokenizer->chatTemplate.clear();
  EXPECT_EQ(read({{"user", "a"}, {"assistant", "b"}}), "a\n\nb\n\n");
  spec.tokenizer->chatTemplate = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}"
                                 "{% endif %}{{ messages[0].content }}";
  EXPECT_EQ(read({{"system", "a"}, {"user", "b"}}), "b");
}

TEST(ValueStream, ShowsValuesAsReferencesClose) {
  ValueStream stream(getGame());
  EXPECT_EQ(stream.append("The {"), "The ");
  EXPECT_EQ(stream.append("{ home.po"), "");
  EXPECT_EQ(stream.append("ints }} {x"), "129 {x");
  EXPECT_EQ(stream.append("{{ players[1].n }}{"), "{{ date }}");
  EXPECT_EQ(stream.flush(), "{");
  EXPECT_EQ(stream.append("a{{ da"), "a");
  EXPECT_EQ(stream.flush(), "");
}

} // namespace
