//===- HtmlPage.cpp - A page that shows where values come from ------------===//

#include "runtime/grounding/HtmlPage.h"

#include "runtime/grounding/PageScript.h"
#include "runtime/grounding/PageStyle.h"
#include "runtime/grounding/Path.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/jinja/Characters.h"

#include <algorithm>

namespace nyala::rt::grounding {
namespace {

/// Is the character one that is not seen or that changes the order of others? Line feeds and tabs
/// are kept, and so are marks that scripts need: direction marks, joiners.
bool isUnseen(char32_t c) {
  return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c <= 0x9F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFB);
}

std::string spellCodePoint(char32_t c) {
  std::string digits;
  for (int shift = 12; shift >= 0; shift -= 4)
    digits += "0123456789ABCDEF"[(c >> shift) & 0xF];
  return "U+" + digits;
}

class Page {
public:
  Page(const DataTree &tree, const Grounded &grounded)
      : tree(tree), grounded(grounded), firstUse(tree.size(), none), isSeen(tree.size()) {
    uint32_t count = 0;
    for (const Span &span : grounded.spans) {
      if (span.kind != Span::Kind::Reference)
        continue;
      use(span.operands, count++);
    }
  }

  std::string render(std::string_view title) {
    addHead(title);
    addText();
    addUngrounded();
    addSources();
    out += "</main>\n<aside class=\"data\" aria-labelledby=\"data\" translate=\"no\">\n"
           "<h2 id=\"data\">Data</h2>\n";
    addNode(DataTree::root);
    put("</aside>\n<script>", pageScript, "</script>\n</body>\n</html>\n");
    return std::move(out);
  }

private:
  static constexpr uint32_t none = UINT32_MAX;
  /// More children than these are folded.
  static constexpr size_t maxChildren = 100;

  template <typename... Parts> void put(const Parts &...parts) { (out.append(parts), ...); }
  /// An attribute id="r7"; `letter` keeps kinds of elements apart.
  static std::string id(char letter, size_t number) {
    return std::string(" id=\"") + letter + std::to_string(number) + '"';
  }
  static std::string link(char letter, size_t number) {
    return std::string(" href=\"#") + letter + std::to_string(number) + '"';
  }

  enum class Content { Elements, TextAlone };
  void escape(std::string_view text, Content content = Content::Elements) {
    for (size_t at = 0; at < text.size();) {
      size_t begin = at;
      char32_t c = jinja::nextCharacter(text, at);
      if (isUnseen(c) && content == Content::Elements)
        put("<span class=\"unseen\">", spellCodePoint(c), "</span>");
      else if (isUnseen(c))
        out += spellCodePoint(c);
      else if (c == '&')
        out += "&amp;";
      else if (c == '<')
        out += "&lt;";
      else if (c == '>')
        out += "&gt;";
      else if (c == '"')
        out += "&quot;";
      else if (c == '\'')
        out += "&#39;";
      else
        out += text.substr(begin, at - begin);
    }
  }
  void putEscaped(std::string_view before, std::string_view text, std::string_view after) {
    out += before;
    escape(text);
    out += after;
  }

  std::string_view textOf(const Span &span) const {
    return std::string_view(grounded.text).substr(span.begin, span.end - span.begin);
  }
  size_t count(Span::Kind kind) const {
    return static_cast<size_t>(std::ranges::count(grounded.spans, kind, &Span::kind));
  }

  /// Marks the operands of the reference `number`; those that are told are to be seen.
  void use(std::span<const NodeId> operands, uint32_t number) {
    for (NodeId operand : operands)
      firstUse[operand] = std::min(firstUse[operand], number);
    for (NodeId node : operands.first(std::min(operands.size(), maxToldOperands)))
      for (; !isSeen[node]; node = tree[node].parent)
        isSeen[node] = true;
  }

  /// Is there something to be seen among these?
  bool holdSeen(std::span<const NodeId> nodes) const {
    return std::ranges::any_of(nodes, [&](NodeId node) { return isSeen[node]; });
  }

