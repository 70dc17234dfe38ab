//===- Lexer.cpp - Tokens of a chat template ------------------------------===//

#include "runtime/text/jinja/Lexer.h"

#include "runtime/text/jinja/Characters.h"

#include <algorithm>
#include <charconv>

namespace nyala::rt::jinja {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNameCharacter(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Line ends become \n, and one at the end is dropped: templates are often kept in files.
std::string normalizeLineEnds(std::string_view source) {
  std::string result;
  result.reserve(source.size());
  for (size_t offset = 0; offset != source.size(); ++offset) {
    if (source[offset] != '\r') {
      result += source[offset];
    } else {
      result += '\n';
      if (offset + 1 != source.size() && source[offset + 1] == '\n')
        ++offset;
    }
  }
  if (!result.empty() && result.back() == '\n')
    result.pop_back();
  return result;
}

class Lexer {
public:
  explicit Lexer(std::string_view text) : source(normalizeLineEnds(text)) {}

  std::vector<Token> run() {
    try {
      while (at != source.size())
        lexText();
    } catch (const Problem &problem) {
      throw problem.at(place());
    }
    add(Token::Kind::End);
    return std::move(tokens);
  }

private:
  /// The position of `at`; asked for in ascending order, so that the whole costs one pass.
  Position place() {
    for (; counted < at; ++counted) {
      if (source[counted] == '\n')
        position = {position.line + 1, 1};
      else if ((static_cast<unsigned char>(source[counted]) & 0xC0) != 0x80)
        ++position.column;
    }
    return position;
  }

  void add(Token::Kind kind, std::string text = {}) {
    tokens.push_back({kind, place(), std::move(text)});
  }

  bool startsWith(std::string_view text) const {
    return source.compare(at, text.size(), text) == 0;
  }
  char peek() const { return at < source.size() ? source[at] : '\0'; }

  void skipSpace() {
    while (at != source.size()) {
      size_t next = at;
      if (!isSpace(nextCharacter(source, next)))
        break;
      at = next;
    }
  }

  /// Text up to the next delimiter, and what the delimiter opens.
  void lexText() {
    size_t open = at;
    while ((open = source.find('{', open)) != std::string::npos) {
      char next = open + 1 < source.size() ? source[open + 1] : '\0';
      if (next == '{' || next == '%' || next == '#')
        break;
      ++open;
    }
    std::string_view text = std::string_view(source).substr(at, open - at);
    if (open == std::string::npos) {
      add(Token::Kind::Text, std::string(text));
      at = source.size();
      return;
    }
    char kind = source[open + 1], sign = open + 2 < source.size() ? source[open + 2] : '\0';
    if (sign == '-') {
      text = strip(text, /*left=*/false, /*right=*/true);
    } else if (sign != '+' && kind != '{') {
      size_t line = text.rfind('\n') + 1; // 0 if there is none
      if ((line != 0 || startsLine) && isAllSpace(text.substr(line)))
        text = text.substr(0, line);
    }
    if (!text.empty())
      add(Token::Kind::Text, std::string(text));
    at = open;
    place();
    if (kind == '#')
      return skipComment(open + 2 + (sign == '-' || sign == '+'));
    add(kind == '{' ? Token::Kind::OutputBegin : Token::Kind::BlockBegin);
    at = open + 2 + (sign == '-' || sign == '+');
    lexTokens(kind == '%');
  }

  void skipComment(size_t from) {
    size_t close = source.find("#}", from);
    if (close == std::string::npos)
      refuse("this comment is not closed, expected '#}'");
    char sign = close > from ? source[close - 1] : '\0';
    at = close + 2;
    endBlock(sign);
  }

  /// What follows a block's or comment's end is dropped as its sign says.
  void endBlock(char sign) {
    size_t end = at;
    if (sign == '-')
      skipSpace();
    else if (sign != '+' && peek() == '\n')
      ++at;
    startsLine = at != end && source[at - 1] == '\n';
  }

  /// Tokens up to the end of the {{ or {%, whose end is looked for outside of brackets only.
  void lexTokens(bool isBlock) {
    std::string_view close = isBlock ? "%}" : "}}";
    size_t open = tokens.size() - 1;
    std::string brackets;
    while (true) {
      skipSpace();
      if (at == source.size())
        refuse("the template ends inside a tag, expected '" + std::string(close) + "'");
      if (brackets.empty()) {
        bool hasSign = peek() == '-' || (peek() == '+' && isBlock);
        if (source.compare(at + hasSign, 2, close) == 0) {
          char sign = hasSign ? peek() : '\0';
          add(isBlock ? Token::Kind::BlockEnd : Token::Kind::OutputEnd);
          at += hasSign + 2;
          endBlock(sign == '\0' && !isBlock ? '+' : sign);
          return;
        }
      }
      lexToken(brackets);
      // What is inside {% raw %} are no tokens: say so before stumbling over them.
      if (isBlock && tokens.size() == open + 2 && tokens.back().kind == Token::Kind::Name &&
          tokens.back().text == "raw")
        throw Problem{NYALA_UNSUPPORTED, "the statement 'raw' is not supported"}.at(
            tokens.back().position);
    }
  }

  void lexToken(std::string &brackets) {
    char c = peek();
    if (isDigit(c))
      return lexNumber();
    if (isNameCharacter(c)) {
      size_t end = at;
      while (end != source.size() && isNameCharacter(source[end]))
        ++end;
      add(Token::Kind::Name, source.substr(at, end - at));
      at = end;
      return;
    }
    if (c == '\'' || c == '"')
      return lexString();
    static constexpr std::string_view operators[] = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","};
    auto found = std::find_if(std::begin(operators), std::end(operators),
                              [&](std::string_view text) { return startsWith(text); });
    if (found == std::end(operators))
      refuse("unexpected character '" + std::string(characterAt(source, at)) + "'");
    balance(brackets, c);
    add(Token::Kind::Operator, std::string(*found));
    at += found->size();
  }

  static void balance(std::string &brackets, char c) {
    if (c == '(' || c == '[' || c == '{') {
      brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (brackets.empty() || brackets.back() != c)
        refuse(
            "unexpected '" + std::string(1, c) + "'" +
            (brackets.empty() ? "" : ", expected '" + brackets.substr(brackets.size() - 1) + "'"));
      brackets.pop_back();
    }
  }

  /// End of the digits, which single underscores may divide, from `from`; `from` if there are none.
  size_t skipDigits(size_t from) const {
    size_t end = from;
    while (end < source.size() &&
           (isDigit(source[end]) || (source[end] == '_' && end != from && end + 1 < source.size() &&
                                     isDigit(source[end + 1]) && isDigit(source[end - 1]))))
      ++end;
    return end;
  }

  void lexNumber() {
    size_t end = skipDigits(at);
    bool isFloat = false;
    // After a dot a number is the index in "x.0", never a fraction.
    if (at == 0 || source[at - 1] != '.') {
      size_t fraction = end < source.size() && source[end] == '.' ? skipDigits(end + 1) : end;
      if (fraction > end + 1) {
        end = fraction;
        isFloat = true;
      }
      if (end < source.size() && (source[end] == 'e' || source[end] == 'E')) {
        size_t digits = end + 1;
        if (digits < source.size() && (source[digits] == '+' || source[digits] == '-'))
          ++digits;
        size_t exponent = skipDigits(digits);
        if (exponent != digits) {
          end = exponent;
          isFloat = true;
        }
      }
    }
    std::string digits = source.substr(at, end - at);
    std::erase(digits, '_');
    Token token{isFloat ? Token::Kind::Float : Token::Kind::Integer, place(), digits};
    const char *first = digits.data(), *last = first + digits.size();
    if (!isFloat && digits[0] == '0' &&
        (digits.find_first_not_of('0') != std::string::npos ||
         (end < source.size() && isNameCharacter(source[end]))))
      unsupported("numbers that start with 0 and go on are not supported");
    std::errc error = isFloat ? std::from_chars(first, last, token.number).ec
                              : std::from_chars(first, last, token.integer).ec;
    if (error != std::errc())
      unsupported("the number " + digits + " does not fit in 64 bits");
    tokens.push_back(std::move(token));
    at = end;
  }

  void lexString() {
    char quote = peek();
    size_t end = at + 1;
    while (end < source.size() && source[end] != quote)
      end += source[end] == '\\' ? 2 : 1;
    if (end >= source.size())
      refuse("this string is not closed, expected " + std::string(1, quote));
    add(Token::Kind::String, unescape(std::string_view(source).substr(at + 1, end - at - 1)));
    at = end + 1;
  }

  static std::string unescape(std::string_view text) {
    std::string result;
    for (size_t offset = 0; offset < text.size();) {
      char c = text[offset++];
      if (c != '\\') {
        result += c;
        continue;
      }
      char escape = text[offset++]; // a string does not end in a lone backslash
      constexpr std::string_view letters = "\\'\"abfnrtv", meanings = "\\'\"\a\b\f\n\r\t\v";
      size_t index = letters.find(escape);
      if (index != std::string_view::npos) {
        result += meanings[index];
      } else if (escape >= '0' && escape <= '7') {
        --offset;
        appendEscaped(result, text, offset, 1, 3, 8);
      } else if (escape == 'x' || escape == 'u' || escape == 'U') {
        size_t digits = escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
        appendEscaped(result, text, offset, digits, digits, 16);
      } else if (escape == 'N' || static_cast<unsigned char>(escape) >= 0x80) {
        unsupported("the escape '\\N' and a backslash before a character outside ASCII are not "
                    "supported in a string");
      } else if (escape != '\n') {
        // Python keeps a backslash that escapes nothing.
        (result += '\\') += escape;
      }
    }
    return result;
  }

  static void appendEscaped(std::string &result, std::string_view text, size_t &offset,
                            size_t fewest, size_t most, int base) {
    std::string_view digits = text.substr(offset, most);
    uint32_t character = 0;
    const char *end =
        std::from_chars(digits.data(), digits.data() + digits.size(), character, base).ptr;
    size_t count = static_cast<size_t>(end - digits.data());
    if (count < fewest)
      refuse("expected " + std::to_string(fewest) + " digits in the escape of a string");
    if (character > 0x10FFFF || (character >= 0xD800 && character < 0xE000))
      refuse("the escape in this string is not a character of Unicode");
    appendCharacter(result, character);
    offset += count;
  }

  std::string source;
  size_t at = 0;
  /// Does the text that follows start a line, as far as lstrip_blocks is concerned?
  bool startsLine = true;
  Position position;
  size_t counted = 0;
  std::vector<Token> tokens;
};

} // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

} // namespace nyala::rt::jinja
