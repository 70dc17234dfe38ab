//===- HtmlPage.cpp - A page that shows where values come from ------------===//

#include "runtime/grounding/HtmlPage.h"

#include "runtime/grounding/Path.h"

#include <algorithm>

namespace nyala::rt::grounding {
namespace {

constexpr std::string_view head = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; --back: #fff; --front: #1b1b1f; --soft: #5c5f66; --line: #d5d7dc;
 --mark: #dcebff; --strong: #0b57d0; --bare: #8a3b00; --barely: #fff0e0; }
@media (prefers-color-scheme: dark) { :root { --back: #16181c; --front: #e6e6ea; --soft: #a2a6ae;
 --line: #3a3d44; --mark: #173052; --strong: #8ab4f8; --bare: #ffb77c; --barely: #3d2610; } }
body { margin: 0; background: var(--back); color: var(--front); font: 1rem/1.6 system-ui, sans-serif; }
main { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 2rem; max-width: 80rem;
 margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.4rem; grid-column: 1 / -1; margin: 0; }
h2 { font-size: 1rem; color: var(--soft); margin: 0 0 .5rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.value { background: var(--mark); color: inherit; text-decoration: underline dotted var(--strong);
 border-radius: .2rem; padding: 0 .1rem; position: relative; }
.tip { display: none; position: absolute; left: 0; top: 100%; z-index: 1; width: max-content;
 max-width: 24rem; padding: .3rem .6rem; background: var(--back); border: 1px solid var(--strong);
 border-radius: .3rem; font-size: .85rem; white-space: normal; }
.value:hover .tip, .value:focus .tip { display: block; }
.ungrounded { background: var(--barely); color: var(--bare); text-decoration: underline wavy; }
.value:focus, [tabindex]:focus { outline: 2px solid var(--strong); outline-offset: 1px; }
.data { font: .85rem/1.5 ui-monospace, monospace; border-left: 1px solid var(--line);
 padding-left: 1rem; overflow-wrap: anywhere; max-height: 90vh; overflow: auto; position: sticky; top: 1rem; }
.data ul { list-style: none; margin: 0; padding-left: 1rem; }
.data > ul { padding: 0; }
.key { color: var(--soft); }
.used { background: var(--mark); }
:target { outline: 2px solid var(--strong); }
@media (max-width: 50rem) { main { grid-template-columns: minmax(0, 1fr); }
 .data { border: 0; padding: 0; position: static; max-height: none; } }
</style>
)html";

constexpr std::string_view script = R"html(<script>
"use strict";
const values = Array.from(document.querySelectorAll(".value"));
let last = null;
for (const value of values) {
  value.addEventListener("focus", () => { last = value; });
  value.addEventListener("click", (event) => {
    const field = document.getElementById(value.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    last = value;
    field.focus();
    field.scrollIntoView({ block: "nearest" });
  });
}
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const at = values.indexOf(document.activeElement);
  if (event.key === "Escape" && at < 0 && last) {
    last.focus();
    event.preventDefault();
  }
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || at < 0) return;
  event.preventDefault();
  values[(at + step + values.length) % values.length].focus();
});
</script>
)html";

class Page {
public:
  Page(const DataTree &tree, const Grounded &grounded)
      : tree(tree), grounded(grounded), isUsed(tree.size()) {
    for (const Span &span : grounded.spans)
      for (NodeId operand : span.operands)
        isUsed[operand] = true;
  }

  std::string render(std::string_view title) {
    out = head;
    put("<title>", title, "</title>\n</head>\n<body>\n<main>\n");
    put("<h1>", title,
        "</h1>\n<section aria-labelledby=\"text\">\n<h2 id=\"text\">Text</h2>\n"
        "<p class=\"text\">");
    size_t ungrounded = 0;
    for (const Span &span : grounded.spans) {
      addSpan(span);
      ungrounded += span.kind == Span::Kind::Ungrounded;
    }
    out += "</p>\n";
    addUngrounded(ungrounded);
    out += "</section>\n<section class=\"data\" aria-labelledby=\"data\">\n"
           "<h2 id=\"data\">Data</h2>\n<ul>\n";
    addNode(DataTree::root);
    out += "</ul>\n</section>\n</main>\n";
    out += script;
    out += "</body>\n</html>\n";
    return std::move(out);
  }

private:
  void escape(std::string_view text) {
    for (char c : text)
      switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\0':
        out += "\uFFFD"; // HTML has none
        break;
      default:
        out += c;
      }
  }
  void put(std::string_view before, std::string_view text, std::string_view after) {
    out += before;
    escape(text);
    out += after;
  }

  std::string_view textOf(const Span &span) const {
    return std::string_view(grounded.text).substr(span.begin, span.end - span.begin);
  }

  void addSpan(const Span &span) {
    switch (span.kind) {
    case Span::Kind::Text:
      escape(textOf(span));
      break;
    case Span::Kind::Ungrounded:
      put("<span class=\"ungrounded\" title=\"comes from no field\">", textOf(span), "</span>");
      break;
    case Span::Kind::Reference: {
      out += "<a class=\"value\" href=\"#n" + std::to_string(span.operands[0]) + "\">";
      // An empty value has to be seen, too.
      escape(textOf(span).empty() ? std::string_view("\u2205") : textOf(span));
      put("<span class=\"tip\" role=\"note\">", span.reference, "");
      constexpr size_t most = 8;
      for (size_t at = 0; at < std::min(span.operands.size(), most); ++at) {
        const DataNode &node = tree[span.operands[at]];
        put("<br>", spellPath(tree, span.operands[at]), "");
        if (!node.isContainer())
          put(" = ", tree.toJson(span.operands[at]), "");
      }
      if (span.operands.size() > most)
        out += "<br>and " + std::to_string(span.operands.size() - most) + " more";
      out += "</span></a>";
    }
    }
  }

  void addUngrounded(size_t count) {
    if (count == 0)
      return;
    out += "<h2>Numbers that come from no field</h2>\n<ul>\n";
    for (const Span &span : grounded.spans)
      if (span.kind == Span::Kind::Ungrounded)
        put("<li><span class=\"ungrounded\">", textOf(span), "</span></li>\n");
    out += "</ul>\n";
  }

  /// The depth of the data is bounded.
  void addNode(NodeId node) {
    const DataNode &value = tree[node];
    out += "<li><span id=\"n" + std::to_string(node) + "\" tabindex=\"-1\"" +
           (isUsed[node] ? " class=\"used\"" : "");
    put(" aria-label=\"", spellPath(tree, node), "\">");
    std::string position = std::to_string(value.position);
    std::string_view name = node == DataTree::root ? rootName
                            : tree[value.parent].kind == DataNode::Kind::Array
                                ? std::string_view(position)
                                : std::string_view(value.key);
    put("<span class=\"key\">", name, "</span>");
    if (!value.isContainer()) {
      put(" ", tree.toJson(node), "</span></li>\n");
      return;
    }
    out += "</span>\n<ul>\n";
    for (NodeId child : tree.getChildren(node))
      addNode(child);
    out += "</ul></li>\n";
  }

  const DataTree &tree;
  const Grounded &grounded;
  std::vector<bool> isUsed; ///< by node
  std::string out;
};

} // namespace

std::string renderHtml(const DataTree &tree, const Grounded &grounded, std::string_view title) {
  return Page(tree, grounded).render(title);
}

} // namespace nyala::rt::grounding