  void addHead(std::string_view given) {
    std::string title;
    Utf8Stream stream;
    stream.append(given, title);
    stream.flush(title);
    if (title.empty())
      title = "Text and its sources";
    // Phones would turn numerals into links to call.
    put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri "
        "'none'; form-action 'none'; style-src 'sha256-",
        pageStyleHash, "'; script-src 'sha256-", pageScriptHash,
        "'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no\">\n"
        "<title>");
    escape(title, Content::TextAlone);
    put("</title>\n<style>", pageStyle, "</style>\n</head>\n<body>\n<header>\n");
    putEscaped("<h1 lang=\"\" dir=\"auto\">", title, "</h1>\n");
    put("<p class=\"legend\"><span><span class=\"value\">Values from the data</span>: ",
        std::to_string(count(Span::Kind::Reference)),
        "</span> <span><span class=\"bare\">Numbers without a source</span>: ",
        std::to_string(count(Span::Kind::Ungrounded)),
        "</span></p>\n<p class=\"hint\">Point at a value, tap it or go to it with Tab to see where "
        "it comes from; Enter shows it in the data.<span class=\"keys\"> Arrow keys go from value "
        "to value, Escape comes back.</span></p>\n</header>\n");
  }

  void addText() {
    out += "<main>\n<div class=\"text\" lang=\"\">\n<p dir=\"auto\">";
    size_t references = 0, numerals = 0;
    for (const Span &span : grounded.spans) {
      if (span.kind == Span::Kind::Text) {
        addParagraphs(textOf(span));
      } else if (span.kind == Span::Kind::Reference) {
        addReference(span, references++);
      } else {
        put("<span class=\"bare\" tabindex=\"-1\"", id('u', numerals++), ">", textOf(span));
        out += "<span class=\"hidden\" lang=\"en\"> (without a source)</span></span>";
      }
    }
    out += "</p>\n</div>\n";
  }

