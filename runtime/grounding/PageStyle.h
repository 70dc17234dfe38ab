//===- PageStyle.h - How the page of a grounded text looks ------*- C++ -*-===//
//
// The style sheet of HtmlPage.h and its hash, which the page's security policy
// names: the test of the page says the hash if it is another. Colours are
// variables, light and dark; the test holds each pair of them that meets against
// WCAG 2.2, level AA.
//
// Details are told below the line of their value. On wide pages they begin where
// the value does; on narrow ones they take the paragraph's width, so that they
// never leave the page.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_GROUNDING_PAGESTYLE_H
#define NYALA_RUNTIME_GROUNDING_PAGESTYLE_H

#include <string_view>

namespace nyala::rt::grounding {

/// SHA-256 in base64.
inline constexpr std::string_view pageStyleHash = "iqRA3DiSnDgkQ8fhkZCWElmg1FkNwAzK52lyu+gf4Tk=";

inline constexpr std::string_view pageStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f5f7f9; --line: #d3d9e0;
  --text: #1d2127; --soft: #555e69;
  --value: #e2edfb; --accent: #0b57b0;
  --bare: #fdeed8; --alert: #7d3700;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --panel: #1b1f25; --line: #3a414b;
    --text: #e3e6ea; --soft: #a3abb6;
    --value: #1a3353; --accent: #8fbcff;
    --bare: #40290f; --alert: #ffc08a;
  }
}
* { box-sizing: border-box; }
body {
  display: grid; grid-template-columns: minmax(0, 1fr) minmax(22rem, 28rem);
  grid-template-rows: auto 1fr; gap: 1.5rem 3rem; max-width: 78rem; min-height: 100vh;
  margin: 0 auto; padding: 2.5rem 2rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif;
  overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; text-size-adjust: 100%;
}
header { grid-column: 1 / -1; padding-bottom: 1.25rem; border-bottom: 1px solid var(--line); }
h1 { margin: 0 0 .75rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 0 0 .5rem; font-size: 1rem; line-height: 1.5; }
.legend, .hint { margin: .25rem 0 0; font-size: .9rem; }
.legend > span { margin-right: 1.5rem; white-space: nowrap; }
.hint { color: var(--soft); max-width: 44rem; }
.keys, .sources { display: none; }
.scripted .keys { display: inline; }

.text { max-width: 42rem; font-size: 1.125rem; line-height: 1.7; }
.text p { margin: 0 0 1em; white-space: pre-wrap; unicode-bidi: plaintext; }
.text p:empty { display: none; }
.value, .field, .bare {
  border-radius: .15em; padding: .05em .12em;
  -webkit-box-decoration-break: clone; box-decoration-break: clone;
}
.value, .field { color: inherit; background: var(--value); text-decoration: none; }
.value, .field :is(.json, .size) {
  text-decoration: underline var(--accent) .06em; text-underline-offset: .22em;
}
.bare {
  color: var(--alert); background: var(--bare);
  text-decoration: underline wavy .06em; text-underline-offset: .22em;
}
.empty { color: var(--soft); font-style: italic; }
.unseen {
  display: inline-block; margin: 0 .1em; padding: 0 .25em; border: 1px solid; border-radius: .2em;
  font-size: .7em; line-height: 1.3; white-space: nowrap;
}
.hidden {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; user-select: none;
}
:focus { outline: 2px solid var(--accent); outline-offset: 2px; }

.reference { position: relative; }
.tip {
  display: none; position: absolute; left: 0; z-index: 1; width: max-content; max-width: 26rem;
  max-height: 40vh; overflow: auto; padding: .5rem .75rem; background: var(--panel);
  border: 1px solid var(--accent); border-radius: .375rem; box-shadow: 0 .25rem 1rem #0003;
  font-size: .875rem; line-height: 1.5; direction: ltr; text-align: left; white-space: normal;
}
.reference:hover > .tip, .reference:focus-within > .tip { display: block; }
.reference:hover > .tip { z-index: 2; }
.quiet .tip { display: none !important; }
.expression, .operand { display: block; }
.expression { margin-bottom: .25rem; color: var(--soft); }
code, .data li, .data summary {
  font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
code, .key, .json, .name { unicode-bidi: isolate; }
code { font-size: .9em; }

.ungrounded {
  max-width: 42rem; margin-top: 2.5rem; padding-top: 1rem; border-top: 1px solid var(--line);
}
.ungrounded p { margin: 0 0 .5rem; color: var(--soft); font-size: .9rem; }
.ungrounded ul {
  display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 0; padding: 0; list-style: none;
}

.data {
  align-self: start; position: sticky; top: 1rem; max-height: calc(100vh - 2rem); overflow: auto;
  padding: 1rem 1.25rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: .5rem; scrollbar-width: thin;
}
.data ul { margin: 0; padding: 0 0 0 .85rem; border-left: 1px solid var(--line); list-style: none; }
.data details ul { margin-left: .3rem; }
.data li { padding-left: .9rem; }
.data li > details { margin-left: -.9rem; }
.data li, .data summary { font-size: .8125rem; line-height: 1.75; }
.data summary { cursor: pointer; }
.data :is(.field, summary) { scroll-margin: 3rem; }
.key, .size { color: var(--soft); }
.key, .name { margin-right: .25em; }

@media (max-width: 60rem) {
  body { display: block; padding: 1.25rem 1rem 2rem; }
  main { padding: 1.5rem 0 2rem; }
  .text, .ungrounded { max-width: none; }
  .reference { position: static; }
  .text p { position: relative; }
  .tip { right: 0; width: auto; max-width: none; }
  .data {
    position: static; max-height: none; margin: 0 -1rem; padding: 1rem; border-width: 1px 0;
    border-radius: 0;
  }
  .legend > span { display: block; }
}
@media (hover: none) and (pointer: coarse) {
  .scripted .keys { display: none; }
  .scripted .tip::after {
    content: "Tap again to see it in the data."; display: block; margin-top: .25rem;
    color: var(--soft);
  }
}
@media print {
  body { display: block; max-width: none; padding: 0; font-size: 10pt; }
  .text { max-width: none; font-size: 11pt; counter-reset: value; }
  .hint, .tip { display: none !important; }
  .reference { counter-increment: value; }
  .reference::after { content: "\a0[" counter(value) "]"; font-size: .7em; }
  .sources { display: block; margin-top: 1.5rem; font-size: 9pt; }
  .sources li { break-inside: avoid; }
  .data {
    position: static; max-height: none; overflow: visible; margin-top: 1.5rem; padding: 0;
    border: 0;
  }
}
)css";

} // namespace nyala::rt::grounding

#endif // NYALA_RUNTIME_GROUNDING_PAGESTYLE_H
