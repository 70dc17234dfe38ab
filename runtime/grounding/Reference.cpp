//===- Reference.cpp - Reading references ---------------------------------===//

#include "runtime/grounding/Reference.h"

#include "runtime/core/Status.h"
#include "runtime/grounding/Path.h"

#include <algorithm>

namespace nyala::rt::grounding {
namespace {

class Parser {
public:
  Parser(std::string_view text, size_t at) : text(text), at(at) {}

  Reference parse() {
    expect("{{ ");
    Reference reference;
    bool isGrouped = skip("(");
    reference.paths.push_back(parsePath());
    reference.opOffset = at + 1;
    if (skip(" - "))
      reference.op = '-';
    else if (skip(" / "))
      reference.op = '/';
    else if (isGrouped)
      fail(at, "expected ' - ' or ' / '");
    if (reference.op)
      reference.paths.push_back(parsePath());
    if (isGrouped)
      expect(")");
    if (!reference.op || isGrouped)
      while (skip(" | "))
        reference.filters.push_back(parseFilter());
    if (isGrouped && reference.filters.empty())
      fail(at, "expected a filter behind the parenthesis: without one there is none");
    expect(" }}");
    return reference;
  }

  size_t getPosition() const { return at; }

private:
  [[noreturn]] void fail(size_t offset, const std::string &what) const {
    std::string_view rest = text.substr(std::min(offset, text.size()), 12);
    // Not within a character.
    while (!rest.empty() && (static_cast<uint8_t>(rest.back()) & 0xC0) == 0x80)
      rest.remove_suffix(1);
    if (!rest.empty() && static_cast<uint8_t>(rest.back()) >= 0xC0)
      rest.remove_suffix(1);
    throw Failure(NYALA_INVALID_TEXT, "reference, byte " + std::to_string(offset) + ": " + what +
                                          (rest.empty() ? std::string(", got its end")
                                                        : ", got '" + std::string(rest) + "'"));
  }

  bool skip(std::string_view expected) {
    if (!text.substr(at).starts_with(expected))
      return false;
    at += expected.size();
    return true;
  }
  void expect(std::string_view expected) {
    if (!skip(expected))
      fail(at, "expected '" + std::string(expected) + "'");
  }

  std::string_view parseName() {
    size_t begin = at;
    if (at < text.size() && isNameStart(text[at]))
      while (at < text.size() && isNameByte(text[at]))
        ++at;
    return text.substr(begin, at - begin);
  }

  std::string parseQuoted() {
    expect("\"");
    std::string out;
    while (at < text.size() && text[at] != '"') {
      if (text[at] == '\\' &&
          !(at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\')))
        fail(at, "expected \\\" or \\\\");
      at += text[at] == '\\';
      out += text[at++];
    }
    expect("\"");
    return out;
  }

  PathStep parseBracket(bool isFirst) {
    expect("[");
    PathStep step{{}, {}, at};
    if (at < text.size() && text[at] == '"') {
      step.key = parseQuoted();
      if (isName(step.key, isFirst))
        fail(step.offset, "expected " + std::string(isFirst ? "" : ".") + step.key +
                              ": a name is spelled without quotes");
    } else {
      uint64_t index = 0;
      while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - step.offset < 18)
        index = 10 * index + static_cast<uint64_t>(text[at++] - '0');
      if (at == step.offset || (text[step.offset] == '0' && at - step.offset > 1))
        fail(step.offset, "expected an index or a key in quotes");
      step.index = index;
    }
    expect("]");
    return step;
  }

  std::vector<PathStep> parsePath() {
    std::vector<PathStep> path;
    size_t begin = at;
    std::string_view first = parseName();
    if (first == rootName)
      path.push_back(parseBracket(/*isFirst=*/true));
    else if (isName(first, /*isFirst=*/true))
      path.push_back({{}, std::string(first), begin});
    else
      fail(begin, "expected a field");
    while (at < text.size() && (text[at] == '.' || text[at] == '[')) {
      if (text[at] == '[') {
        path.push_back(parseBracket(/*isFirst=*/false));
        continue;
      }
      size_t offset = ++at;
      std::string_view name = parseName();
      if (!isName(name, /*isFirst=*/false))
        fail(offset, "expected a field's name; others are spelled [\"…\"]");
      path.push_back({{}, std::string(name), offset});
    }
    return path;
  }

  FilterUse parseFilter() {
    FilterUse use{Filter::Round, 0, {}, at};
    std::string word(parseName());
    if (text.substr(at).starts_with("(\""))
      word += "(\"";
    size_t number = 0;
    while (number < filterCount && getSpelling(static_cast<Filter>(number)) != word)
      ++number;
    if (number == filterCount)
      fail(use.offset, "expected one of the filters round, upper, lower, title, date(\"…\"), sum, "
                       "avg, min, max, count");
    use.filter = static_cast<Filter>(number);
    if (use.filter == Filter::Round && skip("(")) {
      if (at == text.size() || text[at] < '0' || text[at] > '9')
        fail(at, "expected a digit");
      use.digits = text[at++] - '0';
      expect(")");
    }
    if (word.ends_with('"')) {
      expect("(");
      use.argument = parseQuoted();
      expect(")");
    }
    return use;
  }

  std::string_view text;
  size_t at;
};

} // namespace

Reference parseReference(std::string_view text, size_t &at) {
  Parser parser(text, at);
  Reference reference = parser.parse();
  at = parser.getPosition();
  return reference;
}

} // namespace nyala::rt::grounding
