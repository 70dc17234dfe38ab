//===- ChatTemplateTest.cpp - Framing of conversations --------------------===//
//
// Byte equality with jinja2 on many conversations is test/e2e/chat_templates.py.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/ChatTemplate.h"

#include "runtime/core/Status.h"

#include <fstream>
#include <gmock/gmock.h>
#include <sstream>
#include <vector>

using namespace nyala::rt;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

std::string read(const std::string &name) {
  std::ifstream file(NYALA_TEST_DIR "/data/templates/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::tm readFixedClock() {
  std::tm time{};
  time.tm_year = 124;
  time.tm_mon = 6;
  time.tm_mday = 26;
  return time;
}

std::string render(const std::string &source, const std::vector<Message> &messages,
                   bool addGenerationPrompt = true) {
  return ChatTemplate(source, "<s>", "</s>", readFixedClock).render(messages, addGenerationPrompt);
}

/// Status and message of what rendering, or constructing, throws.
std::pair<nyala_status, std::string> fail(const std::string &source,
                                          const std::vector<Message> &messages = {}) {
  try {
    render(source, messages);
  } catch (const Failure &failure) {
    return {failure.getStatus(), failure.what()};
  }
  return {NYALA_OK, ""};
}

const std::vector<Message> turns = {
    {"system", "Be brief.\n"}, {"user", " Hi "}, {"assistant", "Hello"}, {"user", "Bye"}};

} // namespace

TEST(ChatTemplate, FramesAsSmolLm2WasTrained) {
  EXPECT_EQ(render(read("smollm2.jinja"), {{"user", "Hi"}}),
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
            "Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render(read("smollm2.jinja"), turns, false),
            "<|im_start|>system\nBe brief.\n<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"
            "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n");
  EXPECT_EQ(render(read("smollm2.jinja"), {}, false), "");
}