  /// Text in which empty lines part paragraphs.
  void addParagraphs(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      if (out.ends_with("<p dir=\"auto\">"))
        at = std::min(text.find_first_not_of('\n', at), text.size());
      size_t end = std::min(text.find("\n\n", at), text.size());
      escape(text.substr(at, end - at));
      if (end < text.size())
        out += "</p>\n<p dir=\"auto\">";
      at = end;
    }
  }

  void addReference(const Span &span, size_t number) {
    std::string name = std::to_string(number);
    put("<span class=\"reference\"><a class=\"value\" dir=\"auto\" aria-describedby=\"t", name,
        "\"", id('r', number), link('n', span.operands[0]), ">");
    if (textOf(span).empty())
      out += "<span class=\"empty\" lang=\"en\">(empty)</span>";
    else
      escape(textOf(span));
    put("</a><span class=\"tip\" role=\"tooltip\" lang=\"en\" translate=\"no\"", id('t', number),
        ">");
    addOrigin(span);
    out += "</span></span>";
  }

  /// What a reference was made of. A path alone says what the reference does.
  void addOrigin(const Span &span) {
    std::string_view expression(span.reference);
    expression = expression.substr(3, expression.size() - 6);
    if (spellPath(tree, span.operands[0]) != expression)
      putEscaped("<code class=\"expression\">", expression, "</code>\n");
    size_t told = std::min(span.operands.size(), maxToldOperands);
    for (NodeId operand : std::span(span.operands).first(told)) {
      putEscaped("<span class=\"operand\"><code>", spellPath(tree, operand), "</code>");
      if (tree[operand].isContainer())
        put(": ", describeSize(operand), "</span>\n");
      else
        putEscaped(" = <code>", tree.toJson(operand), "</code></span>\n");
    }
    if (size_t more = span.operands.size() - told)
      put("<span class=\"operand\">and ", std::to_string(more), " more, marked in the data</span>");
  }

  std::string describeSize(NodeId node) const {
    size_t size = tree[node].childCount;
    std::string noun = tree[node].kind == DataNode::Kind::Object ? " field" : " element";
    return (size == 0 ? "no" : std::to_string(size)) + noun + (size == 1 ? "" : "s");
  }

  void addUngrounded() {
    size_t number = 0;
    for (const Span &span : grounded.spans) {
      if (span.kind != Span::Kind::Ungrounded)
        continue;
      if (number == 0)
        put("<section class=\"ungrounded\" aria-labelledby=\"bare\">\n"
            "<h2 id=\"bare\">Numbers without a source: ",
            std::to_string(count(Span::Kind::Ungrounded)),
            "</h2>\n<p>They stand in the text, but come from no field of the data.</p>\n<ul>\n");
      put("<li><a class=\"bare\"", link('u', number++), ">", textOf(span), "</a></li>\n");
    }
    if (number > 0)
      out += "</ul>\n</section>\n";
  }

  /// On paper: what is told of values where they are pointed at.
  void addSources() {
    if (count(Span::Kind::Reference) == 0)
      return;
    out += "<section class=\"sources\" aria-labelledby=\"sources\">\n"
           "<h2 id=\"sources\">Sources</h2>\n<ol>\n";
    for (const Span &span : grounded.spans) {
      if (span.kind != Span::Kind::Reference)
        continue;
      out += "<li>";
      addOrigin(span);
      out += "</li>\n";
    }
    out += "</ol>\n</section>\n";
  }

  void putKey(NodeId node) {
    bool isElement = tree[tree[node].parent].kind == DataNode::Kind::Array;
    putEscaped("<span class=\"key\">",
               node == DataTree::root ? std::string(rootName)
               : isElement            ? std::to_string(tree[node].position)
                                      : tree[node].key,
               "</span> ");
  }

  /// The depth of the data is bounded.
  void addNode(NodeId node) {
    bool isUsed = firstUse[node] != none;
    std::string mark = isUsed ? id('n', node) : std::string();
    if (tree[node].childCount > 0) {
      std::span<const NodeId> children = tree.getChildren(node);
      bool isOpen = node == DataTree::root || holdSeen(children);
      put(isOpen ? "<details open>" : "<details>", "<summary", mark, ">");
      out += isUsed ? "<span class=\"field\">" : "<span>";
      putKey(node);
      addName(node);
      put("<span class=\"size\">", describeSize(node), "</span></span></summary>\n");
      addChildren(children);
      out += "</details>";
      return;
    }
    if (isUsed)
      put("<a class=\"field\"", mark, link('r', firstUse[node]), ">");
    putKey(node);
    if (tree[node].isContainer())
      put("<span class=\"size\">", describeSize(node), "</span>");
    else
      putEscaped("<span class=\"json\">", tree.toJson(node), "</span>");
    if (isUsed)
      out += "<span class=\"hidden\"> (back to the text)</span></a>";
  }

  /// Of an array's element its first string if that is short: more of a name than the position.
  void addName(NodeId node) {
    constexpr size_t longest = 40;
    if (tree[tree[node].parent].kind != DataNode::Kind::Array)
      return;
    auto children = tree.getChildren(node);
    auto name = std::ranges::find(children, DataNode::Kind::String,
                                  [&](NodeId child) { return tree[child].kind; });
    if (name != children.end() && tree[*name].text.size() <= longest)
      putEscaped("<span class=\"name\">", tree.toJson(*name), "</span> ");
  }

  void addChildren(std::span<const NodeId> children) {
    size_t step = 1;
    while (children.size() > step * maxChildren)
      step *= maxChildren;
    out += "<ul>\n";
    while (!children.empty()) {
      auto part = children.first(std::min(step, children.size()));
      children = children.subspan(part.size());
      out += "<li>";
      if (step == 1)
        addNode(part[0]);
      else
        addFold(part);
      out += "</li>\n";
    }
    out += "</ul>\n";
  }

  void addFold(std::span<const NodeId> part) {
    out += holdSeen(part) ? "<details open><summary>" : "<details><summary>";
    putKey(part.front());
    out += "<span class=\"size\">to </span>";
    putKey(part.back());
    out += "</summary>\n";
    addChildren(part);
    out += "</details>";
  }

  const DataTree &tree;
  const Grounded &grounded;
  std::vector<uint32_t> firstUse; ///< by node: the first reference that uses it, or `none`
  std::vector<bool> isSeen;       ///< by node: is it, or a descendant of it, to be unfolded?
  std::string out;
};

} // namespace

std::string renderHtml(const DataTree &tree, const Grounded &grounded, std::string_view title) {
  return Page(tree, grounded).render(title);
}

} // namespace nyala::rt::grounding
