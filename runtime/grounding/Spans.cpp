//===- Spans.cpp - A generation and where its values come from ------------===//

#include "runtime/grounding/Spans.h"

#include "runtime/grounding/Words.h"
#include "runtime/text/Utf8.h"

namespace nyala::rt::grounding {
namespace {

class Builder {
public:
  explicit Builder(const DataTree &tree) : tree(tree) {}

  Grounded build(std::string_view generation) {
    size_t plain = 0;
    for (size_t at = 0; (at = generation.find("{{", at)) != std::string_view::npos; plain = at) {
      addText(generation.substr(plain, at - plain));
      size_t begin = at;
      Value value = evaluate(tree, parseReference(generation, at));
      std::string_view written = generation.substr(begin, at - begin);
      addSpan(Span::Kind::Reference, value.shown);
      result.spans.back().reference = written;
      result.spans.back().operands = std::move(value.operands);
      result.raw += written;
    }
    addText(generation.substr(plain));
    return std::move(result);
  }

private:
  void addSpan(Span::Kind kind, std::string_view text) {
    result.spans.push_back({kind, result.text.size(), result.text.size() + text.size(), {}, {}});
    result.text += text;
  }

  void addText(std::string_view bytes) {
    std::string text;
    Utf8Stream stream;
    stream.append(bytes, text);
    stream.flush(text);
    result.raw += text;
    size_t plain = 0;
    for (size_t at = 0; at < text.size();) {
      if (!isDigit(text[at]) || (at > 0 && isWordByte(text[at - 1]))) {
        ++at;
        continue;
      }
      size_t end = findNumeralEnd(text, at);
      if (at > plain)
        addSpan(Span::Kind::Text, std::string_view(text).substr(plain, at - plain));
      addSpan(Span::Kind::Ungrounded, std::string_view(text).substr(at, end - at));
      plain = at = end;
    }
    if (plain < text.size())
      addSpan(Span::Kind::Text, std::string_view(text).substr(plain));
  }

  const DataTree &tree;
  Grounded result;
};

} // namespace

Grounded ground(const DataTree &tree, std::string_view generation) {
  return Builder(tree).build(generation);
}

std::string renderJsonLines(const DataTree &tree, const Grounded &grounded) {
  std::string out;
  for (const Span &span : grounded.spans) {
    out += "{\"start\":" + std::to_string(span.begin) + ",\"end\":" + std::to_string(span.end);
    std::string value =
        ",\"value\":" +
        quoteJson(std::string_view(grounded.text).substr(span.begin, span.end - span.begin));
    switch (span.kind) {
    case Span::Kind::Text:
      out += ",\"kind\":\"text\"";
      break;
    case Span::Kind::Ungrounded:
      out += ",\"kind\":\"ungrounded\"" + value;
      break;
    case Span::Kind::Reference:
      out += ",\"kind\":\"reference\"" + value + ",\"ref\":" + quoteJson(span.reference) +
             ",\"path\":" + quoteJson(spellPath(tree, span.operands[0])) + ",\"operands\":[";
      for (NodeId operand : span.operands) {
        out += out.back() == '[' ? "{\"path\":" : ",{\"path\":";
        out += quoteJson(spellPath(tree, operand)) + ",\"value\":" + tree.toJson(operand) + '}';
      }
      out += ']';
    }
    out += "}\n";
  }
  return out;
}

} // namespace nyala::rt::grounding
