//===- JinjaTest.cpp - The template language, construct by construct ------===//
//
// Expected texts are jinja2's (3.1, trim_blocks and lstrip_blocks).
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Status.h"
#include "runtime/text/jinja/Characters.h"
#include "runtime/text/jinja/Evaluator.h"
#include "runtime/text/jinja/Lexer.h"
#include "runtime/text/jinja/Parser.h"

#include <gmock/gmock.h>

using namespace nyala::rt;
using namespace nyala::rt::jinja;
using testing::HasSubstr;

namespace {

std::string run(std::string_view source) {
  Variables variables;
  variables.emplace("s", Value(std::string_view(" Hello ")));
  variables.emplace("l", Value::list({Value(int64_t{3}), Value(std::string_view("x")), Value()}));
  Context context(0, [] { return std::tm{}; });
  return jinja::render(parse(source), variables, context);
}

std::string error(std::string_view source) {
  try {
    run(source);
  } catch (const Failure &failure) {
    return failure.what();
  }
  return "";
}

struct Example {
  const char *source, *text;
};

void check(std::initializer_list<Example> examples) {
  for (const Example &one : examples)
    EXPECT_EQ(run(one.source), one.text) << one.source;
}

} // namespace

TEST(Jinja, ControlsWhitespace) {
  check({{"a\n{% if true %}\nb\n{% endif %}\nc\n", "a\nb\nc"},
         {"a  {% if true %} b {% endif %} c", "a   b  c"},
         {"  {% if true %}x{% endif %}", "x"},
         {"\n  {%+ if true %}x{% endif +%}\n", "\n  x"},
         {" a {{- 1 -}} \n b ", " a1b "},
         {"  {{ 1 }}\n", "  1"},
         {"a\n  {# c #}\n  b", "a\n  b"},
         {"a {#- c -#} b", "ab"},
         {"{#-#}x", "x"},
         {"a\r\nb\rc", "a\nb\nc"},
         {"\u00a0 {%- if 1 %}x{% endif -%}\u2003y", "xy"}});
}

TEST(Jinja, ReadsLiterals) {
  check({{R"({{ 'a\n\t\\\'\x41\u00e9\101\q' }})", "a\n\t\\'A\u00e9A\\q"},
         {"{{ 'a' \"b\" }}", "ab"},
         {"{{ 1_000 + 0 }} {{ 1.5e3 }} {{ 1e16 }} {{ 1e-5 }}", "1000 1500.0 1e+16 1e-05"}});
}

TEST(Jinja, PrintsValuesAsPython) {
  check({{"{{ none }} {{ true }} {{ 1.0 }} {{ 1e16 }} {{ 1e-05 }} {{ 0.1 + 0.2 }}",
          "None True 1.0 1e+16 1e-05 0.30000000000000004"},
         {"{{ [1, 'a', \"it's\", none, (1,), {'k': 2.5}] }}",
          "[1, 'a', \"it's\", None, (1,), {'k': 2.5}]"},
         {"{{ ['a\\nb\\x00\u00e9\u200b\u65e5'] }}", "['a\\nb\\x00\u00e9\\u200b\u65e5']"},
         {"{{ missing }}|{{ [missing] }}", "|[Undefined]"}});
}

TEST(Jinja, CalculatesAsPython) {
  check({{"{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ -7.5 // 2 }}",
          "3 -4 2 -2 3.5 -4.0"},
         {"{{ 'a' + 'b' }} {{ [1] + [2] }} {{ 'ab' * 2 }} {{ 1 ~ none ~ 'x' }} {{ true + 1 }}",
          "ab [1, 2] abab 1Nonex 2"},
         {"{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ 1 == 1.0 }} {{ [1] == [1.0] }}",
          "True False True True True"},
         {"{{ 'x' in l }} {{ 4 not in l }} {{ 'b' in 'abc' }} {{ 'k' in {'k': 1} }}",
          "True True True True"},
         {"{{ 1 and 0 or 'z' }} {{ not 1 }} {{ 'a' if 0 }}{{ 'b' if 1 else 'c' }}", "z False b"},
         {"{{ 2 + 3 * 4 - 1 }} {{ -1 | string | length }} {{ (1 ~ 2) + '3' }}", "13 2 123"}});
}