TEST(ChatTemplate, TrimsContentsAndPrintsTheTokens) {
  EXPECT_EQ(render(read("llama3-style.jinja"), turns),
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatTemplate, PrintsTheDateAndTakesTheSystemMessageOut) {
  EXPECT_THAT(render(read("llama31-style.jinja"), turns),
              AllOf(StartsWith("<s><|start_header_id|>system<|end_header_id|>\n\nDate: 26 Jul "
                               "2024\n\nBe brief.<|eot_id|><|start_header_id|>user"),
                    EndsWith("<|start_header_id|>assistant<|end_header_id|>\n\n")));
}

TEST(ChatTemplate, UsesTheSystemsClockWithoutAnother) {
  ChatTemplate chat("{{ strftime_now('%Y') }}", "", "");
  EXPECT_GE(std::stoi(chat.render({}, false)), 2025);
}

TEST(ChatTemplate, CutsThoughtsOutOfEarlierTurns) {
  std::string text = render(read("qwen3-style.jinja"),
                            {{"user", "a"},
                             {"assistant", "<think>\nlong\n</think>\n\nshort"},
                             {"user", "b"},
                             {"assistant", "<think>\nmore\n</think>\n\nless"}},
                            false);
  EXPECT_EQ(text, "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nshort<|im_end|>\n"
                  "<|im_start|>user\nb<|im_end|>\n"
                  "<|im_start|>assistant\n<think>\nmore\n</think>\n\nless<|im_end|>\n");
}

TEST(ChatTemplate, TemplateTextInMessagesIsText) {
  EXPECT_EQ(render("{% for m in messages %}{{ m.content }}{% endfor %}", {{"user", "{{ 1 }}{% x"}}),
            "{{ 1 }}{% x");
}

TEST(ChatTemplate, ReportsWhatTheTemplateRaisesInItsOwnWords) {
  EXPECT_EQ(fail(read("alternating-style.jinja"), {{"user", "a"}, {"user", "b"}}),
            std::make_pair(NYALA_INVALID_TEXT,
                           std::string("roles must alternate, but message 2 is of user")));
}

TEST(ChatTemplate, MissingTokensAreUndefined) {
  ChatTemplate chat("[{{ bos_token }}{{ bos_token is defined }}{{ eos_token is defined }}]", "",
                    "E");
  EXPECT_EQ(chat.render({}, false), "[FalseTrue]");
}

TEST(ChatTemplate, RefusesTextThatIsNotUtf8) {
  auto [status, message] = fail("{{ messages }}", {{"user", "fine"}, {"user", "a\xFF"}});
  EXPECT_EQ(status, NYALA_INVALID_TEXT);
  EXPECT_THAT(message, HasSubstr("the content of message 1"));
  EXPECT_EQ(fail("\xC0").first, NYALA_INVALID_TEXT);
}

TEST(ChatTemplate, NamesTheConstructAndPlaceOfWhatItDoesNotKnow) {
  EXPECT_EQ(
      fail("ab\n é {% include 'x' %}"),
      std::make_pair(NYALA_UNSUPPORTED,
                     std::string("chat template, line 2, column 7: the statement 'include' is "
                                 "not supported; known are set, if, for and macro")));
  for (const char *source :
       {"{{ 1 | wordwrap }}", "{{ 1 is sameas 1 }}", "{{ 2 ** 3 }}", "{% raw %}{{{% endraw %}",
        "{% for x in [1] recursive %}{% endfor %}", "{{ f(*x) }}", "{% break %}", "{{ pad_token }}",
        "{{ 'a'.zfill(3) }}", "{{ '%s' % 1 }}", "{{ cycler(1) }}", "{{ ''.__class__ }}"}) {
    auto [status, message] = fail(source);
    EXPECT_EQ(status, NYALA_UNSUPPORTED) << source;
    EXPECT_THAT(message, StartsWith("chat template, line 1, column ")) << source;
  }
}

TEST(ChatTemplate, UnknownConstructsAreFoundBeforeRendering) {
  EXPECT_THROW(ChatTemplate("{% if false %}{{ 1 | wordwrap }}{% endif %}", "", ""), Failure);
}

TEST(ChatTemplate, BoundsTimeMemoryAndDepth) {
  std::string brackets(5000, '('), loops, ends;
  for (int index = 0; index != 12; ++index) {
    loops += "{% for x in range(100000) %}";
    ends += "{% endfor %}";
  }
  const auto repeat = [](const std::string &text, int times) {
    std::string repeated;
    for (int index = 0; index != times; ++index)
      repeated += text;
    return repeated;
  };
  const std::string name(999999, 'n');
  std::string parameters;
  for (int index = 0; index != 99999; ++index)
    parameters += "a" + std::to_string(index) + ",";
  const std::string sources[] = {
      "{{ " + brackets, "{{ '-' * 99999999999 }}", loops + "x" + ends,
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(99) %}"
      "{% set n.x = n.x + n.x %}{% endfor %}",
      "{% set n = namespace(x=[]) %}{% for i in range(9999) %}"
      "{% set n.x = [n.x] %}{% endfor %}",
      "{% set n = namespace(x=[1]) %}{% for i in range(60) %}"
      "{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
      "{{ range(100001) }}", "{{ [1] | tojson(indent=9999999999) }}",
      // A chain of loops, each kept by the next.
      "{% set n = namespace(x=0) %}{% for i in range(99999) %}{% for y in [n.x] %}"
      "{% set n.x = loop %}{% endfor %}{% endfor %}",
      // A key of 2 to the power of 60 parts.
      "{% set x = (1, 1) %}" + repeat("{% set x = (x, x) %}", 60) + "{{ {}[x] }}",
      "{{ range(9999) | list | tojson(separators=('-' * 99999999, ':')) }}",
      "{{ [{}] | map(attribute='.' * 99999999) }}",
      "{{ [1] * 999999 | map(attribute='.' * 999999, default={}) }}",
      "{% for i in range(99999) %}{{ " + name + " }}{% endfor %}",
      "{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = n.x + [" + name +
          "] %}{% endfor %}",
      "{% for i in range(99999) %}{{ messages." + name + " }}{% endfor %}",
      "{% set t = ('',) * 999999 %}{% for i in range(99999) %}{{ ''.startswith(t) }}{% endfor %}",
      "{% macro f(" + parameters + ") %}{% endmacro %}"};
  for (const std::string &source : sources) {
    auto [status, message] = fail(source);
    EXPECT_NE(status, NYALA_OK) << source.substr(0, 80);
    EXPECT_THAT(message, StartsWith("chat template, line 1, column ")) << source.substr(0, 80);
  }
  EXPECT_EQ(fail(std::string((1 << 20) + 1, 'x')).first, NYALA_UNSUPPORTED);
}

TEST(ChatTemplate, ANamespaceThatHoldsItselfIsFreed) {
  EXPECT_EQ(render("{% set n = namespace() %}{% set n.n = [n] %}{{ n.n[0] == n }}", {}), "True");
}
