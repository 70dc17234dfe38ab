//===- HtmlPageTest.cpp - Escaping and the outline of the page ------------===//
//
// test/e2e/test_page.py has the rest: a parser and a browser read the page there.
//
//===----------------------------------------------------------------------===//

#include "runtime/grounding/HtmlPage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace nyala::rt::grounding;
using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

namespace {

std::string render(std::string_view json, std::string_view generation,
                   std::string_view title = "A title") {
  DataTree tree(json);
  return renderHtml(tree, ground(tree, generation), title);
}

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size())
    ++found;
  return found;
}

/// The page behind its style and before its script.
std::string_view getBody(std::string_view page) {
  size_t begin = page.find("<body>"), end = page.rfind("<script>");
  return page.substr(begin, end - begin);
}

TEST(HtmlPage, EscapesAllThatIsNotItsOwn) {
  // The same in a title, in text, in a value, in a key and thus in a path.
  std::string hostile = R"(</script><img src=x onerror="1">'&]]>)";
  std::string page = render(
      R"({"</script><img src=x onerror=\"1\">'&]]>": "</script><img src=x onerror=\"1\">'&]]>"})",
      hostile + R"({{ data["</script><img src=x onerror=\"1\">'&]]>"] }})", hostile);
  EXPECT_EQ(count(page, "</script>"), 1u); // the page's own
  EXPECT_EQ(count(page, "<img"), 0u);
  EXPECT_EQ(count(page, "]]>"), 0u);
  EXPECT_THAT(page, HasSubstr("<title>&lt;/script&gt;&lt;img src=x onerror=&quot;1&quot;&gt;"
                              "&#39;&amp;]]&gt;</title>"));
  // All quotes belong to attributes of the page, which name no data.
  std::string_view body = getBody(page);
  for (size_t at = 0; (at = body.find('"', at)) != std::string_view::npos;) {
    EXPECT_EQ(body[at - 1], '=') << body.substr(at, 40);
    at = body.find('"', at + 1) + 1;
    EXPECT_TRUE(body[at] == ' ' || body[at] == '>') << body.substr(at, 40);
  }
  EXPECT_EQ(count(body, "'"), 0u);
}

TEST(HtmlPage, SpellsWhatIsNotSeen) {
  // A NUL, an escape, an override, a line separator, a byte order mark; a bad byte.
  std::string page = render("{\"a\": \"\u202Eba\\u0000\u2028\u2069\"}",
                            "x\0\x1B\xFFy\u202E \uFEFF{{ a }}\r\n\tz"s, "\u202Et\xFF");
  for (std::string_view unseen : {"\u202E", "\u2028", "\u2069", "\uFEFF", "\x1B", "\r"})
    EXPECT_EQ(count(page, unseen), 0u);
  EXPECT_EQ(count(page, "\0"s), 0u);
  EXPECT_THAT(page, HasSubstr("<title>U+202Et\uFFFD</title>"));
  EXPECT_THAT(page, HasSubstr("<p dir=\"auto\">x<span class=\"unseen\">U+0000</span>"
                              "<span class=\"unseen\">U+001B</span>\uFFFDy<span class=\"unseen\">"
                              "U+202E</span> <span class=\"unseen\">U+FEFF</span>"));
  EXPECT_THAT(page, HasSubstr("<code>&quot;<span class=\"unseen\">U+202E</span>ba\\u0000<span "
                              "class=\"unseen\">U+2028</span><span class=\"unseen\">U+2069</span>"
                              "&quot;</code>"));
}

TEST(HtmlPage, LinksValuesAndFields) {
  std::string page = render(R"({"a": {"x": 7, "y": 2}, "b": [1, 2], "c": ""})",
                            "\n{{ a.x / a.y }} of 9\n\n{{ b | sum }}{{ c }}");
  EXPECT_THAT(page, HasSubstr("<p dir=\"auto\"><span class=\"reference\"><a class=\"value\" "
                              "dir=\"auto\" aria-describedby=\"t0\" id=\"r0\" href=\"#n2\">3.5</a>"
                              "<span class=\"tip\""));
  EXPECT_THAT(page,
              HasSubstr("<code class=\"expression\">a.x / a.y</code>\n"
                        "<span class=\"operand\"><code>a.x</code> = <code>7</code></span>\n"
                        "<span class=\"operand\"><code>a.y</code> = <code>2</code></span>\n"));
  EXPECT_THAT(page,
              HasSubstr("<span class=\"operand\"><code>b</code>: 2 elements</span>\n"
                        "<span class=\"operand\"><code>b[0]</code> = <code>1</code></span>\n"));
  EXPECT_THAT(page, HasSubstr("<a class=\"field\" id=\"n3\" href=\"#r0\"><span class=\"key\">y"));
  EXPECT_THAT(page, HasSubstr("<span class=\"empty\" lang=\"en\">(empty)</span>"));
  // The numeral of the text's own, in the text, in the list and counted.
  EXPECT_THAT(page, HasSubstr("tabindex=\"-1\" id=\"u0\">9<span"));
  EXPECT_THAT(page, HasSubstr("href=\"#u0\">9</a>"));
  EXPECT_THAT(page, HasSubstr("Values from the data</span>: 3</span>"));
  EXPECT_THAT(page, HasSubstr("Numbers without a source</span>: 1</span>"));
  EXPECT_EQ(count(page, "<p dir=\"auto\">"), 2u);
  // A path needs no more to be said.
  EXPECT_THAT(page, Not(HasSubstr("<code class=\"expression\">c</code>")));
}

TEST(HtmlPage, UnfoldsWhatIsUsed) {
  std::string json = "{\"rows\": [";
  for (int i = 0; i < 10'000; ++i)
    json += (i ? ",{\"p\": " : "{\"p\": ") + std::to_string(i) + '}';
  std::string page = render(json + "], \"other\": {\"q\": 1}}", "{{ rows[4217].p }}");
  // The record, its rows, a hundred of them, one.
  EXPECT_EQ(count(page, "<details open>"), 4u);
  EXPECT_EQ(count(page, "<details>"), 1u + 99u + 9'999u);
  EXPECT_EQ(count(page, "<details open><summary><span class=\"key\">4200</span> <span "
                        "class=\"size\">to </span><span class=\"key\">4299</span> </summary>"),
            1u);
  page = render(json + "]}", "{{ rows | sum(\"p\") }}");
  EXPECT_EQ(count(page, "and 9901 more, marked in the data"), 2u);
  EXPECT_EQ(count(page, "<a class=\"field\""), 10'000u);
  EXPECT_EQ(count(page, "<details open>"), 3u + 99u); // the record, its rows, a hundred, 99 of them
}

TEST(HtmlPage, TakesAnyRecord) {
  for (const char *json : {"{}", "[]", "5", "\"s\"", "null"})
    EXPECT_THAT(render(json, "", ""), HasSubstr("<title>Text and its sources</title>"));
}

} // namespace