TEST(Jinja, TakesItemsAttributesAndSlices) {
  check({{"{{ l[0] }}{{ l[-1] }}{{ l[9] }}{{ l.0 }}{{ s[1] }}{{ {'a': 1}.a }}{{ {'a': 1}['b'] }}",
          "3None3H1"},
         {"{{ l[1:] }} {{ l[::-1] }} {{ 'abcdef'[-3:-1] }} {{ 'abc'[::2] }} {{ 'abc'[5:] }}|",
          "['x', None] [None, 'x', 3] de ac |"},
         {"{{ '\u65e5\u672c'[1] }} {{ '\u65e5\u672c' | length }}", "\u672c 2"}});
  EXPECT_THAT(error("{{ a.b }}"), HasSubstr("'a' is undefined, so it has no attribute 'b'"));
  EXPECT_THAT(error("{{ l[::0] }}"), HasSubstr("the step of a slice must not be zero"));
}

TEST(Jinja, LoopsScopeTheirVariables) {
  check(
      {{"{% for x in l %}{{ loop.index }}{{ loop.first }}{{ loop.last }};{% endfor %}",
        "1TrueFalse;2FalseFalse;3FalseTrue;"},
       {"{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 5 %}{{ x }}{% endfor %}{{ x }}",
        "16171"},
       {"{% set n = namespace(x=1) %}{% for i in [1, 2] %}{% set n.x = n.x + i %}{% endfor %}"
        "{{ n.x }}",
        "4"},
       {"{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"},
       {"{% for x in [] %}x{% else %}none{% endfor %}", "none"},
       {"{% for x in [1, 2, 3] if x != 2 %}{{ x }}/{{ loop.length }} {% endfor %}", "1/2 3/2 "},
       {"{% for x in 'ab' %}{{ loop.previtem }}{{ loop.nextitem }},{% endfor %}", "b,a,"},
       {"{% if true %}{% set y = 2 %}{% endif %}{{ y }}", "2"},
       {"{% set b %} text {{ 1 }}{% endset %}[{{ b }}]", "[ text 1]"}});
  EXPECT_THAT(error("{% for a, b in [1] %}{% endfor %}"), HasSubstr("got an integer"));
  EXPECT_THAT(error("{% for a, b in [[1]] %}{% endfor %}"), HasSubstr("expected 2 values"));
  EXPECT_THAT(error("{% for a in none %}{% endfor %}"), HasSubstr("got none"));
}

TEST(Jinja, CallsMacros) {
  check({{"{% macro f(a, b='d') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{% set c = 3 %}"
          "{{ f(1) }} {{ f(1, 2) }} {{ f(b=1, a=2) }} {{ f() }}",
          "1d3 123 213 d3"},
         {"{% macro f(n) %}{{ n }}{{ f(n - 1) if n else '' }}{% endmacro %}{{ f(3) }}", "3210"},
         {"{% macro f() %}{{ x }}{% endmacro %}{% for x in [1] %}[{{ f() }}]{% endfor %}", "[]"}});
  EXPECT_THAT(error("{% macro f() %}{% endmacro %}{{ f(1) }}"), HasSubstr("at most 0 arguments"));
  EXPECT_THAT(error("{% macro f() %}{% endmacro %}{{ f(x=1) }}"), HasSubstr("no argument 'x'"));
}

TEST(Jinja, CallsMethods) {
  check({{"[{{ s.strip() }}][{{ s.lstrip() }}][{{ 'xxaxx'.rstrip('x') }}]", "[Hello][Hello ][xxa]"},
         {"{{ 'a b  c'.split() }} {{ 'a,b,c'.split(',', 1) }} {{ ' a b '.split(none, 1) }}",
          "['a', 'b', 'c'] ['a', 'b,c'] ['a', 'b ']"},
         {"{{ 'a.b.c'.rsplit('.', 1) }} {{ ''.split(',') }} {{ ''.split() }}",
          "['a.b', 'c'] [''] []"},
         {"{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }}", "True True"},
         {"{{ 'it is'.title() }} {{ 'ABC \u00c9'.lower() }} {{ 'aa'.replace('a', 'b', 1) }}",
          "It Is abc \u00e9 ba"},
         {"{{ {'a': 1}.get('b') }} {{ {'a': 1}.keys() | list }} {{ 'aXbX'.count('X') }}",
          "None ['a'] 2"}});
  EXPECT_THAT(error("{{ '\u0130'.lower() }}"), HasSubstr("U+0130"));
  EXPECT_THAT(error("{{ 'a'.split('') }}"), HasSubstr("not empty"));
  EXPECT_THAT(error("{{ 'a'.strip(1, 2) }}"), HasSubstr("at most 1 arguments, got 2"));
}

TEST(Jinja, AppliesFilters) {
  check(
      {{"{{ s | trim }}{{ s | length }} {{ l | join('-') }} {{ l | first }} {{ l | last }}",
        "Hello7 3-x-None 3 None"},
       {"{{ missing | default('d') }} {{ '' | default('d', true) }} {{ none | d('x') }}",
        "d d None"},
       {"{{ {'b': [1, 2.0, none, true], 'a': '\u00e9\"\\n'} | tojson }}",
        "{\"b\": [1, 2.0, null, true], \"a\": \"\u00e9\\\"\\n\"}"},
       {"{{ {'b': [1], 'a': {}} | tojson(indent=1, sort_keys=true) }}",
        "{\n \"a\": {},\n \"b\": [\n  1\n ]\n}"},
       {"{{ '<a>' | e }} {{ '<a>' | safe }}", "&lt;a&gt; <a>"},
       {"{{ 'a\nb\n\nc' | indent(2) }}", "a\n  b\n\n  c"},
       {"{{ ' 12 ' | int }} {{ 'x' | int(7) }} {{ '1.9' | int }} {{ none | int }}", "12 7 1 0"},
       {"{{ [{'a': 1}, {'a': 2}] | map(attribute='a') | list }} {{ ['a'] | map('upper') | first }}",
        "[1, 2] A"},
       {"{{ [{'r': 'u'}, {'r': 'v'}] | selectattr('r', 'equalto', 'u') | list | length }}", "1"},
       {"{{ [0, 1, 'a', none] | select | list }} {{ l | reject('none') | list }}",
        "[1, 'a'] [3, 'x']"},
       {"{{ 'foo bar-baz' | title }} {{ 'aBC' | capitalize }} {{ 'abc' | reverse }}",
        "Foo Bar-Baz Abc cba"}});
  EXPECT_THAT(error("{{ 5 | length }}"), HasSubstr("got an integer"));
  EXPECT_THAT(error("{{ ('<' | e) + '<' }}"), HasSubstr("'safe' or 'escape'"));
}

TEST(Jinja, AppliesTests) {
  check({{"{{ x is defined }} {{ s is not none }} {{ s is string }} {{ l is sequence }} "
          "{{ l is iterable }} {{ {} is mapping }} {{ 1 is number }} {{ true is boolean }} "
          "{{ false is false }} {{ 1 is true }} {{ 'a' is equalto 'a' }} {{ 4 is divisibleby 2 }}",
          "False True True True True True True True True False True True"}});
}

TEST(Jinja, PointsAtErrors) {
  EXPECT_EQ(error("a\n{{ 1 +\n   }}"),
            "chat template, line 3, column 4: expected an expression, got '}}'");
  EXPECT_EQ(error("{% if 1 %}"),
            "chat template, line 1, column 11: expected the statement 'endif', "
            "got the end of the template");
  EXPECT_EQ(error("{{ 'x }}"),
            "chat template, line 1, column 4: this string is not closed, expected '");
  EXPECT_EQ(error("{{ (1] }}"), "chat template, line 1, column 6: unexpected ']', expected ')'");
  EXPECT_EQ(error("\u65e5{{ 1 + 'a' }}"),
            "chat template, line 1, column 7: cannot apply '+' to an integer and a string");
  EXPECT_THAT(error("{{ 9223372036854775807 + 1 }}"), HasSubstr("does not fit in 64 bits"));
  EXPECT_THAT(error("{% endif %}"), HasSubstr("'endif'"));
}

TEST(Jinja, KnowsCharactersAsPython) {
  EXPECT_EQ(changeCase("o'neil \u00e9T\u00c9 9x", Case::Titled), "O'Neil \u00c9t\u00e9 9X");
  EXPECT_EQ(splitLines("a\r\nb\u2028c\n\n").size(), 4u);
  EXPECT_EQ(strip("\u3000 a\u00a0", true, true), "a");
  EXPECT_EQ(countCharacters("a\u00e9\u65e5\U0001F600"), 4u);
}
